// Package webhook delivers events to other systems by HTTP, signed by the Standard Webhooks scheme.
//
// # Sending
//
// An [Endpoint] is a URL that a tenant gives, with the types of events that it wants and how much of them
// it may know: the public view of package cloudevents, or the full one. For each event that it is told of
// there is a [Delivery], which durable jobs send until the endpoint answers with a status from 200 to 299:
// again after 5 seconds, 5 minutes, 30 minutes and so on for three days ([StandardSchedule]), always with
// the same webhook-id. The events of one record come in their order. What fails to the end is a dead
// delivery that can be read and sent again. An endpoint that answers 410 Gone, or that has failed for
// days, is disabled, with an event that says so.
//
// While an endpoint does not answer, or asks for patience, it is left alone as a whole and tried with one
// delivery at a time, so that it does not hold up the others.
//
// # Safety
//
// A URL comes from outside. Only https is called, redirects are not followed, addresses that are private,
// local or reserved are refused when the connection is made, after the name was resolved, and no proxy of
// the environment is used. Time and what is read of an answer are bounded. Secrets are sealed by a
// [Sealer], stand in no event, list or error, and are told once, when they are made.
//
// # Receiving
//
// [Verify] is for receivers in Go; every library of Standard Webhooks does the same.
package webhook
