// Package schema is the model of a configuration management database as data: classes of configuration items (CIs) with their
// attributes, and the types of relations between them. It is pure: no storage, no clock, no goroutine.
package schema
