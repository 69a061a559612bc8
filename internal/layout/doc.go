// Package layout holds the library to its own architecture. It has tests alone:
//
//   - which package may depend on which, and that a package nobody has placed is refused;
//   - that the library brings no database driver, no test code and no module that is not listed;
//   - that it reads the wall clock in one place and does nothing when it is merely imported;
//   - that every package tells its story, shows an example, and documents what it exports.
//
// Each rule is a function over plain data, and a table of made-up violations shows that it
// refuses them.
package layout
