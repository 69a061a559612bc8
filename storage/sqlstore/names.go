package sqlstore

import "github.com/itsmkit/itsmkit/storage"

// The store's own tables have two underscores in their names, which no table of records has.
const (
	eventTable    = "_event"
	jobTable      = "_job"
	sequenceTable = "_sequence"
	settingTable  = "_setting"
	leaseTable    = "_lease"
	backfillTable = "_backfill"
	lockTable     = "_lock"
)

// own gives the store's own tables. An index that changes gets another name, as a migration leaves one that is there as it is.
func (s *core) own() []relation {
	text := func(names ...string) (out []column) {
		for _, n := range names {
			out = append(out, column{name: n, kind: storage.Text, form: key})
		}
		return out
	}
	document := func(name string) []column {
		return []column{{name: name, kind: storage.Text, form: long, always: s.d.wholeIndexes}}
	}
	number := func(names ...string) (out []column) {
		for _, n := range names {
			out = append(out, column{name: n, kind: storage.Int})
		}
		return out
	}
	join := func(parts ...[]column) (out []column) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	by := func(names ...string) (out []storage.Order) {
		for _, n := range names {
			out = append(out, storage.Order{Column: n})
		}
		return out
	}
	dead := by("tenant", "kind", "key")
	if s.d.wholeIndexes {
		dead = by("tenant", "dead", "kind", "key")
	}
	relations := []relation{
		{
			name:    s.prefix + eventTable,
			columns: join(text("tenant", "kind", "record"), number("version", "n"), text("id", "type"), number("at"), document("envelope")),
			primary: []string{"tenant", "kind", "record", "version", "n"},
		},
		{
			// ready is from when on a job may be claimed: when it is due, or when its lease ends;
			// never for a dead one. token is not empty while a worker has it. lane is the subject of
			// a job that was enqueued behind many others of it, and otherwise empty: see [crowd].
			name: s.prefix + jobTable,
			columns: join(text("tenant", "kind", "key", "subject"), number("due", "ready"),
				[]column{{name: "dead", kind: storage.Bool}}, number("generation", "attempts", "lease"),
				text("token"), document("error"), []column{{name: "payload", kind: storage.Text, form: long, nullable: true}}, text("lane")),
			primary: []string{"tenant", "kind", "key"},
			indexes: []index{
				// Whether anything is due at all, and the little that is when it is little.
				{name: s.prefix + jobTable + "_ready", columns: by("ready", "tenant", "kind", "lane")},
				// What is due of one tenant, and which subjects have lanes.
				{name: s.prefix + jobTable + "_lane", columns: by("tenant", "lane", "ready", "kind", "key")},
				// Which job of a subject is due first, and which is claimed.
				{name: s.prefix + jobTable + "_subject", columns: by("tenant", "subject", "dead", "due", "kind", "key"),
					where: `"subject" <> ''`},
				{name: s.prefix + jobTable + "_claimed", columns: by("tenant", "subject", "lease"),
					where: `"subject" <> '' AND "token" <> ''`},
				// Lists of a subject's jobs, and of dead letters. The others are listed along the primary
				// key, over the dead letters between them: an index of them all would cost each command
				// more than the rare list is worth.
				{name: s.prefix + jobTable + "_list", columns: by("tenant", "subject", "dead", "kind", "key"),
					where: `"subject" <> ''`},
				{name: s.prefix + jobTable + "_dead", columns: dead, where: `"dead" = ` + s.d.yes},
			},
		},
		{
			name:    s.prefix + sequenceTable,
			columns: join(text("tenant", "name"), number("next")),
			primary: []string{"tenant", "name"},
		},
		{
			name:    s.prefix + settingTable,
			columns: join(text("name"), document("value")),
			primary: []string{"name"},
		},
		{
			// Who migrates, and until when nobody else does.
			name:    s.prefix + leaseTable,
			columns: join(text("name", "holder"), number("until")),
			primary: []string{"name"},
		},
		{
			// Columns that were added and how far their values have been moved out of the bodies.
			name:    s.prefix + backfillTable,
			columns: join(text("relation", "name", "tenant", "id"), []column{{name: "done", kind: storage.Bool}}),
			primary: []string{"relation", "name"},
		},
	}
	if s.d.lockRows {
		// What names and subjects are locked by: see [unit.Lock] and [claim.lockByRows].
		relations = append(relations, relation{name: s.prefix + lockTable, columns: number("id", "n"), primary: []string{"id"}})
	}
	for i := range relations {
		r := &relations[i]
		for n, ix := range r.indexes {
			r.indexes[n] = s.suited(r, ix)
		}
	}
	return relations
}

// texts are the statements about the store's own tables.
type texts struct {
	becomeWriter                   string
	newSequence, reserve, sequence string
	advance                        string
	event, job                     string
	replace, anew, keep            string
	finished                       string
	setting, newSetting            string
	newLease, takeLease, endLease  string
	newBackfill, backfills         string
	backfill, moved                string
	lock                           string
}

func newTexts(s *core) texts {
	bind := s.d.rebind
	// once ends an INSERT that leaves a row alone, and given gives what an INSERT would have written
	// of a row that is there already. Whether it was there is asked of neither.
	once := func(column string) string { return s.d.once }
	given := func(column string) string { return "excluded." + column }
	if s.d.once == "" {
		once = func(column string) string { return " ON DUPLICATE KEY UPDATE " + column + " = " + column }
		given = func(column string) string { return "VALUES(" + column + ")" }
	}
	table := func(name string) string { return quote(s.prefix + name) }
	job := table(jobTable)
	place := ` WHERE "tenant" = ? AND "kind" = ? AND "key" = ?`
	// A claimed job that is enqueued again stays claimed, so it is not ready before its lease ends.
	ready := `CASE WHEN ` + job + `."token" <> '' AND ` + job + `."lease" > ` + given(`"ready"`) + ` THEN ` + job + `."lease" ELSE ` + given(`"ready"`) + ` END`
	anew, keep := `"generation" = `+job+`."generation" + 1, "ready" = `+ready,
		`"generation" = `+job+`."generation" + 1, "ready" = CASE WHEN `+job+`."dead" = `+s.d.yes+` THEN `+ready+` ELSE `+job+`."ready" END`
	// Whether it was dead is set last: MySQL sets one column after the other, and what follows sees it.
	for _, c := range []string{"subject", "due", "attempts", "error", "payload", "lane", "dead"} {
		c = quote(c)
		anew += ", " + c + " = " + given(c)
		keep += ", " + c + " = CASE WHEN " + job + `."dead" = ` + s.d.yes + " THEN " + given(c) + " ELSE " + job + "." + c + " END"
	}
	replace := ` ON CONFLICT ("tenant", "kind", "key") DO UPDATE SET `
	further := ` ON CONFLICT ("tenant", "name") DO UPDATE SET "next" = excluded."next" WHERE ` + table(sequenceTable) + `."next" < excluded."next"`
	if s.d.once == "" {
		replace = " ON DUPLICATE KEY UPDATE "
		further = ` ON DUPLICATE KEY UPDATE "next" = GREATEST("next", VALUES("next"))`
	}
	backfills := `SELECT "relation", "name", "tenant", "id", "done" FROM ` + table(backfillTable)
	lock := s.d.lock
	switch {
	case s.d.serial:
		lock = "INSERT INTO " + table(lockTable) + ` ("id", "n") VALUES (?, 1) ON CONFLICT ("id") DO UPDATE SET "n" = ` + table(lockTable) + `."n" + 1`
	case s.d.lockRows:
		// The row is changed, so that a Galera cluster finds two units that hold it on two nodes.
		lock = "INSERT INTO " + table(lockTable) + ` ("id") VALUES (?) ON DUPLICATE KEY UPDATE "n" = "n" + 1`
	}
	return texts{
		becomeWriter: "UPDATE " + table(leaseTable) + ` SET "until" = "until" WHERE 0`,
		newSequence:  bind("INSERT INTO " + table(sequenceTable) + ` ("tenant", "name", "next") VALUES (?, ?, 1)` + once(`"name"`)),
		reserve:      bind("UPDATE " + table(sequenceTable) + ` SET "next" = CASE WHEN "next" < ? THEN ? ELSE "next" END + ? WHERE "tenant" = ? AND "name" = ?`),
		advance:      bind("INSERT INTO " + table(sequenceTable) + ` ("tenant", "name", "next") VALUES (?, ?, ?)` + further),
		sequence:     bind(`SELECT "next" FROM ` + table(sequenceTable) + ` WHERE "tenant" = ? AND "name" = ?`),
		event:        table(eventTable),
		job:          job,
		replace:      replace,
		anew:         anew,
		keep:         keep,
		finished:     bind("DELETE FROM " + job + place + ` AND "token" = ? AND "generation" = ?`),
		lock:         bind(lock),
		newLease:     bind("INSERT INTO " + table(leaseTable) + ` ("name") VALUES (?)` + once(`"name"`)),
		takeLease: bind("UPDATE " + table(leaseTable) + ` SET "holder" = ?, "until" = ` + s.d.clock + ` + ? WHERE "name" = ? AND ("until" < ` +
			s.d.clock + ` OR "holder" = ?)`),
		endLease:    bind("UPDATE " + table(leaseTable) + ` SET "until" = 0 WHERE "name" = ? AND "holder" = ?`),
		newBackfill: "INSERT INTO " + table(backfillTable) + ` ("relation", "name") VALUES ('%s', '%s')` + once(`"name"`),
		backfills:   bind(backfills),
		backfill:    bind(backfills + ` WHERE "relation" = ? ORDER BY "name"` + s.d.forUpdate),
		moved:       bind("UPDATE " + table(backfillTable) + ` SET "tenant" = ?, "id" = ?, "done" = ? WHERE "relation" = ? AND "name" = ?`),
		setting:     bind(`SELECT "value" FROM ` + table(settingTable) + ` WHERE "name" = ?`),
		newSetting:  bind("INSERT INTO " + table(settingTable) + ` ("name", "value") VALUES (?, ?)` + once(`"name"`)),
	}
}
