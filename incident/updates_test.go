package incident_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

// childOf makes one incident the child of another.
func (d *serviceDesk) childOf(child, parent incident.Incident) {
	d.t.Helper()
	_, err := d.Link(d.t.Context(), mona, child.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
	require.NoError(d.t, err)
}

// texts gives the notes of an incident that the actor may read.
func (d *serviceDesk) texts(actor itsm.Actor, id itsm.ID) []string {
	d.t.Helper()
	page, err := d.Notes(d.t.Context(), actor, id, "", 100)
	require.NoError(d.t, err)
	texts := []string{}
	for _, n := range page.Items {
		texts = append(texts, n.Text)
	}
	return texts
}

func (d *serviceDesk) say(id itsm.ID, text string, v itsm.Visibility) {
	d.t.Helper()
	_, err := d.Note(d.t.Context(), mona, id, incident.Note{Text: text, Visibility: v})
	require.NoError(d.t, err)
}

func TestI7ChildrenTakeTheUpdatesOfTheirParent(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	parent := d.report(func(r *incident.Report) { r.Requester = "paula" })
	paula := itsm.Actor{Tenant: "acme", ID: "paula", Roles: []itsm.RoleName{itsm.RoleRequester}}
	child, other, done := d.report(), d.report(), d.in(incident.StateResolved)
	grandchild := d.report()
	for _, c := range []incident.Incident{child, other, done} {
		d.childOf(c, parent)
	}
	// Two ways lead to the grandchild, which is told once all the same.
	d.childOf(grandchild, child)
	d.childOf(grandchild, other)

	d.say(parent.ID, "We found the cause", itsm.VisibilityPublic)
	d.say(parent.ID, "The supplier is to blame", itsm.VisibilityInternal)
	_, err := d.Reply(ctx, paula, parent.ID, incident.Reply{Text: "My salary is on it"})
	require.NoError(t, err)
	_, err = d.Reply(ctx, mona, parent.ID, incident.Reply{Text: "An hour more"})
	require.NoError(t, err)
	ran := d.wait(time.Second)
	require.Zero(t, ran.Failed+ran.Dead)
	for _, c := range []incident.Incident{child, other, grandchild} {
		require.Equal(t, []string{"We found the cause", "An hour more"}, d.texts(rita, c.ID))
		require.Equal(t, []string{"We found the cause", "An hour more"}, d.texts(mona, c.ID), "and nothing internal")
		require.False(t, d.get(c.ID).FirstResponse.IsZero())
	}
	require.Empty(t, d.texts(mona, done.ID), "only open ones are told")
	require.Equal(t, parent.ID, d.last(child.ID).Data.(incident.Noted).Parent)
	entries, err := d.Timeline(ctx, rita, child.ID)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Event != nil {
			require.NotContains(t, string(must(e.Event.MarshalJSON())), string(parent.ID), "who may not read the parent does not learn of it")
		}
	}
	before := d.snapshot()
	d.wait(time.Hour)
	require.Equal(t, before, d.snapshot(), "each is told once")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestI7ManyChildrenAreToldEachOnce(t *testing.T) {
	d := openDesk(t, incident.Options{})
	parent := d.report()
	var children []incident.Incident
	for range 120 {
		c := d.report()
		d.childOf(c, parent)
		children = append(children, c)
	}
	d.say(parent.ID, "First", itsm.VisibilityPublic)
	d.now = d.now.Add(time.Second)
	d.say(parent.ID, "Second", itsm.VisibilityPublic)
	d.wait(time.Second)
	for _, c := range children {
		require.Equal(t, []string{"First", "Second"}, d.texts(mona, c.ID))
	}
}

func TestI7RestrictedFamiliesDoNotLeak(t *testing.T) {
	for _, c := range []struct {
		name          string
		parent, child bool
		told          []string
	}{
		{"a restricted parent", true, false, []string{}},
		{"a restricted child", false, true, []string{"An update"}},
		{"both", true, true, []string{"An update"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openDesk(t, incident.Options{})
			parent := d.report(func(r *incident.Report) { r.Restricted, r.Title, r.Requester = c.parent, "Fraud", "paula" })
			child := d.report(func(r *incident.Report) { r.Restricted = c.child })
			d.childOf(child, parent)
			before := d.get(parent.ID)
			d.say(parent.ID, "An update", itsm.VisibilityPublic)
			d.wait(time.Second)
			require.Equal(t, c.told, d.texts(mona, child.ID))
			require.Equal(t, before.Version+1, d.get(parent.ID).Version, "the parent says nothing of its children")
		})
	}
}

func TestI7UpdatesStayWithTheParentByPolicy(t *testing.T) {
	d := openDesk(t, incident.Options{Updates: incident.UpdatesKeep})
	parent, child := d.report(), d.report()
	d.childOf(child, parent)
	d.say(parent.ID, "An update", itsm.VisibilityPublic)
	d.wait(time.Second)
	require.Empty(t, d.texts(mona, child.ID))

	_, err := incident.New(d.e, incident.Options{Updates: "shout"})
	require.Equal(t, []string{"updates"}, faults(t, err))
}

func TestI7AChildNeverReadsWhatWasWrittenWhileItsParentWasRestricted(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	parent, child := d.report(), d.report()
	d.childOf(child, parent)
	_, err := d.Restrict(ctx, mona, parent.ID, incident.Restriction{})
	require.NoError(t, err)
	d.say(parent.ID, "An attacker had the password", itsm.VisibilityPublic)
	_, err = d.Resolve(ctx, mona, parent.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "We locked the attacker out"})
	require.NoError(t, err)
	_, err = d.Unrestrict(ctx, mona, parent.ID, itsm.Command{})
	require.NoError(t, err)
	d.wait(time.Second)
	d.wait(time.Second)
	require.Empty(t, d.texts(rita, child.ID))
	require.Equal(t, "Resolved with its parent incident.", d.get(child.ID).Resolution.Notes)

	_, err = d.Reopen(ctx, mona, child.ID, incident.Reopening{})
	require.NoError(t, err)
	d.say(parent.ID, "All passwords are new", itsm.VisibilityPublic)
	d.wait(time.Second)
	require.Equal(t, []string{"All passwords are new"}, d.texts(rita, child.ID), "what is written from then on is told")
}
