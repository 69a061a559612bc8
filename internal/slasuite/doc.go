// Package slasuite holds the promises of package sla over a store, so that it is shown to behave the same on every
// database engine: timers of incidents and of a host's own records that follow their events; thresholds and breaches,
// each once and in order, also after a downtime and by several workers; versions that are pinned; rebasing,
// rebuilding and dates by hand; who may read; a provider's agreements under those of its tenants; and random commands after
// which every timer is what its record's events make of it.
package slasuite
