package servicedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// These tests hold what docs/sla.md says of service levels at the desk to what happens.

// byPriority has priority 2 be resolved within four hours and the others within eight, and logs one of priority 3.
func (f *fixture) byPriority(t *testing.T, shorter timer.Origin, thresholds ...timer.Threshold) itsm.Ref {
	t.Helper()
	f.promise(t, func(x *timer.Target) {
		x.Goals = []timer.Goal{timer.ForPriority(2, 4*time.Hour), timer.Within(8 * time.Hour)}
		x.OnChange.Shorter = shorter
	}, thresholds...)
	i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "No sound", Requester: "rosa", Impact: 2, Urgency: 2})
	require.NoError(t, err)
	require.EqualValues(t, 3, i.Priority)
	return i.Ref()
}

func (f *fixture) timer(t *testing.T, ref itsm.Ref) sla.Standing {
	t.Helper()
	timers, err := f.ServiceLevels.Of(t.Context(), boss, ref)
	require.NoError(t, err)
	require.Len(t, timers, 1)
	return timers[0]
}

func TestRaisingThePriorityBreachesAtOnceUnlessTheNewGoalCountsFromTheChange(t *testing.T) {
	for shorter, want := range map[timer.Origin]time.Duration{"": 4 * time.Hour, timer.FromChange: 10 * time.Hour} {
		f := newDesk(t, servicedesk.Config{})
		ref := f.byPriority(t, shorter, share(75, "raise:priority"))
		f.at(t, 6*time.Hour)
		f.at(t, 6*time.Hour+time.Second)
		x := f.timer(t, ref)
		require.Equal(t, monday.Add(want), x.Due)
		require.Len(t, x.Told, map[bool]int{true: 1, false: 0}[shorter == ""], "the breach is told at once, or is to come")
	}
}

func TestARebaseTellsOnTheNextTickWhatHasPassedByTheNewGoal(t *testing.T) {
	f, ctx := newDesk(t, servicedesk.Config{}), t.Context()
	f.promise(t, nil, share(50, "raise:priority"))
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: "rosa", Impact: 2, Urgency: 2})
	require.NoError(t, err)
	f.at(t, time.Hour+30*time.Minute)
	f.again(t, func(x *timer.Target) {
		x.Goals = []timer.Goal{timer.Within(time.Hour)}
		x.Thresholds = []timer.Threshold{share(50, "raise:priority")}
	})
	before := f.timer(t, i.Ref())
	_, err = f.ServiceLevels.Rebase(ctx, boss, before.ID, sla.Rebasing{Command: itsm.Command{Reason: "Agreed"}})
	require.NoError(t, err)
	require.Empty(t, f.timer(t, i.Ref()).Told)
	f.at(t, time.Hour+31*time.Minute)
	f.at(t, time.Hour+32*time.Minute)
	require.Len(t, f.timer(t, i.Ref()).Told, 1)
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2, i.Priority, "its threshold has acted")
	f.at(t, 2*time.Hour)
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2, i.Priority, "once")
}

// again activates another version of the policy of promise.
func (f *fixture) again(t *testing.T, change func(*timer.Target)) {
	t.Helper()
	target := timer.Resolution("always", nil)
	change(&target)
	v, err := f.ServiceLevels.Policies.Draft(t.Context(), boss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{
		Policy: timer.Policy{Name: "gold", Kind: incident.Kind, Targets: []timer.Target{target}}}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(t.Context(), boss, v.ID, itsm.Command{})
	require.NoError(t, err)
}

func TestTriggersOfIncidentsDoNotGetEventsOfTimers(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.triggers(t, `{"triggers": [{"name": "any", "on": {"kind": "incident"}, "actions": [{"action": "tag", "with": {"tags": ["seen"]}}]}]}`)
	f.byPriority(t, "", share(50))
	f.at(t, 5*time.Hour)
	f.at(t, 9*time.Hour)
	events := f.fired(t)
	require.NotEmpty(t, events, "the incident was logged")
	for _, x := range events {
		require.Equal(t, incident.Kind, x.RecordKind)
	}
}

func TestPublishingGoesCalendarPolicyAgreement(t *testing.T) {
	f, ctx := newDesk(t, servicedesk.Config{}), t.Context()
	f.promise(t, nil)
	s := f.ServiceLevels
	v, err := s.Agreements.Draft(ctx, boss, sla.AgreementDraft{Family: "all", Set: sla.Agreement{Name: "all", Type: timer.SLA, Provider: "desk", Policy: "gold"}})
	require.NoError(t, err)
	_, err = s.Agreements.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)
	provider := boss
	provider.Elsewhere = map[storage.Tenant]itsm.Membership{"globex": {Roles: boss.Roles}}
	of := func(family string) versioned.Publication { return versioned.Publication{Family: family} }
	require.ErrorIs(t, s.Agreements.Publish(ctx, provider, of("all"), "globex"), itsm.ErrInvalid)
	require.ErrorIs(t, s.Policies.Publish(ctx, provider, of("gold"), "globex"), itsm.ErrInvalid)
	require.NoError(t, s.Calendars.Publish(ctx, provider, of("always"), "globex"))
	require.ErrorIs(t, s.Agreements.Publish(ctx, provider, of("all"), "globex"), itsm.ErrInvalid)
	require.NoError(t, s.Policies.Publish(ctx, provider, of("gold"), "globex"))
	require.NoError(t, s.Agreements.Publish(ctx, provider, of("all"), "globex"))
}
