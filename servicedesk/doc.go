// Package servicedesk is the whole desk: the practices wired to each other over one store, behind
// one door.
//
// [New] needs a store and nothing else; what a [Config] leaves out has a sensible value:
//
//	desk, err := servicedesk.New(store, servicedesk.Config{})
//	err = desk.Migrate(ctx)
//	logged, err := desk.Incidents.Log(ctx, actor, incident.Report{…})
//	err = desk.Run(ctx, nil)
//
// The practices know nothing of each other. What follows in one from what happens in another is
// wired here, in the transaction of the event:
//
//   - an incident that is logged without a group is given to one by the routing rules that are
//     active in its tenant, and to a person where they choose one, as it is logged;
//   - who acknowledges a page about an incident acknowledges the incident; who acknowledges, accepts
//     or begins to work on an incident acknowledges the pages about it;
//   - open tasks of an incident can keep it from being resolved, by Config.OpenTasks;
//   - a workaround of a problem is offered to those who work on the open incidents linked to it, or pushed to
//     their requesters; incidents that wait for a problem are resolved when it is fixed;
//   - incidents that recur propose a problem, and known errors are suggested for one ([Desk.SuggestKnownErrors]);
//   - a contact that is taken for an incident becomes one, and what recurs is logged when it is due;
//   - the timers of service levels begin, pause and end with what happens to incidents, where a tenant has policies, and what their
//     thresholds name is done;
//   - triggers assign, note and tag incidents, and do what the host's own actions do;
//   - those concerned are notified through the host's sender, of no more than they may read;
//   - who must approve a record is found in the directory, and approvals of a record that ends are withdrawn;
//   - tasks, approvals, pages, and links to any record that the desk knows, are seen by those alone who may read
//     what they are about, and endpoints that are not for restricted records are told of none that
//     hangs on one.
//
// [Desk.Wiring] draws what is wired, from what the practices have registered.
//
// A host's own modules (record types, reactions, jobs, subscribers) join by Config.Modules, and its
// own transaction by [Desk.In].
package servicedesk
