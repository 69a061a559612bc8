// This file holds the model test: random commands of several tenants, compared with an oracle on plain
// values.

package versionedsuite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
)

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

// imagined is a version as the model has it.
type imagined struct {
	id     itsm.ID
	family string
	stack  versioned.Stack
	number int64
	state  versioned.State
	set    string
	source versioned.Source
	// puts is the version of the record.
	puts int64
}

// place is a tenant as the model has it.
type place struct {
	versions []*imagined
	events   int
}

type machine struct {
	*rapid.T
	ctx     context.Context
	h       *host
	tenants []itsm.Tenant
	places  map[itsm.Tenant]*place
	// was is what each version said when it was first active.
	was map[itsm.ID]calendar
}

func runModel(t *testing.T, h *host) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{T: rt, ctx: t.Context(), h: h, places: map[itsm.Tenant]*place{}, was: map[itsm.ID]calendar{}}
		run := runs.Add(1)
		for _, name := range []string{"a", "b", "c"} {
			tenant := itsm.Tenant(fmt.Sprintf("model-%d-%s", run, name))
			m.tenants, m.places[tenant] = append(m.tenants, tenant), &place{}
		}
		actions := map[string]func(*rapid.T){}
		for name, action := range map[string]func(){
			"draft": m.draft, "revise": m.revise, "activate": m.activate, "retire": m.retire, "publish": m.publish, "inherit": m.inherit,
		} {
			actions[name] = func(rt *rapid.T) { m.T = rt; action() }
		}
		actions[""] = func(rt *rapid.T) { m.T = rt; m.compare() }
		rt.Repeat(actions)
	})
}

func (m *machine) tenant() itsm.Tenant { return rapid.SampledFrom(m.tenants).Draw(m.T, "tenant") }

func (m *machine) family() string {
	return rapid.SampledFrom([]string{"night", "office"}).Draw(m.T, "family")
}

// set draws a calendar; one of three is refused.
func (m *machine) set() (calendar, bool) {
	if rapid.IntRange(0, 2).Draw(m.T, "faulty") == 0 {
		return calendar{}, false
	}
	return days(rapid.StringMatching(`[a-z]{1,3}`).Draw(m.T, "day")), true
}

// one draws a version of a tenant, or skips the step where it has none.
func (m *machine) one() (itsm.Tenant, *place, *imagined) {
	tenant := m.tenant()
	p := m.places[tenant]
	if len(p.versions) == 0 {
		m.Skip("the tenant has no version")
	}
	return tenant, p, rapid.SampledFrom(p.versions).Draw(m.T, "version")
}

// held is the active version of a family and stack, or nil.
func (p *place) held(family string, stack versioned.Stack) *imagined {
	for _, v := range p.versions {
		if v.family == family && v.stack == stack && v.state == versioned.StateActive {
			return v
		}
	}
	return nil
}

func (p *place) next(family string, stack versioned.Stack) (n int64) {
	for _, v := range p.versions {
		if v.family == family && v.stack == stack {
			n++
		}
	}
	return n + 1
}

func (p *place) follow(v *imagined) {
	if old := p.held(v.family, v.stack); old != nil {
		old.state = versioned.StateRetired
		old.puts++
		p.events++
	}
	v.state = versioned.StateActive
	v.puts++
	p.events++
}

// refused requires what a state does not permit to be refused so, and says whether it was.
func (m *machine) refused(err error, v *imagined, action string) bool {
	permitted := map[versioned.State][]string{
		versioned.StateDraft: {"revise", "activate"}, versioned.StateActive: {"retire"}, versioned.StateRetired: {"activate"},
	}[v.state]
	if slices.Contains(permitted, action) {
		require.NoError(m, err)
		return false
	}
	var refused *itsm.TransitionError
	require.ErrorAs(m, err, &refused)
	require.Equal(m, &itsm.TransitionError{Kind: "calendar", ID: v.id, State: string(v.state), Action: action, Permitted: permitted}, refused)
	return true
}

func (m *machine) draft() {
	tenant, family := m.tenant(), m.family()
	set, sound := m.set()
	v, err := m.h.Draft(m.ctx, manager(tenant), versioned.Draft[calendar]{Family: family, Set: set})
	if !sound {
		require.ErrorIs(m, err, itsm.ErrInvalid)
		return
	}
	require.NoError(m, err)
	p := m.places[tenant]
	p.versions = append(p.versions, &imagined{id: v.ID, family: family, stack: versioned.StackOwn, number: p.next(family, versioned.StackOwn),
		state: versioned.StateDraft, set: set.Days[0], puts: 1})
	p.events++
}

func (m *machine) revise() {
	tenant, p, v := m.one()
	set, sound := m.set()
	_, err := m.h.Revise(m.ctx, manager(tenant), v.id, versioned.Revision[calendar]{Set: set})
	if !sound {
		require.ErrorIs(m, err, itsm.ErrInvalid)
		return
	}
	if !m.refused(err, v, "revise") {
		v.set = set.Days[0]
		v.puts++
		p.events++
	}
}

func (m *machine) activate() {
	tenant, p, v := m.one()
	_, err := m.h.Activate(m.ctx, manager(tenant), v.id, itsm.Command{})
	if !m.refused(err, v, "activate") {
		p.follow(v)
	}
}

func (m *machine) retire() {
	tenant, p, v := m.one()
	_, err := m.h.Retire(m.ctx, manager(tenant), v.id, itsm.Command{})
	if !m.refused(err, v, "retire") {
		v.state = versioned.StateRetired
		v.puts++
		p.events++
	}
}

// inherited is what the model makes of an inheritance.
func (p *place) inherited(family, set string, from versioned.Source) {
	if base := p.held(family, versioned.StackBase); base != nil && base.source == from {
		return
	}
	v := &imagined{family: family, stack: versioned.StackBase, number: p.next(family, versioned.StackBase), set: set, source: from}
	p.follow(v)
	p.versions = append(p.versions, v)
}

func (m *machine) inherit() {
	tenant, family := m.tenant(), m.family()
	from := versioned.Source{Tenant: "elsewhere", Set: "x", Number: rapid.Int64Range(1, 2).Draw(m.T, "number")}
	set := days(fmt.Sprint("x", from.Number))
	v, err := m.h.Inherit(m.ctx, manager(tenant), versioned.Inheritance[calendar]{Family: family, Base: versioned.Layer[calendar]{Source: from, Set: set}})
	require.NoError(m, err)
	require.Equal(m, versioned.Source{Number: from.Number, Provider: true}, v.Source, "who may not read there is not told")
	m.places[tenant].inherited(family, set.Days[0], from)
}

func (m *machine) publish() {
	tenant, family, to := m.tenant(), m.family(), m.tenant()
	actor := manager(tenant)
	actor.Elsewhere = map[itsm.Tenant]itsm.Membership{to: {Roles: []itsm.RoleName{"manager"}}}
	err := m.h.Publish(m.ctx, actor, versioned.Publication{Family: family}, to)
	own := m.places[tenant].held(family, versioned.StackOwn)
	switch {
	case own == nil:
		require.ErrorIs(m, err, itsm.ErrNotFound)
	case to == tenant:
		require.ErrorIs(m, err, itsm.ErrInvalid)
	default:
		require.NoError(m, err)
		m.places[to].inherited(family, own.set, versioned.Source{Tenant: tenant, Set: own.id, Number: own.number})
	}
}

// compare holds every tenant against the model, and against what is promised whatever was commanded.
func (m *machine) compare() {
	for _, tenant := range m.tenants {
		p, all := m.places[tenant], m.h.all(m, m.ctx, tenant)
		slices.SortFunc(p.versions, func(a, b *imagined) int {
			return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.stack, b.stack), cmp.Compare(a.number, b.number))
		})
		require.Len(m, all, len(p.versions))
		require.Equal(m, p.events, m.h.told(m, m.ctx, tenant))
		active, last := map[string]int{}, map[string]int64{}
		for i, v := range all {
			want := p.versions[i]
			if want.id == "" {
				want.id = v.ID // one that was inherited
			}
			require.Equal(m, *want, imagined{id: v.ID, family: v.Family, stack: v.Stack, number: v.Number, state: v.State, set: v.Set.Days[0],
				source: v.Source, puts: v.Version})
			stack := v.Family + " " + string(v.Stack)
			last[stack]++
			require.Equal(m, last[stack], v.Number)
			if v.State == versioned.StateActive {
				active[stack]++
				require.Equal(m, 1, active[stack], "one is active at most")
			}
			if v.State == versioned.StateDraft {
				continue
			}
			if was, ok := m.was[v.ID]; ok {
				require.Equal(m, was, v.Set, "what was active never changes")
			}
			m.was[v.ID] = v.Set
		}
	}
}
