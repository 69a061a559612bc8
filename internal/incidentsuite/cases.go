// This file holds the cases of concurrency, idempotency and nesting, and of what a host adds.

package incidentsuite

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func concurrentCommands(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	i := d.report(t, ctx, func(r *incident.Report) { r.Group = "desk" })
	const n = 16
	errs := together.Run(n, func(k int) error {
		_, err := d.p.Reassign(ctx, manager(acme), i.ID, incident.Assignment{Assignee: itsm.ID(numbered("person-%d", k))})
		return err
	})
	require.NoError(t, errors.Join(errs...))
	after, err := d.p.Get(ctx, manager(acme), i.ID)
	require.NoError(t, err)
	require.Equal(t, n, after.Reassignments)
	require.Equal(t, i.Version+n, after.Version)

	// Each saw what the one before it had done: the hand-overs make one chain.
	entries, err := d.p.Timeline(ctx, manager(acme), i.ID)
	require.NoError(t, err)
	holder, seen := itsm.ID(""), 0
	for _, e := range entries {
		if r, ok := e.Event.Data.(incident.Reassigned); ok {
			seen++
			require.Equal(t, holder, r.FromAssignee)
			require.Equal(t, seen, r.Count)
			holder = r.Assignee
		}
	}
	require.Equal(t, n, seen)
	require.Equal(t, holder, after.Assignee)
}

func oneVersionWins(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	i := d.report(t, ctx)
	errs := together.Run(16, func(k int) error {
		_, err := d.p.Assign(ctx, manager(acme), i.ID, incident.Assignment{
			Command: itsm.Command{IfVersion: i.Version}, Assignee: itsm.ID(numbered("person-%d", k)),
		})
		return err
	})
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, itsm.ErrConflict)
	}
	require.Equal(t, 1, won)
	require.Equal(t, []string{"log", "assign"}, d.actions(t, ctx, manager(acme), i.ID))
}

func concurrentLogs(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	const n = 16
	errs := together.Run(n, func(k int) error {
		_, err := d.p.Log(ctx, manager(acme), incident.Report{Title: numbered("Report %d", k), Requester: "rita"})
		return err
	})
	require.NoError(t, errors.Join(errs...))
	numbers := map[string]bool{}
	for h, err := range d.p.All(ctx, manager(acme), incident.Query{Limit: 5}) {
		require.NoError(t, err)
		require.Regexp(t, `^INC\d{7,}$`, h.Number)
		numbers[h.Number] = true
	}
	require.Len(t, numbers, n)
}

func sameKey(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	report := incident.Report{Command: itsm.Command{Key: "mail-4711"}, Title: "Mail does not arrive", Requester: "rita"}
	first, err := d.p.Log(ctx, analyst(acme), report)
	require.NoError(t, err)
	again, err := d.p.Log(ctx, analyst(acme), report)
	require.NoError(t, err)
	require.Equal(t, first, again)
	n, err := d.p.Count(ctx, analyst(acme), incident.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)

	note := incident.Note{Command: itsm.Command{Key: "n1"}, Text: "Looked at the relay"}
	for range 3 {
		_, err = d.p.Note(ctx, analyst(acme), first.ID, note)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"log", "note"}, d.actions(t, ctx, analyst(acme), first.ID))
	page, err := d.p.Notes(ctx, analyst(acme), first.ID, "", 0)
	require.NoError(t, err)
	require.Len(t, page.Items, 1)

	note.Text = "Another text"
	_, err = d.p.Note(ctx, analyst(acme), first.ID, note)
	require.ErrorIs(t, err, itsm.ErrInvalid)

	// The same key in another tenant, and of another actor, is another key.
	other, err := d.p.Log(ctx, analyst(globex), report)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, other.ID)
	mine, err := d.p.Log(ctx, manager(acme), report)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, mine.ID)

	// Who may no longer read the result does not get it by its key.
	_, err = d.p.Restrict(ctx, manager(acme), first.ID, incident.Restriction{})
	require.NoError(t, err)
	_, err = d.p.Log(ctx, analyst(acme), report)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func sameKeyConcurrently(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	report := incident.Report{Command: itsm.Command{Key: "alert-1"}, Title: "Disk full", Requester: "monitor"}
	ids := make([]itsm.ID, 16)
	errs := together.Run(len(ids), func(k int) error {
		i, err := d.p.Log(ctx, analyst(acme), report)
		ids[k] = i.ID
		return err
	})
	require.NoError(t, errors.Join(errs...))
	require.Len(t, slices.Compact(ids), 1)
	require.Equal(t, []string{"log"}, d.actions(t, ctx, analyst(acme), ids[0]))
}

// nested: a command inside an open unit is part of it, with its writes, events and jobs.
func nested(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	i := d.report(t, ctx)
	broken := errors.New("the host changed its mind")
	both := func(fail error) error {
		return d.e.Update(ctx, analyst(acme), func(ctx context.Context, u *engine.Unit) error {
			in := d.p.In(u.Store())
			if _, err := in.Assign(ctx, analyst(acme), i.ID, incident.Assignment{Assignee: "ana"}); err != nil {
				return err
			}
			now, err := in.Resolve(ctx, analyst(acme), i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Restarted"})
			if err != nil {
				return err
			}
			if now.State != incident.StateResolved {
				return errors.New("the unit does not read its own writes")
			}
			seen, err := in.Get(ctx, analyst(acme), i.ID)
			if err != nil || seen.Version != now.Version {
				return errors.Join(err, errors.New("the unit does not read its own writes"))
			}
			return fail
		})
	}
	require.ErrorIs(t, both(broken), broken)
	same, err := d.p.Get(ctx, analyst(acme), i.ID)
	require.NoError(t, err)
	require.Equal(t, i.Version, same.Version)
	require.Equal(t, []string{"log"}, d.actions(t, ctx, analyst(acme), i.ID))
	ran, err := d.e.Tick(ctx, d.clock.Advance(30*24*time.Hour))
	require.NoError(t, err)
	require.Zero(t, ran.Jobs)

	require.NoError(t, both(nil))
	require.Equal(t, []string{"log", "assign", "resolve"}, d.actions(t, ctx, analyst(acme), i.ID))
	ran, err = d.e.Tick(ctx, d.clock.Advance(incident.DefaultAutoClose))
	require.NoError(t, err)
	require.Equal(t, 1, ran.Jobs)

	// A nested command that is refused before it writes leaves the unit as it was.
	err = d.e.Update(ctx, analyst(acme), func(ctx context.Context, u *engine.Unit) error {
		in := d.p.In(u.Store())
		_, err := in.Start(ctx, analyst(acme), i.ID, itsm.Command{})
		if !errors.Is(err, itsm.ErrTransition) {
			return errors.Join(err, errors.New("a closed incident was started"))
		}
		_, err = in.Note(ctx, analyst(acme), i.ID, incident.Note{Text: "After the fact"})
		return err
	})
	require.NoError(t, err)
}

func restricted(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	auditor := itsm.Actor{Tenant: acme, ID: "audra", Roles: []itsm.RoleName{itsm.RoleAuditor}}
	helper := itsm.Actor{Tenant: acme, ID: "hal", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	i := d.report(t, ctx, func(r *incident.Report) { r.Group = "network" })
	plain := d.report(t, ctx)
	_, err := d.p.Restrict(ctx, manager(acme), i.ID, incident.Restriction{Members: []itsm.ID{"hal"}})
	require.NoError(t, err)

	sees := func(actor itsm.Actor, want bool) {
		t.Helper()
		_, err := d.p.Get(ctx, actor, i.ID)
		_, missing := d.p.Get(ctx, actor, "no-such-incident")
		_, note := d.p.Note(ctx, actor, i.ID, incident.Note{Command: itsm.Command{IfVersion: 999}, Text: "Hello"})
		var listed []itsm.ID
		for h, err := range d.p.All(ctx, actor, incident.Query{}) {
			require.NoError(t, err)
			listed = append(listed, h.ID)
		}
		n, countErr := d.p.Count(ctx, actor, incident.Query{})
		require.NoError(t, countErr)
		require.Len(t, listed, int(n))
		require.Equal(t, want, slices.Contains(listed, i.ID))
		_, byNumber := d.p.GetByNumber(ctx, actor, i.Number)
		if want {
			require.NoError(t, err)
			require.NoError(t, byNumber)
			return
		}
		require.ErrorIs(t, err, itsm.ErrNotFound)
		require.Equal(t, missing.Error(), replaceID(err.Error(), i.ID))
		require.ErrorIs(t, note, itsm.ErrNotFound, "not even its version is told")
		require.ErrorIs(t, byNumber, itsm.ErrNotFound)
		_, err = d.p.Timeline(ctx, actor, i.ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = d.p.PermittedActions(ctx, actor, i.ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
	sees(manager(acme), true)
	sees(auditor, true)
	sees(specialist(acme), true) // of its group
	sees(helper, true)           // a member
	sees(requester(acme, "rita"), true)
	sees(analyst(acme), false)
	sees(requester(acme, "rob"), false)
	sees(manager(globex), false)

	// Neither links nor duplicates tell of it: the errors are those of an id that is none.
	_, err = d.p.Link(ctx, manager(acme), plain.ID, incident.Relation{Type: itsm.LinkRelatedTo, To: i.Ref()})
	require.NoError(t, err)
	links, err := d.p.Links(ctx, analyst(acme), plain.ID)
	require.NoError(t, err)
	require.Empty(t, links)
	require.Equal(t, []string{"log"}, d.actions(t, ctx, analyst(acme), plain.ID))
	require.Equal(t, []string{"log", "link"}, d.actions(t, ctx, manager(acme), plain.ID))
	for _, target := range []itsm.ID{i.ID, "no-such-incident"} {
		_, err = d.p.Link(ctx, analyst(acme), plain.ID, incident.Relation{Type: itsm.LinkRelatedTo, To: itsm.Ref{Kind: incident.Kind, ID: target}})
		require.EqualError(t, err, "incident: invalid: to is not found")
		_, err = d.p.Cancel(ctx, analyst(acme), plain.ID, incident.Cancellation{Command: itsm.Command{Reason: "Twice"}, DuplicateOf: target})
		require.EqualError(t, err, "incident: invalid: duplicate_of is not found")
	}

	// A member who is none any more is out; opened again, everyone is in.
	_, err = d.p.Restrict(ctx, manager(acme), i.ID, incident.Restriction{Members: []itsm.ID{"ana"}})
	require.NoError(t, err)
	sees(helper, false)
	sees(analyst(acme), true)
	_, err = d.p.Unrestrict(ctx, manager(acme), i.ID, itsm.Command{})
	require.NoError(t, err)
	sees(helper, true)
}

func replaceID(text string, id itsm.ID) string {
	for n := 0; n+len(id) <= len(text); n++ {
		if text[n:n+len(id)] == string(id) {
			return text[:n] + "no-such-incident" + text[n+len(id):]
		}
	}
	return text
}

// hostsLifecycle: a state and actions of the host's own have the effects of their categories.
func hostsLifecycle(t *testing.T, newStore func(*testing.T) storage.Store) {
	const (
		awaitParts = incident.State("awaiting_parts")
		monitored  = incident.State("monitored")
		orderParts = incident.Action("order_parts")
		partsCame  = incident.Action("parts_came")
		watch      = incident.Action("watch")
	)
	lifecycle, err := incident.StandardLifecycle().Extend(
		[]incident.StateOf{
			{Name: awaitParts, Category: itsm.CategoryWaiting},
			{Name: monitored, Category: itsm.CategoryResolved},
		},
		incident.Rule{From: []incident.State{incident.StateInProgress}, On: orderParts, To: awaitParts, Permission: incident.PermissionDo,
			Guard: func(a itsm.Attempt[*incident.Case]) string {
				if a.Subject.Service == "" {
					return "the service must be known first"
				}
				return ""
			}},
		incident.Rule{From: []incident.State{awaitParts}, On: partsCame, Return: []incident.State{incident.StateInProgress}, Permission: incident.PermissionDo},
		incident.Rule{From: []incident.State{awaitParts}, On: incident.ActionResume, Return: []incident.State{incident.StateInProgress}},
		incident.Rule{From: []incident.State{incident.StateInProgress}, On: watch, To: monitored,
			Needs: []itsm.Field[*incident.Case]{incident.NeedsCode, incident.NeedsNotes}},
		incident.Rule{From: []incident.State{monitored}, On: incident.ActionAutoClose, To: incident.StateClosed, System: true},
		incident.Rule{From: []incident.State{monitored}, On: incident.ActionReopen, To: incident.StateInProgress},
	)
	require.NoError(t, err)
	d, ctx := open(t, newStore(t), incident.Options{Lifecycle: lifecycle}), t.Context()
	ana := analyst(acme)
	i := d.report(t, ctx, func(r *incident.Report) { r.Assignee = "ana" })
	_, err = d.p.Start(ctx, ana, i.ID, itsm.Command{})
	require.NoError(t, err)

	_, err = d.p.Do(ctx, ana, i.ID, orderParts, incident.Input{})
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "the service must be known first", refused.Reason)
	require.Contains(t, refused.Permitted, "hold")
	service := itsm.ID("printing")
	_, err = d.p.Classify(ctx, ana, i.ID, incident.Classification{Service: &service})
	require.NoError(t, err)

	waiting, err := d.p.Do(ctx, ana, i.ID, orderParts, incident.Input{
		Note: "Ordered a new fuser", Until: d.clock.Now().Add(48 * time.Hour), Data: []byte(`{"order":17}`),
	})
	require.NoError(t, err)
	require.Equal(t, awaitParts, waiting.State)
	require.True(t, waiting.Open)
	require.Equal(t, incident.StateInProgress, waiting.Before)
	require.Equal(t, 1, waiting.Holds)
	entries, err := d.p.Timeline(ctx, ana, i.ID)
	require.NoError(t, err)
	last := entries[len(entries)-1]
	require.Equal(t, "order_parts", last.Event.Action)
	require.Equal(t, itsm.CategoryActive, last.Event.FromCategory)
	require.Equal(t, itsm.CategoryWaiting, last.Event.ToCategory)
	require.JSONEq(t, `{"order":17}`, string(last.Event.Data.(incident.Acted).Data))
	require.Equal(t, "Ordered a new fuser", last.Note.Text)

	back, err := d.p.Do(ctx, ana, i.ID, partsCame, incident.Input{})
	require.NoError(t, err)
	require.Equal(t, incident.StateInProgress, back.State)
	require.Empty(t, back.Before)
	require.Zero(t, back.HoldUntil)

	// A rule without a permission of its own asks for that of its name.
	_, err = d.p.Do(ctx, ana, i.ID, watch, incident.Input{Code: incident.CodeFixed, Notes: "New fuser"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.p.Do(ctx, manager(acme), i.ID, watch, incident.Input{})
	require.EqualError(t, err, "incident: invalid: code is required to watch; notes is required to watch")
	resolved, err := d.p.Do(ctx, manager(acme), i.ID, watch, incident.Input{Code: incident.CodeFixed, Notes: "New fuser"})
	require.NoError(t, err)
	require.False(t, resolved.Open)
	require.Equal(t, d.clock.Now(), resolved.ResolvedAt)
	_, err = d.e.Tick(ctx, d.clock.Advance(incident.DefaultAutoClose))
	require.NoError(t, err)
	closed, err := d.p.Get(ctx, ana, i.ID)
	require.NoError(t, err)
	require.Equal(t, incident.StateClosed, closed.State)
	require.Equal(t, d.clock.Now(), closed.ClosedAt)

	// An action that has a command, and one that is the system's, are not for Do.
	_, err = d.p.Do(ctx, manager(acme), i.ID, incident.ActionResolve, incident.Input{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.p.Do(ctx, manager(acme), i.ID, "no_such_action", incident.Input{})
	require.ErrorAs(t, err, &refused)
}

// hostsColumn: a host's own column is set by the report, changed, listed, filtered, ordered by
// and counted by, and stands in the history.
func hostsColumn(t *testing.T, newStore func(*testing.T) storage.Store) {
	costCentre := storage.Custom[string](incident.Table, "cost_centre")
	seats := storage.Custom[int64](incident.Table, "seats")
	d, ctx := open(t, newStore(t), incident.Options{
		Columns: []storage.ColumnOf[incident.Head]{costCentre, seats},
		Indexes: []storage.Index{storage.IndexOn(costCentre.Asc(), incident.ByPriority.Asc())},
	}), t.Context()
	ana := analyst(acme)
	i := d.report(t, ctx, func(r *incident.Report) {
		r.Columns = []storage.Value[incident.Head]{costCentre.Value("4711"), seats.Value(12)}
	})
	for k := range 3 {
		d.report(t, ctx, func(r *incident.Report) {
			r.Columns = []storage.Value[incident.Head]{costCentre.Value(numbered("080%d", k))}
		})
	}
	got, err := d.p.Get(ctx, ana, i.ID)
	require.NoError(t, err)
	cc, ok := costCentre.Of(&got.Head)
	require.True(t, ok)
	require.Equal(t, "4711", cc)

	page, err := d.p.List(ctx, ana, incident.Query{Where: costCentre.HasPrefix("47")})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	n, _ := seats.Of(&page.Items[0])
	require.EqualValues(t, 12, n)
	groups, err := d.p.CountBy(ctx, ana, incident.Query{}, costCentre)
	require.NoError(t, err)
	require.Len(t, groups, 4)

	after, err := d.p.Edit(ctx, ana, i.ID, incident.Edit{Columns: []storage.Value[incident.Head]{costCentre.Value("0815"), seats.Clear()}})
	require.NoError(t, err)
	_, ok = seats.Of(&after.Head)
	require.False(t, ok)
	entries, err := d.p.Timeline(ctx, ana, i.ID)
	require.NoError(t, err)
	var changed []string
	for _, c := range entries[len(entries)-1].Event.Changes {
		changed = append(changed, c.Field)
	}
	require.Equal(t, []string{"x_cost_centre", "x_seats"}, changed)

	// The shipped columns have commands, and are no one's to set.
	_, err = d.p.Edit(ctx, ana, i.ID, incident.Edit{Columns: []storage.Value[incident.Head]{
		incident.ByState.Value(incident.StateClosed), storage.Custom[string](incident.Table, "unknown").Value("x"), costCentre.Value("a\x00b"),
	}})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Faults, 3, err)
}

func timers(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	ana := analyst(acme)
	tick := func(after time.Duration) int {
		t.Helper()
		ran, err := d.e.Tick(ctx, d.clock.Advance(after))
		require.NoError(t, err)
		require.Zero(t, ran.Failed+ran.Dead+ran.Lost)
		return ran.Jobs
	}
	state := func(id itsm.ID) incident.State {
		t.Helper()
		i, err := d.p.Get(ctx, ana, id)
		require.NoError(t, err)
		return i.State
	}
	resolve := incident.Resolution{Code: incident.CodeFixed, Notes: "Restarted the relay"}

	i := d.report(t, ctx, func(r *incident.Report) { r.Assignee = "ana" })
	_, err := d.p.Resolve(ctx, ana, i.ID, resolve)
	require.NoError(t, err)
	require.Zero(t, tick(incident.DefaultAutoClose-time.Microsecond))
	require.Equal(t, incident.StateResolved, state(i.ID))
	_, err = d.p.Reopen(ctx, requester(acme, "rita"), i.ID, incident.Reopening{Note: "Still broken"})
	require.NoError(t, err)
	require.Zero(t, tick(incident.DefaultAutoClose), "reopening makes the closing moot")
	require.Equal(t, incident.StateInProgress, state(i.ID))
	_, err = d.p.Resolve(ctx, ana, i.ID, resolve)
	require.NoError(t, err)
	// A note does not put the closing off: it counts from the resolution.
	require.Zero(t, tick(incident.DefaultAutoClose-time.Hour))
	_, err = d.p.Note(ctx, ana, i.ID, incident.Note{Text: "Called back"})
	require.NoError(t, err)
	require.Equal(t, 1, tick(time.Hour))
	require.Equal(t, incident.StateClosed, state(i.ID))
	entries, err := d.p.Timeline(ctx, ana, i.ID)
	require.NoError(t, err)
	last := entries[len(entries)-1].Event
	require.Equal(t, incident.Closed{Auto: true}, last.Data)
	require.True(t, last.System)

	i = d.report(t, ctx, func(r *incident.Report) { r.Assignee = "ana" })
	hold := incident.Hold{HoldReason: incident.HoldCustomerScheduled, Until: d.clock.Now().Add(24 * time.Hour)}
	_, err = d.p.Hold(ctx, ana, i.ID, hold)
	require.NoError(t, err)
	// Another reason with another end replaces the end.
	_, err = d.p.ChangeHoldReason(ctx, ana, i.ID, incident.Hold{
		HoldReason: incident.HoldVendor, Link: &itsm.Ref{Kind: "vendor_case", ID: "V-1"}, Until: d.clock.Now().Add(72 * time.Hour)})
	require.NoError(t, err)
	require.Zero(t, tick(24*time.Hour))
	require.Equal(t, incident.StateOnHold, state(i.ID))
	require.Equal(t, 1, tick(48*time.Hour), "until resumes any reason")
	require.Equal(t, incident.StateAssigned, state(i.ID))
	// Resumed by hand, the end is moot.
	hold.Until = d.clock.Now().Add(24 * time.Hour)
	_, err = d.p.Hold(ctx, ana, i.ID, hold)
	require.NoError(t, err)
	_, err = d.p.Resume(ctx, ana, i.ID, itsm.Command{})
	require.NoError(t, err)
	require.Zero(t, tick(48*time.Hour))
	require.Equal(t, incident.StateAssigned, state(i.ID))
}

func children(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	ana := analyst(acme)
	parent := d.report(t, ctx)
	var ids []itsm.ID
	for range 3 {
		c := d.report(t, ctx)
		_, err := d.p.Link(ctx, ana, c.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
		require.NoError(t, err)
		ids = append(ids, c.ID)
	}
	_, err := d.p.Cancel(ctx, ana, ids[2], incident.Cancellation{Command: itsm.Command{Reason: "By mistake"}})
	require.NoError(t, err)
	_, err = d.p.Resolve(ctx, ana, parent.ID, incident.Resolution{Code: incident.CodeWorkaround, Notes: "Other relay"})
	require.NoError(t, err)
	ran, err := d.e.Tick(ctx, d.clock.Advance(time.Second))
	require.NoError(t, err)
	require.Equal(t, 3, ran.Jobs, "one that looks, and one for each that is open")
	for n, want := range []incident.State{incident.StateResolved, incident.StateResolved, incident.StateCancelled} {
		c, err := d.p.Get(ctx, ana, ids[n])
		require.NoError(t, err)
		require.Equal(t, want, c.State)
		if want == incident.StateResolved {
			require.Equal(t, incident.CodeWorkaround, c.Resolution.Code)
			require.Equal(t, "Other relay", c.Resolution.Notes)
		}
	}
}

func pages(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	ana := analyst(acme)
	want := map[itsm.ID]bool{}
	for k := range 23 {
		i := d.report(t, ctx, func(r *incident.Report) {
			r.Impact, r.Urgency = itsm.Impact(1+k%3), itsm.Urgency(1+k/3%3)
			r.Group = "desk"
		})
		want[i.ID] = true
		d.clock.Advance(time.Minute)
	}
	seen := map[itsm.ID]bool{}
	var last incident.Head
	for h, err := range d.p.All(ctx, ana, incident.Query{Where: incident.ByOpen.Is(true), Limit: 4}) {
		require.NoError(t, err)
		require.False(t, seen[h.ID])
		if len(seen) > 0 {
			require.True(t, last.Priority < h.Priority || last.Priority == h.Priority && !h.Reported.Before(last.Reported))
		}
		seen[h.ID], last = true, h
	}
	require.Equal(t, want, seen)

	first, err := d.p.List(ctx, ana, incident.Query{Limit: 4})
	require.NoError(t, err)
	forged := []storage.Cursor{first.Next + "x", "x" + first.Next, "bm90IGEgY3Vyc29y"}
	for _, c := range forged {
		_, err = d.p.List(ctx, ana, incident.Query{Limit: 4, After: c})
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	// A cursor is good for its tenant and its order alone. The filter and the reader's scope are
	// applied anew, whatever page it is.
	_, err = d.p.List(ctx, analyst(globex), incident.Query{Limit: 4, After: first.Next})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.p.List(ctx, ana, incident.Query{Limit: 4, After: first.Next, Order: []storage.Order{incident.ByReported.Asc()}})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	none, err := d.p.List(ctx, itsm.Actor{Tenant: acme, ID: "nobody", Roles: []itsm.RoleName{itsm.RoleRequester}}, incident.Query{Limit: 4, After: first.Next})
	require.NoError(t, err)
	require.Empty(t, none.Items)

	queue, err := d.p.MyGroups(ctx, ana, incident.Query{Limit: 100})
	require.NoError(t, err)
	require.Len(t, queue.Items, 23)
	_, err = d.p.Accept(ctx, ana, queue.Items[0].ID, itsm.Command{})
	require.NoError(t, err)
	mine, err := d.p.Mine(ctx, ana, incident.Query{})
	require.NoError(t, err)
	require.Len(t, mine.Items, 1)
	queue, err = d.p.MyGroups(ctx, ana, incident.Query{Limit: 100})
	require.NoError(t, err)
	require.Len(t, queue.Items, 22)
}

func spanningTenants(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	for _, tenant := range []storage.Tenant{acme, globex, "initech"} {
		for _, restrict := range []bool{false, true} {
			_, err := d.p.Log(ctx, manager(tenant), incident.Report{Title: "Down", Requester: "rita", Restricted: restrict})
			require.NoError(t, err)
		}
	}
	provider := itsm.Actor{Tenant: acme, ID: "paul", Roles: []itsm.RoleName{itsm.RoleIncidentManager},
		Elsewhere: map[storage.Tenant]itsm.Membership{globex: {Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}}}
	found := map[storage.Tenant]int{}
	q := incident.Query{Tenants: []storage.Tenant{acme, globex}, Limit: 1}
	for h, err := range d.p.All(ctx, provider, q) {
		require.NoError(t, err)
		found[h.Tenant]++
	}
	require.Equal(t, map[storage.Tenant]int{acme: 2, globex: 1}, found, "in each tenant what is granted there")
	n, err := d.p.Count(ctx, provider, q)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	q.Tenants = append(q.Tenants, "initech")
	_, err = d.p.List(ctx, provider, q)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.p.Count(ctx, provider, q)
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

// cycleTogether: several commands, each of which closes a part of a cycle, do not close it together.
func cycleTogether(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{}), t.Context()
	for _, length := range []int{2, 3, 5} {
		ring := make([]incident.Incident, length)
		for k := range ring {
			ring[k] = d.report(t, ctx)
		}
		refused := 0
		for _, err := range together.Run(length, func(k int) error {
			_, err := d.p.Link(ctx, manager(acme), ring[k].ID, incident.Relation{Type: itsm.LinkChildOf, To: ring[(k+1)%length].Ref()})
			return err
		}) {
			if err != nil {
				require.ErrorIs(t, err, itsm.ErrInvalid)
				refused++
			}
		}
		require.Equal(t, 1, refused)
	}
}
