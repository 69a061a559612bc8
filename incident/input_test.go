package incident_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

const mebibyte = 1 << 20

var (
	huge     = strings.Repeat("x", mebibyte)
	notUTF8  = "caf\xe9"
	withNUL  = "a\x00b"
	tooMany  = make([]itsm.ID, incident.MaxPeople+1)
	someone  = itsm.ID("someone")
	longText = strings.Repeat("x", storage.MaxText+1)
)

func init() {
	for n := range tooMany {
		tooMany[n] = itsm.ID(fmt.Sprint("p", n))
	}
}

// TestBadInputIsToldWhole gives each command input that is wrong in several ways: every fault is
// told at once, and nothing is written.
func TestBadInputIsToldWhole(t *testing.T) {
	set, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "seats", Type: itsm.FieldInteger})
	require.NoError(t, err)
	costCentre := storage.Custom[string](incident.Table, "cost_centre")
	foreign := storage.Custom[string](incident.Table, "foreign")
	d := openDesk(t, incident.Options{Fields: set, Columns: []storage.ColumnOf[incident.Head]{costCentre}})
	ctx := t.Context()
	_, err = d.Log(ctx, mona.In("elsewhere"), incident.Report{Title: "x", Requester: "r"})
	require.ErrorIs(t, err, itsm.ErrForbidden, "no one has rights where none were granted")
	stranger := mona
	stranger.Tenant = "elsewhere"
	abroad, err := d.Log(ctx, stranger, incident.Report{Title: "x", Requester: "r"})
	require.NoError(t, err)

	open, waiting, resolved := d.in(incident.StateInProgress).ID, d.in(incident.StateOnHold).ID, d.in(incident.StateResolved).ID
	for _, c := range []struct {
		name string
		do   func() (incident.Incident, error)
		want []string
	}{
		{"an empty report", func() (incident.Incident, error) { return d.Log(ctx, mona, incident.Report{}) },
			[]string{"title", "requester"}},
		{"a report wrong everywhere", func() (incident.Incident, error) {
			return d.Log(ctx, mona, incident.Report{
				Title: huge, Description: notUTF8, Requester: itsm.ID(withNUL), Affected: itsm.ID(huge), Channel: "pigeon",
				Impact: 4, Urgency: -1, Category: withNUL, Subcategory: notUTF8, Service: "\x7f", Group: itsm.ID(notUTF8), Assignee: "\n",
				Occurred: d.now, Detected: d.now.Add(-1 * time.Hour), Reported: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC),
				Members: []itsm.ID{"ok", ""}, Watchers: tooMany,
				Fields:  itsm.Fields{"seats": json.RawMessage(`"many"`), "chairs": json.RawMessage(`1`)},
				Columns: []storage.Value[incident.Head]{costCentre.Value(withNUL), foreign.Value("x"), incident.ByState.Value("closed"), {}},
			})
		}, []string{"fields.seats", "fields.chairs", "columns", "columns", "columns[3]", "columns.x_cost_centre", "service", "category", "subcategory",
			"impact", "urgency", "title", "description", "requester", "affected", "group", "assignee", "channel", "members", "members[1]", "watchers",
			"reported", "detected"}},
		{"a title of spaces", func() (incident.Incident, error) {
			return d.Log(ctx, mona, incident.Report{Title: " \t", Requester: "r"})
		}, []string{"title"}},
		{"a title and column too long", func() (incident.Incident, error) {
			return d.Log(ctx, mona, incident.Report{Title: longText, Requester: "r", Columns: []storage.Value[incident.Head]{costCentre.Value(longText)}})
		}, []string{"columns.x_cost_centre", "title"}},
		{"an assignment of broken ids", func() (incident.Incident, error) {
			return d.Reassign(ctx, mona, open, incident.Assignment{Group: itsm.ID(notUTF8), Assignee: itsm.ID(huge)})
		}, []string{"group", "assignee"}},
		{"a hold wrong everywhere", func() (incident.Incident, error) {
			return d.Hold(ctx, mona, open, incident.Hold{HoldReason: incident.HoldReason(huge), Until: d.now.Add(-1 * time.Second), Note: notUTF8, Visibility: "secret", Link: &itsm.Ref{Kind: withNUL}})
		}, []string{"hold_reason", "note", "visibility", "until", "link.kind", "link.id"}},
		{"a hold for another tenant's incident", func() (incident.Incident, error) {
			return d.Hold(ctx, mona, open, incident.Hold{HoldReason: incident.HoldProblem, Link: &itsm.Ref{Kind: incident.Kind, ID: abroad.ID}})
		}, []string{"link"}},
		{"the same reason again", func() (incident.Incident, error) {
			return d.ChangeHoldReason(ctx, mona, waiting, incident.Hold{HoldReason: incident.HoldCaller})
		}, []string{"hold_reason", "note"}},
		{"a reply of a mebibyte", func() (incident.Incident, error) { return d.Reply(ctx, rita, open, incident.Reply{Text: huge}) }, []string{"text"}},
		{"a note of nothing", func() (incident.Incident, error) {
			return d.Note(ctx, mona, open, incident.Note{Text: "\n", Visibility: "x"})
		}, []string{"text", "visibility"}},
		{"a resolution wrong everywhere", func() (incident.Incident, error) {
			return d.Resolve(ctx, mona, open, incident.Resolution{Code: "magic", Notes: withNUL})
		}, []string{"code", "notes"}},
		{"a reopening that cannot be read", func() (incident.Incident, error) {
			return d.Reopen(ctx, mona, resolved, incident.Reopening{Note: notUTF8})
		}, []string{"note"}},
		{"a cancellation for nothing", func() (incident.Incident, error) { return d.Cancel(ctx, mona, open, incident.Cancellation{}) }, []string{"reason"}},
		{"a duplicate of another tenant's", func() (incident.Incident, error) {
			return d.Cancel(ctx, mona, open, incident.Cancellation{DuplicateOf: abroad.ID})
		}, []string{"duplicate_of", "reason"}},
		{"a duplicate of what is no id", func() (incident.Incident, error) {
			return d.Cancel(ctx, mona, open, incident.Cancellation{DuplicateOf: itsm.ID(huge)})
		}, []string{"duplicate_of", "reason"}},
		{"an override of nothing", func() (incident.Incident, error) { return d.OverridePriority(ctx, mona, open, incident.Override{}) },
			[]string{"priority", "reason"}},
		{"an edit wrong everywhere", func() (incident.Incident, error) {
			return d.Edit(ctx, mona, open, incident.Edit{Title: &huge, Description: &withNUL, Requester: ptr(itsm.ID("")), Affected: ptr(itsm.ID(notUTF8)),
				Channel: ptr(incident.Channel("")), Watchers: &tooMany, Fields: itsm.Fields{"seats": json.RawMessage(`1.5`), "\xff": json.RawMessage(`{`)},
				Columns: []storage.Value[incident.Head]{incident.ByPriority.Value(1)}})
		}, []string{"title", "description", "requester", "affected", "channel", "watchers", "fields.seats", `fields."?"`, "columns"}},
		{"members that cannot be", func() (incident.Incident, error) {
			return d.Restrict(ctx, mona, open, incident.Restriction{Members: []itsm.ID{someone, itsm.ID(withNUL)}})
		}, []string{"members[1]"}},
		{"a link to nothing", func() (incident.Incident, error) { return d.Link(ctx, mona, open, incident.Relation{}) },
			[]string{"type", "to.kind", "to.id"}},
		{"a link to another tenant's incident", func() (incident.Incident, error) {
			return d.Link(ctx, mona, open, incident.Relation{Type: itsm.LinkRelatedTo, To: abroad.Ref()})
		}, []string{"to"}},
		{"a key that cannot be one", func() (incident.Incident, error) {
			return d.Note(ctx, mona, open, incident.Note{Command: itsm.Command{Key: withNUL, IfVersion: -1, Reason: huge}, Text: "x"})
		}, []string{"key", "if_version", "reason"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := d.snapshot()
			_, err := c.do()
			require.ElementsMatch(t, c.want, faults(t, err), "%v", err)
			require.Less(t, len(err.Error()), 4000, "an error does not repeat what it was given")
			require.Equal(t, before, d.snapshot(), "nothing is written")
		})
	}
}

func TestG6AForeignIDIsNotFoundByAnyCommand(t *testing.T) {
	d := openDesk(t, incident.Options{})
	stranger := mona
	stranger.Tenant = "elsewhere"
	i, err := d.Log(t.Context(), stranger, incident.Report{Title: "x", Requester: "r"})
	require.NoError(t, err)
	for _, id := range []itsm.ID{i.ID, "", "no-such-id", itsm.ID(huge), itsm.ID(notUTF8)} {
		for action, command := range commands {
			_, err := command(t.Context(), d.Practice, id)
			require.ErrorIs(t, err, itsm.ErrNotFound, "%s", action)
		}
		_, err := d.Do(t.Context(), mona, id, "hand_over", incident.Input{})
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = d.Get(t.Context(), mona, id)
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
	require.Empty(t, d.snapshot().Records)
}

func TestX11AnActorWithoutTenantIsInvalid(t *testing.T) {
	d := openDesk(t, incident.Options{})
	nobody := itsm.Actor{ID: "x", Roles: mona.Roles}
	_, err := d.Log(t.Context(), nobody, incident.Report{Title: "x", Requester: "r"})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.List(t.Context(), nobody, incident.Query{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.List(t.Context(), nobody, incident.Query{Tenants: []storage.Tenant{"acme"}})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestBadQueriesAreRefused(t *testing.T) {
	d := openDesk(t, incident.Options{})
	unknown := storage.Custom[string](incident.Table, "unknown")
	for name, q := range map[string]incident.Query{
		"an unknown column":         {Where: unknown.Is("x")},
		"an order that may be null": {Order: []storage.Order{incident.ByResolved.Asc()}},
		"an unknown order":          {Order: []storage.Order{unknown.Asc()}},
		"too many":                  {Limit: storage.MaxPage + 1},
		"a forged cursor":           {After: "Zm9yZ2Vk"},
		"a tenant twice":            {Tenants: []storage.Tenant{"acme", "acme"}},
	} {
		_, err := d.List(t.Context(), mona, q)
		require.ErrorIs(t, err, itsm.ErrInvalid, name)
	}
	_, err := d.CountBy(t.Context(), mona, incident.Query{}, unknown)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.GetByNumber(t.Context(), mona, withNUL)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.GetByNumber(t.Context(), mona, "INC9999999")
	require.ErrorIs(t, err, itsm.ErrNotFound)
	for _, err := range d.All(t.Context(), mona, incident.Query{After: "x"}) {
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
}

func TestOptionsAreCheckedWhole(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	_, err = incident.New(nil, incident.Options{
		Lifecycle: &incident.Lifecycle{}, Impact: 9, Urgency: -2, Codes: []incident.Code{"a", "a", ""}, Channels: []incident.Channel{},
		HoldReasons: []incident.HoldRule{{Reason: "x", LinkResumes: true}, {Reason: "x"}},
		Categories:  map[string][]string{"": nil, "mail": {"a", "a"}}, Children: "adopt", NumberPrefix: strings.Repeat("I", 40),
		Columns: []storage.ColumnOf[incident.Head]{incident.ByState, nil},
	})
	require.ElementsMatch(t, []string{"engine", "lifecycle", "impact", "urgency", "codes", "codes[2]", "channels", "hold_reasons[0].link_resumes", "hold_reasons",
		"categories", "categories.mail", "children", "number_prefix", "columns", "columns"}, faults(t, err))

	waiting, err := itsm.NewLifecycle[incident.State, incident.Action, *incident.Case](incident.Kind, []incident.State{"w"},
		[]incident.StateOf{{Name: "w", Category: itsm.CategoryWaiting}, {Name: "c", Category: itsm.CategoryClosed}},
		incident.Rule{From: []incident.State{"w"}, On: "end", To: "c"})
	require.NoError(t, err)
	_, err = incident.New(e, incident.Options{Lifecycle: waiting})
	require.ErrorContains(t, err, `begins in "w", which is waiting`)
	_, err = incident.New(e, incident.Options{Indexes: []storage.Index{storage.IndexOn(storage.Order{Column: "nope"})}})
	require.Equal(t, []string{"indexes"}, faults(t, err))

	_, err = incident.New(e, incident.Options{NumberPrefix: "TICKET-"})
	require.NoError(t, err, "what failed before has registered nothing")
	_, err = incident.New(e, incident.Options{})
	require.ErrorIs(t, err, itsm.ErrInvalid, "one practice an engine")
}

func TestAnErrorOfTheHostIsPassedOn(t *testing.T) {
	broken := errors.New("the directory is down")
	e, err := engine.New(memory.New(), engine.Options{Authorizer: brokenAuthorizer{broken}})
	require.NoError(t, err)
	p, err := incident.New(e, incident.Options{})
	require.NoError(t, err)
	_, err = p.Log(t.Context(), mona, incident.Report{Title: "x", Requester: "r"})
	require.ErrorIs(t, err, broken)
	_, err = p.List(t.Context(), mona, incident.Query{})
	require.ErrorIs(t, err, broken)
}
