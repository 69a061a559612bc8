// Package cloudevents writes the events of the engine as CloudEvents 1.0, in the JSON format and the
// structured mode, and describes them: every type of event that the library emits has a JSON Schema in
// the catalogue ([Catalogue]), which is generated from the code and shown in docs/events.md.
//
// # Two views
//
// [Encoder.Full] is for systems that the provider of the service trusts like its own staff: data has who
// did what, when and why, the history of the fields and the payload. [Encoder.Public] is for everyone
// else, such as a requester's portal: an event that is internal has no public form at all, and of the
// others data says which record moved from which state to which, and nothing that anybody wrote. What a
// reader may know beyond that the reader asks for, as somebody who has the right to.
//
// # Attributes
//
// id and source together are unique: source ends in the tenant. type is the event's type with the
// version of its payload, behind a prefix of the host's own; subject is the record, as "incident/<id>";
// time is when it happened, dataschema the place of the type in the catalogue. The extension sequence
// orders the events of one subject as texts.
package cloudevents
