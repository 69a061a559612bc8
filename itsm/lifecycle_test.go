package itsm_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

// A small incident, to fire a lifecycle on.
type (
	state  string
	action string
	ticket struct {
		Assignee, Code, Notes, HoldReason string
		OpenChildren                      int
	}
	rule      = itsm.Rule[state, action, *ticket]
	field     = itsm.Field[*ticket]
	attempt   = itsm.Attempt[*ticket]
	lifecycle = itsm.Lifecycle[state, action, *ticket]
)

const (
	stateNew        state = "new"
	stateAssigned   state = "assigned"
	stateInProgress state = "in_progress"
	stateOnHold     state = "on_hold"
	stateResolved   state = "resolved"
	stateClosed     state = "closed"
	stateCancelled  state = "cancelled"
)

func ticketStates() []itsm.State[state] {
	return []itsm.State[state]{
		{Name: stateNew, Category: itsm.CategoryNew},
		{Name: stateAssigned, Category: itsm.CategoryActive},
		{Name: stateInProgress, Category: itsm.CategoryActive, Title: "Being worked on"},
		{Name: stateOnHold, Category: itsm.CategoryWaiting},
		{Name: stateResolved, Category: itsm.CategoryResolved},
		{Name: stateClosed, Category: itsm.CategoryClosed},
		{Name: stateCancelled, Category: itsm.CategoryCancelled},
	}
}

func ticketRules() []rule {
	assignee := field{Name: "assignee", Empty: func(t *ticket) bool { return t.Assignee == "" }}
	code := field{Name: "code", Empty: func(t *ticket) bool { return t.Code == "" }}
	notes := field{Name: "notes", Empty: func(t *ticket) bool { return t.Notes == "" }}
	hold := field{Name: "hold_reason", Empty: func(t *ticket) bool { return t.HoldReason == "" }}
	open := []state{stateNew, stateAssigned, stateInProgress}
	return []rule{
		{From: []state{stateNew}, On: "assign", To: stateAssigned},
		{From: []state{stateNew, stateAssigned}, On: "start", To: stateInProgress, Needs: []field{assignee}},
		{From: open, On: "reassign", Stay: true},
		{From: open, On: "hold", To: stateOnHold, Needs: []field{hold}},
		{From: []state{stateOnHold}, On: "resume", Return: open},
		{From: append(slices.Clone(open), stateOnHold), On: "resolve", To: stateResolved, Needs: []field{code, notes},
			Guard: func(a attempt) string {
				if a.Subject.OpenChildren > 0 {
					return fmt.Sprintf("%d child records are open", a.Subject.OpenChildren)
				}
				return ""
			}},
		{From: []state{stateResolved}, On: "reopen", To: stateInProgress, Permission: "incident.reopen_any"},
		{From: []state{stateResolved}, On: "confirm", To: stateClosed},
		{From: []state{stateResolved}, On: "auto_close", To: stateClosed, System: true, Title: "Close"},
		{From: append(slices.Clone(open), stateOnHold), On: "cancel", To: stateCancelled},
	}
}

func ticketLifecycle(t testing.TB) *lifecycle {
	t.Helper()
	l, err := itsm.NewLifecycle("incident", []state{stateNew}, ticketStates(), ticketRules()...)
	require.NoError(t, err)
	return l
}

func TestFireLeadsToTheStateOfTheRule(t *testing.T) {
	l := ticketLifecycle(t)
	done := &ticket{Assignee: "ann", Code: "fixed", Notes: "restarted", HoldReason: "caller"}
	for _, c := range []struct {
		from     state
		on       action
		previous string
		to       state
	}{
		{stateNew, "assign", "", stateAssigned},
		{stateNew, "start", "", stateInProgress},
		{stateAssigned, "reassign", "", stateAssigned},
		{stateAssigned, "hold", "", stateOnHold},
		{stateOnHold, "resume", "assigned", stateAssigned},
		{stateOnHold, "resume", "new", stateNew},
		{stateOnHold, "resolve", "assigned", stateResolved},
		{stateResolved, "auto_close", "", stateClosed},
	} {
		t.Run(fmt.Sprintf("%s %s", c.from, c.on), func(t *testing.T) {
			to, err := l.Fire(context.Background(), c.from, c.on, attempt{Subject: done, Previous: c.previous})
			require.NoError(t, err)
			require.Equal(t, c.to, to)
		})
	}
}

func TestFireDoesNotStopForACancelledOrAbsentContext(t *testing.T) {
	l := ticketLifecycle(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	to, err := l.Fire(ctx, stateNew, "assign", attempt{Subject: &ticket{}})
	require.NoError(t, err)
	require.Equal(t, stateAssigned, to)
	var none context.Context
	_, err = l.Fire(none, stateNew, "assign", attempt{Subject: &ticket{}})
	require.NoError(t, err)
}

func TestAStateThatTheHostRemovedIsATypedError(t *testing.T) {
	l := ticketLifecycle(t)
	for range 3 { // the shared machine must not learn the state
		to, err := l.Fire(context.Background(), "triage", "assign", attempt{Subject: &ticket{}})
		require.Equal(t, state("triage"), to)
		var unknown *itsm.UnknownStateError
		require.ErrorAs(t, err, &unknown)
		require.ErrorIs(t, err, itsm.ErrInvalid)
		require.Equal(t, itsm.UnknownStateError{Kind: "incident", State: "triage"}, *unknown)
		require.EqualError(t, err, `incident: the lifecycle has no state "triage"`)
	}
	require.Nil(t, l.Actions("triage", attempt{Subject: &ticket{}}))
	require.False(t, l.Has("triage", "assign"))
	_, ok := l.Category("triage")
	require.False(t, ok)
}

func TestAnActionThatTheStateDoesNotHaveNamesThoseItHas(t *testing.T) {
	l := ticketLifecycle(t)
	to, err := l.Fire(context.Background(), stateResolved, "assign", attempt{Subject: &ticket{}, ID: "INC1"})
	require.Equal(t, stateResolved, to)
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.NotErrorIs(t, err, itsm.ErrInvalid)
	require.Equal(t, itsm.TransitionError{
		Kind: "incident", ID: "INC1", State: "resolved", Action: "assign",
		Permitted: []string{"reopen", "confirm"}, // what the system does is not offered
	}, *refused)
	require.EqualError(t, err, "incident INC1: cannot assign while resolved; permitted: reopen, confirm")

	_, err = l.Fire(context.Background(), stateClosed, "reopen", attempt{Subject: &ticket{}})
	require.EqualError(t, err, "incident: cannot reopen while closed; no action is permitted")
}

func TestI2AllMissingFieldsAreNamedTogetherWithTheFaultsOfTheInput(t *testing.T) {
	l := ticketLifecycle(t)
	var input itsm.Faults
	input.Add("category", "is not known")
	input.Add("notes", "is too long")
	// The guard would refuse too; faults of the input come first.
	_, err := l.Fire(context.Background(), stateInProgress, "resolve",
		attempt{Subject: &ticket{OpenChildren: 2}, Faults: &input})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, "incident", invalid.Subject)
	require.Equal(t, []itsm.Fault{
		{Field: "category", Problem: "is not known"},
		{Field: "notes", Problem: "is too long"}, // named once
		{Field: "code", Problem: "is required to resolve"},
	}, invalid.Faults)
	require.Len(t, input.List(), 2, "the caller's collector is unchanged")

	_, err = l.Fire(context.Background(), stateInProgress, "resolve", attempt{Subject: &ticket{}})
	require.EqualError(t, err, "incident: invalid: code is required to resolve; notes is required to resolve")

	// Faults refuse an action that needs no field, too.
	_, err = l.Fire(context.Background(), stateNew, "assign", attempt{Subject: &ticket{}, Faults: &input})
	require.ErrorIs(t, err, itsm.ErrInvalid)

	// An error that is no fault of the input is not made one.
	var broken itsm.Faults
	broken.Merge("service", context.DeadlineExceeded)
	_, err = l.Fire(context.Background(), stateNew, "assign", attempt{Subject: &ticket{}, Faults: &broken})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAGuardRefusesWithItsReasonAndWhatIsPermittedInstead(t *testing.T) {
	l := ticketLifecycle(t)
	to, err := l.Fire(context.Background(), stateInProgress, "resolve",
		attempt{Subject: &ticket{Code: "fixed", Notes: "x", OpenChildren: 2}})
	require.Equal(t, stateInProgress, to)
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "2 child records are open", refused.Reason)
	require.Equal(t, []string{"reassign", "hold", "cancel"}, refused.Permitted)
	require.EqualError(t, err, "incident: cannot resolve while in_progress: 2 child records are open; permitted: reassign, hold, cancel")
}

func TestReturnGoesOnlyWhereTheRecordMayHaveBeen(t *testing.T) {
	l := ticketLifecycle(t)
	for previous, reason := range map[string]string{
		"":         "the state before is not known",
		"resolved": "cannot go back to resolved, only to new, assigned, in_progress",
		"gone":     "cannot go back to gone, only to new, assigned, in_progress",
	} {
		to, err := l.Fire(context.Background(), stateOnHold, "resume", attempt{Subject: &ticket{}, Previous: previous})
		require.Equal(t, stateOnHold, to)
		var refused *itsm.TransitionError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, reason, refused.Reason)
	}
}

func TestAPanicInAGuardReachesTheCallerAndSpoilsNothing(t *testing.T) {
	l := ticketLifecycle(t)
	require.Panics(t, func() { _, _ = l.Fire(context.Background(), stateNew, "start", attempt{}) }) // no subject
	to, err := l.Fire(context.Background(), stateNew, "start", attempt{Subject: &ticket{Assignee: "ann"}})
	require.NoError(t, err)
	require.Equal(t, stateInProgress, to)
}

func TestActionsSayWhatCanBeDoneAndWhyNot(t *testing.T) {
	l := ticketLifecycle(t)
	require.Equal(t, []itsm.PermittedAction{
		{Action: "resume", Title: "Resume", To: "assigned", Permitted: true, Permission: "incident.resume"},
		{Action: "resolve", Title: "Resolve", To: "resolved", Reason: "1 child records are open",
			Missing: []string{"code", "notes"}, Permission: "incident.resolve"},
		{Action: "cancel", Title: "Cancel", To: "cancelled", Permitted: true, Permission: "incident.cancel"},
	}, l.Actions(stateOnHold, attempt{Subject: &ticket{OpenChildren: 1}, Previous: "assigned"}))
	require.Equal(t, []itsm.PermittedAction{
		{Action: "reopen", Title: "Reopen", To: "in_progress", Permitted: true, Permission: "incident.reopen_any"},
		{Action: "confirm", Title: "Confirm", To: "closed", Permitted: true, Permission: "incident.confirm"},
		{Action: "auto_close", Title: "Close", To: "closed", Permitted: true, Permission: "incident.auto_close", System: true},
	}, l.Actions(stateResolved, attempt{Subject: &ticket{}}))
	require.Empty(t, l.Actions(stateClosed, attempt{Subject: &ticket{}}))

	resume := l.Actions(stateOnHold, attempt{Subject: &ticket{}})[0]
	require.False(t, resume.Permitted)
	require.Equal(t, "the state before is not known", resume.Reason)
	require.Empty(t, resume.To)
}

func TestTheTableCanBeRead(t *testing.T) {
	l := ticketLifecycle(t)
	require.Equal(t, "incident", l.Kind())
	require.Equal(t, []state{stateNew}, l.Initial())
	c, ok := l.Category(stateOnHold)
	require.True(t, ok)
	require.Equal(t, itsm.CategoryWaiting, c)
	require.Equal(t, "On hold", l.States()[3].Title)
	require.Equal(t, "Being worked on", l.States()[2].Title)
	require.True(t, l.Has(stateNew, "assign"))
	require.False(t, l.Has(stateClosed, "assign"))
	require.Equal(t, itsm.Permission("incident.reopen_any"), l.Permission(stateResolved, "reopen"))
	require.Equal(t, itsm.Permission("incident.assign"), l.Permission(stateNew, "assign"))
	require.Equal(t, itsm.Permission("incident.dance"), l.Permission(stateNew, "dance"))
	require.Equal(t, itsm.Permission("incident.dance"), l.Permission("nowhere", "dance"))
	require.NoError(t, l.Validate())

	// What is read is a copy.
	l.Initial()[0] = "x"
	l.States()[0].Name = "x"
	rules := l.Rules()
	rules[0].From[0], rules[4].Return[0], rules[1].Needs[0] = "x", "x", field{}
	require.Equal(t, stateNew, l.Initial()[0])
	require.Equal(t, stateNew, l.States()[0].Name)
	require.Equal(t, stateNew, l.Rules()[0].From[0])
	require.Equal(t, stateNew, l.Rules()[4].Return[0])
	require.Equal(t, "assignee", l.Rules()[1].Needs[0].Name)
}

func TestTheArgumentsAreCopied(t *testing.T) {
	states, rules, initial := ticketStates(), ticketRules(), []state{stateNew}
	l, err := itsm.NewLifecycle("incident", initial, states, rules...)
	require.NoError(t, err)
	states[0].Name, rules[0].From[0], initial[0] = "x", "x", "x"
	_, err = l.Fire(context.Background(), stateNew, "assign", attempt{Subject: &ticket{}})
	require.NoError(t, err)
	require.NoError(t, l.Validate())
}

func TestValidateNamesEveryFaultOfATable(t *testing.T) {
	type faults = []itsm.Fault
	cat := func(c itsm.Category) itsm.State[state] { return itsm.State[state]{Name: state(c), Category: c} }
	fresh, active, waiting, closed := cat(itsm.CategoryNew), cat(itsm.CategoryActive), cat(itsm.CategoryWaiting), cat(itsm.CategoryClosed)
	begin := rule{From: []state{"new"}, On: "start", To: "active"}
	end := rule{From: []state{"active"}, On: "close", To: "closed"}
	for _, c := range []struct {
		name    string
		kind    string
		initial []state
		states  []itsm.State[state]
		rules   []rule
		want    faults
	}{
		{"nothing at all", "", nil, nil, nil, faults{
			{Field: "kind", Problem: "is required"}, {Field: "states", Problem: "are required"}, {Field: "initial", Problem: "names no state"}}},
		{"states and initial states", "x", []state{"new", "new", "gone"},
			[]itsm.State[state]{fresh, active, closed, fresh, {Name: "", Category: itsm.CategoryClosed}, {Name: "odd", Category: "strange"}},
			[]rule{begin, end}, faults{
				{Field: "states[3].name", Problem: `"new" is used twice`},
				{Field: "states[4].name", Problem: "is required"},
				{Field: "states[5].category", Problem: `is "strange"; allowed are new, active, waiting, resolved, closed and cancelled`},
				{Field: "initial", Problem: `names "new" twice`},
				{Field: "initial", Problem: `names the unknown state "gone"`},
				{Field: "states[4]", Problem: "() cannot be reached from an initial state"},
				{Field: "states[5]", Problem: "(odd) cannot be reached from an initial state"}}},
		{"unknown states in rules", "x", []state{"new"}, []itsm.State[state]{fresh, active, closed},
			[]rule{begin, end, {From: []state{"mars"}, On: "land", To: "venus"}}, faults{
				{Field: "rules[2]", Problem: `(land) starts from the unknown state "mars"`},
				{Field: "rules[2]", Problem: `(land) leads to the unknown state "venus"`}}},
		{"incomplete rules", "x", []state{"new"}, []itsm.State[state]{fresh, active, closed},
			[]rule{begin, end, {On: "", To: "new"}, {From: []state{"new"}, On: "idle"},
				{From: []state{"new"}, On: "both", To: "active", Stay: true},
				{From: []state{"new"}, On: "odd", To: "active", Permission: "incident", Needs: []field{{Name: "x"}}}}, faults{
				{Field: "rules[2].on", Problem: "is required"},
				{Field: "rules[2]", Problem: "() starts from no state"},
				{Field: "rules[3]", Problem: "(idle) has 0 of To, Return and Stay; it needs one"},
				{Field: "rules[4]", Problem: "(both) has 2 of To, Return and Stay; it needs one"},
				{Field: "rules[5]", Problem: "(odd) needs a field (0) that has no name or no Empty function"},
				{Field: "rules[5]", Problem: `(odd) has the permission "incident"; write "kind.action"`}}},
		{"names of which no permission can be made", "a *", []state{"new"}, []itsm.State[state]{fresh, active, closed},
			[]rule{begin, end, {From: []state{"new"}, On: "hand over", Stay: true}, {From: []state{"new"}, On: "a.b", Stay: true}}, faults{
				{Field: "kind", Problem: "must not hold a space or a star: permissions are made of it"},
				{Field: "rules[2]", Problem: "(hand over) must not hold a space, a star or a dot: its permission is made of it"},
				{Field: "rules[3]", Problem: "(a.b) must not hold a space, a star or a dot: its permission is made of it"}}},
		{"two rules for one state and action", "x", []state{"new"}, []itsm.State[state]{fresh, active, closed},
			[]rule{begin, end, {From: []state{"active", "new"}, On: "start", To: "closed"}, {From: []state{"new", "new"}, On: "x", Stay: true}}, faults{
				{Field: "rules[2]", Problem: `(start) is ambiguous: rules[0] has the same action in the state "new"`},
				{Field: "rules[3]", Problem: `(x) is ambiguous: rules[3] has the same action in the state "new"`}}},
		{"unreachable, by a return only", "x", []state{"new"}, []itsm.State[state]{fresh, active, waiting, closed},
			[]rule{{From: []state{"new"}, On: "hold", To: "waiting"}, {From: []state{"waiting"}, On: "resume", Return: []state{"new", "active"}},
				{From: []state{"new"}, On: "close", To: "closed"}, end}, faults{
				{Field: "states[1]", Problem: "(active) cannot be reached from an initial state"}}},
		{"returns", "x", []state{"new"}, []itsm.State[state]{fresh, active, waiting, closed},
			[]rule{begin, end, {From: []state{"new", "active", "waiting"}, On: "hold", To: "waiting"},
				{From: []state{"waiting"}, On: "resume", Return: []state{"active", "active", "waiting", "mars"}},
				{From: []state{"active"}, On: "back", Return: []state{"new"}}}, faults{
				{Field: "rules[3]", Problem: `(resume) returns to "active" twice`},
				{Field: "rules[3]", Problem: `(resume) returns to "waiting", from which it starts`},
				{Field: "rules[3]", Problem: `(resume) returns to the unknown state "mars"`},
				{Field: "rules[4]", Problem: `(back) returns from "active", which is not a waiting state`},
				{Field: "rules[2]", Problem: `(hold) enters "waiting" from "new", to which no rule returns`}}},
		{"dead ends", "x", []state{"new"}, []itsm.State[state]{fresh, active, waiting, closed},
			[]rule{{From: []state{"new"}, On: "start", To: "active"}, {From: []state{"active"}, On: "note", Stay: true},
				{From: []state{"active"}, On: "touch", To: "active"}, {From: []state{"new"}, On: "hold", To: "waiting"},
				{From: []state{"new"}, On: "close", To: "closed"}}, faults{
				{Field: "states[1]", Problem: "(active) is a dead end: it is not final and no rule leads out of it"},
				{Field: "states[2]", Problem: "(waiting) is a dead end: it is not final and no rule leads out of it"}}},
		{"a circle without an end", "x", []state{"new"}, []itsm.State[state]{fresh, active, waiting, closed},
			[]rule{begin, {From: []state{"active"}, On: "hold", To: "waiting"}, {From: []state{"waiting"}, On: "resume", Return: []state{"active"}},
				{From: []state{"new"}, On: "close", To: "closed"}}, faults{
				{Field: "states[1]", Problem: "(active) is a dead end: no final state can be reached from it"},
				{Field: "states[2]", Problem: "(waiting) is a dead end: no final state can be reached from it"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := itsm.NewLifecycle(c.kind, c.initial, c.states, c.rules...)
			require.Nil(t, l)
			var invalid *itsm.ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, c.want, invalid.Faults)
		})
	}
}

func TestATableWithoutAnEndIsPermitted(t *testing.T) {
	// An asset's or a region's states may go round for ever.
	_, err := itsm.NewLifecycle("light", []state{"on"},
		[]itsm.State[state]{{Name: "on", Category: itsm.CategoryActive}, {Name: "off", Category: itsm.CategoryWaiting}},
		rule{From: []state{"on"}, On: "switch", To: "off"}, rule{From: []state{"off"}, On: "switch", To: "on"})
	require.NoError(t, err)
}

func TestTheZeroLifecycleIsInvalidAndFiresNothing(t *testing.T) {
	var l lifecycle
	require.ErrorIs(t, l.Validate(), itsm.ErrInvalid)
	_, err := l.Fire(context.Background(), stateNew, "assign", attempt{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.Empty(t, l.Actions(stateNew, attempt{}))
	require.False(t, l.Has(stateNew, "assign"))
}

func TestAHostAddsItsOwnStatesAndRules(t *testing.T) {
	l := ticketLifecycle(t)
	before := l.Mermaid()
	triage := itsm.State[state]{Name: "triage", Category: itsm.CategoryNew}
	extended, err := l.Extend([]itsm.State[state]{triage},
		rule{From: []state{stateNew}, On: "triage", To: "triage"},
		rule{From: []state{"triage"}, On: "assign", To: stateAssigned})
	require.NoError(t, err)
	to, err := extended.Fire(context.Background(), stateNew, "triage", attempt{Subject: &ticket{}})
	require.NoError(t, err)
	require.Equal(t, state("triage"), to)
	require.Equal(t, before, l.Mermaid())
	require.False(t, l.Has(stateNew, "triage"))

	_, err = l.Extend(nil, rule{From: []state{stateNew}, On: "assign", To: stateInProgress})
	require.ErrorContains(t, err, `(assign) is ambiguous: rules[0] has the same action in the state "new"`)
}

func TestAHostReplacesRules(t *testing.T) {
	l := ticketLifecycle(t)
	replaced, err := l.Replace(
		rule{From: []state{stateNew}, On: "start", To: stateInProgress}, // no assignee needed from new
		rule{From: []state{stateClosed, stateCancelled}, On: "reopen", To: stateInProgress},
	)
	require.ErrorContains(t, err, `rules[1] (reopen) replaces nothing in the state "closed"; rules[1] (reopen) replaces nothing in the state "cancelled"`)
	require.Nil(t, replaced)

	replaced, err = l.Replace(rule{From: []state{stateNew}, On: "start", To: stateInProgress})
	require.NoError(t, err)
	_, err = replaced.Fire(context.Background(), stateNew, "start", attempt{Subject: &ticket{}})
	require.NoError(t, err)
	_, err = replaced.Fire(context.Background(), stateAssigned, "start", attempt{Subject: &ticket{}})
	require.ErrorIs(t, err, itsm.ErrInvalid, "the rule for the other state is as it was")
	_, err = l.Fire(context.Background(), stateNew, "start", attempt{Subject: &ticket{}})
	require.ErrorIs(t, err, itsm.ErrInvalid, "the original is as it was")
}

func TestASmallShopSwitchesStepsOff(t *testing.T) {
	l := ticketLifecycle(t)
	small, err := l.Without([]state{stateAssigned}, "confirm", "hold", "resume")
	require.ErrorContains(t, err, "(on_hold) cannot be reached")
	require.Nil(t, small)

	small, err = l.Without([]state{stateAssigned, stateOnHold}, "confirm")
	require.NoError(t, err)
	require.Len(t, small.States(), 5)
	require.False(t, small.Has(stateNew, "assign"), "what led to a removed state is gone")
	require.False(t, small.Has(stateNew, "hold"))
	require.False(t, small.Has(stateResolved, "confirm"))
	require.True(t, small.Has(stateNew, "start"))
	require.True(t, l.Has(stateNew, "assign"))

	fewer, err := l.Without([]state{stateAssigned})
	require.NoError(t, err)
	_, err = fewer.Fire(context.Background(), stateOnHold, "resume", attempt{Subject: &ticket{}, Previous: "assigned"})
	require.ErrorContains(t, err, "cannot go back to assigned, only to new, in_progress")

	_, err = l.Without([]state{"mars"}, "dance")
	require.ErrorContains(t, err, `states has no "mars" to remove; actions has no "dance" to remove`)
	_, err = l.Without([]state{stateNew})
	require.ErrorContains(t, err, "initial names no state")
}

func TestCategoriesSayWhatAStateMeans(t *testing.T) {
	for c, want := range map[itsm.Category]struct{ open, final, valid bool }{
		itsm.CategoryNew: {true, false, true}, itsm.CategoryActive: {true, false, true},
		itsm.CategoryWaiting: {true, false, true}, itsm.CategoryResolved: {false, false, true},
		itsm.CategoryClosed: {false, true, true}, itsm.CategoryCancelled: {false, true, true},
		"": {}, "done": {},
	} {
		require.Equal(t, want.open, c.Open(), c)
		require.Equal(t, want.final, c.Final(), c)
		require.Equal(t, want.valid, c.Valid(), c)
	}
}

func TestManyGoroutinesDoNotMeetInOneLifecycle(t *testing.T) {
	l := ticketLifecycle(t)
	const goroutines, rounds = 64, 500
	var wg sync.WaitGroup
	errs := make(chan error, goroutines)
	for g := range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			me := fmt.Sprintf("g%d", g)
			for i := range rounds {
				if err := oneOfMany(l, me, g+i); err != nil {
					errs <- fmt.Errorf("%s: %w", me, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

// oneOfMany fires what only this caller could: a wrong answer belongs to another.
func oneOfMany(l *lifecycle, me string, n int) error {
	ctx := context.Background()
	switch n % 4 {
	case 0:
		_, err := l.Fire(ctx, stateInProgress, "resolve", attempt{ID: itsm.ID(me), Subject: &ticket{Code: me, Notes: me, OpenChildren: n}})
		var refused *itsm.TransitionError
		if !errors.As(err, &refused) || refused.ID != itsm.ID(me) || refused.Reason != fmt.Sprintf("%d child records are open", n) {
			if n == 0 {
				return nil
			}
			return fmt.Errorf("another's refusal: %v", err)
		}
	case 1:
		var f itsm.Faults
		f.Add(me, "is mine")
		_, err := l.Fire(ctx, stateInProgress, "resolve", attempt{Subject: &ticket{Code: me}, Faults: &f})
		if err == nil || !strings.Contains(err.Error(), me+" is mine; notes is required") {
			return fmt.Errorf("another's faults: %v", err)
		}
	case 2:
		want := []state{stateNew, stateAssigned, stateInProgress}[n%3]
		if to, err := l.Fire(ctx, stateOnHold, "resume", attempt{Subject: &ticket{}, Previous: string(want)}); err != nil || to != want {
			return fmt.Errorf("went to %s, not %s: %v", to, want, err)
		}
	default:
		if to, err := l.Fire(ctx, "state_"+state(me), "start", attempt{}); err == nil || to != "state_"+state(me) {
			return fmt.Errorf("unknown state: %s, %v", to, err)
		}
	}
	return nil
}

// randomTable draws a table that may or may not be valid, and its model: plain maps.
type modelStep struct {
	to     state // "" for a return
	back   []state
	need   bool
	refuse bool
}

func randomTable(t *rapid.T) (states []itsm.State[state], rules []rule, model map[state]map[action]modelStep) {
	cats := []itsm.Category{itsm.CategoryNew, itsm.CategoryActive, itsm.CategoryWaiting, itsm.CategoryResolved, itsm.CategoryClosed}
	n := rapid.IntRange(2, 6).Draw(t, "states")
	all := make([]state, n)
	for i := range n {
		all[i] = state(fmt.Sprintf("s%d", i))
		states = append(states, itsm.State[state]{Name: all[i], Category: rapid.SampledFrom(cats).Draw(t, "category")})
	}
	model = map[state]map[action]modelStep{}
	for k := range rapid.IntRange(n, 4*n).Draw(t, "rules") {
		from := rapid.SampledFrom(all).Draw(t, "from")
		on := action(fmt.Sprintf("a%d", rapid.IntRange(0, 5).Draw(t, "on")))
		if k < n-1 { // a path through all, so that most tables are valid
			from, on = all[k], "next"
		}
		if _, taken := model[from][on]; taken {
			continue
		}
		step := modelStep{need: rapid.Bool().Draw(t, "need"), refuse: rapid.IntRange(0, 3).Draw(t, "refuse") == 0}
		r := rule{From: []state{from}, On: on}
		switch kind := rapid.IntRange(0, 5).Draw(t, "way"); {
		case k < n-1:
			r.To = all[k+1]
		case kind == 0:
			r.Stay = true
		case kind == 1:
			for _, s := range all {
				if s != from {
					r.Return = append(r.Return, s)
				}
			}
		default:
			r.To = rapid.SampledFrom(all).Draw(t, "to")
		}
		step.to, step.back = r.To, slices.Clone(r.Return)
		if r.Stay {
			step.to = from
		}
		if step.need {
			r.Needs = []field{{Name: "code", Empty: func(t *ticket) bool { return t.Code == "" }}}
		}
		if step.refuse {
			r.Guard = func(a attempt) string {
				if a.Subject.OpenChildren > 0 {
					return "children"
				}
				return ""
			}
		}
		rules = append(rules, r)
		if model[from] == nil {
			model[from] = map[action]modelStep{}
		}
		model[from][on] = step
	}
	return states, rules, model
}

func TestI1X4FireAgreesWithAPlainMap(t *testing.T) {
	drawn, valid := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		drawn++
		states, rules, model := randomTable(t)
		l, err := itsm.NewLifecycle("thing", []state{"s0"}, states, rules...)
		if err != nil {
			return
		}
		valid++
		for range 20 {
			from := state(fmt.Sprintf("s%d", rapid.IntRange(0, 6).Draw(t, "fire from")))
			on := action(rapid.SampledFrom([]string{"a0", "a1", "a2", "a3", "a4", "a5", "next"}).Draw(t, "fire"))
			previous := state(rapid.SampledFrom([]string{"", "s0", "s1", "s5", "s9"}).Draw(t, "previous"))
			subject := &ticket{Code: rapid.SampledFrom([]string{"", "x"}).Draw(t, "code"), OpenChildren: rapid.IntRange(0, 1).Draw(t, "children")}
			got, err := l.Fire(context.Background(), from, on, attempt{Subject: subject, Previous: string(previous)})

			known := slices.ContainsFunc(states, func(s itsm.State[state]) bool { return s.Name == from })
			step, has := model[from][on]
			var unknown *itsm.UnknownStateError
			var refused *itsm.TransitionError
			var invalid *itsm.ValidationError
			want := step.to
			if len(step.back) > 0 {
				want = previous
			}
			switch {
			case !known:
				require.ErrorAs(t, err, &unknown)
			case !has:
				require.ErrorAs(t, err, &refused)
				require.Empty(t, refused.Reason)
			case step.need && subject.Code == "":
				require.ErrorAs(t, err, &invalid)
			case len(step.back) > 0 && !slices.Contains(step.back, previous), step.refuse && subject.OpenChildren > 0:
				require.ErrorAs(t, err, &refused)
				require.NotEmpty(t, refused.Reason)
			default:
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			if err != nil {
				require.Equal(t, from, got)
			}
			require.Equal(t, has && known, l.Has(from, on))
			listed := slices.IndexFunc(l.Actions(from, attempt{Subject: subject, Previous: string(previous)}),
				func(p itsm.PermittedAction) bool { return p.Action == string(on) })
			require.Equal(t, has && known, listed >= 0)
			if listed >= 0 {
				p := l.Actions(from, attempt{Subject: subject, Previous: string(previous)})[listed]
				require.Equal(t, err == nil, p.Permitted && len(p.Missing) == 0, "what is listed as possible can be fired")
			}
		}
	})
	require.Greater(t, 20*valid, drawn, "the random tables are too seldom valid")
}

func TestExtendNeverChangesTheOriginal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states, rules, model := randomTable(t)
		l, err := itsm.NewLifecycle("thing", []state{"s0"}, states, rules...)
		if err != nil {
			return
		}
		drawn, dot, has := l.Mermaid(), l.DOT(), model
		more := rule{From: []state{rapid.SampledFrom(slices.Sorted(maps.Keys(model))).Draw(t, "from")}, On: "more", To: "extra"}
		extended, err := l.Extend([]itsm.State[state]{{Name: "extra", Category: itsm.CategoryClosed}}, more)
		if err == nil {
			require.True(t, extended.Has(more.From[0], "more"))
			require.NoError(t, extended.Validate())
		}
		_, _ = l.Without([]state{"s1"}, "next")
		_, _ = l.Replace(rule{From: []state{"s0"}, On: "next", Stay: true})
		require.Equal(t, drawn, l.Mermaid())
		require.Equal(t, dot, l.DOT())
		require.False(t, l.Has(more.From[0], "more"))
		for from, steps := range has {
			for on := range steps {
				require.True(t, l.Has(from, on))
			}
		}
	})
}

func TestGuardsSeeTheAttempt(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	var seen attempt
	l, err := itsm.NewLifecycle("incident", []state{"new"},
		[]itsm.State[state]{{Name: "new", Category: itsm.CategoryNew}, {Name: "closed", Category: itsm.CategoryClosed}},
		rule{From: []state{"new"}, On: "close", To: "closed", Guard: func(a attempt) string { seen = a; return "" }})
	require.NoError(t, err)
	subject := &ticket{Code: "x"}
	_, err = l.Fire(context.Background(), "new", "close", attempt{Subject: subject, Actor: itsm.Actor{ID: "ann"}, Now: now, Previous: "p"})
	require.NoError(t, err)
	require.Same(t, subject, seen.Subject)
	require.Equal(t, itsm.ID("ann"), seen.Actor.ID)
	require.Equal(t, now, seen.Now)
	require.Equal(t, "p", seen.Previous)
}

func TestLeadsSaysWhereAnActionGoes(t *testing.T) {
	l := ticketLifecycle(t)
	for _, c := range []struct {
		from     state
		on       action
		previous state
		to       state
		known    bool
	}{
		{stateInProgress, "resolve", "", stateResolved, true},
		{stateAssigned, "reassign", "", stateAssigned, true},
		{stateOnHold, "resume", stateInProgress, stateInProgress, true},
		{stateOnHold, "resume", "gone", "gone", false},
		{stateOnHold, "reassign_nobody", "", "", false},
		{"gone", "resolve", "", "", false},
	} {
		to, known := l.Leads(c.from, c.on, c.previous)
		require.Equal(t, []any{c.to, c.known}, []any{to, known}, "%s from %s", c.on, c.from)
	}
}
