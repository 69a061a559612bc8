package incident_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

type brokenAuthorizer struct{ err error }

func (b brokenAuthorizer) Authorize(context.Context, itsm.Actor, itsm.Permission, *itsm.Subject) error {
	return b.err
}

func (b brokenAuthorizer) Scopes(context.Context, itsm.Actor, itsm.Permission) ([]itsm.Scope, error) {
	return nil, b.err
}

// TestListsAgreeWithTheAuthorizerRecordByRecord gives random people random grants on random
// incidents: a list has exactly those that Get gives, and Get gives what the authorizer allows.
func TestListsAgreeWithTheAuthorizerRecordByRecord(t *testing.T) {
	ids := []itsm.ID{"a", "b", "c"}
	scopes := []itsm.Scope{itsm.ScopeAll, itsm.ScopeGroup, itsm.ScopeAssignee, itsm.ScopeRequester, itsm.ScopeMember}
	rapid.Check(t, func(rt *rapid.T) {
		grants := []itsm.Grant{}
		for _, permission := range []itsm.Permission{incident.PermissionRead, "incident.see_restricted"} {
			if s := rapid.SliceOfDistinct(rapid.SampledFrom(scopes), rapid.ID[itsm.Scope]).Draw(rt, string(permission)); len(s) > 0 {
				grants = append(grants, itsm.Grant{Permission: permission, Scopes: s})
			}
		}
		book, err := itsm.NewRoleBook(itsm.Role{Name: "drawn", Grants: grants})
		require.NoError(rt, err)
		e, err := engine.New(memory.New(), engine.Options{Authorizer: book})
		require.NoError(rt, err)
		p, err := incident.New(e, incident.Options{})
		require.NoError(rt, err)
		require.NoError(rt, e.Migrate(t.Context()))
		maybe := rapid.SampledFrom(append([]itsm.ID{""}, ids...))
		system := itsm.SystemActor("acme", "setup")
		var logged []incident.Incident
		for n := range rapid.IntRange(1, 8).Draw(rt, "incidents") {
			r := incident.Report{
				Title: fmt.Sprint(n), Requester: rapid.SampledFrom(ids).Draw(rt, "requester"), Affected: maybe.Draw(rt, "affected"),
				Group: maybe.Draw(rt, "group"), Assignee: maybe.Draw(rt, "assignee"), Restricted: rapid.Bool().Draw(rt, "restricted"),
			}
			if r.Restricted {
				r.Members = rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID[itsm.ID]).Draw(rt, "members")
			}
			i, err := p.Log(t.Context(), system, r)
			require.NoError(rt, err)
			logged = append(logged, i)
		}
		actor := itsm.Actor{Tenant: "acme", ID: rapid.SampledFrom(ids).Draw(rt, "actor"), Roles: []itsm.RoleName{"drawn"},
			Groups: rapid.SliceOf(maybe).Draw(rt, "groups")}
		var want, got []itsm.ID
		for _, i := range logged {
			s := itsm.Subject{Kind: incident.Kind, ID: i.ID, Requesters: []itsm.ID{i.Requester, i.Affected}, Groups: []itsm.ID{i.Group},
				Assignee: i.Assignee, Restricted: i.Restricted, Members: i.Members}
			_, err := p.Get(t.Context(), actor, i.ID)
			if book.Authorize(t.Context(), actor, incident.PermissionRead, &s) == nil {
				want = append(want, i.ID)
				require.NoError(rt, err)
			} else {
				require.ErrorIs(rt, err, itsm.ErrNotFound)
			}
		}
		for h, err := range p.All(t.Context(), actor, incident.Query{Limit: 3}) {
			if err != nil {
				require.ErrorIs(rt, err, itsm.ErrForbidden)
				require.Empty(rt, want)
				return
			}
			got = append(got, h.ID)
		}
		require.ElementsMatch(rt, want, got)
		n, err := p.Count(t.Context(), actor, incident.Query{})
		require.NoError(rt, err)
		require.EqualValues(rt, len(want), n)
	})
}

func TestD6ARequesterSeesNothingInternal(t *testing.T) {
	set, err := itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "building", Type: itsm.FieldText},
		itsm.FieldDefinition{Name: "suspicion", Type: itsm.FieldText, Internal: true},
		itsm.FieldDefinition{Name: "risk_class", Type: itsm.FieldInteger, Internal: true})
	require.NoError(t, err)
	riskClass := storage.Custom[int64](incident.Table, "risk_class")
	site := storage.Custom[string](incident.Table, "site")
	d := openDesk(t, incident.Options{Fields: set, Columns: []storage.ColumnOf[incident.Head]{riskClass, site}})
	ctx := t.Context()
	const secret = "TOP-SECRET"
	quoted := json.RawMessage(`"` + secret + `"`)

	// What is internal is not hers to give, and she is not told that it exists.
	_, err = d.Log(ctx, rita, incident.Report{Title: "x", Requester: "rita", Fields: itsm.Fields{"suspicion": quoted},
		Columns: []storage.Value[incident.Head]{riskClass.Value(1)}})
	require.ElementsMatch(t, []string{"fields.suspicion", "columns"}, faults(t, err))

	i, err := d.Log(ctx, rita, incident.Report{Title: "x", Requester: "rita", Fields: itsm.Fields{"building": json.RawMessage(`"A"`)},
		Columns: []storage.Value[incident.Head]{site.Value("north")}})
	require.NoError(t, err)
	must := func(_ incident.Incident, err error) {
		t.Helper()
		require.NoError(t, err)
	}
	must(d.Edit(ctx, ana, i.ID, incident.Edit{Command: itsm.Command{Reason: secret}, Title: ptr("y"), Watchers: &[]itsm.ID{secret},
		Fields: itsm.Fields{"suspicion": quoted, "building": json.RawMessage(`"B"`)}, Columns: []storage.Value[incident.Head]{riskClass.Value(99871)}}))
	must(d.Note(ctx, ana, i.ID, incident.Note{Text: secret}))
	must(d.OverridePriority(ctx, mona, i.ID, incident.Override{Command: itsm.Command{Reason: secret}, Priority: 1}))
	must(d.Restrict(ctx, mona, i.ID, incident.Restriction{Members: []itsm.ID{secret}}))
	must(d.Link(ctx, mona, i.ID, incident.Relation{Type: itsm.LinkCausedBy, To: itsm.Ref{Kind: "change", ID: secret}}))
	must(d.Hold(ctx, mona, i.ID, incident.Hold{HoldReason: incident.HoldProblem, Note: secret, Link: &itsm.Ref{Kind: "problem", ID: secret}}))
	must(d.ChangeHoldReason(ctx, mona, i.ID, incident.Hold{HoldReason: incident.HoldVendor, Link: &itsm.Ref{Kind: "case", ID: secret}}))
	must(d.SetTimes(ctx, mona, i.ID, incident.Times{Command: itsm.Command{Reason: secret}, Occurred: ptr(d.now)}))
	must(d.Note(ctx, mona, i.ID, incident.Note{Text: "We are on it", Visibility: itsm.VisibilityPublic}))

	got, err := d.Get(ctx, rita, i.ID)
	require.NoError(t, err)
	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	notes, err := d.Notes(ctx, rita, i.ID, "", 0)
	require.NoError(t, err)
	links, err := d.Links(ctx, rita, i.ID)
	require.NoError(t, err)
	page, err := d.List(ctx, rita, incident.Query{})
	require.NoError(t, err)
	reply, err := d.Reply(ctx, rita, i.ID, incident.Reply{Text: "Thanks"})
	require.NoError(t, err)
	actions, err := d.PermittedActions(ctx, rita, i.ID)
	require.NoError(t, err)
	all, err := json.Marshal([]any{got, entries, notes, links, page, reply, actions})
	require.NoError(t, err)
	require.NotContains(t, string(all), secret)
	require.NotContains(t, string(all), "suspicion")
	require.NotContains(t, string(all), "risk_class")
	require.NotContains(t, string(all), "99871")

	// What is hers is there.
	require.Equal(t, itsm.Fields{"building": json.RawMessage(`"B"`)}, got.Fields)
	north, _ := site.Of(&got.Head)
	require.Equal(t, "north", north)
	var told []string
	for _, e := range entries {
		told = append(told, e.Event.Action)
		if e.Event.Action == "edit" {
			require.Equal(t, []itsm.Change{
				{Field: "fields", Old: json.RawMessage(`{"building":"A"}`), New: json.RawMessage(`{"building":"B"}`)},
				{Field: "title", Old: json.RawMessage(`"x"`), New: json.RawMessage(`"y"`)},
			}, e.Event.Changes)
		}
	}
	require.Equal(t, []string{"log", "edit", "override_priority", "hold", "change_hold_reason", "note"}, told)
	require.Equal(t, "We are on it", entries[5].Note.Text)

	// Nor do filters, orders and counts tell: they are over what she may read it of.
	for _, q := range []incident.Query{
		{Where: riskClass.Is(99871)},
		{Where: storage.NotOf(riskClass.Is(1))},
		{Where: storage.AllOf(incident.ByOpen.Is(true), riskClass.IsNull())},
	} {
		n, err := d.Count(ctx, rita, q)
		require.NoError(t, err)
		require.Zero(t, n)
	}
	groups, err := d.CountBy(ctx, rita, incident.Query{}, riskClass)
	require.NoError(t, err)
	require.Empty(t, groups)
	n, err := d.Count(ctx, mona, incident.Query{Where: riskClass.Is(99871)})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	full := d.get(i.ID)
	class, _ := riskClass.Of(&full.Head)
	require.EqualValues(t, 99871, class)
	require.Equal(t, quoted, full.Fields["suspicion"])
}

func TestG1TheTimelineTellsTheStoryInOrder(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateOnHold)
	_, err := d.Reply(ctx, rita, i.ID, incident.Reply{Text: "The shared one"})
	require.NoError(t, err)
	// A note that another part of the host wrote, without an event of incidents.
	err = d.e.Update(ctx, ana, func(ctx context.Context, u *engine.Unit) error {
		_, err := u.AddNote(ctx, i.Ref(), itsm.Note{Text: "From the monitoring", At: d.now.Add(1e9)})
		return err
	})
	require.NoError(t, err)
	entries, err := d.Timeline(ctx, ana, i.ID)
	require.NoError(t, err)
	var story []string
	for _, e := range entries {
		line := ""
		if e.Event != nil {
			line = e.Event.ActorName + " " + e.Event.Action
		}
		if e.Note != nil {
			line += ": " + e.Note.Text
		}
		story = append(story, line)
	}
	require.Equal(t, []string{"Mona log", "Mona assign", "Ana hold: Which mailbox?", "Rita reply: The shared one", "Rita resume", ": From the monitoring"}, story)
	require.True(t, slices.IsSortedFunc(entries, func(a, b incident.Entry) int { return a.At.Compare(b.At) }))
}

func TestOnePersonIsAMemberOfAnyNumberOfIncidents(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	const n = storage.MaxConditionValues + 50
	hal := itsm.Actor{Tenant: "acme", ID: "hal", Roles: ana.Roles}
	for range n {
		d.report(func(r *incident.Report) { r.Restricted, r.Members = true, []itsm.ID{"hal"} })
	}
	hidden := d.report(func(r *incident.Report) { r.Restricted, r.Members = true, []itsm.ID{"ana"} })
	got, err := d.Count(ctx, hal, incident.Query{})
	require.NoError(t, err)
	require.EqualValues(t, n, got)
	_, err = d.Restrict(ctx, mona, hidden.ID, incident.Restriction{Members: []itsm.ID{"ana", "hal"}})
	require.NoError(t, err)
	got = 0
	for h, err := range d.All(ctx, hal, incident.Query{Limit: storage.MaxPage}) {
		require.NoError(t, err)
		require.True(t, h.Restricted)
		got++
	}
	require.EqualValues(t, n+1, got)
}

func TestAMemberReadsWhatIsInternalWhereItIsOne(t *testing.T) {
	set, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "risk_class", Type: itsm.FieldInteger, Internal: true})
	require.NoError(t, err)
	riskClass := storage.Custom[int64](incident.Table, "risk_class")
	book, err := itsm.NewRoleBook(itsm.Role{Name: "guest", Grants: []itsm.Grant{
		{Permission: incident.PermissionRead, Scopes: []itsm.Scope{itsm.ScopeRequester, itsm.ScopeMember}},
		{Permission: incident.PermissionReadInternal, Scopes: []itsm.Scope{itsm.ScopeAssignee, itsm.ScopeMember}},
	}})
	require.NoError(t, err)
	e, err := engine.New(memory.New(), engine.Options{Authorizer: book})
	require.NoError(t, err)
	p, err := incident.New(e, incident.Options{Fields: set, Columns: []storage.ColumnOf[incident.Head]{riskClass}})
	require.NoError(t, err)
	require.NoError(t, e.Migrate(t.Context()))
	ctx := t.Context()
	guest := itsm.Actor{Tenant: "acme", ID: "gus", Roles: []itsm.RoleName{"guest"},
		Elsewhere: map[itsm.Tenant]itsm.Membership{"umbra": {Roles: []itsm.RoleName{"guest"}}}}
	class := int64(0)
	log := func(tenant itsm.Tenant, r incident.Report) itsm.ID {
		class++
		r.Title, r.Requester, r.Columns = "x", "gus", []storage.Value[incident.Head]{riskClass.Value(class)}
		i, err := p.Log(ctx, itsm.SystemActor(tenant, "setup"), r)
		require.NoError(t, err)
		return i.ID
	}
	open := log("acme", incident.Report{})
	member := log("acme", incident.Report{Restricted: true, Members: []itsm.ID{"gus", "ana"}})
	other := log("acme", incident.Report{Restricted: true, Members: []itsm.ID{"ana"}})
	assigned := log("acme", incident.Report{Assignee: "gus"})
	there := log("umbra", incident.Report{Restricted: true, Members: []itsm.ID{"gus"}})
	not := log("umbra", incident.Report{Restricted: true})
	for _, tenants := range [][]storage.Tenant{nil, {"umbra", "acme"}} {
		q := incident.Query{Tenants: tenants}
		page, err := p.List(ctx, guest, q)
		require.NoError(t, err)
		got := map[itsm.ID]int64{}
		for _, h := range page.Items {
			got[h.ID], _ = riskClass.Of(&h)
		}
		want := map[itsm.ID]int64{open: 0, member: 2, other: 0, assigned: 4}
		if tenants != nil {
			want[there], want[not] = 5, 0
		}
		require.Equal(t, want, got)
		q.Where = riskClass.AtLeast(0)
		n, err := p.Count(ctx, guest, q)
		require.NoError(t, err)
		require.EqualValues(t, 2+len(tenants)/2, n)
	}
}
