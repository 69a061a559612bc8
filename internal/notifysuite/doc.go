// Package notifysuite holds the promises of package notify over a store, so that it is shown to behave
// the same on every database engine: who is told of an event and who is not, once; when, by the clock of
// the reader; what is never told to whom; messages that come to the sender at least once under one id,
// expire and become moot; rules of providers and tenants; tenants apart.
package notifysuite
