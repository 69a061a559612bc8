// Package settings keeps configuration that a hierarchy of tenants inherits and overrides: a provider
// sets what holds for its customers, a customer what holds for its divisions, and each may have its
// own.
//
// A program defines its settings once, with type, default and validators:
//
//	var ReplyWithin = settings.Define("incident.reply_within_minutes", 60, positive)
//
// and reads them in the transaction at hand, in one read of the tenant's own store:
//
//	v, err := ReplyWithin.Read(ctx, unit)
//
// A [Value] says what holds and where it comes from, as data and as a sentence: "This value comes from
// Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC." The nearest value holds; maps and
// lists may be merged instead ([Setting.Merging]).
//
// # Who sets what
//
// [Practice.Set] gives a tenant a value of its own, [Practice.Clear] goes back to the inherited one.
// [Practice.Lock] keeps those below from overriding it. Each is kept as a [Version] that never
// changes, with who, when and why, and as an event. [Practice.Preview] says beforehand whom it would
// affect. [Practice.Export] and [Practice.Import] are configuration as code: one document, checked as
// a whole, tried first by a dry run.
//
// # The hierarchy
//
// [Practice.Place] gives a tenant its one place below another. The places are kept in one tenant of
// the host's choice ([Options].Registry), so that nobody else can read them; or the host has a
// [Hierarchy] of its own.
//
// # How a value comes down
//
// Tenants are apart in the store: a transaction reaches one. So each tenant keeps a copy of what it
// inherits, merged and ready. A command that changes what a tenant passes on writes a durable job in
// its own transaction; Engine.Tick or Run takes the new value to those directly below, each in a
// transaction of its own, and so on down the tree. Nothing is cached: every read is of the store.
//
//   - In the tenant itself a change holds from the command's commit on.
//   - Below it holds when what is due has run, which is one tick where nothing fails. Until then the
//     old value holds there, whole: never a part of the new one.
//   - What arrives late, twice or out of order is told by a stamp and changes nothing.
//   - A tenant that is moved inherits everything anew in one transaction.
//
// # What a tenant learns
//
// Of those above, the value, when it was set, and the display name that they chose by
// [Practice.Present]; not their ids, people or reasons, nor what they keep private. Of those beside
// it, nothing.
package settings
