// Package routingsuite holds the promises of package routing over a store, so that it is shown to
// behave the same on every database engine: versions of rule sets of which one is active, also
// where several are activated at once; records routed in the transaction that makes them, by turns
// and loads that units at once do not spoil for each other; a provider's rules under those of its
// tenants; tenants apart.
package routingsuite
