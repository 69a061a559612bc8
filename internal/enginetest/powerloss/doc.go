// Package powerloss cuts the power under SQLite.
//
// [Disk] is a file system for SQLite that remembers of every file what has been synced and what was written
// since. When the power is cut, each sector written since may be there or not, whatever the order; what was
// synced is there.
//
// It needs a driver that lets a program be the file system, github.com/ncruces/go-sqlite3, and is a package of
// its own because that driver has the name of another one, sqlite3. The image that a cut leaves is opened with
// the driver that hosts use. Nothing here is built under the race detector, which makes a SQLite in Go many
// times slower.
package powerloss
