// Package interaction keeps contacts: every call, mail, chat, visit or message between people and the
// service desk, through whatever channel, before anybody knows what it is about.
//
// A contact is logged as it comes ([Practice.Log]): who spoke, on whose behalf, who is affected, through
// which channel, when it began and ended. Then somebody says what it is:
//
//	calls, err := interaction.New(e, interaction.Options{Becomes: map[interaction.Classification]interaction.Opener{
//		interaction.Incident: {Open: logIncident, Reclassified: cancelIncident},
//		interaction.Request:  {Open: submitRequest},
//	}})
//	call, err := calls.Log(ctx, ana, interaction.Contact{Channel: interaction.ChannelPhone, Contact: "rita", Subject: "Mail is slow"})
//	call, err = calls.Become(ctx, ana, call.ID, interaction.Becoming{Classification: interaction.Incident})
//
// This package knows no practice. What an interaction becomes is made by the host's [Opener], in the
// transaction of the command: both are there or neither, and of two who turn the same interaction into
// an incident at the same time one is refused.
//
// # What it can be
//
// An incident and a request are records of their own. A complaint, feedback or a question may be, where
// the host has an opener for it; otherwise the interaction itself is the record: it is classified,
// answered and closed. A contact about something that is known already is attached to it.
//
// # Reclassification
//
// What was taken for an incident and is a request is reclassified ([Practice.Reclassify]): the opener of
// requests makes the request, with the time at which the matter was first reported; the two records are
// linked both ways; and the opener of incidents ends the first. The interaction keeps both, in their
// order, and its history tells who decided so, when and why.
//
// # Who sees what
//
// People see the interactions in which they are the contact, the requester or the affected person, with
// the public notes and the answer. Addresses, internal notes, why one was discarded and the history are
// for those with "interaction.read_internal". The records that came of it are told to those who may know
// of them ([Options].MayRead).
package interaction
