// This file holds what was registered, by name: for drawings of how modules hang together.

package engine

import "slices"

// Registration is what a module registered, by name, in the order in which it did.
type Registration struct {
	Module string `json:"module"`
	// Tables are the names of its tables, Events the types of event that it emits, and Jobs the
	// kinds of job that it runs.
	Tables []string `json:"tables,omitempty"`
	Events []string `json:"events,omitempty"`
	Jobs   []string `json:"jobs,omitempty"`
	// Reactions are the types of event to which it reacts in their transaction, each once. AnyEvent
	// stands for all.
	Reactions []string `json:"reactions,omitempty"`
	// Subscribers are told of events after the commit.
	Subscribers []Subscription `json:"subscribers,omitempty"`
}

// Subscription is what a subscriber is told of.
type Subscription struct {
	Name string `json:"name"`
	// Types are the types of event; AnyEvent stands for all.
	Types []string `json:"types"`
	// Kinds are the kinds of record; none are all.
	Kinds []string `json:"kinds,omitempty"`
}

// AnyEvent stands for every type of event.
const AnyEvent = "*"

// registration names what the module has.
func (m Module) registration() Registration {
	r := Registration{Module: m.Name}
	for _, s := range m.Tables {
		r.Tables = append(r.Tables, s.Name())
	}
	for _, t := range m.Events {
		r.Events = append(r.Events, t.Name)
	}
	for _, j := range m.Jobs {
		r.Jobs = append(r.Jobs, j.kind)
	}
	for _, x := range m.Reactions {
		event := x.event
		if event == "" {
			event = AnyEvent
		}
		if !slices.Contains(r.Reactions, event) {
			r.Reactions = append(r.Reactions, event)
		}
	}
	for _, s := range m.Subscribers {
		types := slices.Clone(s.Types)
		if len(types) == 0 {
			types = []string{AnyEvent}
		}
		r.Subscribers = append(r.Subscribers, Subscription{Name: s.Name, Types: types, Kinds: slices.Clone(s.Kinds)})
	}
	return r
}

// Registrations gives what each module registered, the engine's own first. It may be called at any
// time and does not begin the use of the engine.
func (e *Engine) Registrations() []Registration {
	e.r.mu.Lock()
	defer e.r.mu.Unlock()
	out := make([]Registration, len(e.r.modules))
	for i, m := range e.r.modules {
		m.Tables, m.Events, m.Jobs, m.Reactions = slices.Clone(m.Tables), slices.Clone(m.Events), slices.Clone(m.Jobs), slices.Clone(m.Reactions)
		m.Subscribers = slices.Clone(m.Subscribers)
		for k := range m.Subscribers {
			m.Subscribers[k].Types = slices.Clone(m.Subscribers[k].Types)
			m.Subscribers[k].Kinds = slices.Clone(m.Subscribers[k].Kinds)
		}
		out[i] = m
	}
	return out
}
