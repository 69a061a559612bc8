package storagetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// What can never work is ErrInvalid, changes nothing, and leaves the unit usable.
var inputCases = []testCase{
	{"a unit of a bad tenant is invalid", inputTenants},
	{"what is wrong among several is told by its place", inputPlaces},
	{"a row with a bad id is invalid", inputIDs},
	{"a row with bad text is invalid", inputText},
	{"a row with values of the wrong kind is invalid", inputKinds},
	{"a row with the wrong number of values is invalid", inputNumber},
	{"a row with NULL where there is none is invalid", inputNull},
	{"a body that is not one JSON document is invalid", inputBodies},
	{"an event that is not one is invalid", inputEvents},
	{"a job that is not one is invalid", inputJobs},
	{"an outcome with a bad payload or error is invalid", inputOutcomes},
	{"a finish or cancel of what no job can be is invalid", inputJobNames},
	{"a time too far from 1970 is invalid", inputInstants},
	{"a claim that can never be is invalid", inputClaims},
	{"a bad name of a lock or sequence is invalid", inputNames},
	{"a sequence is advanced to a number that it can have", inputAdvances},
	{"a page of the log or of jobs has a limit", inputLimits},
	{"a query that does not fit its table is invalid", inputQueries},
	{"a count that does not fit its table is invalid", inputCounts},
	{"a query of the log for what cannot be in it is invalid", inputEventQueries},
	{"a query for what no job can be is invalid", inputJobQueries},
	{"a view of more tenants than can be read at once is invalid", inputManyTenants},
}

// badKeys are no tenants, ids, kinds, keys or names. Among them is what an engine takes for
// the end of a text or cannot keep at all.
var badKeys = []string{
	"", "a\x00", "\x00", "a\nb", "\t", "\x7f", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("x", storage.MaxKey+1), strings.Repeat("\u00e9", storage.MaxKey/2) + "x",
}

// tooLong is a document of a byte more than there may be.
var tooLong = []byte(`"` + strings.Repeat("x", storage.MaxDocument-1) + `"`)

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

// invalidReads runs reads, all of which must be ErrInvalid: in a unit that can still be used after each,
// in a View and in a Read.
func (e *env) invalidReads(reads map[string]func(ctx context.Context, r storage.Reader) error) {
	e.Helper()
	each := func(ctx context.Context, r storage.Reader) {
		for name, read := range reads {
			require.ErrorIs(e, read(ctx, r), storage.ErrInvalid, name)
			_, err := r.Query(ctx, tickets, storage.RowQuery{Limit: 1})
			require.NoError(e, err, "%s: the reader can still be used", name)
		}
	}
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		each(ctx, tx)
		row := ticket("after")
		require.NoError(e, tx.Put(ctx, tickets, &row), "the unit can still be used")
	})
	e.get(acme, "after")
	e.view(each, acme, umbra)
	require.NoError(e, e.store.Read(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		each(ctx, r)
		return nil
	}))
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

// inputPlaces looks at what the error names, so that who gave a list knows which of it to mend.
func inputPlaces(e *env) {
	names := func(err error, subject string, fields ...string) {
		e.Helper()
		var invalid *storage.ValidationError
		require.ErrorAs(e, err, &invalid)
		require.Equal(e, subject, invalid.Subject)
		var got []string
		for _, f := range invalid.Faults {
			got = append(got, f.Field)
		}
		require.Equal(e, fields, got, "%v", err)
	}
	none := func(context.Context, storage.Reader) error { return errOurs }
	for _, read := range []func(context.Context, []storage.Tenant, func(context.Context, storage.Reader) error) error{e.store.View, e.store.Read} {
		names(read(e.ctx, []storage.Tenant{""}, none), "view", "tenant")
		names(read(e.ctx, nil, none), "view", "tenants")
		names(read(e.ctx, []storage.Tenant{acme, "a\x00", umbra, "", acme}, none), "view", "tenants[1]", "tenants[3]", "tenants[4]")
	}
	names(e.store.Update(e.ctx, "", func(context.Context, storage.Tx) error { return errOurs }), "update", "tenant")
	c := claimAll(noon)
	c.Kinds = []string{"timer", "\xff", "timer", ""}
	_, err := e.store.Claim(e.ctx, c)
	names(err, "claim", "kinds[1]", "kinds[3]")
	e.view(func(ctx context.Context, r storage.Reader) {
		_, err := r.Events(ctx, storage.EventQuery{Types: []string{"", "x.v1", "a\nb"}, Limit: 1})
		names(err, "query on events", "types[0]", "types[2]")
	}, acme)
}

func inputIDs(e *env) {
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, id := range badKeys {
		writes[fmt.Sprintf("id %q", id)] = puts(func(r *storage.Row) { r.ID = storage.ID(id) })
		writes[fmt.Sprintf("delete of %q", id)] = func(ctx context.Context, tx storage.Tx) error {
			return tx.Delete(ctx, tickets, storage.ID(id), 1)
		}
	}
	writes["delete of a version below 0"] = func(ctx context.Context, tx storage.Tx) error {
		return tx.Delete(ctx, tickets, "none", -1)
	}
	e.invalid(writes)
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
		"nil":      puts(func(r *storage.Row) { r.Body = nil }),
		"too long": puts(func(r *storage.Row) { r.Body = tooLong }),
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
	add("an envelope that is too long", func(ev *storage.Event) { ev.Envelope = tooLong })
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
		add(fmt.Sprintf("payload %q", payload), func(j *storage.Job) { j.Payload = []byte(payload) })
	}
	for _, text := range badMessages {
		add(fmt.Sprintf("a dead letter's error %q", text), func(j *storage.Job) { j.Dead, j.Error = true, text })
	}
	add("a dead letter's attempts below 0", func(j *storage.Job) { j.Dead, j.Attempts = true, -1 })
	add("a payload of more than 64 KiB", func(j *storage.Job) { j.Payload = []byte(`"` + strings.Repeat("x", 64<<10-1) + `"`) })
	e.invalid(writes)
	// Of another job's they are the store's, which takes no notice of them.
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "living", Due: noon, Error: "a\x00", Attempts: -1})
	require.Empty(e, e.job(acme, "timer", "living").Error)
}

// badMessages are no errors of an attempt.
var badMessages = []string{"\xff", "a\xc3", "a\x00", "\x00"}

func inputOutcomes(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := e.claimOne(noon)
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, payload := range append([]string{`"` + strings.Repeat("x", 64<<10-1) + `"`}, notJSON...) {
		writes[fmt.Sprintf("payload %.20q", payload)] = func(ctx context.Context, tx storage.Tx) error {
			return tx.Finish(ctx, job, storage.Outcome{Due: noon.Add(time.Hour), Payload: []byte(payload), Error: "it failed"})
		}
		writes[fmt.Sprintf("done with payload %.20q", payload)] = func(ctx context.Context, tx storage.Tx) error {
			return tx.Finish(ctx, job, storage.Outcome{Done: true, Payload: []byte(payload)})
		}
	}
	for _, text := range append([]string{string(tooLong)}, badMessages...) {
		writes[fmt.Sprintf("error %.20q", text)] = func(ctx context.Context, tx storage.Tx) error {
			return tx.Finish(ctx, job, storage.Outcome{Due: noon.Add(time.Hour), Error: text})
		}
	}
	e.invalid(writes)
	e.finish(job, storage.Outcome{Done: true})
}

func inputJobNames(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := e.claimOne(noon)
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{
		"finish of another tenant's": func(ctx context.Context, tx storage.Tx) error {
			bad := job
			bad.Tenant = umbra
			return tx.Finish(ctx, bad, storage.Outcome{Done: true})
		},
	}
	for _, key := range badKeys {
		for _, field := range []string{"kind", "key"} {
			bad := job
			if field == "kind" {
				bad.Kind = key
			} else {
				bad.Key = key
			}
			writes[fmt.Sprintf("finish of %s %q", field, key)] = func(ctx context.Context, tx storage.Tx) error {
				return tx.Finish(ctx, bad, storage.Outcome{Done: true})
			}
			writes[fmt.Sprintf("cancel of %s %q", field, key)] = func(ctx context.Context, tx storage.Tx) error {
				return tx.Cancel(ctx, bad.Kind, bad.Key)
			}
		}
	}
	e.invalid(writes)
	for _, key := range badKeys {
		forged := job
		forged.Token = key
		require.ErrorIs(e, e.tryFinish(forged, storage.Outcome{Done: true}), storage.ErrConflict, "token %q", key)
	}
	e.finish(job, storage.Outcome{Done: true})
}

func inputInstants(e *env) {
	e.put(acme, full("old"))
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := e.claimOne(noon)
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for name, at := range map[string]time.Time{
		"just after the last":   time.UnixMicro(math.MaxInt64).Add(time.Microsecond),
		"just before the first": time.UnixMicro(math.MinInt64).Add(-time.Nanosecond),
		"in a million years":    time.Date(1_000_000, time.January, 1, 0, 0, 0, 0, time.UTC),
		"before everything":     time.Date(-1_000_000, time.January, 1, 0, 0, 0, 0, time.UTC),
	} {
		for field, change := range map[string]func(r *storage.Row){
			"created": func(r *storage.Row) { r.Created = at },
			"updated": func(r *storage.Row) { r.Updated = at },
		} {
			writes[field+" "+name], writes["update of "+field+" "+name] = puts(change), updates(change)
		}
		writes["event "+name] = func(ctx context.Context, tx storage.Tx) error {
			ev := event("1", 1, 0)
			ev.At = at
			return tx.Append(ctx, ev)
		}
		writes["job "+name] = func(ctx context.Context, tx storage.Tx) error {
			return tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "2", Due: at})
		}
		writes["outcome "+name] = func(ctx context.Context, tx storage.Tx) error {
			return tx.Finish(ctx, job, storage.Outcome{Due: at, Error: "it failed"})
		}
	}
	e.invalid(writes)
}

func inputClaims(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	all := func(change func(c *storage.Claim)) storage.Claim {
		c := claimAll(noon)
		change(&c)
		return c
	}
	bad := map[string]storage.Claim{
		"no limit":                         all(func(c *storage.Claim) { c.Limit = 0 }),
		"a limit beyond the greatest":      all(func(c *storage.Claim) { c.Limit = storage.MaxLimit + 1 }),
		"no lease":                         all(func(c *storage.Claim) { c.Lease = 0 }),
		"a lease before its beginning":     all(func(c *storage.Claim) { c.Lease = -time.Minute }),
		"a lease below a microsecond":      all(func(c *storage.Claim) { c.Lease = time.Nanosecond }),
		"almost a microsecond":             all(func(c *storage.Claim) { c.Lease = time.Microsecond - 1 }),
		"no instant":                       all(func(c *storage.Claim) { c.Now = time.Time{} }),
		"an instant too far":               all(func(c *storage.Claim) { c.Now = time.Date(1_000_000, time.January, 1, 0, 0, 0, 0, time.UTC) }),
		"a lease that ends too far":        all(func(c *storage.Claim) { c.Now = time.UnixMicro(math.MaxInt64) }),
		"more kinds than can be named":     all(func(c *storage.Claim) { c.Kinds = slices.Repeat([]string{"timer"}, storage.MaxNames+1) }),
		"a kind that is none among others": all(func(c *storage.Claim) { c.Kinds = []string{"timer", ""} }),
	}
	for _, kind := range badKeys {
		bad[fmt.Sprintf("kind %q", kind)] = all(func(c *storage.Claim) { c.Kinds = []string{kind} })
	}
	for name, c := range bad {
		jobs, err := e.store.Claim(e.ctx, c)
		require.ErrorIs(e, err, storage.ErrInvalid, name)
		require.Empty(e, jobs, name)
	}
	require.Zero(e, e.job(acme, "timer", "1").Attempts)
	least := claimAll(noon)
	least.Lease, least.Kinds = time.Microsecond, slices.Repeat([]string{"timer"}, storage.MaxNames)
	got := one(e, e.claim(least))
	require.Equal(e, noon.Add(time.Microsecond), got.Lease)
}

func inputNames(e *env) {
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, name := range badKeys {
		writes[fmt.Sprintf("lock %q", name)] = func(ctx context.Context, tx storage.Tx) error { return tx.Lock(ctx, name) }
		writes[fmt.Sprintf("sequence %q", name)] = func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.Next(ctx, name)
			return err
		}
		writes[fmt.Sprintf("expected record %q", name)] = func(ctx context.Context, tx storage.Tx) error {
			return tx.Expect(ctx, tickets, storage.ID(name), 1)
		}
		writes[fmt.Sprintf("advanced sequence %q", name)] = func(ctx context.Context, tx storage.Tx) error { return tx.Advance(ctx, name, 7) }
	}
	writes["expected version"] = func(ctx context.Context, tx storage.Tx) error { return tx.Expect(ctx, tickets, "1", -1) }
	e.invalid(writes)
	long := strings.Repeat("x", storage.MaxKey)
	e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Lock(ctx, long)) })
	require.Equal(e, int64(1), e.next(acme, long))
}

func inputAdvances(e *env) {
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for _, n := range []int64{0, -1, math.MinInt64, storage.MaxNumber + 1, math.MaxInt64} {
		writes[fmt.Sprint(n)] = func(ctx context.Context, tx storage.Tx) error { return tx.Advance(ctx, "ticket", n) }
	}
	e.invalid(writes)
	require.Equal(e, int64(1), e.next(acme, "ticket"))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Advance(ctx, "ticket", storage.MaxNumber))
	})
	for range 3 {
		require.GreaterOrEqual(e, e.next(acme, "ticket"), int64(storage.MaxNumber))
	}
}

func inputQueries(e *env) {
	e.put(acme, full("1"))
	reads := map[string]func(ctx context.Context, r storage.Reader) error{}
	add := func(name string, q storage.RowQuery) {
		reads[name] = func(ctx context.Context, r storage.Reader) error {
			_, err := r.Query(ctx, tickets, q)
			return err
		}
	}
	for _, limit := range []int{0, -1, storage.MaxLimit + 1, math.MaxInt} {
		add(fmt.Sprintf("limit %d", limit), storage.RowQuery{Limit: limit})
	}
	for name, c := range badConditions() {
		add(name, storage.RowQuery{Where: c, Limit: 1})
	}
	for name, order := range map[string][]storage.Order{
		"an order by no column":        {asc("nothing")},
		"an order by a statement":      {asc(`title" DESC; --`)},
		"an order by the tenant":       {asc("tenant")},
		"an order by what may be NULL": {asc("note")},
		"an order by one column twice": {asc("title"), desc("title")},
	} {
		add(name, storage.RowQuery{Order: order, Limit: 1})
	}
	byTitle, byID := []storage.Order{asc("title")}, []storage.Order{asc("id")}
	add("a place without values", storage.RowQuery{Order: byTitle, Limit: 1, After: &storage.Position{Tenant: acme, ID: "1"}})
	add("a place of too many values", storage.RowQuery{Limit: 1, After: &storage.Position{Values: []any{"a"}, Tenant: acme, ID: "1"}})
	add("a place with two ids", storage.RowQuery{Order: byID, Limit: 1, After: &storage.Position{Values: []any{"1"}, Tenant: acme, ID: "2"}})
	for _, v := range []any{nil, int64(1), true, "a\x00", "\xff", 1.5} {
		add(fmt.Sprintf("a place at %T %v", v, v), storage.RowQuery{Order: byTitle, Limit: 1, After: &storage.Position{Values: []any{v}, Tenant: acme, ID: "1"}})
	}
	for _, key := range badKeys {
		if key != "" { // which is before all
			add(fmt.Sprintf("a place of id %q", key), storage.RowQuery{Limit: 1, After: &storage.Position{Tenant: acme, ID: storage.ID(key)}})
			add(fmt.Sprintf("a place of tenant %q", key), storage.RowQuery{Limit: 1, After: &storage.Position{Tenant: storage.Tenant(key), ID: "1"}})
		}
	}
	e.invalidReads(reads)
	require.Equal(e, []string{"1", "after"}, ids(e.query(storage.RowQuery{After: &storage.Position{}}, acme)))
}

// badConditions are conditions that do not fit the tickets.
func badConditions() map[string]storage.Condition {
	deep := where(storage.Equal, "title", "a")
	for range storage.MaxConditionDepth {
		deep = not(deep)
	}
	deeper := where(storage.Equal, "title", "a")
	for range storage.MaxConditionDepth - 1 {
		deeper = not(deeper)
	}
	return map[string]storage.Condition{
		"a condition on no column":     where(storage.Equal, "nothing", "a"),
		"a condition on a statement":   where(storage.Equal, `title" = '' OR "title`, "a"),
		"a condition of no operator":   where("like", "title", "a"),
		"a condition on another kind":  where(storage.Equal, "title", 1),
		"a condition on an id of NUL":  where(storage.Equal, "id", "a\x00"),
		"a condition on bad text":      where(storage.Prefix, "title", "\xff"),
		"a prefix of a number":         where(storage.Prefix, "priority", "1"),
		"a text in a number":           where(storage.Contains, "priority", "1"),
		"a text in a text of NUL":      where(storage.Contains, "title", "a\x00"),
		"two texts in one":             where(storage.Contains, "title", "a", "b"),
		"a condition without a value":  where(storage.Equal, "title"),
		"a condition of two values":    where(storage.Below, "title", "a", "b"),
		"a condition of too many":      {Op: storage.In, Column: "title", Values: slices.Repeat([]any{"a"}, storage.MaxConditionValues+1)},
		"a condition with NULL":        where(storage.In, "note", nil),
		"a Not of nothing":             {Op: storage.Not},
		"a condition that is too deep": deep,

		"a reference that is missing":         {Op: storage.Named},
		"a reference to no table":             {Op: storage.Named, By: &storage.Reference{Column: "title"}},
		"a reference in no column":            namedBy(assets, "nothing", storage.Condition{}),
		"a reference in a column of its own":  namedBy(assets, "note", storage.Condition{}),
		"a reference in a number":             namedBy(assets, "balance", storage.Condition{}),
		"a reference of a column":             {Op: storage.Named, Column: "title", By: &storage.Reference{Schema: assets, Column: "title"}},
		"a reference of values":               {Op: storage.Named, Values: []any{"a"}, By: &storage.Reference{Schema: assets, Column: "title"}},
		"a comparison with a reference":       {Op: storage.Equal, Column: "title", Values: []any{"a"}, By: &storage.Reference{Schema: assets, Column: "title"}},
		"a reference on no column":            namedBy(assets, "title", where(storage.Equal, "note", "a")),
		"a reference within another":          namedBy(assets, "title", namedBy(tickets, "note", storage.Condition{})),
		"a reference somewhere in another":    namedBy(assets, "title", not(or(namedBy(tickets, "note", storage.Condition{})))),
		"a reference of too many values":      namedBy(assets, "title", storage.Condition{Op: storage.In, Column: "title", Values: slices.Repeat([]any{"a"}, storage.MaxConditionValues+1)}),
		"a reference whose rows are too deep": namedBy(assets, "title", deeper),
		"too many references":                 or(slices.Repeat([]storage.Condition{namedBy(assets, "title", storage.Condition{})}, storage.MaxConditionParts/2)...),
	}
}

func inputCounts(e *env) {
	e.put(acme, full("1"))
	reads := map[string]func(ctx context.Context, r storage.Reader) error{}
	for name, c := range badConditions() {
		reads[name] = func(ctx context.Context, r storage.Reader) error {
			_, err := r.Count(ctx, tickets, c, []string{"title"})
			return err
		}
	}
	for name, by := range map[string][]string{
		"by no column": {"nothing"}, "by a statement": {`title", "note`}, "by nothing": {""}, "by the body": {"body"}, "by one column twice": {"title", "open", "title"},
	} {
		reads[name] = func(ctx context.Context, r storage.Reader) error {
			_, err := r.Count(ctx, tickets, storage.Condition{}, by)
			return err
		}
	}
	e.invalidReads(reads)
}

func inputEventQueries(e *env) {
	// A kind and a record that a careless key would run together with those asked for.
	e.append(acme, of("a", "x.v1", event("b", 1, 0)))
	reads := map[string]func(ctx context.Context, r storage.Reader) error{}
	add := func(name string, q storage.EventQuery) {
		q.Limit = 9
		reads[name] = func(ctx context.Context, r storage.Reader) error {
			_, err := r.Events(ctx, q)
			return err
		}
	}
	add("a record without its kind", storage.EventQuery{Record: "b"})
	add("more types than can be named", storage.EventQuery{Types: slices.Repeat([]string{"x.v1"}, storage.MaxNames+1)})
	for _, key := range append([]string{"a\x00b"}, badKeys...) {
		add(fmt.Sprintf("type %q", key), storage.EventQuery{Types: []string{"x.v1", key}})
		if key == "" { // which is any
			continue
		}
		add(fmt.Sprintf("kind %q", key), storage.EventQuery{Kind: key})
		add(fmt.Sprintf("record %q", key), storage.EventQuery{Kind: "a", Record: storage.ID(key)})
		add(fmt.Sprintf("after tenant %q", key), storage.EventQuery{After: storage.EventPosition{Tenant: storage.Tenant(key)}})
		add(fmt.Sprintf("after kind %q", key), storage.EventQuery{After: storage.EventPosition{Tenant: acme, Kind: key}})
		add(fmt.Sprintf("after record %q", key), storage.EventQuery{After: storage.EventPosition{Tenant: acme, Kind: "a", Record: storage.ID(key)}})
	}
	e.invalidReads(reads)
	require.Equal(e, []string{"acme/a/b/1/0"}, e.log(storage.EventQuery{Types: slices.Repeat([]string{"x.v1"}, storage.MaxNames)}, acme))
	before := storage.EventPosition{Tenant: acme, Kind: "a", Record: "b", Version: 1, N: -1}
	require.Equal(e, []string{"acme/a/b/1/0"}, e.log(storage.EventQuery{After: before}, acme), "a place before the first of a version")
}

func inputJobQueries(e *env) {
	e.enqueue(acme, storage.Job{Kind: "a", Key: "b", Subject: "c", Due: noon})
	reads := map[string]func(ctx context.Context, r storage.Reader) error{}
	add := func(name string, q storage.JobQuery) {
		q.Limit = 9
		reads[name] = func(ctx context.Context, r storage.Reader) error {
			_, err := r.Jobs(ctx, q)
			return err
		}
	}
	for _, key := range append([]string{"a\x00b"}, badKeys...) {
		if key == "" { // which is any
			continue
		}
		add(fmt.Sprintf("kind %q", key), storage.JobQuery{Kind: key})
		add(fmt.Sprintf("key %q", key), storage.JobQuery{Key: key})
		add(fmt.Sprintf("key %q of a kind", key), storage.JobQuery{Kind: "a", Key: key})
		add(fmt.Sprintf("subject %q", key), storage.JobQuery{Subject: key})
		add(fmt.Sprintf("after tenant %q", key), storage.JobQuery{After: storage.Job{Tenant: storage.Tenant(key)}})
		add(fmt.Sprintf("after kind %q", key), storage.JobQuery{After: storage.Job{Tenant: acme, Kind: key}})
		add(fmt.Sprintf("after key %q", key), storage.JobQuery{After: storage.Job{Tenant: acme, Kind: "a", Key: key}})
	}
	e.invalidReads(reads)
}

func inputManyTenants(e *env) {
	e.put(acme, ticket("1"))
	tenants := make([]storage.Tenant, storage.MaxTenants, storage.MaxTenants+1)
	for i := range tenants {
		tenants[i] = storage.Tenant(fmt.Sprintf("tenant %d", i))
	}
	tenants[len(tenants)/2] = acme
	require.Equal(e, []string{"1"}, ids(e.query(storage.RowQuery{}, tenants...)))
	ran := false
	err := e.store.View(e.ctx, append(tenants, umbra), func(context.Context, storage.Reader) error {
		ran = true
		return nil
	})
	require.ErrorIs(e, err, storage.ErrInvalid)
	require.False(e, ran)
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
			_, err = r.Sequences(ctx, storage.SequenceQuery{Limit: limit})
			require.ErrorIs(e, err, storage.ErrInvalid)
		}
	}, acme)
}
