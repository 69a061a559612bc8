// Package portable writes all that a store has of one tenant as lines of JSON, and makes a tenant of
// such a file in another store, whatever engine either is over.
//
//	summary, err := portable.Export(ctx, store, "acme", desk.Engine.Schemas(), file)
//	…
//	summary, err = portable.Import(ctx, other, "acme", desk.Engine.Schemas(), file)
//
// # What is in it
//
// The records of the given schemas with every column, their versions, times, layouts and bodies byte
// for byte; the whole event log; the sequences; the jobs, dead letters too, with their attempts. The
// records of commands that were given under a key are a table like any other. It is one state of the
// tenant: an export reads in one View, page by page, so that it needs little memory however much there
// is, and keeps that View open until it ends.
//
// Not in it are what is no tenant's: the secret of cursors, so that a cursor of the old store is refused
// by the new one and its reader begins at the first page; and claims. A job that a worker has claimed is
// exported as one whose worker has died: unclaimed, with the attempt counted. Let nobody tick while the
// last export before a move is made, or what is done meanwhile is done twice. What is sealed, as the
// secrets of webhooks are, stays sealed: the new host needs the same keys.
//
// # The file
//
// UTF-8, one JSON object a line, each line ended by a newline. The first is the header: the format's
// version, the tenant, and each table's layout and columns. Then come the records by table and id, the
// events by their places, the sequences by name and the jobs by kind and key, all in the order of bytes.
// The last line has how many there are of each, and the SHA-256 of all lines before it. Instants are
// microseconds since 1970 in UTC. Bodies, envelopes and payloads are JSON documents as texts, because
// they are kept byte for byte.
//
//	{"export":1,"tenant":"acme","tables":[{"name":"incident","layout":3,"columns":[{"name":"number","kind":"text"}]}]}
//	{"record":"incident","id":"0198…","version":4,"created":1772445600000000,"updated":1772449200000000,"layout":3,"columns":{"number":"INC0000001"},"body":"{…}"}
//	{"event":"incident","record":"0198…","version":1,"n":0,"id":"0198…","type":"incident.logged.v1","at":1772445600000000,"envelope":"{…}"}
//	{"sequence":"incident","next":51}
//	{"job":"sla.timer","key":"…","subject":"…","due":1772449200000000,"payload":"{…}"}
//	{"records":1,"events":1,"sequences":1,"jobs":1,"sha256":"…"}
//
// The same state is always the same bytes: an export of what was imported is the file again. A reader
// takes lines in this one form only, so that nothing in a file is passed over.
//
// # What an import promises
//
// Import reads the file twice. At first it only looks, as [Verify] does: a file that is cut off or was
// altered, is of another version of the format or another tenant, names tables or columns that the
// program does not have or has otherwise, or has a row that its table refuses, is ErrInvalid with the
// faults by their lines, and nothing is written. Both sides are migrated by one version of the program:
// a file of an older one is exported again after the older store was migrated. Of a file made by hand
// only the store can tell that two records have one value of a unique index; it does so on the way.
//
// Then it writes, in units of bounded size, in the order of the file; the jobs come last, together in one
// unit with the end of the file. Each unit's lines are seen to be those of the first reading before anything of them is
// written: a file that is altered meanwhile is refused, and the tenant has nothing that the file did not have. So nothing of the tenant comes due before all of it is there. Where it
// fails on the way, or its process is killed, the tenant holds whole records and events from the
// beginning of the file on, and no jobs. Call Import again with the same file: what is there is compared
// with the file, and it goes on where that ends. A tenant that holds the whole file already is left as it
// is. One that holds anything else is refused, with what is there, and nothing is changed. Let nobody
// command in the tenant before Import has returned: what they did would be such a thing.
package portable
