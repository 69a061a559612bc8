// Package approvalsuite holds the promises of package ballot over a store, so that it is shown to behave the
// same on every database engine. It holds single cases (votes at once, rounds, timers, delegation, the end
// of a record, tenants, pages) and a model test: random policies, votes, edits and holds, each compared with
// an oracle that is written here and shares nothing with the packages.
package approvalsuite
