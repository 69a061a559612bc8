// Package oncallsuite holds the promises of the on-call practice over a store, so that it is shown
// to behave the same on every database engine: single cases (concurrency, retries, subjects that end,
// nesting, tenants) and a model test, in which random commands and the passing of time are compared
// with a small model of escalations that is written here and shares nothing with the practice.
package oncallsuite
