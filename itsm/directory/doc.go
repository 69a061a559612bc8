// Package directory knows the people of a tenant, their organisations and sites, and the groups in
// which they work: stored by us, or the host's own behind a small interface.
//
// # Asked
//
// Routing, on-call, notification and the practices ask a [Directory]: who is this person, who are the
// people of this group, in which groups does this person work. [Practice] answers from the store, and
// [Static] from values. A host that has its users already implements the eight methods over them, and
// runs package directorytest to see that they keep what is promised. Every question is asked in a
// reader, so that a reaction sees what its own transaction has written:
//
//	engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Logged) error {
//		people, err := d.MembersOf(ctx, u, "network")
//		…
//	})
//
// # Kept
//
// [New] makes the practice over an engine:
//
//	e, err := engine.New(store, engine.Options{Nameless: true})
//	d, err := directory.New(e, directory.Options{})
//	err = e.Migrate(ctx)
//
//	rita, err := d.AddPerson(ctx, admin, directory.NewPerson{Name: "Rita Roth", Email: "rita@example.com"})
//	_, err = d.ChangeMembers(ctx, admin, "network", directory.MemberChange{Add: []itsm.ID{rita.ID}})
//
// Every command names who gives it and is one transaction, with all faults told at once, an event in
// the past tense and the field history, as in the other practices. Organisations, sites and groups form
// trees of at most [MaxDepth] levels; whoever works in a group works in those above it too.
//
// A [Person] says when it works: [Hours] are weekly windows by the clock of the person's time zone, and
// [Person.Working] and [Person.NextWorking] keep to it through the changes of daylight-saving time.
//
// # Read
//
// Who has [PermissionRead] for all reads everything but what is internal. A person reads the own
// record where a role grants it in the scope of the requester, and with [PermissionReadNames] the names
// of colleagues and nothing else of them.
//
// # Erased
//
// [Practice.ErasePerson] erases what is personal and keeps the id, so that statistics and histories stay
// as they are. That works because the values of personal fields never enter the event log, which is only
// ever added to: the history of a person says which fields changed, when and by whom. The event
// [PersonErased] has other practices erase what they copied. docs/directory.md says what remains.
package directory
