package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strconv"

	"github.com/itsmkit/itsmkit/storage"
)

// This file is those parts of a claim that are other on MySQL: a recursion there goes a thousand steps
// and no further, there is no LATERAL on MariaDB, an inequality in a subquery of a row is no range of an
// index, a planner joins as it likes unless it is told the index, and what is locked without waiting is a
// row.

// along says which index of the store's own tables a SELECT goes along, where the engine must be told.
func (s *core) along(index string) string {
	if !s.d.wholeIndexes {
		return ""
	}
	return " FORCE INDEX (" + quote(s.prefix+index) + ")"
}

// primarily is along of the primary key.
func (s *core) primarily() string {
	if !s.d.wholeIndexes {
		return ""
	}
	return " FORCE INDEX (PRIMARY)"
}

// jumps is how many values an index is asked for at once.
const jumps = 500

// distinct finds values of a column of the jobs behind one, by jumping from each to the next along an index
// that begins with the columns that are fixed and goes on with it.
func (s *core) distinct(ctx context.Context, t *session, index, column string, fixed []any, from string, limit int) (found []string, err error) {
	st := s.d.statement()
	group := quote(column)
	st.write("SELECT ", quote(column), " FROM ", s.text.job, index, " WHERE ")
	if len(fixed) > 0 {
		st.write(`"tenant" = `).arg(fixed[0]).write(" AND ")
		group = `"tenant", ` + group
	}
	st.write(quote(column), " > ").arg(from).write(" GROUP BY ", group, " ORDER BY ", group, " LIMIT ", strconv.Itoa(limit))
	err = t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		found = append(found, name)
		return err
	})
	return found, err
}

// walkApart is walk in two statements: which tenants come next, and which of them have due jobs or lanes. An
// inequality with a column of another table is no range of an index there, so that each is asked for by
// its name.
func (c *claim) walkApart(ctx context.Context, from storage.Tenant, n int) (found []storage.Tenant, err error) {
	job := c.s.text.job
	for len(found) < n {
		limit := min(jumps, n+50)
		tenants, err := c.s.distinct(ctx, c.t, c.s.primarily(), "tenant", nil, string(from), limit)
		if err != nil {
			return nil, err
		}
		if len(tenants) == 0 {
			break
		}
		st := c.s.d.statement()
		for i, t := range tenants {
			if i > 0 {
				st.write(" UNION ALL ")
			}
			st.write("SELECT ").arg(t).write(` AS "tenant", COALESCE((SELECT "lane" FROM `, job, c.s.along(jobTable+"_lane"), ` WHERE "tenant" = `).arg(t).
				write(` AND "lane" > '' ORDER BY "lane" LIMIT 1), '') AS "lane", COALESCE((SELECT 1 FROM `, job, c.s.along(jobTable+"_lane"), ` WHERE "tenant" = `).arg(t).
				write(` AND "lane" = '' AND `)
			c.due(st).write(` ORDER BY "ready" LIMIT 1), 0) AS "due"`)
		}
		err = c.t.seldom(ctx, st.string(), st.args, func(rows *sql.Rows) error {
			var t, lane string
			var due int64
			err := rows.Scan(&t, &lane, &due)
			if lane != "" || due == 1 {
				found = append(found, storage.Tenant(t))
			}
			if lane != "" {
				c.lanes[storage.Tenant(t)] = []string{lane}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		from = storage.Tenant(tenants[len(tenants)-1])
	}
	slices.Sort(found)
	return found[:min(n, len(found))], nil
}

// someLanes gives lanes of a tenant to a function, so many at once that a statement can name them: those that are known to
// have something due, or all that there are.
func (c *claim) someLanes(ctx context.Context, tenant storage.Tenant, give func(lanes []string) error) error {
	if !c.anyLanes {
		for some := range slices.Chunk(c.lanes[tenant], jumps) {
			if err := give(some); err != nil {
				return err
			}
		}
		return nil
	}
	for from, n := "", jumps; n == jumps; {
		some, err := c.s.distinct(ctx, c.t, c.s.along(jobTable+"_lane"), "lane", []any{string(tenant)}, from, jumps)
		if err != nil {
			return err
		}
		if n = len(some); n == 0 {
			break
		}
		if err := give(some); err != nil {
			return err
		}
		from = some[n-1]
	}
	return nil
}

// headsOfLanes gives the first jobs in lanes of a tenant that can be claimed, up to a number, in the order in which they
// are due.
func (c *claim) headsOfLanes(ctx context.Context, tenant storage.Tenant, limit int) (heads []storage.Job, err error) {
	err = c.someLanes(ctx, tenant, func(lanes []string) error {
		st := c.s.d.statement()
		c.inNamedLanes(st, tenant, lanes, limit)
		before := len(heads)
		err := c.t.seldom(ctx, st.string(), st.args, func(rows *sql.Rows) error {
			j, err := scanJob(rows)
			heads = append(heads, j)
			return err
		})
		if before > 0 {
			slices.SortFunc(heads, byDue)
			heads = heads[:min(limit, len(heads))]
		}
		return err
	})
	return heads, err
}

// takeFromLanes adds the first jobs in lanes that can be claimed, and locks their rows: as many of them as
// there are to have, as others may have locked the first ones.
func (c *claim) takeFromLanes(ctx context.Context, jobs map[storage.Tenant][]storage.Job, parts []part, limit int) error {
	for _, p := range parts {
		free, err := c.headsOfLanes(ctx, p.tenant, 2*limit+50)
		if err != nil {
			return err
		}
		for len(free) > 0 && len(jobs[p.tenant]) < limit {
			n := min(limit-len(jobs[p.tenant]), len(free), batch)
			locked, err := c.lockJobs(ctx, p.tenant, free[:n])
			if err != nil {
				return err
			}
			jobs[p.tenant] = append(jobs[p.tenant], locked...)
			free = free[n:]
		}
	}
	return nil
}

// lockJobs locks rows of jobs and gives those that it could, where they are ready still.
func (c *claim) lockJobs(ctx context.Context, tenant storage.Tenant, of []storage.Job) (locked []storage.Job, err error) {
	st := c.s.d.statement()
	st.write("SELECT ", quoteAll(jobColumns), " FROM ", c.s.text.job, ` FORCE INDEX (PRIMARY) WHERE "tenant" = `).arg(string(tenant)).write(` AND ("kind", "key") IN (`)
	for i, j := range of {
		if i > 0 {
			st.write(", ")
		}
		st.tuple(j.Kind, j.Key)
	}
	st.write(`) AND "ready" <= `).arg(c.now).write(c.s.d.skipLocked)
	err = c.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		j, err := scanJob(rows)
		locked = append(locked, j)
		return err
	})
	return locked, err
}

// inNamedLanes is inLanes of lanes that are all known by name, without a lock on what it finds.
func (c *claim) inNamedLanes(st *statement, tenant storage.Tenant, lanes []string, limit int) {
	job := c.s.text.job
	head := func(column string) {
		st.write("(SELECT ", column, " FROM ", job, ` AS "k"`, c.s.along(jobTable+"_subject"), ` WHERE "k"."tenant" = `).arg(string(tenant)).
			write(` AND "k"."subject" = "l"."name" AND `, c.head(), ")")
	}
	st.write("SELECT ", quoteAll(jobColumns), ` FROM (`)
	between := ""
	for _, lane := range lanes {
		st.write(between, "SELECT ").arg(lane).write(` AS "name"`)
		between = " UNION ALL "
	}
	st.write(`) AS "l" STRAIGHT_JOIN `, job, ` AS "j" FORCE INDEX (PRIMARY) WHERE "j"."tenant" = `).arg(string(tenant)).write(` AND "j"."kind" = `)
	head(`"k"."kind"`)
	st.write(` AND "j"."key" = `)
	head(`"k"."key"`)
	st.write(` AND "j"."lane" > '' AND `)
	c.due(st).write(" AND ")
	c.unclaimed(st).write(` ORDER BY "due", "kind", "key" LIMIT `).arg(int64(limit))
}

// lockByRows locks rows of the table of locks, without waiting for any that is there. It changes them, so
// that a Galera cluster finds two claims that hold one on two nodes.
func (c *claim) lockByRows(ctx context.Context, numbers []int64) (held []int64, err error) {
	slices.Sort(numbers)
	table := quote(c.s.prefix + lockTable)
	read := func(numbers []int64, end string) (found []int64, err error) {
		values := make([]any, len(numbers))
		for i, n := range numbers {
			values[i] = n
		}
		st := c.s.d.statement().write(`SELECT "id" FROM `, table, c.s.primarily(), ` WHERE "id" IN `).tuple(values...).write(end)
		err = c.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
			var n int64
			err := rows.Scan(&n)
			found = append(found, n)
			return err
		})
		return found, err
	}
	if held, err = read(numbers, c.s.d.skipLocked); err != nil {
		return nil, err
	}
	if len(held) < len(numbers) {
		rest := slices.DeleteFunc(slices.Clone(numbers), func(n int64) bool { return slices.Contains(held, n) })
		others, err := read(rest, "")
		if err != nil {
			return nil, err
		}
		// What there is no row of nobody has used yet. Who makes it at the same time is waited for, to
		// the end of a claim.
		rest = slices.DeleteFunc(rest, func(n int64) bool { return slices.Contains(others, n) })
		held = append(held, rest...)
		slices.Sort(held)
	}
	if len(held) == 0 {
		return nil, nil
	}
	st := c.s.d.statement().write("INSERT INTO ", table, ` ("id") VALUES `)
	for i, n := range held {
		if i > 0 {
			st.write(", ")
		}
		st.tuple(n)
	}
	st.write(` ON DUPLICATE KEY UPDATE "n" = "n" + 1`)
	_, err = c.t.exec(ctx, st.string(), st.args...)
	return held, err
}

// markRows writes that jobs are claimed, whose rows this claim has locked: an INSERT of rows that are
// there already is the way to give each of them values of its own.
func (c *claim) markRows(st *statement, jobs []storage.Job) {
	st.write("INSERT INTO ", c.s.text.job, ` ("tenant", "kind", "key", "token", "error") VALUES `)
	for i, j := range jobs {
		if i > 0 {
			st.write(", ")
		}
		st.tuple(string(j.Tenant), j.Kind, j.Key, j.Token, "")
	}
	st.write(` ON DUPLICATE KEY UPDATE "attempts" = "attempts" + 1, "token" = VALUES("token"), "lease" = `).arg(c.lease).write(`, "ready" = `).arg(c.lease)
}
