// Package impact says what a failure brings about in a graph of configuration items (CIs): what goes
// down, what gets worse, what has lost its redundancy, and why. It is pure: no storage, no clock, no
// goroutine, and only the standard library below it. Package cmdb feeds it from a tenant's records;
// a team with its own inventory feeds it by itself.
//
// # A graph
//
// A [Kind] of relation declares which way failure flows and what of it passes, so that a name never
// decides what a relation means. A [Relation] ties two CIs; a [Group] holds up its owner while enough
// of its members work. A [Loader] reads a whole graph in any order and gives a [Snapshot].
//
// # States
//
// A CI is [OK], [AtRisk], [Degraded] or [Down]. A group is down when the members that are not down
// weigh less than it needs, and degraded when those that are well do. What the owner feels of that is
// the kind's [Propagation], a monotone map. Where a group has lost something and the owner feels
// nothing, the owner is at risk, which is shown and passes nothing on: this includes losses that a
// propagation softens away, so that more failures never make a CI look better. The state of a CI is
// the worst of its own and of what it feels.
//
// The answer is the least fixpoint: the least that the failures force. It is unique, so that it depends on no
// order, and cycles are no special case. CIs that hold each other up in a circle stay up, and
// [Result.Circular] names those that rest on nothing else.
//
// # Questions
//
//   - [Snapshot.Impact]: what follows from failures, planned ones marked.
//   - [Result.Explain]: why, as a proof of least depth that [Check] verifies without the engine.
//   - [Result.WhyNot]: why a CI is not worse off, and what it can still lose.
//   - [Snapshot.WhatIf]: what a change does on top of what is down already.
//   - [Snapshot.SinglePoints]: what alone brings a CI down.
//   - [Snapshot.Causes]: what could have brought about what is seen.
//   - [Result.Business]: how services stand, the worst and most critical first.
//   - [Snapshot.Reach]: what could be touched at all, redundancy not counted.
//   - [Result.Picture] and [Snapshot.Neighbourhood]: drawings for people, as Mermaid, DOT or SVG.
//
// Work is bounded: a question that would follow more relations than allowed is refused with
// [ErrWork], and no answer is cut short silently. A limit of depth is asked for, and [Result.Partial] says
// whether it left something out.
//
// # Change
//
// A snapshot never changes. [Snapshot.Edit] gives the next one, at a cost that follows what is edited,
// and a snapshot that is held is a baseline to [Compare] with. A [Graph] holds the latest: readers
// take it without a lock, and each answer is that of one revision, which it states. [Graph.Compact]
// folds edits in, beside readers and writers; the host says when.
package impact
