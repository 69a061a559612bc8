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
)

// own gives the store's own tables. An index that changes gets another name, as a migration leaves one that is there as it is.
func (s *core) own() []relation {
	text := func(names ...string) (out []column) {
		for _, n := range names {
			out = append(out, column{name: n, kind: storage.Text})
		}
		return out
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
	return []relation{
		{
			name:    s.prefix + eventTable,
			columns: join(text("tenant", "kind", "record"), number("version", "n"), text("id", "type"), number("at"), text("envelope")),
			primary: []string{"tenant", "kind", "record", "version", "n"},
		},
		{
			// ready is from when on a job may be claimed: when it is due, or when its lease ends;
			// never for a dead one. token is not empty while a worker has it. lane is the subject of
			// a job that was enqueued behind many others of it, and otherwise empty: see [crowd].
			name: s.prefix + jobTable,
			columns: join(text("tenant", "kind", "key", "subject"), number("due", "ready"),
				[]column{{name: "dead", kind: storage.Bool}}, number("generation", "attempts", "lease"),
				text("token", "error"), []column{{name: "payload", kind: storage.Text, nullable: true}}, text("lane")),
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
				{name: s.prefix + jobTable + "_dead", columns: by("tenant", "kind", "key"), where: `"dead" = ` + s.d.yes},
			},
		},
		{
			name:    s.prefix + sequenceTable,
			columns: join(text("tenant", "name"), number("next")),
			primary: []string{"tenant", "name"},
		},
		{
			name:    s.prefix + settingTable,
			columns: text("name", "value"),
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
	table := func(name string) string { return quote(s.prefix + name) }
	job := table(jobTable)
	place := ` WHERE "tenant" = ? AND "kind" = ? AND "key" = ?`
	// A claimed job that is enqueued again stays claimed, so it is not ready before its lease ends.
	ready := `CASE WHEN ` + job + `."token" <> '' AND ` + job + `."lease" > excluded."ready" THEN ` + job + `."lease" ELSE excluded."ready" END`
	anew, keep := `"generation" = `+job+`."generation" + 1, "ready" = `+ready,
		`"generation" = `+job+`."generation" + 1, "ready" = CASE WHEN `+job+`."dead" = `+s.d.yes+` THEN `+ready+` ELSE `+job+`."ready" END`
	for _, c := range []string{"subject", "due", "dead", "attempts", "error", "payload", "lane"} {
		c = quote(c)
		anew += ", " + c + " = excluded." + c
		keep += ", " + c + " = CASE WHEN " + job + `."dead" = ` + s.d.yes + " THEN excluded." + c + " ELSE " + job + "." + c + " END"
	}
	backfills := `SELECT "relation", "name", "tenant", "id", "done" FROM ` + table(backfillTable)
	return texts{
		becomeWriter: "UPDATE " + table(leaseTable) + ` SET "until" = "until" WHERE 0`,
		newSequence:  bind("INSERT INTO " + table(sequenceTable) + ` ("tenant", "name", "next") VALUES (?, ?, 1) ON CONFLICT DO NOTHING`),
		reserve:      bind("UPDATE " + table(sequenceTable) + ` SET "next" = CASE WHEN "next" < ? THEN ? ELSE "next" END + ? WHERE "tenant" = ? AND "name" = ?`),
		advance: bind("INSERT INTO " + table(sequenceTable) + ` ("tenant", "name", "next") VALUES (?, ?, ?) ` +
			`ON CONFLICT ("tenant", "name") DO UPDATE SET "next" = excluded."next" WHERE ` + table(sequenceTable) + `."next" < excluded."next"`),
		sequence: bind(`SELECT "next" FROM ` + table(sequenceTable) + ` WHERE "tenant" = ? AND "name" = ?`),
		event:    table(eventTable),
		job:      job,
		replace:  ` ON CONFLICT ("tenant", "kind", "key") DO UPDATE SET `,
		anew:     anew,
		keep:     keep,
		finished: bind("DELETE FROM " + job + place + ` AND "token" = ? AND "generation" = ?`),
		lock:     bind(s.d.lock),
		newLease: bind("INSERT INTO " + table(leaseTable) + ` ("name") VALUES (?) ON CONFLICT DO NOTHING`),
		takeLease: bind("UPDATE " + table(leaseTable) + ` SET "holder" = ?, "until" = ` + s.d.clock + ` + ? WHERE "name" = ? AND ("until" < ` +
			s.d.clock + ` OR "holder" = ?)`),
		endLease:    bind("UPDATE " + table(leaseTable) + ` SET "until" = 0 WHERE "name" = ? AND "holder" = ?`),
		newBackfill: "INSERT INTO " + table(backfillTable) + ` ("relation", "name") VALUES`,
		backfills:   backfills,
		backfill:    bind(backfills + ` WHERE "relation" = ? ORDER BY "name"` + s.d.forUpdate),
		moved:       bind("UPDATE " + table(backfillTable) + ` SET "tenant" = ?, "id" = ?, "done" = ? WHERE "relation" = ? AND "name" = ?`),
		setting:     bind(`SELECT "value" FROM ` + table(settingTable) + ` WHERE "name" = ?`),
		newSetting:  bind("INSERT INTO " + table(settingTable) + ` ("name", "value") VALUES (?, ?) ON CONFLICT DO NOTHING`),
	}
}
