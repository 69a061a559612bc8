package incident_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var monitor = itsm.SystemActor("acme", "monitoring")

const disk = "db-1/disk"

// fire reports an alert of the key.
func (d *serviceDesk) fire(key string, change ...func(*incident.AlertReport)) incident.Alert {
	d.t.Helper()
	r := incident.AlertReport{DeduplicationKey: key, Title: "Disk of db-1 is full", Severity: incident.SeverityMinor, Source: "prometheus"}
	for _, fn := range change {
		fn(&r)
	}
	a, err := d.Alert(d.t.Context(), monitor, r)
	require.NoError(d.t, err)
	return a
}

func (d *serviceDesk) clear(key string) incident.Alert {
	d.t.Helper()
	a, err := d.ClearAlert(d.t.Context(), monitor, incident.ClearReport{DeduplicationKey: key, Source: "prometheus"})
	require.NoError(d.t, err)
	return a
}

func severity(s incident.Severity) func(*incident.AlertReport) {
	return func(r *incident.AlertReport) { r.Severity = s }
}

func (d *serviceDesk) proposed() []itsm.ID {
	d.t.Helper()
	page, err := d.List(d.t.Context(), ana, incident.Query{Where: incident.ByResolutionProposed.Is(true)})
	require.NoError(d.t, err)
	var ids []itsm.ID
	for _, h := range page.Items {
		ids = append(ids, h.ID)
	}
	return ids
}

func (d *serviceDesk) number() int64 {
	d.t.Helper()
	n, err := d.Count(d.t.Context(), mona, incident.Query{})
	require.NoError(d.t, err)
	return n
}

func TestI13AlertsOfOneKeyAreOneIncident(t *testing.T) {
	t.Run("the first logs it and later ones are counted", func(t *testing.T) {
		d := openDesk(t, incident.Options{})
		first := d.fire(disk, func(r *incident.AlertReport) { r.Service = "shop" })
		logged := d.get(first.Incident)
		require.Equal(t, incident.ChannelMonitoring, logged.Channel)
		require.Equal(t, incident.StateNew, logged.State)
		require.Equal(t, monitor.ID, logged.Requester)
		require.Equal(t, itsm.ID("shop"), logged.Service)
		require.Equal(t, [2]int{int(itsm.ImpactMedium), int(itsm.UrgencyMedium)}, [2]int{int(logged.Impact), int(logged.Urgency)}, "as the table of severities says")
		before := d.snapshot()
		start := d.now
		d.now = d.now.Add(time.Minute)
		for n := range 5 {
			again := d.fire(disk, severity(incident.SeverityInfo))
			require.Equal(t, logged.ID, again.Incident)
			require.EqualValues(t, n+2, again.Count)
			require.Equal(t, [2]time.Time{start, d.now}, [2]time.Time{again.FirstSeen, again.LastSeen})
			require.Equal(t, incident.SeverityMinor, again.Severity)
		}
		require.Equal(t, before, d.snapshot(), "no version, event, job or note more")
		require.NotEqual(t, first.Incident, d.fire("db-2/disk").Incident)
		require.EqualValues(t, 2, d.number())
	})
	t.Run("a graver one raises the priority once, and people may lower it", func(t *testing.T) {
		d := openDesk(t, incident.Options{})
		id := d.fire(disk, severity(incident.SeverityWarning)).Incident
		require.Equal(t, itsm.Priority(4), d.get(id).Priority)
		d.fire(disk, severity(incident.SeverityCritical))
		require.Equal(t, itsm.Priority(1), d.get(id).Priority)
		require.Equal(t, incident.Classified{From: 4, Priority: 1}, d.last(id).Data)
		_, err := d.Classify(t.Context(), mona, id, incident.Classification{Impact: itsm.ImpactLow, Urgency: itsm.UrgencyLow})
		require.NoError(t, err)
		d.fire(disk, severity(incident.SeverityCritical))
		require.Equal(t, itsm.Priority(4), d.get(id).Priority)

		keeps := openDesk(t, incident.Options{Alerts: incident.AlertOptions{KeepSeverity: true}})
		id = keeps.fire(disk, severity(incident.SeverityWarning)).Incident
		a := keeps.fire(disk, severity(incident.SeverityCritical))
		require.Equal(t, incident.SeverityCritical, a.Severity)
		require.Equal(t, itsm.Priority(4), keeps.get(id).Priority)
	})
	t.Run("a clear proposes the resolution, and an alert withdraws it", func(t *testing.T) {
		d := openDesk(t, incident.Options{})
		id := d.fire(disk).Incident
		require.Empty(t, d.proposed())
		cleared := d.clear(disk)
		require.False(t, cleared.Firing)
		require.Equal(t, d.now, cleared.ClearedAt)
		require.Equal(t, []itsm.ID{id}, d.proposed())
		require.Equal(t, incident.ClearReceived{DeduplicationKey: disk}, d.last(id).Data)
		version := d.get(id).Version
		require.EqualValues(t, 2, d.clear(disk).Clears)
		require.Equal(t, version, d.get(id).Version, "a clear that is repeated does nothing")
		require.Equal(t, incident.StateNew, d.get(id).State, "it only proposes")
		require.True(t, d.fire(disk).Firing)
		require.Empty(t, d.proposed())
		require.Equal(t, incident.AlertReturned{DeduplicationKey: disk}, d.last(id).Data)
		d.clear(disk)
		_, err := d.Resolve(t.Context(), ana, id, fixed)
		require.NoError(t, err)
		require.Empty(t, d.proposed(), "what is resolved is not proposed")
		require.Zero(t, d.get(id).ProposedAt)
	})
	t.Run("what has been quiet resolves by itself, and what flaps does not", func(t *testing.T) {
		d := openDesk(t, incident.Options{Alerts: incident.AlertOptions{ResolveAfter: 10 * time.Minute}})
		id := d.fire(disk).Incident
		d.clear(disk)
		d.wait(9 * time.Minute)
		d.fire(disk)
		d.wait(time.Hour)
		require.Equal(t, incident.StateNew, d.get(id).State)
		d.clear(disk)
		d.wait(9 * time.Minute)
		require.Equal(t, incident.StateNew, d.get(id).State, "the time counts anew")
		require.Equal(t, 1, d.wait(time.Minute).Jobs)
		resolved := d.get(id)
		require.Equal(t, incident.StateResolved, resolved.State)
		require.Equal(t, incident.CodeByRequester, resolved.Resolution.Code)
		require.Zero(t, d.wait(time.Hour).Jobs)
	})
	t.Run("what may not be resolved stays proposed", func(t *testing.T) {
		d := openDesk(t, incident.Options{Children: incident.ChildrenBlock, Alerts: incident.AlertOptions{ResolveAfter: time.Minute}})
		id := d.fire(disk).Incident
		_, err := d.Link(t.Context(), mona, d.report().ID, incident.Relation{Type: itsm.LinkChildOf, To: itsm.Ref{Kind: incident.Kind, ID: id}})
		require.NoError(t, err)
		d.clear(disk)
		ran := d.wait(time.Hour)
		require.Zero(t, ran.Failed+ran.Dead)
		require.Equal(t, []itsm.ID{id}, d.proposed())
	})
	for policy, want := range map[incident.AlertPolicy]struct {
		state     incident.State
		incidents int64
	}{
		"": {incident.StateInProgress, 1}, incident.AlertsReopen: {incident.StateInProgress, 1},
		incident.AlertsCount: {incident.StateResolved, 1}, incident.AlertsFollowUp: {incident.StateResolved, 2},
	} {
		t.Run("after it was resolved the policy decides: "+string(policy), func(t *testing.T) {
			d := openDesk(t, incident.Options{Alerts: incident.AlertOptions{AfterResolved: policy}})
			id := d.fire(disk).Incident
			_, err := d.Resolve(t.Context(), ana, id, fixed)
			require.NoError(t, err)
			d.now = d.now.Add(time.Hour)
			a := d.fire(disk)
			require.Equal(t, want.state, d.get(id).State)
			require.Equal(t, want.incidents, d.number())
			if policy != incident.AlertsFollowUp {
				require.Equal(t, id, a.Incident)
				require.EqualValues(t, 2, a.Count)
				return
			}
			require.EqualValues(t, 1, a.Count)
			d.followsUp(a.Incident, id)
			_, err = d.Reopen(t.Context(), mona, id, incident.Reopening{})
			require.ErrorIs(t, err, itsm.ErrTransition, "two open incidents would be about one alert")
			require.ErrorContains(t, err, "its alerts go to a later incident")
			for _, action := range d.actions(id) {
				if action.Action == string(incident.ActionReopen) {
					require.False(t, action.Permitted)
				}
			}
			_, err = d.Resolve(t.Context(), ana, a.Incident, fixed)
			require.NoError(t, err)
			_, err = d.Reopen(t.Context(), mona, id, incident.Reopening{})
			require.NoError(t, err)
			require.Equal(t, id, d.fire(disk).Incident, "they go to the one that is open")
			_, err = d.Reopen(t.Context(), mona, a.Incident, incident.Reopening{})
			require.ErrorIs(t, err, itsm.ErrTransition)
		})
	}
	t.Run("after it was closed a new one follows up", func(t *testing.T) {
		d := openDesk(t, incident.Options{})
		id := d.fire(disk).Incident
		_, err := d.Assign(t.Context(), mona, id, incident.Assignment{Group: "desk", Assignee: "ana"})
		require.NoError(t, err)
		_, err = d.Restrict(t.Context(), mona, id, incident.Restriction{Members: []itsm.ID{"rob"}})
		require.NoError(t, err)
		_, err = d.Resolve(t.Context(), ana, id, fixed)
		require.NoError(t, err)
		_, err = d.Confirm(t.Context(), mona, id, itsm.Command{})
		require.NoError(t, err)
		next := d.get(d.fire(disk).Incident)
		d.followsUp(next.ID, id)
		require.True(t, next.Restricted, "whoever could not read the first cannot read the second")
		require.Equal(t, []itsm.ID{"rob", "ana"}, next.Members)
		require.Equal(t, itsm.ID("desk"), next.Group)
		require.Equal(t, next.ID, d.fire(disk).Incident)
	})
	t.Run("after the window a new one follows up, though the first is only resolved", func(t *testing.T) {
		d := openDesk(t, incident.Options{AutoClose: incident.Never, ReopenWindow: time.Hour})
		id := d.fire(disk).Incident
		_, err := d.Resolve(t.Context(), ana, id, fixed)
		require.NoError(t, err)
		d.now = d.now.Add(61 * time.Minute)
		d.followsUp(d.fire(disk).Incident, id)
	})
	t.Run("after one that was cancelled a new one is logged", func(t *testing.T) {
		d := openDesk(t, incident.Options{})
		id := d.fire(disk).Incident
		_, err := d.Cancel(t.Context(), mona, id, incident.Cancellation{Command: itsm.Command{Reason: "A test"}})
		require.NoError(t, err)
		next := d.fire(disk)
		require.NotEqual(t, id, next.Incident)
		links, err := d.Links(t.Context(), mona, next.Incident)
		require.NoError(t, err)
		require.Equal(t, []itsm.Link{{Type: itsm.LinkRelatedTo, From: itsm.Ref{Kind: incident.Kind, ID: next.Incident}, To: itsm.Ref{Kind: incident.Kind, ID: id}}}, links)
	})
	t.Run("what was restricted stays so, cancelled or merged into what is not", func(t *testing.T) {
		for _, into := range []bool{false, true} {
			d := openDesk(t, incident.Options{})
			id := d.fire(disk).Incident
			_, err := d.Restrict(t.Context(), mona, id, incident.Restriction{Members: []itsm.ID{"rob"}})
			require.NoError(t, err)
			c := incident.Cancellation{Command: itsm.Command{Reason: "Over"}}
			if into {
				c.DuplicateOf = d.report().ID
			}
			_, err = d.Cancel(t.Context(), mona, id, c)
			require.NoError(t, err)
			next := d.get(d.fire(disk).Incident)
			require.NotContains(t, []itsm.ID{id, c.DuplicateOf}, next.ID)
			require.True(t, next.Restricted)
			require.Equal(t, []itsm.ID{"rob"}, next.Members)
		}
	})
	t.Run("alerts of a duplicate go to its original", func(t *testing.T) {
		d := openDesk(t, incident.Options{})
		original, duplicate := d.fire("switch-7/down").Incident, d.fire(disk).Incident
		d.clear("switch-7/down")
		require.Equal(t, []itsm.ID{original}, d.proposed())
		_, err := d.Cancel(t.Context(), mona, duplicate, incident.Cancellation{Command: itsm.Command{Reason: "Same"}, DuplicateOf: original})
		require.NoError(t, err)
		require.Empty(t, d.proposed(), "an alert of it still fires")
		a := d.fire(disk)
		require.Equal(t, original, a.Incident)
		require.EqualValues(t, 1, a.Count, "of those that came to this incident")
		d.clear(disk)
		require.Equal(t, []itsm.ID{original}, d.proposed())
		require.EqualValues(t, 2, d.number())
		page, err := d.Alerts(t.Context(), ana, original, "", 0)
		require.NoError(t, err)
		require.Len(t, page.Items, 2)
		page, err = d.Alerts(t.Context(), ana, duplicate, "", 0)
		require.NoError(t, err)
		require.EqualValues(t, 1, page.Items[0].Count, "what it had it keeps")
		require.False(t, page.Items[0].Firing)
	})
	t.Run("what comes late is counted and does nothing else", func(t *testing.T) {
		d := openDesk(t, incident.Options{})
		early := func(r *incident.AlertReport) { r.At = d.now.Add(-time.Hour) }
		id := d.fire(disk).Incident
		d.now = d.now.Add(2 * time.Hour)
		d.clear(disk)
		late := d.fire(disk, early)
		require.False(t, late.Firing)
		require.Equal(t, []itsm.ID{id}, d.proposed())
		_, err := d.Resolve(t.Context(), ana, id, fixed)
		require.NoError(t, err)
		require.EqualValues(t, 3, d.fire(disk, early).Count)
		require.Equal(t, incident.StateResolved, d.get(id).State)
		_, err = d.Confirm(t.Context(), mona, id, itsm.Command{})
		require.NoError(t, err)
		require.EqualValues(t, 4, d.fire(disk, early).Count)
		require.EqualValues(t, 1, d.number())
		require.NotEqual(t, id, d.fire(disk, func(r *incident.AlertReport) { r.At = d.now.Add(time.Hour) }).Incident, "what is after now is now")

		old, err := d.ClearAlert(t.Context(), monitor, incident.ClearReport{DeduplicationKey: disk, At: d.now.Add(-time.Minute)})
		require.NoError(t, err)
		require.True(t, old.Firing, "it fired after that")
	})
}

// followsUp sees to it that one incident follows up another, and both tell so.
func (d *serviceDesk) followsUp(next, was itsm.ID) {
	d.t.Helper()
	links, err := d.Links(d.t.Context(), mona, next)
	require.NoError(d.t, err)
	require.Contains(d.t, links, itsm.Link{Type: itsm.LinkFollowUpOf, From: itsm.Ref{Kind: incident.Kind, ID: next}, To: itsm.Ref{Kind: incident.Kind, ID: was}})
	require.Equal(d.t, incident.FollowedUp{By: next}, d.last(was).Data)
}

// actions gives the actions that Mona could take.
func (d *serviceDesk) actions(id itsm.ID) []itsm.PermittedAction {
	d.t.Helper()
	actions, err := d.PermittedActions(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	return actions
}

func TestI13TheAlertsOfAnIncidentAreListedPageByPage(t *testing.T) {
	d := openDesk(t, incident.Options{Alerts: incident.AlertOptions{Keep: 5}})
	ctx := t.Context()
	id := d.fire(disk).Incident
	for n := range 7 {
		d.now = d.now.Add(time.Minute)
		d.fire(disk, func(r *incident.AlertReport) { r.Title = fmt.Sprint("Alert ", n+2) })
	}
	d.now = d.now.Add(time.Minute)
	d.clear(disk)
	other := d.fire("db-2/disk").Incident
	var titles []string
	q := storage.Query[incident.AlertEntry]{Limit: 2}
	for e, err := range storage.Pages(q, func(q storage.Query[incident.AlertEntry]) (storage.Page[incident.AlertEntry], error) {
		return d.AlertLog(ctx, ana, id, q.After, q.Limit)
	}) {
		require.NoError(t, err)
		require.Equal(t, disk, e.Key)
		require.Equal(t, "prometheus", e.Source)
		require.Equal(t, e.Clear, e.Severity == "")
		titles = append(titles, e.Title)
	}
	require.Equal(t, []string{"", "Alert 8", "Alert 7", "Alert 6", "Alert 5"}, titles, "the newest are kept")
	page, err := d.Alerts(ctx, ana, id, "", 0)
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.EqualValues(t, 8, page.Items[0].Count, "all are counted")
	log, err := d.AlertLog(ctx, ana, other, "", 0)
	require.NoError(t, err)
	require.Len(t, log.Items, 1)
}

func TestI13AlertsAreForMonitoringAndForThoseWhoReadWhatIsInternal(t *testing.T) {
	role := itsm.Role{Name: "monitoring", Grants: []itsm.Grant{{Permission: incident.PermissionAlert}}}
	book, err := itsm.NewRoleBook(append(itsm.StandardRoles(), role)...)
	require.NoError(t, err)
	d, ctx := &serviceDesk{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}, t.Context()
	d.e, err = engine.New(memory.New(), engine.Options{Authorizer: book, Clock: func() time.Time { return d.now }})
	require.NoError(t, err)
	d.Practice, err = incident.New(d.e, incident.Options{})
	require.NoError(t, err)
	bridge := itsm.Actor{Tenant: "acme", ID: "bridge", Roles: []itsm.RoleName{"monitoring"}}
	report := incident.AlertReport{DeduplicationKey: disk, Title: "Full", Requester: "rita"}

	a, err := d.Alert(ctx, bridge, report)
	require.NoError(t, err, "it needs no other permission")
	_, err = d.Get(ctx, bridge, a.Incident)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	for _, actor := range []itsm.Actor{rita, ana} {
		_, err = d.Alert(ctx, actor, report)
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = d.ClearAlert(ctx, actor, incident.ClearReport{DeduplicationKey: disk})
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}

	_, err = d.ClearAlert(ctx, bridge, incident.ClearReport{DeduplicationKey: disk})
	require.NoError(t, err)
	_, err = d.Alerts(ctx, rita, a.Incident, "", 0)
	require.ErrorIs(t, err, itsm.ErrForbidden, "it is hers, and alerts are internal")
	_, err = d.AlertLog(ctx, rita, a.Incident, "", 0)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Alerts(ctx, rob, a.Incident, "", 0)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	entries, err := d.Timeline(ctx, rita, a.Incident)
	require.NoError(t, err)
	require.Len(t, entries, 1, "of the alerts she is told nothing")

	elsewhere := bridge
	elsewhere.Tenant = "globex"
	_, err = d.ClearAlert(ctx, elsewhere, incident.ClearReport{DeduplicationKey: disk})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	b, err := d.Alert(ctx, elsewhere, report)
	require.NoError(t, err)
	require.NotEqual(t, a.Incident, b.Incident)
	require.EqualValues(t, 1, b.Count)
}

func TestI13AnAlertThatCannotBeTakenIsToldWithAllFaults(t *testing.T) {
	d := openDesk(t, incident.Options{})
	ctx := t.Context()
	bad := itsm.Command{Key: withNUL, IfVersion: -1, Reason: notUTF8}
	before := d.snapshot()
	for range 2 {
		_, err := d.Alert(ctx, monitor, incident.AlertReport{Command: bad, Severity: "dire", Source: withNUL, At: time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC), Service: itsm.ID(huge)})
		require.ElementsMatch(t, []string{"key", "if_version", "reason", "deduplication_key", "title", "severity", "source", "at", "service"}, faults(t, err))
		_, err = d.ClearAlert(ctx, monitor, incident.ClearReport{Command: bad, Source: withNUL, At: time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)})
		require.ElementsMatch(t, []string{"key", "if_version", "reason", "deduplication_key", "source", "at"}, faults(t, err))
		require.Equal(t, before, d.snapshot())
		d.fire(disk) // with or without alerts before
		before = d.snapshot()
	}
	_, err := d.ClearAlert(ctx, monitor, incident.ClearReport{DeduplicationKey: "unheard of"})
	require.ErrorIs(t, err, itsm.ErrNotFound)

	keyed := incident.AlertReport{Command: itsm.Command{Key: "message 7"}, DeduplicationKey: disk, Title: "Full"}
	for range 2 {
		a, err := d.Alert(ctx, monitor, keyed)
		require.NoError(t, err)
		require.EqualValues(t, 3, a.Count, "a message that comes twice counts once")
	}
	require.Equal(t, incident.SeverityMinor, d.fire(disk, severity("")).Severity, "one that names none has the least")
}

func TestI13OptionsOfAlertsAreChecked(t *testing.T) {
	_, err := incident.New(openDesk(t, incident.Options{}).e, incident.Options{
		Codes: []incident.Code{"done"},
		Alerts: incident.AlertOptions{
			Severities:    []incident.SeverityRule{{Severity: "a", Impact: 1, Urgency: 1}, {Severity: "a", Impact: 9, Urgency: 1}, {}},
			AfterResolved: "shout", ResolveAfter: time.Hour, Keep: -1,
		},
	})
	require.Subset(t, faults(t, err), []string{"alerts.severities[1]", "alerts.severities[2]", "alerts.after_resolved", "alerts.resolution_code", "alerts.keep"})
	_, err = incident.New(openDesk(t, incident.Options{}).e, incident.Options{Alerts: incident.AlertOptions{Severities: []incident.SeverityRule{}}})
	require.Contains(t, faults(t, err), "alerts.severities")

	d := openDesk(t, incident.Options{
		Channels: []incident.Channel{"letter"}, Codes: []incident.Code{"done"},
		Alerts: incident.AlertOptions{
			Severities:   []incident.SeverityRule{{"red", itsm.ImpactHigh, itsm.UrgencyHigh}, {"green", itsm.ImpactLow, itsm.UrgencyLow}},
			ResolveAfter: time.Minute, ResolutionCode: "done",
		},
	})
	a := d.fire(disk, severity(""))
	require.Equal(t, incident.Severity("green"), a.Severity)
	require.Equal(t, incident.Channel("letter"), d.get(a.Incident).Channel)
	d.clear(disk)
	d.wait(time.Minute)
	require.Equal(t, incident.Code("done"), d.get(a.Incident).Resolution.Code)
}
