// Package versionedsuite holds the promises of package versioned over a store, so that it is shown to
// behave the same on every database engine: versions that are counted for each family and stack, of
// which one is active, also where several are activated at once; what was active unchanged; a provider's
// version under that of its tenants; refusals that write nothing; tenants apart.
package versionedsuite
