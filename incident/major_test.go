package incident_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

var maja = itsm.Actor{Tenant: "acme", ID: "maja", Name: "Maja", Roles: []itsm.RoleName{itsm.RoleMajorIncidentManager}}

var (
	majorStates = []incident.MajorState{incident.MajorNone, incident.MajorCandidate, incident.MajorDeclared,
		incident.MajorDemoted, incident.MajorRestored, incident.MajorReviewPending, incident.MajorReviewed}
	why = itsm.Command{Reason: "Nobody can work"}
)

var majorCommands = map[incident.MajorAction]func(context.Context, *incident.Practice, itsm.ID) (incident.Major, error){
	incident.MajorActionPropose: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Major, error) {
		return p.ProposeMajor(ctx, maja, id, incident.Proposal{Command: why})
	},
	incident.MajorActionDeclare: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Major, error) {
		return p.DeclareMajor(ctx, maja, id, incident.Declaration{Command: why})
	},
	incident.MajorActionDemote: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Major, error) {
		return p.DemoteMajor(ctx, maja, id, incident.Demotion{Command: why})
	},
	incident.MajorActionPlan: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Major, error) {
		return p.PlanCommunication(ctx, maja, id, incident.Planning{Plan: incident.CommunicationPlan{Every: time.Hour}})
	},
	incident.MajorActionUpdate: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Major, error) {
		return p.PostUpdate(ctx, maja, id, incident.MajorUpdate{Text: "We are on it"})
	},
	incident.MajorActionRestore: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Major, error) {
		return p.RestoreMajor(ctx, maja, id, incident.Moment{})
	},
	incident.MajorActionRequestReview: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Major, error) {
		return p.RequestReview(ctx, maja, id, incident.ReviewRequest{Reviewer: "pia"})
	},
	incident.MajorActionReview: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Major, error) {
		return p.ReviewMajor(ctx, maja, id, incident.Findings{Findings: "The relay had no spare"})
	},
}

// ways are the actions that lead to a state.
var ways = map[incident.MajorState][]incident.MajorAction{
	incident.MajorCandidate: {"propose"}, incident.MajorDeclared: {"declare"}, incident.MajorDemoted: {"declare", "demote"},
	incident.MajorRestored: {"declare", "restore"}, incident.MajorReviewPending: {"declare", "restore", "request_review"},
	incident.MajorReviewed: {"declare", "restore", "review"},
}

const staysMajor = incident.MajorState("(stays)")

var decidedMajor = map[incident.MajorAction]map[incident.MajorState]incident.MajorState{
	"propose": {"none": "candidate", "demoted": "candidate"},
	"declare": {"none": "declared", "candidate": "declared", "demoted": "declared", "restored": "declared",
		"review_pending": "declared", "reviewed": "declared"},
	"demote":         {"candidate": "demoted", "declared": "demoted"},
	"plan":           {"candidate": staysMajor, "declared": staysMajor},
	"update":         {"declared": staysMajor, "restored": staysMajor},
	"restore":        {"declared": "restored"},
	"request_review": {"restored": "review_pending"},
	"review":         {"restored": "reviewed", "review_pending": "reviewed"},
}

// major gives an open incident in a state of the region.
func (d *serviceDesk) major(s incident.MajorState, change ...func(*incident.Report)) incident.Incident {
	d.t.Helper()
	i := d.report(change...)
	for _, a := range ways[s] {
		_, err := majorCommands[a](d.t.Context(), d.Practice, i.ID)
		require.NoError(d.t, err)
	}
	return d.get(i.ID)
}

func (d *serviceDesk) getMajor(id itsm.ID) incident.Major {
	d.t.Helper()
	m, err := d.GetMajor(d.t.Context(), maja, id)
	require.NoError(d.t, err)
	return m
}

func TestI9EveryActionInEveryStateOfAMajorIncident(t *testing.T) {
	require.Len(t, majorCommands, len(decidedMajor))
	for action, command := range majorCommands {
		for _, s := range majorStates {
			t.Run(fmt.Sprintf("%s while %s", action, s), func(t *testing.T) {
				d, ctx := openDesk(t, incident.Options{}), t.Context()
				i := d.major(s)
				was := d.getMajor(i.ID)
				require.Equal(t, s, was.State)
				before := d.snapshot()
				offered, err := d.MajorActions(ctx, maja, i.ID)
				require.NoError(t, err)
				names := []string{}
				for _, a := range offered {
					require.True(t, a.Permitted, "%+v", a)
					names = append(names, a.Action)
				}
				to, permitted := decidedMajor[action][s]
				require.Equal(t, permitted, contains(names, string(action)))
				m, err := command(ctx, d.Practice, i.ID)
				if !permitted {
					var refused *itsm.TransitionError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, string(s), refused.State)
					require.ElementsMatch(t, names, refused.Permitted)
					require.Equal(t, before, d.snapshot())
					return
				}
				require.NoError(t, err)
				if to == staysMajor {
					to = s
				}
				require.Equal(t, to, m.State)
				require.Equal(t, was.Version+1, m.Version)
				require.Equal(t, m, d.getMajor(i.ID))
				require.Equal(t, to, d.get(i.ID).Major, "the queues know it")
				require.Equal(t, i.State, d.get(i.ID).State, "a region beside the lifecycle")
				var last *itsm.Event
				entries, err := d.Timeline(ctx, maja, i.ID)
				require.NoError(t, err)
				for _, e := range entries {
					if e.Event != nil && e.Event.Kind == incident.MajorKind {
						last = e.Event
					}
				}
				require.Equal(t, [3]string{string(action), string(s), string(to)}, [3]string{last.Action, last.From, last.To})
				require.True(t, last.Internal)
			})
		}
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func TestI9MajorIncidentIsDeclaredAndReviewed(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	child := d.report()
	d.childOf(child, i)
	_, err := d.ProposeMajor(ctx, ana, i.ID, incident.Proposal{Command: why})
	require.NoError(t, err)
	page, err := d.List(ctx, maja, incident.Query{Where: incident.ByMajor.Is(incident.MajorCandidate)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	plan := &incident.CommunicationPlan{Every: 30 * time.Minute, Audiences: []incident.Audience{
		{Name: "customers", Channel: "status page"}, {Name: "board", Channel: "phone", People: []itsm.ID{"bea"}}}}
	m, err := d.DeclareMajor(ctx, maja, i.ID, incident.Declaration{Command: why, Plan: plan})
	require.NoError(t, err)
	require.Equal(t, itsm.ID("maja"), m.Manager)
	require.Equal(t, d.now.Add(30*time.Minute), m.Due)

	// An update that is not posted is told as due, again and again.
	due := func() (times []incident.UpdateDue) {
		entries, err := d.Timeline(ctx, maja, i.ID)
		require.NoError(t, err)
		for _, e := range entries {
			if e.Event != nil {
				if u, ok := e.Event.Data.(incident.UpdateDue); ok {
					times = append(times, u)
				}
			}
		}
		return times
	}
	first := m.Due
	require.Zero(t, d.wait(30*time.Minute-time.Microsecond).Jobs)
	require.Equal(t, 1, d.wait(time.Microsecond).Jobs)
	d.wait(30 * time.Minute)
	require.Equal(t, []incident.UpdateDue{{Due: first, Missed: 1}, {Due: first, Missed: 2}}, due())

	m, err = d.PostUpdate(ctx, maja, i.ID, incident.MajorUpdate{Text: "We found the cause", Audiences: []string{"customers"}})
	require.NoError(t, err)
	require.Equal(t, d.now.Add(30*time.Minute), m.Due)
	require.Equal(t, [2]int{1, 0}, [2]int{m.Updates, m.Missed})
	d.wait(29 * time.Minute)
	require.Len(t, due(), 2, "posting satisfies it")
	require.Equal(t, []string{"We found the cause"}, d.texts(rita, child.ID), "children take its updates")
	require.Empty(t, d.get(child.ID).Major, "and not its flag")
	_, err = d.PostUpdate(ctx, maja, i.ID, incident.MajorUpdate{Text: "The board is furious", Audiences: []string{"board"}, Visibility: itsm.VisibilityInternal})
	require.NoError(t, err)
	d.wait(time.Minute)
	require.Equal(t, []string{"We found the cause"}, d.texts(mona, child.ID))
	require.Equal(t, []string{"We found the cause"}, d.texts(rita, i.ID))

	restored := d.now.Add(-5 * time.Minute)
	m, err = d.RestoreMajor(ctx, maja, i.ID, incident.Moment{At: restored})
	require.NoError(t, err)
	require.Equal(t, restored, d.get(i.ID).Restored)
	require.Zero(t, m.Due)
	d.wait(24 * time.Hour)
	require.Len(t, due(), 2, "no update is due any more")

	_, err = d.Resolve(ctx, mona, i.ID, fixed)
	require.NoError(t, err)
	m = d.getMajor(i.ID)
	require.Equal(t, incident.MajorReviewPending, m.State, "what was a major incident is to be reviewed")
	require.Equal(t, d.now.Add(incident.DefaultReviewWithin), m.Due)
	d.wait(time.Second)
	require.Equal(t, incident.StateResolved, d.get(child.ID).State, "children take its resolution")

	m, err = d.ReviewMajor(ctx, maja, i.ID, incident.Findings{Findings: "No spare relay", Factors: []string{"Budget", "Monitoring"},
		Actions: []incident.ReviewAction{{Text: "Buy a relay", Owner: "sam", Due: d.now.Add(720 * time.Hour)}}})
	require.NoError(t, err)
	require.Equal(t, incident.MajorReviewed, m.State)
	require.Equal(t, "No spare relay", m.Review.Findings)
	require.Equal(t, itsm.ID("maja"), m.Review.By)
	require.Len(t, m.Review.Actions, 1)
	require.Equal(t, incident.MajorReviewed, d.get(i.ID).Major)

	// The requester reads none of it but the public update, and that it is a major incident.
	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Event != nil {
			require.Equal(t, incident.Kind, e.Event.Kind)
			require.Empty(t, e.Event.Reason)
		}
	}
	_, err = d.GetMajor(ctx, rita, i.ID)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.GetMajor(ctx, rob, i.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func TestI9FieldHistoryOfAMajorIncident(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.major(incident.MajorDeclared)
	_, err := d.PlanCommunication(ctx, maja, i.ID, incident.Planning{Plan: incident.CommunicationPlan{Every: time.Hour}})
	require.NoError(t, err)
	entries, err := d.Timeline(ctx, maja, i.ID)
	require.NoError(t, err)
	var fields []string
	for _, c := range entries[len(entries)-1].Event.Changes {
		fields = append(fields, c.Field)
	}
	require.ElementsMatch(t, []string{"due", "plan"}, fields)
}

func TestI9WhoDeclaresAndWhoProposes(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	for action, command := range map[string]func(itsm.Actor) error{
		"declare": func(a itsm.Actor) error {
			return second(d.DeclareMajor(ctx, a, i.ID, incident.Declaration{Command: why}))
		},
		"demote": func(a itsm.Actor) error {
			return second(d.DemoteMajor(ctx, a, i.ID, incident.Demotion{Command: why}))
		},
		"update": func(a itsm.Actor) error {
			return second(d.PostUpdate(ctx, a, i.ID, incident.MajorUpdate{Text: "x"}))
		},
	} {
		for _, a := range []itsm.Actor{ana, sam, mona, rita} {
			require.ErrorIs(t, command(a), itsm.ErrForbidden, "%s by %s", action, a.ID)
		}
		require.ErrorIs(t, command(rob), itsm.ErrNotFound)
	}
	_, err := d.ProposeMajor(ctx, rita, i.ID, incident.Proposal{Command: why})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.ProposeMajor(ctx, sam, i.ID, incident.Proposal{Command: why})
	require.NoError(t, err)
	_, err = d.DemoteMajor(ctx, maja, i.ID, incident.Demotion{Command: why})
	require.NoError(t, err)

	// A restricted one is no one's to propose who may not read it.
	secret := d.report(restricted())
	_, err = d.ProposeMajor(ctx, sam, secret.ID, incident.Proposal{Command: why})
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func TestI9AMajorIncidentFollowsItsIncident(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to incident.MajorState
		end      func(d *serviceDesk, id itsm.ID) error
	}{
		{"resolved while declared", incident.MajorDeclared, incident.MajorReviewPending, resolveIt},
		{"resolved while restored", incident.MajorRestored, incident.MajorReviewPending, resolveIt},
		{"resolved while proposed", incident.MajorCandidate, incident.MajorCandidate, resolveIt},
		{"closed while proposed", incident.MajorCandidate, incident.MajorDemoted, func(d *serviceDesk, id itsm.ID) error {
			return errors.Join(resolveIt(d, id), second(d.Confirm(d.t.Context(), mona, id, itsm.Command{})))
		}},
		{"cancelled while declared", incident.MajorDeclared, incident.MajorDemoted, cancelIt},
		{"cancelled while proposed", incident.MajorCandidate, incident.MajorDemoted, cancelIt},
		{"cancelled when over", incident.MajorRestored, incident.MajorRestored, cancelIt},
		{"merged into another", incident.MajorDeclared, incident.MajorDemoted, func(d *serviceDesk, id itsm.ID) error {
			return d.merge(d.get(id), d.report())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openDesk(t, incident.Options{ReviewWithin: incident.Never})
			i := d.major(c.from)
			if c.from == incident.MajorDeclared {
				_, err := d.PlanCommunication(t.Context(), maja, i.ID, incident.Planning{Plan: incident.CommunicationPlan{Every: time.Hour}})
				require.NoError(t, err)
			}
			require.NoError(t, c.end(d, i.ID))
			m := d.getMajor(i.ID)
			require.Equal(t, c.to, m.State)
			require.Equal(t, c.to, d.get(i.ID).Major)
			require.Zero(t, m.Due)
			for _, j := range d.snapshot().Jobs {
				require.NotEqual(t, "incident.major", j.Kind)
			}
			if c.name == "resolved while declared" {
				require.Equal(t, d.now, d.get(i.ID).Restored)
			}
			for a, do := range map[string]func() error{
				"propose": func() error {
					return second(d.ProposeMajor(t.Context(), maja, i.ID, incident.Proposal{Command: why}))
				},
				"declare": func() error {
					return second(d.DeclareMajor(t.Context(), maja, i.ID, incident.Declaration{Command: why}))
				},
			} {
				var refused *itsm.TransitionError
				require.ErrorAs(t, do(), &refused, a)
			}
		})
	}
}

func resolveIt(d *serviceDesk, id itsm.ID) error {
	return second(d.Resolve(d.t.Context(), mona, id, fixed))
}

func cancelIt(d *serviceDesk, id itsm.ID) error {
	return second(d.Cancel(d.t.Context(), mona, id, incident.Cancellation{Command: itsm.Command{Reason: "Void"}}))
}

func TestI9AReopenedMajorIncidentIsDeclaredAgain(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.major(incident.MajorDeclared)
	require.NoError(t, resolveIt(d, i.ID))
	_, err := d.Reopen(ctx, mona, i.ID, incident.Reopening{})
	require.NoError(t, err)
	m, err := d.DeclareMajor(ctx, maja, i.ID, incident.Declaration{Command: why, Plan: &incident.CommunicationPlan{Every: time.Hour}})
	require.NoError(t, err)
	require.Equal(t, d.now.Add(time.Hour), m.Due)
	d.wait(incident.DefaultReviewWithin)
	require.Equal(t, incident.MajorDeclared, d.getMajor(i.ID).State, "the review is not due any more")
}

func TestI10ClosingWaitsForTheReviewByPolicyOnly(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.major(incident.MajorDeclared)
	require.NoError(t, resolveIt(d, i.ID))
	d.wait(incident.DefaultAutoClose)
	require.Equal(t, incident.StateClosed, d.get(i.ID).State, "by default nothing waits")
	require.Equal(t, incident.MajorReviewPending, d.getMajor(i.ID).State)
	m, err := d.ReviewMajor(ctx, maja, i.ID, incident.Findings{Findings: "Late, but done"})
	require.NoError(t, err)
	require.Equal(t, incident.MajorReviewed, m.State)

	d = openDesk(t, incident.Options{CloseAfterReview: true})
	i, plain := d.major(incident.MajorDeclared), d.in(incident.StateResolved)
	require.NoError(t, resolveIt(d, i.ID))
	_, err = d.Confirm(ctx, mona, i.ID, itsm.Command{})
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Reason, "review")
	d.wait(incident.DefaultAutoClose + time.Hour)
	require.Equal(t, incident.StateResolved, d.get(i.ID).State)
	require.Equal(t, incident.StateClosed, d.get(plain.ID).State, "others do not wait")
	for range 3 {
		d.wait(24 * time.Hour)
	}
	require.Equal(t, incident.StateResolved, d.get(i.ID).State)
	var told []string
	entries, err := d.Timeline(ctx, maja, i.ID)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Event.Type == (incident.ReviewDue{}).EventType() {
			told = append(told, e.Event.Type)
		}
	}
	require.Len(t, told, 1, "that the review is due is told once")
	_, err = d.ReviewMajor(ctx, maja, i.ID, incident.Findings{Findings: "No spare"})
	require.NoError(t, err)
	d.wait(time.Second)
	require.Equal(t, incident.StateClosed, d.get(i.ID).State, "at once when it is reviewed")
}

func TestI9TwoMajorIncidentsOfOneServiceAreToldApart(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	mail := func(r *incident.Report) { r.Service = "mail" }
	first, other := d.major(incident.MajorDeclared, mail), d.report(mail)
	before := d.snapshot()
	_, err := d.DeclareMajor(ctx, maja, other.ID, incident.Declaration{Command: why})
	require.Equal(t, []string{"apart"}, faults(t, err))
	require.ErrorContains(t, err, first.Number)
	require.Equal(t, before, d.snapshot())
	_, err = d.DeclareMajor(ctx, maja, other.ID, incident.Declaration{Command: why, Apart: []itsm.ID{first.ID}})
	require.NoError(t, err)
	_, err = d.DeclareMajor(ctx, maja, d.report(func(r *incident.Report) { r.Service = "web" }).ID, incident.Declaration{Command: why})
	require.NoError(t, err)
}

func TestI9FaultyCommandsOnMajorIncidentsTellAllFaults(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	bad := itsm.Command{Key: withNUL, IfVersion: -1}
	at := map[incident.MajorState]itsm.ID{}
	for _, s := range majorStates {
		at[s] = d.major(s).ID
	}
	past := d.now.Add(-time.Hour)
	for name, c := range map[string]struct {
		own []string
		err func() error
	}{
		"propose": {[]string{"reason"}, func() error {
			return second(d.ProposeMajor(ctx, maja, at[incident.MajorNone], incident.Proposal{Command: bad}))
		}},
		"declare": {[]string{"reason", "manager", "plan.every", "plan.audiences[0].name", "plan.audiences[0].channel", "plan.audiences[0].people[0]", "plan.audiences[2].name", "apart[0]"}, func() error {
			return second(d.DeclareMajor(ctx, maja, at[incident.MajorNone], incident.Declaration{Command: bad, Manager: itsm.ID(withNUL), Apart: []itsm.ID{""},
				Plan: &incident.CommunicationPlan{Every: time.Second, Audiences: []incident.Audience{{People: []itsm.ID{""}},
					{Name: "a", Channel: "x"}, {Name: "a", Channel: "x"}}}}))
		}},
		"demote": {[]string{"reason"}, func() error {
			return second(d.DemoteMajor(ctx, maja, at[incident.MajorDeclared], incident.Demotion{Command: bad}))
		}},
		"plan": {[]string{"plan.every"}, func() error {
			return second(d.PlanCommunication(ctx, maja, at[incident.MajorDeclared], incident.Planning{Command: bad, Plan: incident.CommunicationPlan{Every: -1}}))
		}},
		"update": {[]string{"text", "visibility", "audiences[0]", "next"}, func() error {
			return second(d.PostUpdate(ctx, maja, at[incident.MajorDeclared], incident.MajorUpdate{Command: bad, Visibility: "x", Audiences: []string{"nobody"}, Next: past}))
		}},
		"restore": {[]string{"restored"}, func() error {
			return second(d.RestoreMajor(ctx, maja, at[incident.MajorDeclared], incident.Moment{Command: bad, At: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}))
		}},
		"request_review": {[]string{"reviewer", "due"}, func() error {
			return second(d.RequestReview(ctx, maja, at[incident.MajorRestored], incident.ReviewRequest{Command: bad, Reviewer: itsm.ID(withNUL), Due: past}))
		}},
		"review": {[]string{"findings", "factors[0]", "actions[0].text", "actions[0].owner"}, func() error {
			return second(d.ReviewMajor(ctx, maja, at[incident.MajorRestored], incident.Findings{Command: bad, Factors: []string{""}, Actions: []incident.ReviewAction{{Owner: itsm.ID(withNUL)}}}))
		}},
	} {
		before := d.snapshot()
		require.ElementsMatch(t, append([]string{"key", "if_version"}, c.own...), faults(t, c.err()), name)
		require.Equal(t, before, d.snapshot(), name)
	}
}

func TestI9VersionsAndKeysOfMajorIncidents(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	_, err := d.DeclareMajor(ctx, maja, i.ID, incident.Declaration{Command: itsm.Command{Reason: "x", IfVersion: 1}})
	require.ErrorIs(t, err, itsm.ErrConflict, "there is none yet")
	r := incident.Declaration{Command: itsm.Command{Reason: "x", Key: "k"}}
	m, err := d.DeclareMajor(ctx, maja, i.ID, r)
	require.NoError(t, err)
	before := d.snapshot()
	again, err := d.DeclareMajor(ctx, maja, i.ID, r)
	require.NoError(t, err)
	require.Equal(t, m, again)
	require.Equal(t, before, d.snapshot())
	u := incident.MajorUpdate{Command: itsm.Command{IfVersion: m.Version}, Text: "News"}
	_, err = d.PostUpdate(ctx, maja, i.ID, u)
	require.NoError(t, err)
	_, err = d.PostUpdate(ctx, maja, i.ID, u)
	require.ErrorIs(t, err, itsm.ErrConflict)
	require.Equal(t, []string{"News"}, d.texts(rita, i.ID))
	_, err = d.GetMajor(ctx, maja, "none")
	require.ErrorIs(t, err, storage.ErrNotFound)
}
