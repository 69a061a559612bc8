// Package changecalsuite holds the promises of package change/schedule over a store, so that it is shown to
// behave the same on every database engine: what is booked at once is found to conflict, conflicts follow what is booked,
// moved and released and every window that is made, revised or withdrawn, a freeze stands against what it covers, and who may
// not read a change sees that something is booked and nothing else. A model test holds what is kept to what package
// change/calendar computes.
package changecalsuite
