// This file holds what makes a table of states and rules a lifecycle.

package itsm

import (
	"fmt"
	"slices"
	"strings"
)

// Validate gives nil, or [ErrInvalid] with every fault of the table: unknown, nameless and
// double states; states without a known category; rules that are incomplete, lead nowhere
// known, or are two for one state and action; a return from a state that does not wait, or
// that leaves out a state from which the waiting one is entered; states that cannot be
// reached from an initial one; and dead ends, states that are not final and have no way out,
// or none to a final state. A lifecycle that [NewLifecycle] gave has none.
func (l *Lifecycle[S, A, T]) Validate() error {
	var f Faults
	f.Key("kind", l.kind)
	if l.kind != "" && !permissionPart(l.kind) {
		f.Add("kind", "must not hold a space or a star: permissions are made of it")
	}
	categories := l.checkStates(&f)
	l.checkInitial(&f, categories)
	l.checkRules(&f, categories)
	l.checkReturns(&f, categories)
	l.checkPaths(&f)
	return f.Err(l.subject())
}

func (l *Lifecycle[S, A, T]) checkStates(f *Faults) map[S]Category {
	if len(l.states) == 0 {
		f.Add("states", "are required")
	}
	categories := make(map[S]Category, len(l.states))
	for i, s := range l.states {
		at := fmt.Sprintf("states[%d]", i)
		f.Key(at+".name", string(s.Name))
		if _, twice := categories[s.Name]; twice {
			f.Addf(at+".name", "%q is used twice", s.Name)
		}
		if !s.Category.Valid() {
			f.Addf(at+".category", "is %q; allowed are new, active, waiting, resolved, closed and cancelled", s.Category)
		}
		categories[s.Name] = s.Category
	}
	return categories
}

func (l *Lifecycle[S, A, T]) checkInitial(f *Faults, categories map[S]Category) {
	if len(l.initial) == 0 {
		f.Add("initial", "names no state")
	}
	for i, s := range l.initial {
		if _, ok := categories[s]; !ok {
			f.Addf("initial", "names the unknown state %q", s)
		}
		if slices.Contains(l.initial[:i], s) {
			f.Addf("initial", "names %q twice", s)
		}
	}
}

func (l *Lifecycle[S, A, T]) checkRules(f *Faults, categories map[S]Category) {
	type place struct {
		from S
		on   A
	}
	seen := map[place]int{}
	for i, r := range l.rules {
		at := fmt.Sprintf("rules[%d]", i)
		add := func(format string, args ...any) {
			f.Addf(at, "(%s) "+format, append([]any{r.On}, args...)...)
		}
		f.Key(at+".on", string(r.On))
		if r.On != "" && (!permissionPart(string(r.On)) || strings.Contains(string(r.On), ".")) {
			add("must not hold a space, a star or a dot: its permission is made of it")
		}
		known := func(what string, s S) {
			if _, ok := categories[s]; !ok {
				add("%s the unknown state %q", what, s)
			}
		}
		if len(r.From) == 0 {
			add("starts from no state")
		}
		for _, from := range r.From {
			known("starts from", from)
			if before, twice := seen[place{from, r.On}]; twice {
				add("is ambiguous: rules[%d] has the same action in the state %q", before, from)
			} else {
				seen[place{from, r.On}] = i
			}
		}
		ways := 0
		if r.To != "" {
			ways++
			known("leads to", r.To)
		}
		if r.Stay {
			ways++
		}
		if len(r.Return) > 0 {
			ways++
		}
		if ways != 1 {
			add("has %d of To, Return and Stay; it needs one", ways)
		}
		for k, s := range r.Return {
			known("returns to", s)
			if slices.Contains(r.Return[:k], s) {
				add("returns to %q twice", s)
			}
			if slices.Contains(r.From, s) {
				add("returns to %q, from which it starts", s)
			}
		}
		for k, need := range r.Needs {
			if need.Name == "" || need.Empty == nil {
				add("needs a field (%d) that has no name or no Empty function", k)
			}
		}
		if r.Permission != "" {
			if kind, action, ok := splitPermission(r.Permission); !ok || kind == "*" || action == "*" {
				add(`has the permission %q; write "kind.action"`, r.Permission)
			}
		}
	}
}

// checkReturns finds waiting states from which a record could not go back where it came from.
func (l *Lifecycle[S, A, T]) checkReturns(f *Faults, categories map[S]Category) {
	returns := map[S][]S{}
	for i, r := range l.rules {
		if len(r.Return) == 0 {
			continue
		}
		for _, from := range r.From {
			if c, ok := categories[from]; ok && c != CategoryWaiting {
				f.Addf(fmt.Sprintf("rules[%d]", i), "(%s) returns from %q, which is not a waiting state", r.On, from)
			}
			returns[from] = append(returns[from], r.Return...)
		}
	}
	for i, r := range l.rules {
		back, waits := returns[r.To]
		if !waits {
			continue
		}
		for _, from := range r.From {
			if from != r.To && categories[from] != CategoryWaiting && !slices.Contains(back, from) {
				f.Addf(fmt.Sprintf("rules[%d]", i), "(%s) enters %q from %q, to which no rule returns", r.On, r.To, from)
			}
		}
	}
}

// checkPaths finds states that cannot be reached, and states that cannot be left or ended.
func (l *Lifecycle[S, A, T]) checkPaths(f *Faults) {
	// A return leads only where a record has been, so it makes nothing reachable; but it is
	// a way out.
	forward, backward := map[S][]S{}, map[S][]S{}
	for _, r := range l.rules {
		for _, from := range r.From {
			if r.To != "" && r.To != from {
				forward[from] = append(forward[from], r.To)
				backward[r.To] = append(backward[r.To], from)
			}
			for _, to := range r.Return {
				backward[to] = append(backward[to], from)
			}
		}
	}
	leaves := map[S]bool{}
	for _, sources := range backward {
		for _, s := range sources {
			leaves[s] = true
		}
	}
	reached := closure(l.initial, forward)
	var final []S
	for _, s := range l.states {
		if s.Category.Final() {
			final = append(final, s.Name)
		}
	}
	ends := closure(final, backward)
	for i, s := range l.states {
		at := fmt.Sprintf("states[%d]", i)
		if !reached[s.Name] {
			f.Addf(at, "(%s) cannot be reached from an initial state", s.Name)
		}
		switch {
		case s.Category.Final() || !s.Category.Valid():
		case !leaves[s.Name]:
			f.Addf(at, "(%s) is a dead end: it is not final and no rule leads out of it", s.Name)
		case len(final) > 0 && !ends[s.Name]:
			f.Addf(at, "(%s) is a dead end: no final state can be reached from it", s.Name)
		}
	}
}

// closure gives everything that can be reached along the edges, the starts included.
func closure[S comparable](starts []S, edges map[S][]S) map[S]bool {
	seen := make(map[S]bool, len(starts))
	todo := slices.Clone(starts)
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[s] {
			seen[s] = true
			todo = append(todo, edges[s]...)
		}
	}
	return seen
}
