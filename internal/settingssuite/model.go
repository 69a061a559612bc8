// This file holds the model test: random commands over a tree of tenants, each compared with a model
// that computes what holds from the top down, and every answer searched for what belongs to another
// tenant.

package settingssuite

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/storage"
)

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func model(t *testing.T, store storage.Store) {
	d := open(t, store, settings.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{T: rt, desk: d, run: runs.Add(1), all: map[storage.Tenant]*tenant{}}
		for i := range 6 {
			m.add(i)
		}
		m.settle(rt)
		m.settled = true
		rt.Repeat(map[string]func(*rapid.T){
			"set": m.with(m.set), "set again": m.with(m.set), "clear": m.with(func() { m.act(settings.ActionClear) }),
			"lock": m.with(func() { m.act(settings.ActionLock) }), "unlock": m.with(func() { m.act(settings.ActionUnlock) }),
			"present": m.with(m.present), "move": m.with(m.move), "import": m.with(m.imports),
			"preview": m.with(m.preview),
			"tick":    m.with(func() { m.settle(m.T); m.settled = true }),
			"":        m.with(m.compare),
		})
		m.T = rt
		m.settle(rt)
		m.settled = true
		m.compare()
	})
}

type machine struct {
	*rapid.T
	*desk
	run     int64
	names   []storage.Tenant
	all     map[storage.Tenant]*tenant
	n       int
	settled bool // nothing is due
}

// tenant is what the model knows of one.
type tenant struct {
	id     storage.Tenant
	code   string // stands in all that is the tenant's, and in no other's
	parent storage.Tenant
	name   string
	own    map[string]own
	locks  map[string]bool
	were   map[storage.Tenant]bool // who was ever above it
}

type own struct {
	value   any // string, map[string]string or []string
	private bool
}

func (m *machine) with(fn func()) func(*rapid.T) {
	return func(rt *rapid.T) { m.T = rt; fn() }
}

func (m *machine) add(i int) {
	code := fmt.Sprintf("q%c%dq", 'A'+rune(i), m.run)
	x := &tenant{id: storage.Tenant("id" + code), code: code, own: map[string]own{}, locks: map[string]bool{}, were: map[storage.Tenant]bool{}}
	if i > 0 {
		x.parent = m.names[[]int{0, 0, 0, 1, 1, 3}[i]]
	}
	m.place(m.T, x.id, x.parent)
	m.names = append(m.names, x.id)
	m.all[x.id] = x
	m.remember()
}

// remember notes who is above whom.
func (m *machine) remember() {
	for _, x := range m.all {
		for _, above := range m.chain(x.id) {
			if above != x {
				x.were[above.id] = true
			}
		}
	}
}

// chain is a tenant and all above it, from the top.
func (m *machine) chain(t storage.Tenant) (all []*tenant) {
	for t != "" {
		x := m.all[t]
		all = append([]*tenant{x}, all...)
		t = x.parent
	}
	return all
}

func (m *machine) pick() *tenant { return m.all[rapid.SampledFrom(m.names).Draw(m.T, "tenant")] }

// boss may do everything in the tenant, and nothing elsewhere.
func boss(x *tenant) itsm.Actor {
	return itsm.Actor{Tenant: x.id, ID: itsm.ID("boss" + x.code), Name: "Boss " + x.code, Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

var settable = []string{text.Name(), keys.Name(), items.Name()}

func (m *machine) setting() string { return rapid.SampledFrom(settable).Draw(m.T, "setting") }

// value makes a value that tells whose it is.
func (m *machine) value(x *tenant, setting string, private bool) any {
	m.n++
	kind := "val"
	if private {
		kind = "priv"
	}
	v := fmt.Sprintf("%s%s%d", kind, x.code, m.n)
	switch setting {
	case keys.Name():
		out := map[string]string{}
		for _, k := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2).Draw(m.T, "keys") {
			out[k] = v
		}
		return out
	case items.Name():
		return []string{v, "common"}[:rapid.IntRange(0, 2).Draw(m.T, "items")]
	}
	return v
}

// lockedNow says whether the setting is locked in the tenant as the tenant sees it.
func (m *machine) lockedNow(x *tenant, setting string) bool {
	s, err := m.p.Get(context.Background(), boss(x), setting)
	require.NoError(m, err)
	return s.LockedBy != ""
}

func (m *machine) set() {
	x, setting, private := m.pick(), m.setting(), rapid.IntRange(0, 3).Draw(m.T, "private") == 0
	v := m.value(x, setting, private)
	locked := m.lockedNow(x, setting)
	s, err := m.p.Set(context.Background(), boss(x), setting, settings.Change{Command: itsm.Command{Reason: "why" + x.code}, Value: raw(m, v), Private: private})
	m.clean(x, s, err)
	if locked {
		require.ErrorIs(m, err, itsm.ErrTransition)
		return
	}
	require.NoError(m, err)
	x.own[setting] = own{v, private}
	m.settled = false
}

func (m *machine) act(a settings.Action) {
	x, setting := m.pick(), m.setting()
	locked := m.lockedNow(x, setting)
	_, has := x.own[setting]
	may := map[settings.Action]bool{
		settings.ActionClear: has, settings.ActionLock: !locked, settings.ActionUnlock: x.locks[setting],
	}[a]
	s, err := m.do(boss(x), setting, a, itsm.Command{Reason: "why" + x.code})
	m.clean(x, s, err)
	if !may {
		require.ErrorIs(m, err, itsm.ErrTransition)
		return
	}
	require.NoError(m, err)
	switch a {
	case settings.ActionClear:
		delete(x.own, setting)
	case settings.ActionLock:
		x.locks[setting] = true
	case settings.ActionUnlock:
		delete(x.locks, setting)
	}
	m.settled = false
}

func (m *machine) present() {
	x := m.pick()
	m.n++
	name := rapid.SampledFrom([]string{"", fmt.Sprintf("name%s%d", x.code, m.n)}).Draw(m.T, "name")
	p, err := m.p.Present(context.Background(), boss(x), settings.Presentation{Name: name})
	require.NoError(m, err)
	m.clean(x, p)
	x.name = name
	m.settled = false
}

func (m *machine) move() {
	x, to := m.pick(), m.pick().id
	if rapid.IntRange(0, 5).Draw(m.T, "top") == 0 {
		to = ""
	}
	_, err := m.p.Place(context.Background(), manager(registry), x.id, settings.Move{Parent: to})
	if to != "" && slices.Contains(m.chain(to), x) {
		require.ErrorIs(m, err, itsm.ErrInvalid)
		return
	}
	require.NoError(m, err)
	x.parent = to
	m.remember()
	m.settled = false
}

func (m *machine) imports() {
	x := m.pick()
	document := settings.Document{Format: settings.Format, Settings: map[string]settings.Entry{}}
	want := map[string]own{}
	for _, setting := range settable {
		if rapid.Bool().Draw(m.T, "in it") {
			want[setting] = own{value: m.value(x, setting, false)}
			document.Settings[setting] = settings.Entry{Value: raw(m, want[setting].value), Lock: x.locks[setting]}
		}
	}
	locked := false
	for setting := range document.Settings {
		locked = locked || m.lockedNow(x, setting)
	}
	for _, dry := range []bool{true, false} {
		done, err := m.p.Import(context.Background(), boss(x), settings.Import{Document: document, DryRun: dry})
		m.clean(x, done, err)
		if locked {
			require.ErrorIs(m, err, itsm.ErrInvalid)
		} else {
			require.NoError(m, err)
		}
	}
	if locked {
		return
	}
	maps.Copy(x.own, want)
	m.settled = false
}

// preview asks whom a change would affect, makes it, and holds the answer to what happened.
func (m *machine) preview() {
	m.settle(m.T)
	m.settled = true
	x, setting := m.pick(), m.setting()
	a := rapid.SampledFrom([]settings.Action{settings.ActionSet, settings.ActionClear, settings.ActionLock, settings.ActionUnlock}).Draw(m.T, "action")
	p := settings.Proposal{Setting: setting, Action: a}
	var v any
	if a == settings.ActionSet {
		p.Private = rapid.Bool().Draw(m.T, "private")
		v = m.value(x, setting, p.Private)
		p.Value = raw(m, v)
	}
	m.answer(x, "a preview of nobody else", func(actor itsm.Actor) (any, error) { return m.p.Preview(context.Background(), actor, p) })
	knowing := boss(x)
	knowing.Elsewhere = map[storage.Tenant]itsm.Membership{}
	for _, t := range m.names {
		knowing.Elsewhere[t] = itsm.Membership{Roles: []itsm.RoleName{itsm.RoleAuditor}}
	}
	impact, refused := m.p.Preview(context.Background(), knowing, p)
	before := m.states(setting)
	var s settings.State
	var err error
	if a == settings.ActionSet {
		s, err = m.p.Set(context.Background(), boss(x), setting, settings.Change{Value: p.Value, Private: p.Private})
	} else {
		s, err = m.do(boss(x), setting, a, itsm.Command{})
	}
	m.clean(x, s, err)
	require.Equal(m, refused == nil, err == nil)
	if err != nil {
		require.ErrorIs(m, refused, itsm.ErrTransition)
		return
	}
	switch a {
	case settings.ActionSet:
		x.own[setting] = own{v, p.Private}
	case settings.ActionClear:
		delete(x.own, setting)
	case settings.ActionLock:
		x.locks[setting] = true
	case settings.ActionUnlock:
		delete(x.locks, setting)
	}
	m.settle(m.T)
	after := m.states(setting)
	named := map[storage.Tenant]settings.State{}
	for _, b := range impact.Below {
		named[b.Tenant] = b.After
	}
	require.Zero(m, impact.Unknown)
	for _, t := range m.names {
		if t == x.id {
			require.JSONEq(m, string(after[t].Value), string(impact.Here.After.Value))
			continue
		}
		changed := string(before[t].Value) != string(after[t].Value) || (before[t].LockedBy == "") != (after[t].LockedBy == "")
		told, is := named[t]
		require.Equal(m, changed, is, t)
		if is {
			require.JSONEq(m, string(after[t].Value), string(told.Value))
			require.Equal(m, after[t].LockedBy, told.LockedBy)
		}
	}
}

func (m *machine) states(setting string) map[storage.Tenant]settings.State {
	out := map[storage.Tenant]settings.State{}
	for _, t := range m.names {
		s, err := m.p.Get(context.Background(), boss(m.all[t]), setting)
		require.NoError(m, err)
		out[t] = s
	}
	return out
}

// expected is what holds in a tenant, from the top down, and the name of the nearest it comes from.
func (m *machine) expected(t storage.Tenant, setting string) (value any, from, lockedBy string) {
	switch setting {
	case keys.Name():
		value = keys.Default()
	case items.Name():
		value = items.Default()
	default:
		value = text.Default()
	}
	chain := m.chain(t)
	sources := map[string]string{} // of each key
	for i, x := range chain {
		here := i == len(chain)-1
		name := x.name
		switch {
		case name == "" && here:
			name = string(x.id)
		case name == "":
			name = "the organisation above"
		}
		if o, ok := x.own[setting]; ok && lockedBy == "" && (here || !o.private) {
			switch v := o.value.(type) {
			case string:
				value, from = v, name
			case map[string]string:
				merged := value.(map[string]string)
				for k := range v {
					merged[k], sources[k] = v[k], fmt.Sprintf("%02d%s", i, name)
				}
			case []string:
				for _, item := range v {
					if merged := value.([]string); !slices.Contains(merged, item) {
						value, from = append(merged, item), name
					}
				}
			}
		}
		if x.locks[setting] && !here && lockedBy == "" {
			lockedBy = name
		}
	}
	if len(sources) > 0 {
		from = slices.Max(slices.Collect(maps.Values(sources)))[2:]
	}
	return value, from, lockedBy
}

// compare holds every tenant to the model once nothing is due, and every answer to what it may tell.
func (m *machine) compare() {
	ctx := context.Background()
	for _, t := range m.names {
		x := m.all[t]
		effective, err := m.p.Effective(ctx, boss(x))
		require.NoError(m, err)
		m.clean(x, effective)
		if !m.settled {
			continue
		}
		for _, s := range effective {
			if s.Setting == limit.Name() {
				continue
			}
			value, from, lockedBy := m.expected(t, s.Setting)
			require.JSONEq(m, string(raw(m, value)), string(s.Value), "%s of %s", s.Setting, t)
			require.Equal(m, from, s.Origin.From, "%s of %s", s.Setting, t)
			require.Equal(m, lockedBy, s.LockedBy, "%s of %s", s.Setting, t)
			o, has := x.own[s.Setting]
			require.Equal(m, has, s.Own != nil)
			if has {
				require.JSONEq(m, string(raw(m, o.value)), string(s.Own.Value))
			}
		}
	}
	if rapid.IntRange(0, 3).Draw(m.T, "all answers") == 0 {
		m.answers(m.pick())
	}
}

// answers asks everything that a tenant's own people can ask.
func (m *machine) answers(x *tenant) {
	ctx, other := context.Background(), m.pick()
	for _, setting := range settable {
		m.answer(x, "versions", func(a itsm.Actor) (any, error) { return m.p.Versions(ctx, a, setting, "", 0) })
		m.answer(x, "history", func(a itsm.Actor) (any, error) { return m.p.History(ctx, a, setting) })
	}
	m.answer(x, "export", func(a itsm.Actor) (any, error) { return m.p.Export(ctx, a) })
	m.answer(x, "profile", func(a itsm.Actor) (any, error) { return m.p.Profile(ctx, a) })
	m.answer(x, "places", func(a itsm.Actor) (any, error) { return m.p.Places(ctx, a, storage.Query[settings.PlaceHead]{}) })
	m.answer(x, "dead letters", func(a itsm.Actor) (any, error) { return m.e.DeadLetters(ctx, a, storage.Job{}, 100) })
	if other != x {
		// Of another tenant nothing is told but its name, which the question had.
		_, err := m.p.Diff(ctx, boss(x), x.id, other.id)
		require.ErrorIs(m, err, itsm.ErrForbidden)
		_, err = m.p.Effective(ctx, boss(x).In(other.id))
		require.ErrorIs(m, err, itsm.ErrForbidden)
		_, err = m.p.PlaceHistory(ctx, boss(x), other.id)
		require.ErrorIs(m, err, itsm.ErrForbidden)
	}
}

func (m *machine) answer(x *tenant, what string, ask func(itsm.Actor) (any, error)) {
	out, err := ask(boss(x))
	m.clean(x, what, out, err)
}

// clean fails where something that a tenant is told has what belongs to another: of those that were
// ever above it all but their values and their chosen names, of every other all.
func (m *machine) clean(x *tenant, told ...any) {
	var b strings.Builder
	for _, v := range told {
		if err, ok := v.(error); ok {
			b.WriteString(err.Error())
			continue
		}
		out, err := json.Marshal(v)
		require.NoError(m, err)
		b.Write(out)
	}
	text := b.String()
	for _, y := range m.all {
		if y == x {
			continue
		}
		if !x.were[y.id] {
			require.NotContains(m, text, y.code, "%s is told of %s", x.id, y.id)
			continue
		}
		for _, what := range []string{"id", "boss", "Boss ", "why", "priv"} {
			require.NotContains(m, text, what+y.code, "%s is told too much of %s", x.id, y.id)
		}
	}
}
