package enginetest_test

// This file holds that nothing a caller gives becomes part of a statement's text: it is an argument,
// or it is refused before the database is asked at all.

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// hostile gives texts that end a literal, a name, a statement or a comment, and that a rewriting of
// placeholders could take for one, each with the marker in it.
func hostile(marker string) []string {
	return []string{
		marker + `'; DROP TABLE "itsm_incident"; --`, marker + `"; DELETE FROM "itsm__job"; --`, marker + "`; --", marker + `\'; --`,
		marker + ` OR 1=1 /*`, `*/` + marker, marker + "?", "?" + marker + "$1", "$1" + marker, ":a @b " + marker, "_%" + marker, marker + `\`, "$$" + marker + "$$", marker + "{}%s%d",
	}
}

// watch gives the texts of the statements of a run that has the marker in all that it gives, each once.
// It fails where a text has the marker, and where the marker never came to be an argument.
func watch(t *testing.T, p *tap, marker string) (texts []string) {
	t.Helper()
	texts, marked, arguments := watched(p, marker)
	require.Empty(t, marked, "texts of statements that have what was given")
	require.Greater(t, arguments, 20, "statements that had it among their arguments")
	return texts
}

// watched gives the texts, each once, those that have the marker, and how many had it as an argument.
func watched(p *tap, marker string) (texts, marked []string, arguments int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.seen {
		text = strings.TrimPrefix(text, "PREPARE ")
		if strings.Contains(strings.ToLower(text), marker) {
			marked = append(marked, text)
		}
		if strings.Contains(fmt.Sprint(p.args[text]...), marker) {
			arguments++
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	slices.Sort(texts)
	return texts, marked, arguments
}

const marker = "zqxmark"

func TestNothingThatIsGivenBecomesTextOfAStatement(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			var texts [2][]string
			for i, marker := range []string{marker, "otherzqx"} {
				p := &tap{}
				s := open(t, e, e.empty(t), p)
				require.NoError(t, s.Migrate(t.Context(), incidents))
				p.statements()
				giveHostile(t, e, s, p, hostile(marker))
				// Whether a job is written with a look at how many wait before it hangs on what the process
				// remembers of subjects, which shares counters among them.
				texts[i] = slices.DeleteFunc(watch(t, p, marker), func(text string) bool { return strings.Contains(text, "CASE WHEN EXISTS") })
			}
			require.Equal(t, texts[0], texts[1], "statements hang on what they are given")
		})
	}
}

// giveHostile gives every method of a store the texts wherever it takes any.
func giveHostile(t *testing.T, e engine, s *sqlstore.Store, p *tap, texts []string) {
	t.Helper()
	ctx := timed(t)
	tenants := make([]storage.Tenant, len(texts))
	for i, text := range texts {
		tenants[i] = storage.Tenant(text)
	}
	first := func(n int) storage.Row {
		row := incident(n)
		row.ID = storage.ID(texts[n%len(texts)])
		for i, v := range row.Columns {
			if _, text := v.(string); text {
				row.Columns[i] = texts[(n+i)%len(texts)]
			}
		}
		row.Body = fmt.Appendf(nil, "{%q:%q}", texts[n%len(texts)], texts[(n+1)%len(texts)])
		return row
	}
	for i, tenant := range tenants {
		for again := range 3 { // until what is prepared is prepared
			require.NoError(t, s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				text, other := texts[i], texts[(i+1)%len(texts)]
				row := first(i)
				if again > 0 {
					was, err := tx.Get(ctx, incidents, tenant, row.ID)
					require.NoError(t, err)
					row.Version = was.Version
				}
				require.NoError(t, tx.Put(ctx, incidents, &row))
				stale := first(i)
				require.ErrorIs(t, tx.Put(ctx, incidents, &stale), storage.ErrConflict)
				require.Error(t, tx.Delete(ctx, incidents, storage.ID(other), 1))
				require.NoError(t, tx.Append(ctx,
					storage.Event{Kind: text, Record: row.ID, Version: row.Version, ID: storage.ID(other), Type: text, At: noon, Envelope: row.Body},
					storage.Event{Kind: text, Record: row.ID, Version: row.Version, N: 1, ID: storage.ID(other), Type: other, At: noon, Envelope: row.Body}))
				require.NoError(t, tx.Enqueue(ctx,
					storage.Job{Kind: text, Key: other, Subject: text, Due: noon, Payload: row.Body},
					storage.Job{Kind: text, Key: text, Due: noon, Payload: row.Body},
					storage.Job{Kind: text, Key: "dead " + text, Subject: other, Due: noon, Dead: true, Error: text}))
				for n := range 12 { // enough for a lane
					require.NoError(t, tx.Enqueue(ctx, storage.Job{Kind: other, Key: fmt.Sprint(n, text), Subject: "s" + text, Due: noon}))
				}
				require.NoError(t, tx.Enqueue(ctx, storage.Job{Kind: text, Key: text, Due: noon, Keep: true}))
				require.NoError(t, tx.Cancel(ctx, other, text))
				require.NoError(t, tx.Lock(ctx, text))
				_, err := tx.Next(ctx, text)
				require.NoError(t, err)
				return tx.Advance(ctx, text, int64(again+1))
			}))
		}
	}
	for i, text := range texts {
		if i%4 > 0 {
			continue // all of them are among the values below
		}
		equal := func(column string) storage.Condition {
			return storage.Condition{Op: storage.Equal, Column: column, Values: []any{text}}
		}
		var many []any
		for _, v := range texts {
			many = append(many, v)
		}
		conditions := []storage.Condition{
			equal("title"), equal("id"), equal("tenant"), {Op: storage.Not, Of: []storage.Condition{equal("assignee")}},
			{Op: storage.In, Column: "team", Values: many}, {Op: storage.Above, Column: "title", Values: []any{text}}, {Op: storage.Prefix, Column: "title", Values: []any{text}},
			{Op: storage.Contains, Column: "title", Values: []any{text}},
			{Op: storage.Named, By: &storage.Reference{Schema: incidents, Column: "caller", Where: equal("title")}},
		}
		for _, reads := range [][]storage.Tenant{tenants[i : i+1], tenants} {
			for _, in := range []func(context.Context, []storage.Tenant, func(context.Context, storage.Reader) error) error{s.View, s.Read} {
				require.NoError(t, in(ctx, reads, func(ctx context.Context, r storage.Reader) error {
					for _, c := range conditions {
						for _, order := range [][]storage.Order{nil, {{Column: "title"}, {Column: "priority", Descending: true}}} {
							after := &storage.Position{Tenant: reads[0], ID: storage.ID(text)}
							if order != nil {
								after.Values = []any{text, int64(1)}
							}
							for _, after := range []*storage.Position{nil, after} {
								_, err := r.Query(ctx, incidents, storage.RowQuery{Where: c, Order: order, After: after, Limit: 10, Bodies: true})
								require.NoError(t, err)
							}
						}
						_, err := r.Count(ctx, incidents, c, []string{"title", "tenant"})
						require.NoError(t, err)
					}
					_, err := r.Events(ctx, storage.EventQuery{Kind: text, Record: storage.ID(text), Types: texts, Limit: 10,
						After: storage.EventPosition{Tenant: reads[0], Kind: text, Record: storage.ID(text)}})
					require.NoError(t, err)
					for _, q := range []storage.JobQuery{{Kind: text}, {Subject: text}, {Key: text}, {Kind: text, Subject: text, Key: text, After: storage.Job{Tenant: reads[0], Kind: text, Key: text}}} {
						q.Limit = 10
						_, err := r.Jobs(ctx, q)
						require.NoError(t, err)
					}
					return nil
				}))
			}
		}
	}
	for range 3 {
		jobs, err := s.Claim(ctx, storage.Claim{Now: noon.Add(time.Minute), Lease: time.Minute, Limit: 20, Kinds: texts})
		require.NoError(t, err)
		require.NotEmpty(t, jobs)
		for i, j := range jobs {
			o := storage.Outcome{Done: true}
			if i%2 == 0 {
				o = storage.Outcome{Due: noon, Error: texts[0], Payload: fmt.Appendf(nil, "%q", texts[1]), Dead: i%4 == 0}
			}
			require.NoError(t, s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
				stolen := j
				stolen.Token = texts[2]
				require.ErrorIs(t, tx.Finish(ctx, stolen, o), storage.ErrConflict)
				return tx.Finish(ctx, j, o)
			}))
		}
	}

	// Names of columns are no values: they are known, or the database is never asked.
	p.mu.Lock()
	before := len(p.seen)
	p.mu.Unlock()
	for _, text := range texts {
		refused := func(err error) { require.ErrorIs(t, err, storage.ErrInvalid, text) }
		c := storage.Condition{Op: storage.Equal, Column: text, Values: []any{"a"}}
		named := storage.Condition{Op: storage.Named, By: &storage.Reference{Schema: incidents, Column: text}}
		strange := storage.Condition{Op: storage.Op(text), Column: "title", Values: []any{"a"}}
		refused(s.Read(ctx, tenants[:1], func(ctx context.Context, r storage.Reader) error {
			for _, c := range []storage.Condition{c, named, strange} {
				_, err := r.Query(ctx, incidents, storage.RowQuery{Where: c, Limit: 1})
				refused(err)
				_, err = r.Count(ctx, incidents, c, nil)
				refused(err)
			}
			_, err := r.Count(ctx, incidents, storage.Condition{}, []string{text})
			refused(err)
			_, err = r.Query(ctx, incidents, storage.RowQuery{Order: []storage.Order{{Column: text}}, After: &storage.Position{Values: []any{"a"}, Tenant: tenants[0], ID: "a"}, Limit: 1})
			return err
		}))
		_, err := storage.NewSchema(text, 1, nil, nil)
		refused(err)
		_, err = storage.NewSchema("good", 1, []storage.ColumnSpec{{Name: text, Kind: storage.Text}}, nil)
		refused(err)
		_, err = storage.NewSchema("good", 1, []storage.ColumnSpec{{Name: "good", Kind: storage.Text}}, []storage.Index{{Columns: []storage.Order{{Column: text}}}})
		refused(err)
		_, err = sqlstore.New(new(sql.DB), e.dialect, sqlstore.Options{Prefix: text})
		refused(err)
		_, err = itsmincident.Table.With([]storage.ColumnOf[itsmincident.Head]{storage.Custom[string](itsmincident.Table, text)})
		refused(err)
	}
	p.mu.Lock()
	require.Len(t, p.seen, before, "the database was asked about a column that there is not")
	p.mu.Unlock()

	// Where an added column finds its values in older bodies is a place in JSON, of any name.
	columns := slices.Clone(incidents.Columns())
	columns = append(columns, storage.ColumnSpec{Name: "added", Kind: storage.Text, Nullable: true, From: []string{texts[0]}})
	added, err := storage.NewSchema(incidents.Name(), 1, columns, incidents.Indexes())
	require.NoError(t, err)
	require.NoError(t, s.Migrate(ctx, added))
	row, err := get(t, s, tenants[0], storage.ID(texts[0]))
	require.NoError(t, err)
	require.Equal(t, "{}", string(row.Body), "its value is in the column now")
}

// A practice is no way around: what people report, search for and give as a cursor are arguments, and
// names of columns in a stored condition are checked.
func TestNothingThatPeopleGiveToAPracticeBecomesTextOfAStatement(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			ctx := timed(t)
			p := &tap{}
			s := open(t, e, e.empty(t), p)
			desk, err := itsmengine.New(s, itsmengine.Options{})
			require.NoError(t, err)
			practice, err := itsmincident.New(desk, itsmincident.Options{})
			require.NoError(t, err)
			require.NoError(t, desk.Migrate(ctx))
			p.statements()
			for _, text := range hostile(marker) {
				actor := itsm.Actor{Tenant: storage.Tenant(text), ID: itsm.ID(text), Name: text, Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
				report := itsmincident.Report{Command: itsm.Command{Key: text, Reason: text}, Title: text, Description: text, Requester: itsm.ID(text),
					Affected: itsm.ID(text), Category: text, Subcategory: text, Service: itsm.ID(text), Group: itsm.ID(text), Assignee: itsm.ID(text),
					Watchers: []itsm.ID{itsm.ID(text)}}
				logged, err := practice.Log(ctx, actor, report)
				require.NoError(t, err)
				again, err := practice.Log(ctx, actor, report)
				require.NoError(t, err)
				require.Equal(t, logged.ID, again.ID)
				_, err = practice.Note(ctx, actor, logged.ID, itsmincident.Note{Text: text})
				require.NoError(t, err)
				_, err = practice.Get(ctx, actor, itsm.ID(text))
				require.ErrorIs(t, err, itsm.ErrNotFound)
				_, err = practice.GetByNumber(ctx, actor, text)
				require.Error(t, err)
				report.Key = "another"
				_, err = practice.Log(ctx, actor, report)
				require.NoError(t, err)

				title, err := itsmincident.Table.Where(storage.Condition{Op: storage.Contains, Column: "title", Values: []any{text}})
				require.NoError(t, err)
				q := itsmincident.Query{Where: title, Limit: 1}
				page, err := practice.List(ctx, actor, q)
				require.NoError(t, err)
				require.Len(t, page.Items, 1)
				q.After = page.Next
				page, err = practice.List(ctx, actor, q)
				require.NoError(t, err)
				require.Len(t, page.Items, 1)
				for _, cursor := range []storage.Cursor{storage.Cursor(text), q.After + storage.Cursor(text), storage.Cursor(text) + q.After} {
					q.After = cursor
					_, err = practice.List(ctx, actor, q)
					require.ErrorIs(t, err, itsm.ErrInvalid)
				}
				q.After, q.Order = "", []storage.Order{{Column: text}}
				_, err = practice.List(ctx, actor, q)
				require.ErrorIs(t, err, itsm.ErrInvalid)
				_, err = itsmincident.Table.Where(storage.Condition{Op: storage.Equal, Column: text, Values: []any{"a"}})
				require.ErrorIs(t, err, itsm.ErrInvalid)
			}
			watch(t, p, marker)
		})
	}
}

// The watch sees what a store that is written carelessly would do.
func TestTextOfAStatementThatHasWhatWasGivenIsSeen(t *testing.T) {
	p := &tap{}
	db := p.db(t, sqlitePure, sqlitePure.empty(t))
	for _, text := range []string{"SELECT ?", "SELECT ? || 'ZQXmark'"} {
		_, err := db.ExecContext(t.Context(), text, "a "+marker)
		require.NoError(t, err)
	}
	texts, marked, arguments := watched(p, marker)
	require.Equal(t, []string{"CONNECT", "SELECT ?", "SELECT ? || 'ZQXmark'"}, texts)
	require.Equal(t, []string{"SELECT ? || 'ZQXmark'"}, marked)
	require.Equal(t, 2, arguments)
}
