// Package viewsuite holds the promises of package view over a store, so that it is shown to behave the
// same on every database engine: who sees a view, by the list as by its id; what it asks for when
// someone runs it, and that this is narrowed by whoever has the records; pins; tenants apart.
package viewsuite
