// Package examples holds the programs that show the library at work. Each folder is one
// program, run from the repository's root: go run ./examples/NAME.
//
//   - quickstart takes one incident from the call to its end, on one screen.
//   - embed is a host with its own users, tables and transactions.
//   - msp is a provider with three customers.
//   - sla is a desk with service levels: policies by priority, agreements, the report of a month.
//   - replay imports the incident log of another system and reports what the store then holds.
//   - impact says what a failure brings about in a made-up company, in NetBox's data or in Debian's packages.
package examples
