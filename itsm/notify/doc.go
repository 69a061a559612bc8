// Package notify decides who is told what, when and how, and hands the messages to a host's sender.
// It sends nothing itself.
//
// # Who
//
// A [RuleSet] is data: events of a kind of record, perhaps under a condition, lead to audiences (the
// requester, the assignee, the group, whoever is on call), channels and a template. The library ships a
// set for incidents ([StandardRules]) that needs no configuration; a provider publishes its own to its
// tenants, and a tenant's own rules come first, both as versions in the way of package versioned. A rule replaces one of the same name below it, and
// [Effective] says of each where it comes from.
//
//	{"rules": [{"name": "resolved", "record_kind": "incident", "events": ["incident.resolved.v1"],
//	   "audiences": [{"kind": "requester"}, {"kind": "watchers"}],
//	   "channels": ["email", "in_app"], "template": "incident.resolved"}]}
//
// The [Host] names the people of an audience and says what each of them may read: who may not read a
// record is not told of it, and an event that is internal is told to those alone who may read what is
// internal, or to whom it is addressed. What the inbox shows goes by the rights of the actor who asks. Whoever did something is not told of it. A person who is in several audiences, or whom
// several rules reach, gets one message for each event and channel.
//
// # When
//
// [Preferences] are a person's own: channels on and off for a class of messages, digests by the hour or
// the day, and quiet hours by the clock on the wall of the person's time zone. What is urgent breaks
// through. A rule may collapse repeated events into one message, have it expire, and name the events
// that make it moot: what was acknowledged is not told any more.
//
// # How
//
// A message is a [Notification], a record that is written in the same transaction as the decision that
// made it. A durable job gives it to the [Sender] outside of any transaction, at least once and always
// under the same id, and asks again before each attempt whether the reader may still read it and
// whether it has expired. What fails is tried again and ends as a dead letter of the engine.
//
// [Practice.Explain] says of an event who was told, by which rule, and who was not and why.
package notify
