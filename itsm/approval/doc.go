// Package approval decides who must approve a record, counts their votes, and says what decides: for
// changes, requests, articles, accepted risks. It is plain functions and values, without a store, a
// clock or a goroutine; package ballot keeps what is made here.
//
// # Policy
//
// A [Policy] is a decision table and can be kept as JSON: rules over the facts of a record, in the
// conditions that package routing speaks too, each of which gives gates, or says that what it matches is
// approved automatically. The first rule that matches decides, or all that match do. Where none does, the
// record is rejected, unless the policy says that it is approved: nothing passes because nobody thought
// of it.
//
//	{"name": "changes", "rules": [
//	   {"name": "standard", "when": {"op": "equal", "column": "type", "values": ["standard"]}, "automatic": true},
//	   {"name": "normal", "when": {}, "gates": [
//	      {"name": "manager", "approvers": [{"kind": "field", "name": "requester.manager"}]},
//	      {"name": "cab", "stage": 2, "approvers": [{"kind": "group", "name": "cab"}],
//	       "quorum": {"kind": "percent", "percent": 50}}]}]}
//
// # Gates
//
// [Build] makes a [Process] of a policy: a gate for each definition, its approvers found through the
// host's [Resolve]. Whoever cannot be found is a fault by name: there is no gate without approvers. Gates
// of one stage are open at the same time, and a later stage opens when all before it have approved.
//
// A gate needs a quorum: the first who approves, all, a number, or a percentage of its approvers,
// rounded up: ceil(percent*m/100), in whole numbers. It is decided as soon as the outcome is certain:
// approved when the quorum is there, rejected when there are as many rejections as the gate says (one,
// where it says nothing) or when the quorum is out of reach. Who abstains is taken out of the number of
// which the quorum is reckoned; a fixed number stays what it is, and where everyone abstains the gate is
// rejected. Where both could be reached by the same votes, as with the first of several, the order of
// votes decides; [Definition.OrderIndependent] says whether it can.
//
// # Votes
//
// A vote approves, rejects, returns to the author, or abstains; a question is kept and leaves the vote
// open. Until its gate is decided an approver may change the vote, and the old one is kept as replaced;
// after that it never changes. A vote is bound to the hash of what is approved: after a material edit
// ([Process.Material]) the process lapses, its votes count for nothing, and another round takes its place.
//
// # Separation of duties
//
// Nobody decides what is their own: whoever the [Subject] names as a party (requester, author,
// implementer) is no approver, and casts no vote for another. An [Exemption] of the policy lets some do,
// and each such vote carries its name. A [Delegation] lets another person vote in an approver's place
// between two instants: the vote is the approver's, whoever cast it is kept, and the approver may still
// vote. One person casts one vote in a gate, their own or another's. Delegation is not passed on.
package approval
