package incident_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// verdicts counts what reports count.
func (d *serviceDesk) verdicts(by storage.ColumnOf[incident.Head]) map[incident.Verdict]int64 {
	d.t.Helper()
	groups, err := d.CountBy(d.t.Context(), mona, incident.Query{}, by)
	require.NoError(d.t, err)
	counts := map[incident.Verdict]int64{}
	for _, g := range groups {
		counts[incident.Verdict(g.Values[0].(string))] = g.Count
	}
	return counts
}

func TestD4ResolvedInTheFirstContact(t *testing.T) {
	must := func(t *testing.T) func(incident.Incident, error) {
		return func(_ incident.Incident, err error) { t.Helper(); require.NoError(t, err) }
	}
	bob := ana
	bob.ID = "bob"
	type step func(t *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID)
	hold := func(t *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) {
		must(t)(d.Hold(ctx, ana, id, incident.Hold{HoldReason: incident.HoldCustomerScheduled}))
	}
	by := func(actor itsm.Actor) step {
		return func(t *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) {
			must(t)(d.Resolve(ctx, actor, id, fixed))
		}
	}
	wait := func(after time.Duration) step {
		return func(_ *testing.T, _ context.Context, d *serviceDesk, _ itsm.ID) { d.now = d.now.Add(after) }
	}
	accept := func(actor itsm.Actor) step {
		return func(t *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) {
			must(t)(d.Accept(ctx, actor, id, itsm.Command{}))
		}
	}
	say := func(text func(t *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) (incident.Incident, error)) step {
		return func(t *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) { must(t)(text(t, ctx, d, id)) }
	}
	reply := say(func(_ *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) (incident.Incident, error) {
		return d.Reply(ctx, rita, id, incident.Reply{Text: "It is room 12"})
	})
	phone := func(logger itsm.Actor, change ...func(*incident.Report)) (itsm.Actor, incident.Report) {
		r := incident.Report{Title: "x", Requester: "rita", Channel: incident.ChannelPhone}
		for _, fn := range change {
			fn(&r)
		}
		return logger, r
	}
	gateway := itsm.SystemActor("acme", "mail")
	for _, c := range []struct {
		name   string
		logger itsm.Actor
		report func(*incident.Report)
		steps  []step
		want   incident.Verdict
	}{
		{"resolved by who took the call", ana, nil, []step{by(ana)}, incident.VerdictMet},
		{"accepted and started before", ana, nil, []step{accept(ana), wait(59 * time.Minute), by(ana)}, incident.VerdictMet},
		{"not resolved", ana, nil, []step{accept(ana)}, incident.VerdictNone},
		{"too late", ana, nil, []step{wait(time.Hour + time.Second), by(ana)}, incident.VerdictMissed},
		{"resolved by another", ana, nil, []step{by(bob)}, incident.VerdictMissed},
		{"resolved by the system", ana, nil, []step{by(gateway)}, incident.VerdictMissed},
		{"held between", ana, nil, []step{hold, by(ana)}, incident.VerdictMissed},
		{"logged for another", ana, func(r *incident.Report) { r.Group, r.Assignee = "desk", "bob" }, []step{by(ana)}, incident.VerdictMissed},
		{"reassigned, and taken back", ana, nil, []step{
			say(func(_ *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) (incident.Incident, error) {
				return d.Reassign(ctx, ana, id, incident.Assignment{Group: "network"})
			}), by(ana)}, incident.VerdictMissed},
		{"escalated to another group", ana, nil, []step{
			say(func(_ *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) (incident.Incident, error) {
				return d.Escalate(ctx, ana, id, incident.Escalation{Type: incident.EscalationFunctional, Group: "network"})
			}), by(ana)}, incident.VerdictMissed},
		{"the requester wrote again", ana, nil, []step{reply, by(ana)}, incident.VerdictMissed},
		{"the requester says thanks after", ana, nil, []step{by(ana), reply}, incident.VerdictMet},
		{"reported by the requester, taken up hours later", rita, nil, []step{wait(5 * time.Hour), accept(ana), wait(time.Minute), by(ana)}, incident.VerdictMet},
		{"the requester wrote twice before anyone took it up", rita, nil, []step{reply, by(ana)}, incident.VerdictMet},
		{"brought by a mail gateway, dispatched by one, resolved by another", gateway, nil, []step{
			say(func(_ *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) (incident.Incident, error) {
				return d.Assign(ctx, mona, id, incident.Assignment{Group: "desk"})
			}), by(ana)}, incident.VerdictMissed},
		{"an internal note of another is no contact", rita, nil, []step{
			say(func(_ *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) (incident.Incident, error) {
				return d.Note(ctx, bob, id, incident.Note{Text: "Seen before"})
			}), by(ana)}, incident.VerdictMet},
		{"a public note of another is", rita, nil, []step{
			say(func(_ *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) (incident.Incident, error) {
				return d.Note(ctx, bob, id, incident.Note{Text: "We look into it", Visibility: itsm.VisibilityPublic})
			}), by(ana)}, incident.VerdictMissed},
		{"reported by monitoring", gateway, func(r *incident.Report) { r.Channel = incident.ChannelMonitoring }, []step{by(ana)}, incident.VerdictNone},
		{"cancelled", ana, nil, []step{
			say(func(_ *testing.T, ctx context.Context, d *serviceDesk, id itsm.ID) (incident.Incident, error) {
				return d.Cancel(ctx, ana, id, incident.Cancellation{Command: itsm.Command{Reason: "Void"}})
			})}, incident.VerdictNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, ctx := openDesk(t, incident.Options{}), t.Context()
			logger, report := phone(c.logger)
			if c.report != nil {
				c.report(&report)
			}
			i, err := d.Log(ctx, logger, report)
			require.NoError(t, err)
			for _, do := range c.steps {
				do(t, ctx, d, i.ID)
			}
			require.Equal(t, c.want, d.get(i.ID).FirstContact)
			require.Equal(t, map[incident.Verdict]int64{c.want: 1}, d.verdicts(incident.ByFirstContact))
		})
	}
}

func TestD4ReopeningTakesTheFirstContactAndTheFirstLevelBack(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{FirstLevel: []itsm.ID{"desk"}}), t.Context()
	i, err := d.Log(ctx, ana, incident.Report{Title: "x", Requester: "rita", Group: "desk", Assignee: "ana"})
	require.NoError(t, err)
	i, err = d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	require.Equal(t, [2]incident.Verdict{incident.VerdictMet, incident.VerdictMet}, [2]incident.Verdict{i.FirstContact, i.FirstLevel})
	i, err = d.Reopen(ctx, rita, i.ID, incident.Reopening{})
	require.NoError(t, err)
	require.Equal(t, [2]incident.Verdict{}, [2]incident.Verdict{i.FirstContact, i.FirstLevel})
	i, err = d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	require.Equal(t, [2]incident.Verdict{incident.VerdictMissed, incident.VerdictMet}, [2]incident.Verdict{i.FirstContact, i.FirstLevel})
	d.wait(incident.DefaultAutoClose)
	i = d.get(i.ID)
	require.Equal(t, incident.StateClosed, i.State)
	require.Equal(t, [2]incident.Verdict{incident.VerdictMissed, incident.VerdictMet}, [2]incident.Verdict{i.FirstContact, i.FirstLevel})
}

func TestD4FirstLevelResolutionIsAnotherFigure(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{FirstLevel: []itsm.ID{"desk", "vip_desk"}}), t.Context()
	resolved := func(groups ...itsm.ID) incident.Incident {
		i := d.report(func(r *incident.Report) { r.Channel = incident.ChannelMonitoring })
		for _, g := range groups {
			_, err := d.Reassign(ctx, mona, i.ID, incident.Assignment{Group: g})
			require.NoError(t, err)
		}
		i, err := d.Resolve(ctx, mona, i.ID, fixed)
		require.NoError(t, err)
		require.Equal(t, incident.VerdictNone, i.FirstContact)
		return i
	}
	require.Equal(t, incident.VerdictMet, resolved().FirstLevel, "no group had it")
	require.Equal(t, incident.VerdictMet, resolved("desk", "vip_desk").FirstLevel)
	require.Equal(t, incident.VerdictMissed, resolved("desk", "network").FirstLevel)
	require.Equal(t, incident.VerdictMissed, resolved("network", "desk").FirstLevel, "it had gone beyond")
	require.Equal(t, map[incident.Verdict]int64{incident.VerdictMet: 2, incident.VerdictMissed: 2}, d.verdicts(incident.ByFirstLevel))

	hers, err := d.Get(ctx, rita, resolved("network").ID)
	require.NoError(t, err)
	require.Nil(t, hers.Contact)
	require.False(t, hers.BeyondFirstLevel)

	without := openDesk(t, incident.Options{})
	require.Equal(t, incident.VerdictNone, without.in(incident.StateResolved).FirstLevel, "nothing is marked")
}

func TestD4AnotherChannelAndOtherLimits(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{MachineChannels: []incident.Channel{incident.ChannelEmail}, FirstContact: incident.Never}), t.Context()
	i, err := d.Log(ctx, ana, incident.Report{Title: "x", Requester: "rita", Channel: incident.ChannelEmail})
	require.NoError(t, err)
	d.now = d.now.Add(100 * time.Hour)
	i, err = d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	require.Equal(t, incident.VerdictNone, i.FirstContact)
	i, err = d.Edit(ctx, ana, i.ID, incident.Edit{Channel: ptr(incident.ChannelMonitoring)})
	require.NoError(t, err)
	require.Equal(t, incident.VerdictMet, i.FirstContact, "it was a contact of a person after all")
	_, err = incident.New(d.e, incident.Options{MachineChannels: []incident.Channel{"fax"}, FirstLevel: []itsm.ID{""}})
	require.Equal(t, []string{"machine_channels[0]", "first_level[0]"}, faults(t, err))
}
