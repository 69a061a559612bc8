// Package versioned keeps what a tenant is governed by in versions: sets of rules, policies, calendars.
//
// A version holds a [Set], which is a practice's own type. It is drafted, revised while it is a draft,
// activated, and retired, by the next one or by itself. What is or was active is never changed and never
// lost, and the event log says who did what, when and why.
//
//	Draft                                        -> draft
//	Revise                       draft           -> draft
//	Activate                     draft, retired  -> active
//	Retire, another's Activate   active          -> retired
//
// # Families
//
// Versions are of a family, which counts them from 1 and of which one is active: the kind of record that
// rules route, the name of a calendar or of a policy. A practice that has one set for a tenant has one
// family, whose name is empty. [Options].Family says which families there may be.
//
// # Providers
//
// A family has two stacks. [StackOwn] is what the tenant drafts itself. [StackBase] is what its provider
// has: [Keeper.Publish] gives the active version of a provider to its tenants, where [Keeper.Inherit]
// keeps a copy that names its [Source]. What holds in the tenant is made of the [Layer] of each: how one
// stands before the other is for the practice, as is what it does where nothing is active.
//
// # Practices
//
// A practice gives its type the two methods of [Set], defines the table by [Define], and embeds the
// [Keeper] that [New] makes, so that the commands and reads are the practice's own. It registers the
// table and [EventTypes] in its module. What it must do when other versions are followed is a reaction to
// [Activated] and [Retired], in the transaction of the command. What it decides by, it reads by
// [ReadActive] in the transaction in which it decides, or, where it decides often, by a [Ready], which
// decodes and prepares the sets once.
package versioned
