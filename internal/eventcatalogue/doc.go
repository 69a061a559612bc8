// Package eventcatalogue makes the catalogue of events from the code and holds it true. It has tests
// alone: every type with a method EventType in the library's packages is found, and of a generic one its
// aliases, with its fields, their JSON names and types, and the comments that stand on them. Run with
// -update to write docs/events.md and the schemas that package cloudevents brings.
package eventcatalogue
