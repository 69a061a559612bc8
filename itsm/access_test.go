package itsm_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

func standardBook(t testing.TB) *itsm.RoleBook {
	t.Helper()
	book, err := itsm.NewRoleBook()
	require.NoError(t, err)
	return book
}

// The records on which the shipped roles are tried, seen by the actor "ann" of the group "net".
var (
	anyRecord  = &itsm.Subject{ID: "any", Requesters: []itsm.ID{"bob"}, Groups: []itsm.ID{"db"}, Assignee: "carl"}
	groups     = &itsm.Subject{ID: "group's", Requesters: []itsm.ID{"bob"}, Groups: []itsm.ID{"db", "net"}}
	assigned   = &itsm.Subject{ID: "assigned", Requesters: []itsm.ID{"bob"}, Assignee: "ann"}
	own        = &itsm.Subject{ID: "own", Requesters: []itsm.ID{"bob", "ann"}}
	restricted = &itsm.Subject{ID: "restricted", Requesters: []itsm.ID{"bob"}, Groups: []itsm.ID{"security"}, Assignee: "carl", Restricted: true}
)

func TestG5WhatEachShippedRoleMayDo(t *testing.T) {
	type try struct {
		permissions string
		on          *itsm.Subject // nil: as such
	}
	for role, c := range map[itsm.RoleName]struct{ may, mayNot []try }{
		itsm.RoleServiceDeskAnalyst: {
			may: []try{{"incident.log incident.resolve request.request_for problem.register", nil},
				{"incident.read incident.read_internal incident.assign incident.resolve incident.cancel incident.reopen incident.restrict request.submit task.assign", anyRecord},
				{"task.complete", groups}},
			mayNot: []try{{"incident.import incident.override_priority change_template.approve change.start ci.edit knowledge.publish sla.define", nil},
				{"task.complete", anyRecord}, {"incident.read incident.resolve", restricted}},
		},
		itsm.RoleSupportSpecialist: {
			may: []try{{"incident.log change.draft ci.propose", nil}, {"incident.read incident.note", anyRecord},
				{"incident.resolve incident.accept problem.identify_cause task.complete", groups}, {"incident.resolve", assigned}},
			mayNot: []try{{"change_template.approve problem.accept_risk incident.import incident.close asset.dispose", nil},
				{"incident.resolve problem.identify_cause task.complete change.submit", anyRecord}, {"incident.resolve", own}},
		},
		itsm.RoleIncidentManager: {
			may:    []try{{"incident.import", nil}, {"incident.override_priority incident.close", anyRecord}, {"incident.read incident.resolve", restricted}},
			mayNot: []try{{"change_template.approve problem.close sla.define request.approve", nil}, {"problem.read change.read", restricted}},
		},
		itsm.RoleMajorIncidentManager: {
			may:    []try{{"incident.declare_major change.submit", nil}, {"incident.resolve", restricted}},
			mayNot: []try{{"change_template.approve change.start problem.close", nil}},
		},
		itsm.RoleProblemManager: {
			may:    []try{{"problem.accept_risk problem.publish_known_error change.submit", nil}, {"problem.close", restricted}},
			mayNot: []try{{"incident.resolve change_template.approve knowledge.publish", nil}},
		},
		itsm.RoleChangeManager: {
			may:    []try{{"change.assess change.reject change.override_freeze change_template.define change.convene", nil}, {"change.close", restricted}},
			mayNot: []try{{"incident.resolve ci.edit", nil}},
		},
		itsm.RoleKnowledgeManager: {
			may:    []try{{"knowledge.publish knowledge.retire", nil}},
			mayNot: []try{{"incident.resolve change.draft", nil}},
		},
		itsm.RoleServiceLevelManager: {
			may:    []try{{"sla.define sla.override service.edit", nil}},
			mayNot: []try{{"incident.resolve service.retire change_template.approve", nil}},
		},
		itsm.RoleAssetManager: {
			may:    []try{{"asset.dispose asset.order ci.propose", nil}, {"request.fulfil", groups}},
			mayNot: []try{{"ci.edit change_template.approve", nil}, {"request.fulfil", anyRecord}},
		},
		itsm.RoleConfigurationManager: {
			may:    []try{{"ci.edit ci.reconcile asset.edit", nil}},
			mayNot: []try{{"asset.dispose change_template.approve incident.resolve", nil}},
		},
		itsm.RoleChangeImplementer: {
			may:    []try{{"change.start change.complete task.complete", groups}, {"change.start", assigned}, {"change.read", anyRecord}},
			mayNot: []try{{"change.draft change_template.approve change.close ci.edit", nil}, {"change.start", anyRecord}},
		},
		itsm.RoleChangeAuthority: {
			may:    []try{{"change_template.approve change.reject change.return", anyRecord}},
			mayNot: []try{{"change.start change.edit change.submit", nil}, {"change.reject", restricted}},
		},
		itsm.RoleProcessOwner: {
			may:    []try{{"change_template.define incident.define incident.read", nil}},
			mayNot: []try{{"incident.resolve change.reject change.start", nil}},
		},
		itsm.RoleServiceOwner: {
			may:    []try{{"service.publish sla.define change.reject request.approve problem.accept_risk", nil}},
			mayNot: []try{{"change.start incident.resolve ci.edit", nil}},
		},
		itsm.RoleITServiceManager: {
			may: []try{{"incident.resolve change_template.approve ci.edit host_kind.do_anything", nil}, {"incident.resolve", restricted}},
		},
		itsm.RoleRequester: {
			may: []try{{"incident.log request.submit knowledge.read service.read", nil},
				{"incident.read incident.reply incident.reopen incident.confirm request.withdraw", own}, {"incident.read", &itsm.Subject{Requesters: []itsm.ID{"ann"}, Restricted: true}}},
			mayNot: []try{{"incident.resolve incident.read_internal incident.note problem.read change.read ci.read", nil},
				{"incident.read request.read", anyRecord}, {"incident.read", groups}, {"incident.read", assigned}},
		},
		itsm.RoleProviderTechnician: {
			may: []try{{"incident.read incident.resolve change.start task.complete", groups}, {"incident.resolve", assigned}, {"ci.read", anyRecord}},
			mayNot: []try{{"incident.log incident.cancel change_template.approve ci.edit asset.read sla.read", nil},
				{"incident.read incident.resolve request.read change.read task.read", anyRecord}, {"incident.read", own}},
		},
		itsm.RoleAuditor: {
			may: []try{{"incident.read change.read_internal host_kind.read", nil}, {"incident.read incident.read_internal ci.read", restricted}},
			mayNot: []try{{"incident.log incident.note incident.reply incident.resolve change_template.approve ci.edit knowledge.comment sla.explain", nil},
				{"incident.note", own}},
		},
	} {
		t.Run(string(role), func(t *testing.T) {
			book := standardBook(t)
			ann := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{role}, Groups: []itsm.ID{"net"}}
			_, ok := book.Role(role)
			require.True(t, ok)
			each := func(tries []try, check func(p itsm.Permission, s *itsm.Subject, err error)) {
				for _, c := range tries {
					for _, p := range strings.Fields(c.permissions) {
						check(itsm.Permission(p), c.on, book.Authorize(context.Background(), ann, itsm.Permission(p), c.on))
					}
				}
			}
			each(c.may, func(p itsm.Permission, s *itsm.Subject, err error) { require.NoError(t, err, "%s on %+v", p, s) })
			each(c.mayNot, func(p itsm.Permission, s *itsm.Subject, err error) {
				require.ErrorIs(t, err, itsm.ErrForbidden, "%s on %+v", p, s)
			})
		})
	}
}

func TestEveryShippedRoleIsTold(t *testing.T) {
	roles := itsm.StandardRoles()
	require.Len(t, roles, 18)
	for _, r := range roles {
		require.NotEmpty(t, r.Title, r.Name)
		require.NotEmpty(t, r.Purpose, r.Name)
		require.NotEmpty(t, r.Grants, r.Name)
	}
}

func TestStandardRolesAreAFreshCopyEachTime(t *testing.T) {
	roles := itsm.StandardRoles()
	for i := range roles {
		for j := range roles[i].Grants {
			roles[i].Grants[j].Permission = "*"
			for k := range roles[i].Grants[j].Scopes {
				roles[i].Grants[j].Scopes[k] = itsm.ScopeAll
			}
		}
	}
	again := itsm.StandardRoles()
	require.NotEqual(t, roles, again)
	for _, r := range again {
		if r.Name == itsm.RoleRequester {
			require.Equal(t, itsm.Grant{Permission: "incident.log", Scopes: []itsm.Scope{itsm.ScopeRequester}}, r.Grants[0])
		}
	}
	// Two grants of one role do not share their scopes either.
	fresh := itsm.StandardRoles()
	requester := fresh[slices.IndexFunc(fresh, func(r itsm.Role) bool { return r.Name == itsm.RoleRequester })]
	requester.Grants[0].Scopes[0] = itsm.ScopeAll
	require.Equal(t, itsm.ScopeRequester, requester.Grants[1].Scopes[0])
}

func TestNoShippedRoleMayActWhereItMayNotRead(t *testing.T) {
	book := standardBook(t)
	for _, r := range book.Roles() {
		a := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{r.Name}}
		for _, g := range r.Grants {
			kind, action, ok := strings.Cut(string(g.Permission), ".")
			if !ok || kind == "*" {
				continue
			}
			if action == "*" {
				action = "anything"
			}
			acts, err := book.Scopes(context.Background(), a, itsm.Permission(kind+"."+action))
			require.NoError(t, err)
			reads, err := book.Scopes(context.Background(), a, itsm.Permission(kind+".read"))
			require.NoError(t, err)
			require.Subset(t, reads, acts, "%s may %s on more than it may read", r.Name, g.Permission)
		}
	}
}

func TestRestrictedRecordsAreForInsidersOnly(t *testing.T) {
	book := standardBook(t)
	analyst := func(change func(a *itsm.Actor)) itsm.Actor {
		a := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
		change(&a)
		return a
	}
	record := func(change func(s *itsm.Subject)) *itsm.Subject {
		s := &itsm.Subject{Kind: "incident", ID: "INC1", Restricted: true, Requesters: []itsm.ID{"bob"}, Groups: []itsm.ID{"security"}}
		change(s)
		return s
	}
	none := func(*itsm.Actor) {}
	same := func(*itsm.Subject) {}
	for name, c := range map[string]struct {
		actor   itsm.Actor
		subject *itsm.Subject
		may     bool
	}{
		"an outsider":                {analyst(none), record(same), false},
		"its group":                  {analyst(func(a *itsm.Actor) { a.Groups = []itsm.ID{"security"} }), record(same), true},
		"its assignee":               {analyst(none), record(func(s *itsm.Subject) { s.Assignee = "ann" }), true},
		"its requester":              {analyst(none), record(func(s *itsm.Subject) { s.Requesters = []itsm.ID{"ann"} }), true},
		"a member":                   {analyst(none), record(func(s *itsm.Subject) { s.Members = []itsm.ID{"x", "ann"} }), true},
		"who may see restricted":     {analyst(func(a *itsm.Actor) { a.Roles = append(a.Roles, itsm.RoleAuditor) }), record(same), true},
		"the system":                 {itsm.SystemActor("acme", "sla"), record(same), true},
		"a member without the right": {analyst(func(a *itsm.Actor) { a.Roles = []itsm.RoleName{itsm.RoleRequester} }), record(func(s *itsm.Subject) { s.Members = []itsm.ID{"ann"} }), false},
	} {
		t.Run(name, func(t *testing.T) {
			err := book.Authorize(context.Background(), c.actor, "incident.resolve", c.subject)
			if c.may {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, itsm.ErrForbidden)
			}
		})
	}
}

func TestSeeingRestrictedRecordsOfTheOwnGroupIsNotSeeingAll(t *testing.T) {
	book, err := itsm.NewRoleBook(itsm.Role{Name: "r", Grants: []itsm.Grant{
		{Permission: "incident.read"}, {Permission: "incident.see_restricted", Scopes: []itsm.Scope{itsm.ScopeGroup}}}})
	require.NoError(t, err)
	a := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{"r"}, Groups: []itsm.ID{"net"}}
	require.ErrorIs(t, book.Authorize(context.Background(), a, "incident.read", restricted), itsm.ErrForbidden)
	scopes, err := book.Scopes(context.Background(), a, "incident.read")
	require.NoError(t, err)
	require.Equal(t, []itsm.Scope{itsm.ScopeAll, itsm.ScopeGroup, itsm.ScopeAssignee, itsm.ScopeRequester, itsm.ScopeMember}, scopes)
}

func TestARefusalSaysWhy(t *testing.T) {
	book := standardBook(t)
	actor := func(r itsm.RoleName) itsm.Actor {
		return itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{r}}
	}
	for want, err := range map[string]error{
		"ann lacks the permission incident.resolve in tenant acme: no role of the actor grants it": book.Authorize(context.Background(), actor(itsm.RoleAuditor), "incident.resolve", nil),
		"ann lacks the permission incident.resolve in tenant acme on incident INC1: it is granted only on records where the actor is: group, assignee": book.Authorize(context.Background(),
			actor(itsm.RoleSupportSpecialist), "incident.resolve", &itsm.Subject{Kind: "incident", ID: "INC1"}),
		"ann lacks the permission incident.read in tenant acme on incident INC1: the record is restricted": book.Authorize(context.Background(),
			actor(itsm.RoleServiceDeskAnalyst), "incident.read", &itsm.Subject{Kind: "incident", ID: "INC1", Restricted: true}),
	} {
		require.EqualError(t, err, want)
		var refused *itsm.ForbiddenError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, itsm.ID("ann"), refused.Actor)
	}
}

func TestNothingIsPermittedByDefault(t *testing.T) {
	book, ctx := standardBook(t), context.Background()
	nobody := itsm.Actor{Tenant: "acme", ID: "ann"}
	require.ErrorIs(t, book.Authorize(ctx, nobody, "incident.read", nil), itsm.ErrForbidden)
	unknown := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{"role_of_another_program"}}
	require.ErrorIs(t, book.Authorize(ctx, unknown, "incident.read", nil), itsm.ErrForbidden)
	scopes, err := book.Scopes(ctx, nobody, "incident.read")
	require.NoError(t, err)
	require.Nil(t, scopes)

	var none *itsm.RoleBook
	require.ErrorIs(t, none.Authorize(ctx, itsm.Actor{Tenant: "acme", ID: "x", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}, "incident.read", nil), itsm.ErrForbidden)
	require.NoError(t, none.Authorize(ctx, itsm.SystemActor("acme", "x"), "incident.read", nil))
	require.Nil(t, none.Roles())
	_, ok := none.Role(itsm.RoleAuditor)
	require.False(t, ok)

	// An actor without a tenant may do nothing at all.
	boss := itsm.Actor{ID: "ann", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	require.ErrorIs(t, book.Authorize(ctx, boss, "incident.read", nil), itsm.ErrInvalid)
	_, err = book.Scopes(ctx, itsm.Actor{ID: "x", System: true}, "incident.read")
	require.ErrorIs(t, err, itsm.ErrInvalid)
	// Nobody of nobody: empty ids match nothing.
	require.ErrorIs(t, book.Authorize(ctx, itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{itsm.RoleProviderTechnician}, Groups: []itsm.ID{""}},
		"incident.read", &itsm.Subject{Groups: []itsm.ID{""}}), itsm.ErrForbidden)
}

func TestOnePermissionIsAskedForAndNotAPattern(t *testing.T) {
	book := standardBook(t)
	boss := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	for _, p := range []itsm.Permission{"", "incident", "*", "incident.*", "*.read", "incident.", ".read", "incident. read", "a\x00.b"} {
		require.ErrorIs(t, book.Authorize(context.Background(), boss, p, nil), itsm.ErrInvalid, "%q", p)
	}
	require.NoError(t, book.Authorize(context.Background(), boss, "hr.case.read", nil), "a host's kind may have dots")
}

func TestARoleBookIsChecked(t *testing.T) {
	book, err := itsm.NewRoleBook(
		itsm.Role{Name: "", Grants: []itsm.Grant{{Permission: "incident"}, {Permission: "in*.read"}}},
		itsm.Role{Name: "a", Grants: []itsm.Grant{{Permission: "incident.read", Scopes: []itsm.Scope{"mine", itsm.ScopeGroup}}}},
		itsm.Role{Name: "a", Grants: []itsm.Grant{{Permission: "incident.read", Scopes: []itsm.Scope{itsm.ScopeRestricted}}}},
	)
	require.Nil(t, book)
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, []itsm.Fault{
		{Field: "roles[0].name", Problem: "is required"},
		{Field: "roles[0].grants[0].permission", Problem: `is "incident"; write "kind.action", "kind.*", "*.action" or "*"`},
		{Field: "roles[0].grants[1].permission", Problem: `is "in*.read"; write "kind.action", "kind.*", "*.action" or "*"`},
		{Field: "roles[1].grants[0].scopes", Problem: `has "mine"; allowed are all, group, assignee, requester and member`},
		{Field: "roles[2].name", Problem: `"a" is used twice`},
		{Field: "roles[2].grants[0].scopes", Problem: `has "restricted"; allowed are all, group, assignee, requester and member`},
	}, invalid.Faults)
}

func TestARoleBookIsImmutable(t *testing.T) {
	given := itsm.Role{Name: "reader", Grants: []itsm.Grant{{Permission: "incident.read", Scopes: []itsm.Scope{itsm.ScopeGroup}}}}
	book, err := itsm.NewRoleBook(given)
	require.NoError(t, err)
	given.Grants[0].Permission, given.Grants[0].Scopes[0] = "*", itsm.ScopeAll
	read, _ := book.Role("reader")
	read.Grants[0].Permission = "*"
	book.Roles()[0].Grants[0].Scopes[0] = itsm.ScopeAll
	again, _ := book.Role("reader")
	require.Equal(t, itsm.Role{Name: "reader", Grants: []itsm.Grant{{Permission: "incident.read", Scopes: []itsm.Scope{itsm.ScopeGroup}}}}, again)
	_, ok := book.Role("other")
	require.False(t, ok)
}

func TestRolesAreDataThatAHostCanKeep(t *testing.T) {
	raw, err := json.Marshal(itsm.StandardRoles())
	require.NoError(t, err)
	var back []itsm.Role
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, itsm.StandardRoles(), back)
}

// grantCovers is the model: the words of the documentation, one grant at a time.
func grantCovers(g itsm.Grant, kind, action string) bool {
	switch g.Permission {
	case "*", "*.*", itsm.Permission(kind + ".*"), itsm.Permission("*." + action), itsm.Permission(kind + "." + action):
		return true
	}
	return false
}

func modelAllows(roles []itsm.Role, a itsm.Actor, kind, action string, s itsm.Subject) bool {
	group := slices.ContainsFunc(s.Groups, func(g itsm.ID) bool { return slices.Contains(a.Groups, g) })
	assignee := s.Assignee == a.ID
	requester := slices.Contains(s.Requesters, a.ID)
	member := slices.Contains(s.Members, a.ID)
	forAll := func(action string) bool {
		for _, r := range roles {
			for _, g := range r.Grants {
				if grantCovers(g, kind, action) && (len(g.Scopes) == 0 || slices.Contains(g.Scopes, itsm.ScopeAll)) {
					return true
				}
			}
		}
		return false
	}
	if forAll(action) && (!s.Restricted || forAll("see_restricted") || group || assignee || requester || member) {
		return true
	}
	for _, r := range roles {
		for _, g := range r.Grants {
			if grantCovers(g, kind, action) &&
				(slices.Contains(g.Scopes, itsm.ScopeGroup) && group || slices.Contains(g.Scopes, itsm.ScopeAssignee) && assignee ||
					slices.Contains(g.Scopes, itsm.ScopeRequester) && requester || slices.Contains(g.Scopes, itsm.ScopeMember) && member) {
				return true
			}
		}
	}
	return false
}

// inScopes is what a list does with the scopes: filters records.
func inScopes(scopes []itsm.Scope, a itsm.Actor, s itsm.Subject) bool {
	for _, scope := range scopes {
		switch scope {
		case itsm.ScopeRestricted:
			return true
		case itsm.ScopeAll:
			if !s.Restricted {
				return true
			}
		case itsm.ScopeGroup:
			if slices.ContainsFunc(s.Groups, a.InGroup) {
				return true
			}
		case itsm.ScopeAssignee:
			if s.Assignee == a.ID {
				return true
			}
		case itsm.ScopeRequester:
			if slices.Contains(s.Requesters, a.ID) {
				return true
			}
		case itsm.ScopeMember:
			if slices.Contains(s.Members, a.ID) {
				return true
			}
		}
	}
	return false
}

func TestAuthorizeAgreesWithScopesAndWithTheWords(t *testing.T) {
	people := []itsm.ID{"ann", "bob", "carl"}
	ids := func(of ...itsm.ID) *rapid.Generator[[]itsm.ID] { return rapid.SliceOfN(rapid.SampledFrom(of), 0, 2) }
	permission := rapid.SampledFrom([]itsm.Permission{"incident.read", "incident.resolve", "incident.see_restricted", "change.read",
		"change.see_restricted", "incident.*", "*.read", "*.see_restricted", "*", "*.*"})
	scope := rapid.SampledFrom([]itsm.Scope{itsm.ScopeAll, itsm.ScopeGroup, itsm.ScopeAssignee, itsm.ScopeRequester, itsm.ScopeMember})
	allowed, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var roles []itsm.Role
		var held []itsm.RoleName
		if rapid.Bool().Draw(t, "standard") {
			all := itsm.StandardRoles()
			for range rapid.IntRange(1, 3).Draw(t, "roles") {
				r := rapid.SampledFrom(all).Draw(t, "role")
				if !slices.Contains(held, r.Name) {
					roles, held = append(roles, r), append(held, r.Name)
				}
			}
		} else {
			for i := range rapid.IntRange(1, 3).Draw(t, "roles") {
				r := itsm.Role{Name: itsm.RoleName('a' + rune(i))}
				for range rapid.IntRange(0, 3).Draw(t, "grants") {
					r.Grants = append(r.Grants, itsm.Grant{Permission: permission.Draw(t, "permission"), Scopes: rapid.SliceOfN(scope, 0, 2).Draw(t, "scopes")})
				}
				roles, held = append(roles, r), append(held, r.Name)
			}
		}
		book, err := itsm.NewRoleBook(roles...)
		require.NoError(t, err)
		a := itsm.Actor{Tenant: "acme", ID: "ann", Roles: held, Groups: ids("net", "db").Draw(t, "groups")}
		s := itsm.Subject{Kind: "incident", ID: "1", Requesters: ids(people...).Draw(t, "requesters"), Groups: ids("net", "db", "web").Draw(t, "record's groups"),
			Assignee: rapid.SampledFrom(append(people, "")).Draw(t, "assignee"), Restricted: rapid.Bool().Draw(t, "restricted"), Members: ids(people...).Draw(t, "members")}
		kind := rapid.SampledFrom([]string{"incident", "change", "task"}).Draw(t, "kind")
		action := rapid.SampledFrom([]string{"read", "resolve", "complete", "see_restricted"}).Draw(t, "action")
		p := itsm.Permission(kind + "." + action)

		scopes, err := book.Scopes(context.Background(), a, p)
		require.NoError(t, err)
		err = book.Authorize(context.Background(), a, p, &s)
		require.Equal(t, inScopes(scopes, a, s), err == nil, "Authorize: %v; Scopes: %v", err, scopes)
		require.Equal(t, modelAllows(roles, a, kind, action, s), err == nil)
		require.Equal(t, len(scopes) > 0, book.Authorize(context.Background(), a, p, nil) == nil)
		if err == nil {
			allowed++
		} else {
			require.ErrorIs(t, err, itsm.ErrForbidden)
			refused++
		}
	})
	require.Greater(t, 20*allowed, refused)
	require.Greater(t, 20*refused, allowed)
}

func TestABookAnswersManyGoroutines(t *testing.T) {
	book := standardBook(t)
	var wg sync.WaitGroup
	for _, r := range itsm.StandardRoles() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			a := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{r.Name}}
			for range 100 {
				_ = book.Authorize(context.Background(), a, "incident.read", anyRecord)
			}
		}()
	}
	wg.Wait()
}

func BenchmarkAuthorize(b *testing.B) {
	book := standardBook(b)
	a := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst, itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"net"}}
	b.ReportAllocs()
	for b.Loop() {
		if err := book.Authorize(context.Background(), a, "incident.resolve", anyRecord); err != nil {
			b.Fatal(err)
		}
	}
}
