package portable_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/portable"
)

const acme storage.Tenant = "acme"

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 123456000, time.UTC)

var (
	tickets = mustSchema("ticket", 2, []storage.ColumnSpec{
		{Name: "title", Kind: storage.Text},
		{Name: "note", Kind: storage.Text, Nullable: true},
		{Name: "priority", Kind: storage.Int},
		{Name: "open", Kind: storage.Bool},
		{Name: "due", Kind: storage.Time, Nullable: true},
	}, nil)
	assets  = mustSchema("asset", 1, nil, []storage.Index{{Columns: []storage.Order{{Column: "created"}}, Unique: true}})
	schemas = []*storage.Schema{tickets, assets}
)

func mustSchema(name string, layout int, columns []storage.ColumnSpec, indexes []storage.Index) *storage.Schema {
	s, err := storage.NewSchema(name, layout, columns, indexes)
	if err != nil {
		panic(err)
	}
	return s
}

// filled gives a store with a tenant that has some of everything, n records of it.
func filled(t require.TestingT, n int) *memory.Store {
	s := memory.New()
	update := func(fn func(ctx context.Context, tx storage.Tx) error) {
		require.NoError(t, s.Update(context.Background(), acme, fn))
	}
	update(func(ctx context.Context, tx storage.Tx) error {
		texts := []string{"", "ends with a space ", "<b>&\u2028\\\"", "e\u0301\u00e9 \U0001F600", strings.Repeat("\U0001F600", 255)}
		for i := range n {
			row := storage.Row{Meta: storage.Meta{ID: storage.ID(fmt.Sprintf("t%04d", i)), Version: int64(i%7 + 1), Created: noon, Updated: noon.Add(time.Duration(i) * time.Microsecond)},
				Layout: i%2 + 1, Columns: []any{texts[i%len(texts)], nil, []int64{0, math.MinInt64, math.MaxInt64}[i%3], i%2 == 0, nil},
				Body: []byte([]string{`{"a":1.0}`, " [\n1,\r\n\"\\u00e9\" ]\t", `"<&>\u2028"`, "null"}[i%4])}
			if i%3 == 0 {
				row.Columns[1], row.Columns[4] = texts[(i+1)%len(texts)], int64(-i)
			}
			if err := tx.Restore(ctx, tickets, row); err != nil {
				return err
			}
			number, err := tx.Next(ctx, "ticket")
			if err != nil {
				return err
			}
			if err := tx.Append(ctx, storage.Event{Kind: "ticket", Record: row.ID, Version: row.Version, N: i % 3, ID: row.ID, Type: "ticket.opened.v1", At: noon,
				Envelope: fmt.Appendf(nil, `{ "number":%d}`, number)}); err != nil {
				return err
			}
			if err := tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: string(row.ID), Subject: []string{"", "a"}[i%2], Due: noon.Add(time.Duration(i) * time.Second),
				Payload: [][]byte{nil, []byte("null"), []byte(" {} ")}[i%3], Dead: i%5 == 1, Tried: i%2 == 0, Attempts: i % 4, Error: texts[i%len(texts)]}); err != nil {
				return err
			}
		}
		asset := storage.Row{Meta: storage.Meta{ID: "only", Created: noon, Updated: noon}, Columns: []any{}, Body: []byte("{}")}
		return tx.Put(ctx, assets, &asset)
	})
	update(func(ctx context.Context, tx storage.Tx) error { return tx.Advance(ctx, "asset ", 900) })
	require.NoError(t, s.Update(context.Background(), "other", func(ctx context.Context, tx storage.Tx) error {
		return tx.Append(ctx, storage.Event{Kind: "secret", Record: "1", ID: "1", Type: "secret.v1", At: noon, Envelope: []byte("{}")})
	}))
	return s
}

func export(t require.TestingT, s storage.Store) string {
	var b bytes.Buffer
	_, err := portable.Export(context.Background(), s, acme, schemas, &b)
	require.NoError(t, err)
	return b.String()
}

func load(s storage.Store, file string) (portable.Summary, error) {
	return portable.Import(context.Background(), s, acme, schemas, strings.NewReader(file))
}

// signed gives lines their last one, as who makes a file by hand would.
func signed(lines ...string) string {
	text := ""
	counts := [4]int{}
	for _, l := range lines {
		text += l + "\n"
		for i, kind := range []string{`{"record":`, `{"event":`, `{"sequence":`, `{"job":`} {
			if strings.HasPrefix(l, kind) {
				counts[i]++
			}
		}
	}
	sum := sha256.Sum256([]byte(text))
	return text + fmt.Sprintf(`{"records":%d,"events":%d,"sequences":%d,"jobs":%d,"sha256":"%s"}`+"\n", counts[0], counts[1], counts[2], counts[3], hex.EncodeToString(sum[:]))
}

func TestWhatIsImportedIsExportedAgainByteForByte(t *testing.T) {
	for _, n := range []int{0, 1, 199, 1234} {
		s := filled(t, n)
		var b bytes.Buffer
		wrote, err := portable.Export(t.Context(), s, acme, schemas, &b)
		require.NoError(t, err)
		require.NotContains(t, b.String(), "secret", "another tenant's")
		require.Equal(t, []int64{int64(n + 1), int64(n), int64(n)}, []int64{wrote.Records, wrote.Events, wrote.Jobs})

		seen, err := portable.Verify(t.Context(), schemas, strings.NewReader(b.String()))
		require.NoError(t, err)
		require.Equal(t, wrote, seen)
		other := memory.New()
		read, err := load(other, b.String())
		require.NoError(t, err)
		require.Equal(t, wrote, read)
		require.Equal(t, b.String(), export(t, other))

		// A file that is there whole is left at that, whatever has happened since.
		require.NoError(t, other.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
			if _, err := tx.Next(ctx, "ticket"); err != nil {
				return err
			}
			return tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "new", Due: noon})
		}))
		now := export(t, other)
		_, err = load(other, b.String())
		require.NoError(t, err)
		require.Equal(t, now, export(t, other))
	}
}

// A claim is of the store that gave it: the job is exported as one whose worker has died.
func TestAClaimIsNotCarriedOver(t *testing.T) {
	s := filled(t, 3)
	claimed, err := s.Claim(t.Context(), storage.Claim{Now: noon.Add(time.Minute), Lease: time.Hour, Limit: 9})
	require.NoError(t, err)
	require.Len(t, claimed, 2, "and a dead letter")
	other := memory.New()
	_, err = load(other, export(t, s))
	require.NoError(t, err)
	again, err := other.Claim(t.Context(), storage.Claim{Now: noon.Add(time.Minute), Lease: time.Hour, Limit: 9})
	require.NoError(t, err)
	require.Len(t, again, 2)
	for i, j := range again {
		require.Equal(t, claimed[i].Key, j.Key)
		require.Equal(t, claimed[i].Attempts+1, j.Attempts)
	}
}

func TestAnExportIsOfOneMoment(t *testing.T) {
	s := filled(t, 700)
	before := export(t, s)
	var b bytes.Buffer
	writes := 0
	w := writer(func(p []byte) (int, error) {
		if writes++; writes%100 == 0 { // someone commands meanwhile
			require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				row, err := tx.Get(ctx, tickets, acme, "t0699")
				if err != nil {
					return err
				}
				return tx.Put(ctx, tickets, &row)
			}))
		}
		return b.Write(p)
	})
	_, err := portable.Export(t.Context(), s, acme, schemas, w)
	require.NoError(t, err)
	require.Equal(t, before, b.String())
	require.NotEqual(t, before, export(t, s))
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestAnExportThatFailsIsNoFile(t *testing.T) {
	s := filled(t, 50)
	full := errors.New("the disk is full")
	for _, upTo := range []int{0, 1, 60, 150} {
		var b bytes.Buffer
		n := 0
		_, err := portable.Export(t.Context(), s, acme, schemas, writer(func(p []byte) (int, error) {
			if n++; n > upTo {
				return 0, full
			}
			return b.Write(p)
		}))
		require.ErrorIs(t, err, full)
		_, err = load(memory.New(), b.String())
		require.ErrorIs(t, err, storage.ErrInvalid)
		require.ErrorContains(t, err, "cut off")
	}
}

// stopping is a store whose process dies in one of its units: before it is committed, or after.
type stopping struct {
	storage.Store
	left  int
	after bool
}

var errDied = errors.New("the process has died")

func (s *stopping) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	if s.left--; s.left < 0 && !s.after {
		return s.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
			if err := fn(ctx, tx); err != nil {
				return err
			}
			return errDied
		})
	}
	if err := s.Store.Update(ctx, tenant, fn); err != nil || s.left >= 0 {
		return err
	}
	return &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome, Cause: errDied}
}

func TestAnImportThatWasKilledGoesOn(t *testing.T) {
	file := export(t, filled(t, 900))
	for _, after := range []bool{false, true} {
		for at, all := 0, false; !all; at++ {
			s := memory.New()
			_, err := load(&stopping{Store: s, left: at, after: after}, file)
			if all = err == nil; all {
				require.Greater(t, at, 8, "it has several units")
				continue
			}
			require.True(t, errors.Is(err, errDied))
			if partly := export(t, s); partly != file {
				// What is there is whole lines from the beginning, and nothing comes due.
				lines := strings.Split(partly, "\n")
				require.True(t, strings.HasPrefix(file, strings.Join(lines[:len(lines)-2], "\n")))
				due, err := s.Claim(t.Context(), storage.Claim{Now: noon.Add(time.Hour), Lease: time.Minute, Limit: 9})
				require.NoError(t, err)
				require.Empty(t, due)
			}
			_, err = load(s, file)
			require.NoError(t, err, "after unit %d", at)
			require.Equal(t, file, export(t, s))
		}
	}
}

// retrying is a store each of whose units fails some times for a reason that passes, after its
// function was run.
type retrying struct {
	storage.Store
	n, times int
}

func (s *retrying) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
		err := fn(ctx, tx)
		if s.n++; err == nil && s.n%(s.times+1) != 0 {
			err = storage.ErrRetry
		}
		return err
	})
}

func TestUnitsThatFailForAReasonThatPassesAreRunAgain(t *testing.T) {
	file := export(t, filled(t, 900))
	s := memory.New()
	_, err := load(&retrying{Store: s, times: 3}, file)
	require.NoError(t, err)
	require.Equal(t, file, export(t, s))
	_, err = load(&retrying{Store: memory.New(), times: 1000}, file)
	require.ErrorIs(t, err, storage.ErrRetry)
}

func TestATenantThatHasSomethingElseIsRefused(t *testing.T) {
	file := export(t, filled(t, 30))
	put := func(ctx context.Context, tx storage.Tx) error {
		return tx.Put(ctx, tickets, &storage.Row{Meta: storage.Meta{ID: "mine", Created: noon, Updated: noon}, Columns: []any{"", nil, int64(0), true, nil}, Body: []byte("{}")})
	}
	for name, c := range map[string]struct {
		fn   func(ctx context.Context, tx storage.Tx) error
		want []string
	}{
		"a record": {put, []string{"the first that is not is ticket mine", "ticket has records of the tenant already: 1"}},
		"an event": {func(ctx context.Context, tx storage.Tx) error {
			return tx.Append(ctx, storage.Event{Kind: "x", Record: "1", ID: "1", Type: "x.v1", At: noon, Envelope: []byte("1")})
		}, []string{"event x 1 0.0", "events are there"}},
		"a job": {func(ctx context.Context, tx storage.Tx) error {
			return tx.Enqueue(ctx, storage.Job{Kind: "x", Key: "1", Due: noon})
		}, []string{"job x 1", "jobs are there"}},
		"a sequence": {func(ctx context.Context, tx storage.Tx) error { return tx.Advance(ctx, "x", 1) }, []string{"sequence x", "sequences are there"}},
		"another version": {func(ctx context.Context, tx storage.Tx) error {
			return tx.Restore(ctx, assets, storage.Row{Meta: storage.Meta{ID: "only", Version: 2, Created: noon, Updated: noon}, Layout: 1, Columns: []any{}, Body: []byte("{}")})
		}, []string{"asset only"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := memory.New()
			require.NoError(t, s.Update(t.Context(), acme, c.fn))
			before := export(t, s)
			_, err := load(s, file)
			require.ErrorIs(t, err, storage.ErrInvalid)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.Equal(t, before, export(t, s))
		})
	}
	_, err := portable.Import(t.Context(), memory.New(), "globex", schemas, strings.NewReader(file))
	require.ErrorContains(t, err, `the file is of tenant "acme"`)

	// Somebody takes a number while the import is on its way.
	s := memory.New()
	_, err = load(&stopping{Store: s, left: 1}, file)
	require.ErrorIs(t, err, errDied)
	require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error { _, err := tx.Next(ctx, "ticket"); return err }))
	_, err = load(s, file)
	require.ErrorIs(t, err, storage.ErrInvalid)
}

func TestAFileThatWasAlteredIsRefused(t *testing.T) {
	file := export(t, filled(t, 6))
	refused := func(t require.TestingT, altered string, want ...string) {
		s := memory.New()
		_, err := load(s, altered)
		require.ErrorIs(t, err, storage.ErrInvalid)
		for _, w := range want {
			require.ErrorContains(t, err, w)
		}
		require.Equal(t, export(t, memory.New()), export(t, s), "nothing is written")
	}
	lines := strings.Split(strings.TrimSuffix(file, "\n"), "\n")
	for i := range len(file) { // every prefix
		refused(t, file[:i])
	}
	for i := range lines {
		without := append(append([]string{}, lines[:i]...), lines[i+1:]...)
		refused(t, strings.Join(without, "\n")+"\n")
		if i+1 < len(lines) {
			swapped := append([]string{}, lines...)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			refused(t, strings.Join(swapped, "\n")+"\n")
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := []byte(file)
		b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "by"))
		refused(rt, string(b))
	})
	refused(t, file+"\n", "goes on after it")
	refused(t, "", "line 1 is cut off")
	refused(t, "{}\n", "line 1 is not that of an export")
	refused(t, strings.Replace(file, `{"export":1,`, `{"export":2,`, 1), "line 1 is of version 2 of the format; this program reads version 1")
	refused(t, strings.Replace(file, `"title":"`, `"title":"x`, 1), "sha256 is not that of the lines before it")
	refused(t, strings.Replace(file, `"records":7`, `"records":8`, 1), "records are said to be 8, and are 7")
}

// Everything that is wrong with a file is told at once, by its line.
func TestEveryFaultOfAFileIsNamed(t *testing.T) {
	head := `{"export":1,"tenant":"acme","tables":[{"name":"asset","layout":1,"columns":[]},{"name":"ticket","layout":2,"columns":[{"name":"due","kind":"time","nullable":true},{"name":"note","kind":"text","nullable":true},{"name":"open","kind":"bool"},{"name":"priority","kind":"int"},{"name":"title","kind":"text"}]}]}`
	ticket := func(columns, rest string) string {
		return `{"record":"ticket","id":"1","version":1,"created":0,"updated":0,"layout":1,"columns":{` + columns + `},` + rest + `}`
	}
	const columns, body = `"due":null,"note":null,"open":true,"priority":1,"title":"x"`, `"body":"{}"`
	_, err := load(memory.New(), signed(head, ticket(columns, body)))
	require.NoError(t, err)
	for _, c := range []struct{ line, want string }{
		{ticket(`"due":null,"note":null,"open":true,"priority":1`, body), "line 2: columns.title is missing"},
		{ticket(`"a":1,`+columns, body), "line 2: columns.a is no column of ticket"},
		{ticket(`"due":null,"note":null,"open":1,"priority":1,"title":"x"`, body), "line 2: open "},
		{ticket(`"due":null,"note":null,"open":true,"priority":1.5,"title":"x"`, body), "line 2: priority "},
		{ticket(`"due":null,"note":null,"open":true,"priority":-0,"title":"x"`, body), "line 2: priority "},
		{ticket(`"due":null,"note":null,"open":true,"priority":9223372036854775808,"title":"x"`, body), "line 2: priority "},
		{ticket(`"due":null,"note":null,"open":null,"priority":1,"title":"x"`, body), "line 2: open must not be null"},
		{ticket(`"due":null,"note":null,"open":true,"priority":1,"title":"`+strings.Repeat("x", 256)+`"`, body), "line 2: title "},
		{ticket(columns, `"body":"{"`), "line 2: body is not one JSON document"},
		{ticket(columns, `"body":"{}","more":1`), "line 2 is not as an export writes it"},
		{ticket(columns, `"body":"{}","body":"{}"`), "line 2 is not as an export writes it"},
		{ticket(columns, `"Body":"{}"`), "line 2 is not as an export writes it"},
		{ticket(columns, `"body":"\u007b}"`), "line 2 is not as an export writes it"},
		{ticket(columns, `"body": "{}"`), "line 2 is not as an export writes it"},
		{strings.Replace(ticket(columns, body), `"version":1`, `"version":0`, 1), "line 2: version must be at least 1"},
		{strings.Replace(ticket(columns, body), `"layout":1`, `"layout":3`, 1), "line 2: layout must be from 1 to 2"},
		{strings.Replace(ticket(columns, body), `"id":"1"`, `"id":""`, 1), "line 2: id is empty"},
		{strings.Replace(ticket(columns, body), `"ticket"`, `"tickets"`, 1), "line 2: record is of a table that this program does not have"},
		{strings.Replace(ticket(columns, body), `"columns":{`+columns+`}`, `"columns":null`, 1), "line 2: columns are missing"},
		{`{"event":"ticket","record":"1","version":-1,"n":0,"id":"1","type":"","at":0,"envelope":""}`, "line 2: type is empty"},
		{`{"sequence":"x","next":0}`, "line 2: at_least must be from 1"},
		{`{"sequence":"portable/1","next":1}`, "line 2: sequence is as only imports keep them"},
		{`{"job":"x","key":"1","due":0,"payload":""}`, "line 2: payload is not one JSON document"},
		{`{"job":"x","key":"1","due":0,"attempts":-1}`, "line 2: attempts are negative"},
		{`{"job":"x","key":"1","subject":"","due":0}`, "line 2 is not as an export writes it"},
		{`{"job":"x","key":"1","due":0}` + "\n" + ticket(columns, body), "line 3 is out of order: records come first"},
		{`{"job":"x","key":"1","due":0}` + "\n" + `{"job":"x","key":"1","due":0}`, "line 3 is out of order, or there twice"},
		{"[]", "line 2 is not as an export writes it"},
		{"", "line 2 is not as an export writes it"},
	} {
		_, err := load(memory.New(), signed(head, c.line))
		require.ErrorIs(t, err, storage.ErrInvalid, c.line)
		require.ErrorContains(t, err, c.want)
	}
	_, err = load(memory.New(), signed(head, `{"sequence":"x","next":0}`, "x", `{"sequence":"y","next":0}`))
	require.ErrorContains(t, err, "line 2: ")
	require.ErrorContains(t, err, "line 3 ")
	require.ErrorContains(t, err, "line 4: ")

	for from, want := range map[string][]string{
		`{"name":"asset","layout":1,"columns":[]},`: {"line 1: asset is missing: it is a table of this program"},
		`"tables":[`:                     {"is not as an export writes it"},
		`"layout":2`:                     {"line 1: ticket has layout 5; this program writes layout 2"},
		`{"name":"open","kind":"bool"},`: {"line 1: ticket.open is missing: it is a column of this program"},
		`"kind":"int"`:                   {"line 1: ticket.priority is text, nullable false; in this program it is int, nullable false"},
		`{"name":"title"`:                {"line 1: ticket.other is a column that this program does not have", "line 1: ticket.title is missing"},
		`"acme"`:                         {"line 1: tenant is empty"},
	} {
		to := map[string]string{`"tables":[`: `"tables": [`, `"layout":2`: `"layout":5`, `"kind":"int"`: `"kind":"text"`, `{"name":"title"`: `{"name":"other"`, `"acme"`: `""`}[from]
		_, err := load(memory.New(), signed(strings.Replace(head, from, to, 1)))
		for _, w := range want {
			require.ErrorContains(t, err, w, from)
		}
	}
	_, err = portable.Export(t.Context(), memory.New(), acme, []*storage.Schema{tickets, mustSchema("ticket", 1, []storage.ColumnSpec{{Name: "open", Kind: storage.Int}}, nil), nil}, io.Discard)
	require.ErrorContains(t, err, "schemas[2] is nil")
	require.ErrorContains(t, err, "ticket has layout 2 in one schema and 1 in another")
	require.ErrorContains(t, err, "ticket.open is declared in two ways")
}

// Two schemas of one name are one table.
func TestAHostsOwnColumnsAreOfTheTable(t *testing.T) {
	wider := mustSchema("asset", 1, []storage.ColumnSpec{{Name: "x_site", Kind: storage.Text, Nullable: true}}, nil)
	s := memory.New()
	require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
		return tx.Put(ctx, wider, &storage.Row{Meta: storage.Meta{ID: "1", Created: noon, Updated: noon}, Columns: []any{"Oslo"}, Body: []byte("{}")})
	}))
	var b, again bytes.Buffer
	_, err := portable.Export(t.Context(), s, acme, []*storage.Schema{assets, wider}, &b)
	require.NoError(t, err)
	require.Contains(t, b.String(), `"x_site":"Oslo"`)
	other := memory.New()
	_, err = portable.Import(t.Context(), other, acme, []*storage.Schema{wider}, bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	_, err = portable.Export(t.Context(), other, acme, []*storage.Schema{wider, assets}, &again)
	require.NoError(t, err)
	require.Equal(t, b.String(), again.String())
}

// changing is a file that someone changes after it was read once.
type changing struct {
	*strings.Reader
	then  string
	seeks int
}

func (c *changing) Seek(offset int64, whence int) (int64, error) {
	if c.seeks++; c.seeks == 2 {
		c.Reader.Reset(c.then)
	}
	return c.Reader.Seek(offset, whence)
}

func TestAFileThatChangesMeanwhileIsNotTaken(t *testing.T) {
	file := export(t, filled(t, 300))
	for _, then := range []string{
		strings.Replace(file, `"due":1772452800123456}`, `"due":1772452800123457}`, 1), file[:len(file)/2], export(t, filled(t, 299)), file + "x",
	} {
		require.NotEqual(t, file, then)
		s := memory.New()
		_, err := portable.Import(t.Context(), s, acme, schemas, &changing{Reader: strings.NewReader(file), then: then})
		require.ErrorContains(t, err, "was changed while it was read")
		require.NoError(t, s.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 1})
			require.Empty(t, jobs, "nothing comes due")
			return err
		}))
	}
}

// What is committed before it is seen that the file has changed is of the file as it was, so that the import of that goes on.
func TestNothingOfAFileThatChangesMeanwhileIsKept(t *testing.T) {
	file := export(t, filled(t, 250))
	lines := strings.SplitAfter(file, "\n")
	of := func(prefix string, n int) int {
		for i, l := range lines {
			if strings.HasPrefix(l, prefix) {
				if n--; n < 0 {
					return i
				}
			}
		}
		return -1
	}
	for _, at := range []int{
		of(`{"record":"asset"`, 0), of(`{"record":"ticket"`, 0), of(`{"record":"ticket"`, 210), of(`{"record":"ticket"`, 249),
		of(`{"event":`, 0), of(`{"event":`, 249), of(`{"sequence":`, 0), of(`{"job":`, 0), of(`{"job":`, 200),
	} {
		require.Positive(t, at)
		// Digits that make a line that is as good.
		was := lines[at]
		place := strings.LastIndexAny(was, "123456789")
		require.Positive(t, place, was)
		then := was[:place] + string('1'+was[place]%2) + was[place+1:]
		require.NotEqual(t, was, then)
		s := memory.New()
		_, err := portable.Import(t.Context(), s, acme, schemas,
			&changing{Reader: strings.NewReader(file), then: strings.Join(lines[:at], "") + then + strings.Join(lines[at+1:], "")})
		require.ErrorContains(t, err, "was changed while it was read", was)
		_, err = load(s, file)
		require.NoError(t, err, was)
		require.Equal(t, file, export(t, s))
	}
}

// limited is a store that says the most documents that are read at once.
type limited struct {
	storage.Store
	rows, events, jobs int
}

func (l *limited) View(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	return l.Store.View(ctx, tenants, func(ctx context.Context, r storage.Reader) error { return fn(ctx, limitedReader{r, l}) })
}

type limitedReader struct {
	storage.Reader
	l *limited
}

func (r limitedReader) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	r.l.rows = max(r.l.rows, q.Limit)
	return r.Reader.Query(ctx, s, q)
}

func (r limitedReader) Events(ctx context.Context, q storage.EventQuery) ([]storage.Event, error) {
	r.l.events = max(r.l.events, q.Limit)
	return r.Reader.Events(ctx, q)
}

func (r limitedReader) Jobs(ctx context.Context, q storage.JobQuery) ([]storage.Job, error) {
	r.l.jobs = max(r.l.jobs, q.Limit)
	return r.Reader.Jobs(ctx, q)
}

// Each of what is read at once may have a document of the greatest length.
func TestAnExportHoldsABoundedAmountHoweverLongDocumentsAre(t *testing.T) {
	l := &limited{Store: filled(t, 100)}
	require.Equal(t, export(t, l.Store), export(t, l))
	for name, n := range map[string]int{"records": l.rows, "events": l.events, "jobs": l.jobs} {
		require.Positive(t, n, name)
		require.LessOrEqual(t, n*storage.MaxDocument, portable.MaxLine, name)
	}
}

// No name that a host may give to a sequence is left out.
func TestASequenceOfAnyNameIsCarriedOver(t *testing.T) {
	file := export(t, filled(t, 3))
	s := memory.New()
	sum, err := load(s, file)
	require.NoError(t, err)
	mark := "portable/" + sum.SHA256 // what an import knows the file by
	require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
		for _, name := range []string{"portable/", "portable/invoice", mark} {
			n, err := tx.Next(ctx, name)
			require.NoError(t, err)
			require.Equal(t, int64(1), n)
		}
		return nil
	}))
	again := export(t, s)
	require.Contains(t, again, `{"sequence":"portable/invoice","next":2}`)
	other := memory.New()
	_, err = load(other, again)
	require.NoError(t, err)
	require.Equal(t, again, export(t, other))
	require.NoError(t, other.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
		for _, name := range []string{"portable/", "portable/invoice", mark} {
			n, err := tx.Next(ctx, name)
			require.NoError(t, err)
			require.Equal(t, int64(2), n, "no number is given twice")
		}
		return nil
	}))
}

func TestACancelledImportEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := portable.Import(ctx, memory.New(), acme, schemas, strings.NewReader(export(t, filled(t, 1))))
	require.ErrorIs(t, err, context.Canceled)
	_, err = portable.Verify(t.Context(), schemas, io.MultiReader(strings.NewReader(export(t, filled(t, 1))[:20]), failing{}))
	require.ErrorIs(t, err, errDied)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDied }

// Whatever file a reader takes, an export of what was made of it is the file.
func FuzzImport(f *testing.F) {
	f.Add([]byte(export(f, filled(f, 0))))
	f.Add([]byte(export(f, filled(f, 5))))
	f.Fuzz(func(t *testing.T, data []byte) {
		// With the digest that it should have, so that more is reached than that.
		text := string(data)
		if i := strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n"); i >= 0 {
			text = signed(strings.Split(text[:i], "\n")...)
		}
		sum, err := portable.Verify(t.Context(), schemas, strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			return
		}
		s := memory.New()
		if _, err := portable.Import(t.Context(), s, sum.Tenant, schemas, strings.NewReader(text)); err != nil {
			var taken *storage.TakenError // of the unique index, which no reader of lines sees
			require.ErrorAs(t, err, &taken)
			return
		}
		var b bytes.Buffer
		_, err = portable.Export(t.Context(), s, sum.Tenant, schemas, &b)
		require.NoError(t, err)
		require.Equal(t, text, b.String())
	})
}
