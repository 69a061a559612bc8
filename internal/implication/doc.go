// Package implication tells from conditions alone whether one holds wherever another does, and whether one
// can hold at all. Rules are checked by it where they are written: one that is never reached, a timer that
// would stop as it starts.
//
// What it says is so, whatever the values are. It does not find everything: it sees what equal, in, the
// ranges, null and prefix on one column after the other say, joined by and, or and not, and nothing that
// follows from two columns at once.
package implication
