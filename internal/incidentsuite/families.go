// This file holds the random test of what incidents have to do with each other: families, duplicates,
// major incidents, and a provider's customers, over several tenants.

package incidentsuite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// families is one run: a provider and two customers. Every text names the tenant that it was written in,
// and whether it is internal.
type families struct {
	*rapid.T
	*desk
	ctx     context.Context
	tenants []storage.Tenant // the first is the provider
	ids     map[storage.Tenant][]itsm.ID
	// reaches has the title of what each of the provider's incidents is to its customers.
	reaches map[itsm.ID]map[storage.Tenant]string
	texts   int
}

func runFamilies(t *testing.T, newStore func(*testing.T) storage.Store) {
	d := open(t, newStore(t), incident.Options{Customer: func(_ context.Context, provider, tenant storage.Tenant) (incident.Customer, bool, error) {
		run, ok := strings.CutSuffix(string(provider), "-provider")
		return incident.Customer{Requester: "rita"}, ok && strings.HasPrefix(string(tenant), run+"-"), nil
	}})
	rapid.Check(t, func(rt *rapid.T) {
		run := fmt.Sprintf("run%d", runs.Add(1))
		m := &families{T: rt, desk: d, ctx: t.Context(), ids: map[storage.Tenant][]itsm.ID{}, reaches: map[itsm.ID]map[storage.Tenant]string{}}
		for _, name := range []string{"provider", "first", "second"} {
			m.tenants = append(m.tenants, storage.Tenant(run+"-"+name))
		}
		for _, tenant := range m.tenants {
			for range 3 {
				m.log(tenant)
			}
		}
		steps := []func(){m.relate, m.relate, m.merge, m.merge, m.update, m.resolve, m.fanOut, m.fanOut, m.withdraw, m.major, m.reopen}
		for range rapid.IntRange(4, 10).Draw(rt, "steps") {
			steps[rapid.IntRange(0, len(steps)-1).Draw(rt, "step")]()
		}
		m.tick()
		m.check()
	})
}

// lead may do everything in a tenant.
func lead(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "lena-of-" + itsm.ID(t), Name: "Lena of " + string(t), Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

func (m *families) text(tenant storage.Tenant, v itsm.Visibility) string {
	m.texts++
	return fmt.Sprintf("%s words no. %d of %s", v, m.texts, tenant)
}

// public is a text that a provider has for its customers: it names no tenant.
func (m *families) public() string {
	m.texts++
	return fmt.Sprintf("public words no. %d", m.texts)
}

func (m *families) log(tenant storage.Tenant) {
	requester := itsm.ID(rapid.SampledFrom([]string{"rita", "rob"}).Draw(m.T, "requester"))
	i, err := m.p.Log(m.ctx, lead(tenant), incident.Report{Title: m.text(tenant, itsm.VisibilityPublic), Requester: requester,
		Service: "mail", Restricted: rapid.IntRange(0, 5).Draw(m.T, "restricted") == 0})
	require.NoError(m, err)
	m.ids[tenant] = append(m.ids[tenant], i.ID)
}

func (m *families) tick() {
	ran, err := m.e.Tick(m.ctx, m.clock.Advance(time.Minute))
	require.NoError(m, err)
	require.Zero(m, ran.Failed+ran.Dead+ran.Lost, "%+v", ran)
}

// draw gives a tenant, someone in it and one of its incidents, a child from the provider too.
func (m *families) draw() (itsm.Actor, itsm.ID) {
	tenant := rapid.SampledFrom(m.tenants).Draw(m.T, "tenant")
	actor := lead(tenant)
	if rapid.IntRange(0, 4).Draw(m.T, "analyst") == 0 {
		actor = analyst(tenant)
	}
	return actor, rapid.SampledFrom(m.ids[tenant]).Draw(m.T, "incident")
}

// may is for commands that a state, a right or an input may refuse.
func (m *families) may(err error) bool {
	if err == nil {
		return true
	}
	refused := errors.Is(err, itsm.ErrInvalid) || errors.Is(err, itsm.ErrTransition) || errors.Is(err, itsm.ErrForbidden) || errors.Is(err, itsm.ErrNotFound)
	require.True(m, refused, "%v", err)
	return false
}

func (m *families) relate() {
	actor, id := m.draw()
	to := rapid.SampledFrom(m.ids[actor.Tenant]).Draw(m.T, "parent")
	_, err := m.p.Link(m.ctx, actor, id, incident.Relation{Type: itsm.LinkChildOf, To: itsm.Ref{Kind: incident.Kind, ID: to}})
	m.may(err)
}

func (m *families) merge() {
	actor, id := m.draw()
	tenant := actor.Tenant
	if rapid.IntRange(0, 9).Draw(m.T, "abroad") == 0 {
		tenant = rapid.SampledFrom(m.tenants).Draw(m.T, "other tenant")
	}
	into := rapid.SampledFrom(m.ids[tenant]).Draw(m.T, "into")
	_, err := m.p.Merge(m.ctx, actor, id, incident.Merging{Into: into})
	if m.may(err) {
		require.Equal(m, actor.Tenant, tenant)
		require.NotEqual(m, id, into)
		s, err := m.p.Survivor(m.ctx, lead(tenant), id)
		require.NoError(m, err)
		require.Equal(m, into, s.ID)
	}
}

func (m *families) get(tenant storage.Tenant, id itsm.ID) incident.Incident {
	i, err := m.p.Get(m.ctx, lead(tenant), id)
	require.NoError(m, err)
	return i
}

// linked gives the incidents that are the relation of one.
func (m *families) linked(tenant storage.Tenant, id itsm.ID, relation itsm.LinkType) (ids []itsm.ID) {
	links, err := m.p.Links(m.ctx, lead(tenant), id)
	require.NoError(m, err)
	for _, l := range links {
		if l.Type == relation {
			ids = append(ids, l.To.ID)
		}
	}
	return ids
}

// below gives all below an incident, each once.
func (m *families) below(tenant storage.Tenant, id itsm.ID) (all []itsm.ID) {
	for level := []itsm.ID{id}; len(level) > 0; level = level[1:] {
		for _, child := range m.linked(tenant, level[0], itsm.LinkParentOf) {
			require.NotEqual(m, id, child, "no incident is above itself")
			if !slices.Contains(all, child) {
				all, level = append(all, child), append(level, child)
			}
		}
	}
	return all
}

func (m *families) notes(actor itsm.Actor, id itsm.ID) (texts []string) {
	page, err := m.p.Notes(m.ctx, actor, id, "", storage.MaxPage)
	require.NoError(m, err)
	for _, n := range page.Items {
		texts = append(texts, n.Text)
	}
	return texts
}

func times(texts []string, text string) (n int) {
	for _, t := range texts {
		if t == text {
			n++
		}
	}
	return n
}

// update writes a public and an internal note, and looks for them on all below.
func (m *families) update() {
	actor, id := m.draw()
	actor = lead(actor.Tenant)
	m.tick() // so that what was said before is told
	from := m.get(actor.Tenant, id)
	text, internal := m.public(), m.text(actor.Tenant, itsm.VisibilityInternal)
	for text, v := range map[string]itsm.Visibility{text: itsm.VisibilityPublic, internal: itsm.VisibilityInternal} {
		_, err := m.p.Note(m.ctx, actor, id, incident.Note{Text: text, Visibility: v})
		require.NoError(m, err)
	}
	open := map[itsm.ID]bool{}
	below := m.below(actor.Tenant, id)
	for _, child := range below {
		i := m.get(actor.Tenant, child)
		open[child] = i.Open && (i.Restricted || !from.Restricted)
	}
	m.tick()
	for _, child := range below {
		told := m.notes(actor, child)
		want := 0
		if open[child] {
			want = 1
		}
		require.Equal(m, want, times(told, text), "told once, where it is open")
		require.Zero(m, times(told, internal))
	}
}

func (m *families) resolve() {
	actor, id := m.draw()
	actor = lead(actor.Tenant)
	_, err := m.p.Resolve(m.ctx, actor, id, incident.Resolution{Code: incident.CodeFixed, Notes: m.public()})
	if !m.may(err) {
		return
	}
	m.tick()
	for _, child := range m.linked(actor.Tenant, id, itsm.LinkParentOf) {
		require.False(m, m.get(actor.Tenant, child).Open, "children take the resolution")
	}
	for tenant, title := range m.reaches[id] {
		if _, child := m.childOf(tenant, title); child.ID != "" {
			require.False(m, child.Open, "customers take it too")
		}
	}
}

func (m *families) reopen() {
	actor, id := m.draw()
	_, err := m.p.Reopen(m.ctx, actor, id, incident.Reopening{})
	m.may(err)
}

func (m *families) major() {
	actor, id := m.draw()
	why := itsm.Command{Reason: m.text(actor.Tenant, itsm.VisibilityInternal)}
	plan := &incident.CommunicationPlan{Every: time.Hour}
	_, err := m.p.DeclareMajor(m.ctx, actor, id, incident.Declaration{Command: why, Plan: plan, Apart: m.ids[actor.Tenant]})
	if !m.may(err) {
		return
	}
	_, err = m.p.PostUpdate(m.ctx, actor, id, incident.MajorUpdate{Text: m.public()})
	require.NoError(m, err)
	if rapid.Bool().Draw(m.T, "demote") {
		_, err = m.p.DemoteMajor(m.ctx, actor, id, incident.Demotion{Command: why})
		require.NoError(m, err)
	}
}

func (m *families) fanOut() {
	provider := m.tenants[0]
	id := rapid.SampledFrom(m.ids[provider]).Draw(m.T, "incident")
	to := m.tenants[1:rapid.IntRange(2, 3).Draw(m.T, "customers")]
	title := m.public()
	_, err := m.p.FanOut(m.ctx, lead(provider), id, incident.FanOut{Tenants: to, Title: title})
	if m.may(err) {
		for _, tenant := range to {
			if m.reaches[id] == nil {
				m.reaches[id] = map[storage.Tenant]string{}
			}
			if m.reaches[id][tenant] == "" {
				m.reaches[id][tenant] = title
			}
		}
	}
	if rapid.Bool().Draw(m.T, "tick") {
		m.tick()
		for _, tenant := range to {
			if _, child := m.childOf(tenant, title); child.ID != "" && !slices.Contains(m.ids[tenant], child.ID) {
				m.ids[tenant] = append(m.ids[tenant], child.ID) // its customer works with it
			}
		}
	}
}

func (m *families) withdraw() {
	provider := m.tenants[0]
	id := rapid.SampledFrom(m.ids[provider]).Draw(m.T, "incident")
	tenant := rapid.SampledFrom(m.tenants[1:]).Draw(m.T, "customer")
	_, err := m.p.Withdraw(m.ctx, lead(provider), id, incident.Withdrawal{Tenants: []storage.Tenant{tenant}})
	m.may(err)
}

// childOf gives the incidents of a customer that have the title, and the one where that goes on.
func (m *families) childOf(tenant storage.Tenant, title string) (n int, child incident.Incident) {
	for h, err := range m.p.All(m.ctx, lead(tenant), incident.Query{Where: incident.ByTitle.Is(title)}) {
		require.NoError(m, err)
		n++
		child, err = m.p.Survivor(m.ctx, lead(tenant), h.ID)
		require.NoError(m, err)
	}
	return n, child
}

// check looks at all that came of it.
func (m *families) check() {
	for _, tenant := range m.tenants {
		for h, err := range m.p.All(m.ctx, lead(tenant), incident.Query{}) {
			require.NoError(m, err)
			m.below(tenant, h.ID)
			i := m.get(tenant, h.ID)
			s, err := m.p.Survivor(m.ctx, lead(tenant), h.ID)
			require.NoError(m, err)
			require.Empty(m, s.DuplicateOf, "merges have an end")
			require.Equal(m, i.DuplicateOf != "", len(m.linked(tenant, h.ID, itsm.LinkDuplicateOf)) == 1)
			if i.DuplicateOf != "" {
				require.Equal(m, incident.StateCancelled, i.State)
				require.Empty(m, m.linked(tenant, h.ID, itsm.LinkParentOf), "no one is left below a duplicate that could have moved")
			}
			// The counters are those that the events tell of.
			entries, err := m.p.Timeline(m.ctx, lead(tenant), h.ID)
			require.NoError(m, err)
			reopens, major := 0, incident.MajorState("")
			for _, e := range entries {
				if e.Event != nil {
					switch p := e.Event.Data.(type) {
					case incident.Reopened:
						reopens++
					case incident.MajorChanged:
						major = p.To
					}
				}
			}
			require.Equal(m, [2]any{reopens, major}, [2]any{i.Reopens, i.Major})
			require.Equal(m, i.Restricted, h.Restricted)
			m.reads(tenant, h.ID)
		}
	}
	for id, of := range m.reaches {
		page, err := m.p.CustomerIncidents(m.ctx, lead(m.tenants[0]), id, "", 0)
		require.NoError(m, err)
		require.Len(m, page.Items, len(of))
		for _, h := range page.Items {
			n, child := m.childOf(h.Customer, of[h.Customer])
			if h.Child == "" {
				require.Zero(m, n, "withdrawn, ended or restricted before it was told")
				continue
			}
			require.Equal(m, 1, n, "exactly one")
			if m.get(h.Customer, h.Child).DuplicateOf == "" {
				require.Equal(m, child.ID, h.Child)
			}
			require.Equal(m, m.get(h.Customer, h.Child).State, h.State, "the provider knows what became of it")
		}
	}
}

// reads looks for another tenant's word in all that someone may read of an incident, and for internal ones in what its
// requester may.
func (m *families) reads(tenant storage.Tenant, id itsm.ID) {
	for _, actor := range []itsm.Actor{lead(tenant), analyst(tenant), requester(tenant, "rita"), requester(tenant, "rob")} {
		i, err := m.p.Get(m.ctx, actor, id)
		if err != nil {
			require.ErrorIs(m, err, itsm.ErrNotFound)
			_, err = m.p.MergedTimeline(m.ctx, actor, id)
			require.ErrorIs(m, err, itsm.ErrNotFound)
			continue
		}
		timeline, err := m.p.MergedTimeline(m.ctx, actor, id)
		require.NoError(m, err)
		links, err := m.p.Links(m.ctx, actor, id)
		require.NoError(m, err)
		raw, err := json.Marshal([]any{i, timeline, links, m.notes(actor, id)})
		require.NoError(m, err)
		for _, other := range m.tenants {
			if tenant != other && !(tenant == m.tenants[0] && actor.ID == lead(tenant).ID) && !(tenant == m.tenants[0] && actor.ID == "ana") {
				require.NotContains(m, string(raw), string(other), "another tenant's word")
			}
			if other != tenant {
				require.NotContains(m, string(raw), "words of "+string(other))
				for _, foreign := range m.ids[other] {
					require.NotContains(m, string(raw), string(foreign))
				}
			}
		}
		if actor.Has(itsm.RoleRequester) {
			require.NotContains(m, string(raw), string(itsm.VisibilityInternal)+" words")
		}
	}
}
