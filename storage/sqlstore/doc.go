// Package sqlstore keeps records in the tables of an SQL database that the host has opened. It
// imports no driver: it works over [database/sql] with whichever driver of the engine the host
// already has.
package sqlstore
