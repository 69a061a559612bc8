// Package wall is the clock on the wall of a time zone: what it shows at an instant, and the first instant at
// which it shows a time, on days on which the zone's offset changes, too.
package wall
