// Package interactionsuite holds the promises of package interaction over a store, so that it is shown to
// behave the same on every database engine. It holds single cases (conversions at once, idempotency, one
// transaction with the opener, tenants, pages) and a model test: random contacts and commands by random
// people, each compared with an oracle that is written here and shares nothing with the package. [Host]
// keeps the records that interactions become.
package interactionsuite
