package storagetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// What can never work is ErrInvalid, changes nothing, and leaves the unit usable.
var inputCases = []testCase{
	{"a unit of a bad tenant is invalid", inputTenants},
	{"a row with a bad id is invalid", inputIDs},
	{"a row with bad text is invalid", inputText},
	{"a row with values of the wrong kind is invalid", inputKinds},
	{"a row with the wrong number of values is invalid", inputNumber},
	{"a row with NULL where there is none is invalid", inputNull},
	{"a body that is not one JSON document is invalid", inputBodies},
	{"an event that is not one is invalid", inputEvents},
	{"a job that is not one is invalid", inputJobs},
	{"an outcome with a bad payload or error is invalid", inputOutcomes},
	{"a bad name of a lock or sequence is invalid", inputNames},
	{"a page of the log or of jobs has a limit", inputLimits},
}

// badKeys are no tenants, ids, kinds, keys or names. Among them is what an engine takes for
// the end of a text or cannot keep at all.
var badKeys = []string{
	"", "a\x00", "\x00", "a\nb", "\t", "\x7f", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("x", storage.MaxKey+1), strings.Repeat("\u00e9", storage.MaxKey/2) + "x",
}

// invalid runs each write in a unit of its own that goes on after it: the write must be
// ErrInvalid, and only what the unit did before and after may be left.
func (e *env) invalid(writes map[string]func(ctx context.Context, tx storage.Tx) error) {
	e.Helper()
	n := 0
	for name, write := range writes {
		n++
		before, after := storage.ID(fmt.Sprintf("before %d", n)), storage.ID(fmt.Sprintf("after %d", n))
		was := e.state(acme)
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			first, last := ticket(before), ticket(after)
			require.NoError(e, tx.Put(ctx, tickets, &first))
			require.ErrorIs(e, write(ctx, tx), storage.ErrInvalid, name)
			_, err := tx.Get(ctx, tickets, acme, before)
			require.NoError(e, err, "%s: the unit can still be used", name)
			require.NoError(e, tx.Put(ctx, tickets, &last), "%s: the unit can still be used", name)
		})
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			require.NoError(e, tx.Delete(ctx, tickets, before, 1))
			require.NoError(e, tx.Delete(ctx, tickets, after, 1))
		})
		require.Equal(e, was, e.state(acme), "%s: something was left", name)
	}
}

// puts makes a write of a changed new row, and one of an existing row.
func puts(change func(r *storage.Row)) func(ctx context.Context, tx storage.Tx) error {
	return func(ctx context.Context, tx storage.Tx) error {
		row := full("new")
		change(&row)
		given := row
		err := tx.Put(ctx, tickets, &row)
		if err == nil {
			return nil
		}
		if row.Version != given.Version || row.Tenant != given.Tenant || row.Layout != given.Layout {
			return fmt.Errorf("the refused row was changed to version %d of %q", row.Version, row.Tenant)
		}
		return err
	}
}

func updates(change func(r *storage.Row)) func(ctx context.Context, tx storage.Tx) error {
	return func(ctx context.Context, tx storage.Tx) error {
		row := full("old")
		row.Version = 1
		change(&row)
		return tx.Put(ctx, tickets, &row)
	}
}

func inputTenants(e *env) {
	for _, tenant := range badKeys {
		err := e.store.Update(e.ctx, storage.Tenant(tenant), func(context.Context, storage.Tx) error { return errOurs })
		require.ErrorIs(e, err, storage.ErrInvalid, "tenant %q", tenant)
		require.NotErrorIs(e, err, errOurs, "the function was run")
	}
}

func inputIDs(e *env) {
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, id := range badKeys {
		writes[fmt.Sprintf("id %q", id)] = puts(func(r *storage.Row) { r.ID = storage.ID(id) })
	}
	e.invalid(writes)
	for _, id := range badKeys {
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			err := tx.Delete(ctx, tickets, storage.ID(id), 1)
			require.True(e, isNotFoundOrInvalid(err), "delete of %q: %v", id, err)
			row := ticket("1")
			require.NoError(e, tx.Put(ctx, tickets, &row), "the unit can still be used")
			require.NoError(e, tx.Delete(ctx, tickets, "1", 1))
		})
	}
}

func inputText(e *env) {
	e.put(acme, full("old"))
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, text := range []string{
		"a\x00", "\x00", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("x", storage.MaxText+1),
		strings.Repeat("\U0001f525", storage.MaxText+1), strings.Repeat(" ", storage.MaxText+1), strings.Repeat("x", 1<<20),
	} {
		for _, column := range []string{"title", "note"} {
			change := func(r *storage.Row) { set(tickets, r, column, text) }
			name := fmt.Sprintf("%s %.20q of %d bytes", column, text, len(text))
			writes[name], writes["update of "+name] = puts(change), updates(change)
		}
	}
	e.invalid(writes)
}

func inputKinds(e *env) {
	e.put(acme, full("old"))
	wrong := map[storage.Kind][]any{
		storage.Text: {int64(1), true, []byte("text"), 1.5, storage.ID("x")},
		storage.Int:  {"1", true, 1, int32(1), 1.5, uint64(1), "NaN"},
		storage.Bool: {"true", int64(1), int64(0), 1},
		storage.Time: {"2026-01-01", true, 1, noon, time.Hour},
	}
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for i, c := range tickets.Columns() {
		for _, v := range wrong[c.Kind] {
			change := func(r *storage.Row) { r.Columns[i] = v }
			name := fmt.Sprintf("%s of %s: %T", c.Kind, c.Name, v)
			writes[name], writes["update of "+name] = puts(change), updates(change)
		}
	}
	e.invalid(writes)
}

func inputNumber(e *env) {
	e.put(acme, full("old"))
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for name, change := range map[string]func(r *storage.Row){
		"none":     func(r *storage.Row) { r.Columns = nil },
		"too few":  func(r *storage.Row) { r.Columns = r.Columns[:len(r.Columns)-1] },
		"too many": func(r *storage.Row) { r.Columns = append(r.Columns, nil) },
	} {
		writes[name], writes["update with "+name] = puts(change), updates(change)
	}
	e.invalid(writes)
}

func inputNull(e *env) {
	e.put(acme, full("old"))
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for i, c := range tickets.Columns() {
		if !c.Nullable {
			change := func(r *storage.Row) { r.Columns[i] = nil }
			writes[c.Name], writes["update of "+c.Name] = puts(change), updates(change)
		}
	}
	e.invalid(writes)
}

// notJSON are no JSON documents: bodies, envelopes and payloads of these are refused.
var notJSON = []string{
	"", " ", "{", "}", "{}{}", "{} x", `{"a":1,}`, `{'a':1}`, "{a:1}", "nil", "NaN", "01", "\"\x00\"", "\"a\nb\"", "\"\xff\"", "\xef\xbb\xbf{}", `"\x41"`, "<xml/>",
}

func inputBodies(e *env) {
	e.put(acme, full("old"))
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{
		"nil": puts(func(r *storage.Row) { r.Body = nil }),
	}
	for _, body := range notJSON {
		change := func(r *storage.Row) { r.Body = []byte(body) }
		name := fmt.Sprintf("body %q", body)
		writes[name], writes["update with "+name] = puts(change), updates(change)
	}
	e.invalid(writes)
}

func inputEvents(e *env) {
	e.append(acme, event("old", 1, 0))
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	add := func(name string, change func(ev *storage.Event)) {
		writes[name] = func(ctx context.Context, tx storage.Tx) error {
			bad := event("new", 1, 0)
			change(&bad)
			return tx.Append(ctx, bad)
		}
		writes[name+" after a good one"] = func(ctx context.Context, tx storage.Tx) error {
			bad := event("new", 1, 0)
			change(&bad)
			return tx.Append(ctx, event("good", 1, 0), bad)
		}
	}
	for _, key := range badKeys {
		add(fmt.Sprintf("kind %q", key), func(ev *storage.Event) { ev.Kind = key })
		add(fmt.Sprintf("record %q", key), func(ev *storage.Event) { ev.Record = storage.ID(key) })
		add(fmt.Sprintf("id %q", key), func(ev *storage.Event) { ev.ID = storage.ID(key) })
		add(fmt.Sprintf("type %q", key), func(ev *storage.Event) { ev.Type = key })
	}
	for _, envelope := range notJSON {
		add(fmt.Sprintf("envelope %q", envelope), func(ev *storage.Event) { ev.Envelope = []byte(envelope) })
	}
	add("envelope nil", func(ev *storage.Event) { ev.Envelope = nil })
	add("a version below 0", func(ev *storage.Event) { ev.Version = -1 })
	add("n below 0", func(ev *storage.Event) { ev.N = -1 })
	e.invalid(writes)
}

func inputJobs(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "old", Due: noon})
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	add := func(name string, change func(j *storage.Job)) {
		for _, key := range []string{"new", "old"} {
			writes[name+", "+key] = func(ctx context.Context, tx storage.Tx) error {
				bad := storage.Job{Kind: "timer", Key: key, Subject: "s", Due: noon, Payload: []byte(`{}`)}
				change(&bad)
				return tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "good", Due: noon}, bad)
			}
		}
	}
	for _, key := range badKeys {
		add(fmt.Sprintf("kind %q", key), func(j *storage.Job) { j.Kind = key })
		add(fmt.Sprintf("key %q", key), func(j *storage.Job) { j.Key = key })
		if key != "" { // which is no subject
			add(fmt.Sprintf("subject %q", key), func(j *storage.Job) { j.Subject = key })
		}
	}
	for _, payload := range notJSON {
		if payload != "" { // which may be none
			add(fmt.Sprintf("payload %q", payload), func(j *storage.Job) { j.Payload = []byte(payload) })
		}
	}
	add("a payload of more than 64 KiB", func(j *storage.Job) { j.Payload = []byte(`"` + strings.Repeat("x", 64<<10-1) + `"`) })
	e.invalid(writes)
}

func inputOutcomes(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := e.claimOne(noon)
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, payload := range append([]string{`"` + strings.Repeat("x", 64<<10-1) + `"`}, notJSON...) {
		if payload != "" {
			writes[fmt.Sprintf("payload %.20q", payload)] = func(ctx context.Context, tx storage.Tx) error {
				return tx.Finish(ctx, job, storage.Outcome{Due: noon.Add(time.Hour), Payload: []byte(payload), Error: "it failed"})
			}
		}
	}
	for _, text := range []string{"\xff", "a\x00"} {
		writes[fmt.Sprintf("error %q", text)] = func(ctx context.Context, tx storage.Tx) error {
			return tx.Finish(ctx, job, storage.Outcome{Due: noon.Add(time.Hour), Error: text})
		}
	}
	e.invalid(writes)
	e.finish(job, storage.Outcome{Done: true})
}

func inputNames(e *env) {
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, name := range badKeys {
		writes[fmt.Sprintf("lock %q", name)] = func(ctx context.Context, tx storage.Tx) error { return tx.Lock(ctx, name) }
		writes[fmt.Sprintf("sequence %q", name)] = func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.Next(ctx, name)
			return err
		}
	}
	e.invalid(writes)
	long := strings.Repeat("x", storage.MaxKey)
	e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Lock(ctx, long)) })
	require.Equal(e, int64(1), e.next(acme, long))
}

func inputLimits(e *env) {
	e.append(acme, event("1", 1, 0))
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, limit := range []int{0, -1, storage.MaxLimit + 1} {
		writes[fmt.Sprintf("%d events", limit)] = func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.Events(ctx, storage.EventQuery{Limit: limit})
			return err
		}
		writes[fmt.Sprintf("%d jobs", limit)] = func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.Jobs(ctx, storage.JobQuery{Limit: limit})
			return err
		}
	}
	e.invalid(writes)
	e.view(func(ctx context.Context, r storage.Reader) {
		for _, limit := range []int{0, -1, storage.MaxLimit + 1} {
			_, err := r.Events(ctx, storage.EventQuery{Limit: limit})
			require.ErrorIs(e, err, storage.ErrInvalid)
			_, err = r.Jobs(ctx, storage.JobQuery{Limit: limit})
			require.ErrorIs(e, err, storage.ErrInvalid)
		}
	}, acme)
}
