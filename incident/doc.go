// Package incident is the incident practice: unplanned interruptions to services are reported,
// assigned, worked on, held, resolved and closed.
//
// [New] makes the practice over an engine, and its zero [Options] are a preset that works:
//
//	e, err := engine.New(memory.New(), engine.Options{})
//	incidents, err := incident.New(e, incident.Options{})
//	err = e.Migrate(ctx)
//
//	i, err := incidents.Log(ctx, rita, incident.Report{Title: "Mail does not arrive", Requester: "rita"})
//	i, err = incidents.Accept(ctx, ana, i.ID, itsm.Command{})
//	i, err = incidents.Resolve(ctx, ana, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "…"})
//
// # Commands
//
// Every command names who gives it and is one transaction: the permission is asked, the whole
// input checked with every fault told at once, the lifecycle moved, the record put, its events
// told, its timers set. All of it happens or none. A request embeds [itsm.Command]: a key makes it
// safe to repeat, a version keeps it from overwriting what its author has not seen.
//
// An incident that the actor may not read is not found, by any command, query, link or duplicate;
// one that it may read but not change is forbidden. An action that the state does not permit
// is an [*itsm.TransitionError] that names those it does.
//
// # The lifecycle
//
// [StandardLifecycle] is the table of states and actions. [Practice.PermittedActions] reads it for
// a user interface, its Mermaid form is the diagram in docs/incident-lifecycle.md, and a host
// gives another: extended by states and rules of its own, which [Practice.Do] fires, or with
// steps taken out. Effects hang on the categories of states, never on their names: whatever
// enters a waiting state counts a hold and can go back, whatever enters a resolved one is closed
// by itself later.
//
// # Families, duplicates, major incidents, customers
//
// [Practice.Link] makes families, whose children take the parent's updates and resolution;
// [Practice.Merge] makes of two one, with nothing lost. [Practice.DeclareMajor] handles an incident as a
// major one, a lifecycle beside its own ([StandardMajorLifecycle]), and [Practice.FanOut] brings a service
// provider's incident to its customers, each of whom sees its own alone.
//
// # Queues
//
// [Practice.List], [Practice.All], [Practice.Count] and [Practice.CountBy] take filters made of
// the columns, such as [ByPriority].AtMost(2), and always narrow them to what the actor may read.
// By default they go by priority, then by when the incident was reported.
//
// # Events
//
// Each command emits an event in the past tense ([Resolved], [Held], …) with the history of the
// fields it changed. Others react to the payload, or to the categories that every event has.
// [Practice.Timeline] tells the story of one incident as its reader may know it.
package incident
