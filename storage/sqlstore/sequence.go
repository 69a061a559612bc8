package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"sync"

	"github.com/itsmkit/itsmkit/storage"
)

// maxBlock is the most numbers that a host may have reserved at once.
const maxBlock = 1_000_000

// numbers are the reserved numbers that no unit has taken yet.
type numbers struct {
	mu   sync.Mutex
	free map[storage.Tenant]map[string][]span
	// least is what units of this store have advanced sequences to. Numbers below it that were
	// reserved before are given no more.
	least map[sequenceName]int64
}

type sequenceName struct {
	tenant storage.Tenant
	name   string
}

// span is the numbers from next up to, not including, end.
type span struct{ next, end int64 }

// runAgain leaves a function that needs a number that is not reserved yet.
type runAgain struct{}

// taken is what a unit has reserved for itself, over all its runs.
type taken struct {
	own  map[string][]span
	used map[string]int64 // in the present run
	// least is what the present run has advanced sequences to.
	least map[string]int64
}

func (k *taken) run() {
	clear(k.used)
	clear(k.least)
}

// next takes a number: of the unit's own first.
func (k *taken) next(all *numbers, tenant storage.Tenant, sequence string) (int64, bool) {
	all.mu.Lock()
	least := max(k.least[sequence], all.least[sequenceName{tenant, sequence}])
	n, ok := pop(k.own, sequence, least)
	if !ok {
		n, ok = pop(all.free[tenant], sequence, least)
	}
	all.mu.Unlock()
	if k.used == nil {
		k.used = map[string]int64{}
	}
	k.used[sequence]++
	return n, ok
}

// pop takes the first number that is not below the least. Those below it are left: the unit that
// asks for more than them may fail.
func pop(m map[string][]span, sequence string, least int64) (int64, bool) {
	spans := m[sequence]
	for i := range spans {
		s := &spans[i]
		n := max(s.next, least)
		if n >= s.end {
			continue
		}
		below, above := span{s.next, n}, span{n + 1, s.end}
		switch {
		case below.next == below.end && above.next == above.end:
			m[sequence] = slices.Delete(spans, i, i+1)
		case below.next == below.end:
			*s = above
		case above.next == above.end:
			*s = below
		default:
			*s = below
			m[sequence] = slices.Insert(spans, i+1, above)
		}
		return n, true
	}
	return 0, false
}

// ended keeps what a unit has advanced, unless it did not happen. One that may have happened has.
func (n *numbers) ended(tenant storage.Tenant, k *taken, err error) {
	if len(k.least) == 0 || err != nil && !errors.Is(err, storage.ErrUnknownOutcome) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.least == nil {
		n.least = map[sequenceName]int64{}
	}
	for sequence, least := range k.least {
		name := sequenceName{tenant, sequence}
		if least <= n.least[name] {
			continue
		}
		n.least[name] = least
		if spans, known := n.free[tenant][sequence]; known {
			n.free[tenant][sequence] = from(spans, least)
		}
	}
}

// from gives the numbers that are not below the least.
func from(spans []span, least int64) []span {
	var left []span
	for _, s := range spans {
		if s.next = max(s.next, least); s.next < s.end {
			left = append(left, s)
		}
	}
	return left
}

func (n *numbers) leastOf(tenant storage.Tenant, sequence string) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.least[sequenceName{tenant, sequence}]
}

// giveBack lets other units have what this one reserved and did not take.
func (n *numbers) giveBack(tenant storage.Tenant, k *taken) {
	if len(k.own) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for sequence, spans := range k.own {
		n.add(tenant, sequence, spans...)
	}
}

func (n *numbers) add(tenant storage.Tenant, sequence string, spans ...span) {
	if n.free == nil {
		n.free = map[storage.Tenant]map[string][]span{}
	}
	m := n.free[tenant]
	if m == nil {
		m = map[string][]span{}
		n.free[tenant] = m
	}
	m[sequence] = append(m[sequence], from(spans, n.least[sequenceName{tenant, sequence}])...)
}

// reserve gets numbers for a unit that found none: twice as many as it has taken in the run
// that ends here, so that few runs are enough however many it takes.
func (n *numbers) reserve(ctx context.Context, s *core, tenant storage.Tenant, sequence string, k *taken) error {
	least := max(k.least[sequence], n.leastOf(tenant, sequence))
	got, err := s.reserve(ctx, tenant, sequence, max(s.block, 2*k.used[sequence]), least)
	if err != nil {
		return err
	}
	if k.own == nil {
		k.own = map[string][]span{}
	}
	k.own[sequence] = append(k.own[sequence], got)
	return nil
}

// reserve takes n numbers from the least on out of the row of a sequence, in a transaction of its
// own.
func (s *core) reserve(ctx context.Context, tenant storage.Tenant, sequence string, n, least int64) (got span, err error) {
	err = s.short(ctx, "reserve", func(t *session) error {
		got, err = s.takeOut(ctx, t, tenant, sequence, n, least)
		return err
	})
	return got, err
}

// takeOut takes n numbers from the least on out of the row of a sequence.
func (s *core) takeOut(ctx context.Context, t *session, tenant storage.Tenant, sequence string, n, least int64) (span, error) {
	args := []any{least, least, n, string(tenant), sequence}
	changed, err := t.exec(ctx, s.text.reserve, args...)
	if err == nil && changed == 0 {
		if _, err = t.exec(ctx, s.text.newSequence, string(tenant), sequence); err == nil {
			_, err = t.exec(ctx, s.text.reserve, args...)
		}
	}
	if err != nil {
		return span{}, err
	}
	var end int64
	if _, err := t.one(ctx, s.text.sequence, args[3:], &end); err != nil {
		return span{}, err
	}
	return span{next: end - n, end: end}, nil
}

// Next implements [storage.Tx].
func (u *unit) Next(ctx context.Context, sequence string) (int64, error) {
	if err := u.usable(); err != nil {
		return 0, err
	}
	if err := storage.CheckName("next", "sequence", sequence); err != nil {
		return 0, err
	}
	if u.joined {
		got, err := u.s.takeOut(ctx, u.o.t, u.tenant, sequence, 1, u.s.numbers.leastOf(u.tenant, sequence))
		if err != nil {
			return 0, u.failed(ctx, "next", "", "", err)
		}
		return got.next, nil
	}
	n, ok := u.taken.next(&u.s.numbers, u.tenant, sequence)
	if !ok {
		// The block is reserved outside this transaction, which may hold the only connection and
		// may be the only writer there can be. A function that met an error here might take it for
		// its own failure, so it is left where it stands; Update runs it again.
		u.wants = sequence
		u.o.broken = &storage.Error{Op: "next", Err: storage.ErrRetry}
		panic(runAgain{})
	}
	return n, nil
}

// Advance implements [storage.Tx]. The row says so to other processes when the unit commits, and
// keeps them from reserving until then; the numbers that this store has reserved are passed over
// at once in this unit, and in others from its commit on.
func (u *unit) Advance(ctx context.Context, sequence string, atLeast int64) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckAdvance(sequence, atLeast); err != nil {
		return err
	}
	if u.taken.least[sequence] >= atLeast {
		return nil
	}
	if _, err := u.o.t.exec(ctx, u.s.text.advance, string(u.tenant), sequence, atLeast); err != nil {
		return u.failed(ctx, "advance", "", "", err)
	}
	if u.taken.least == nil {
		u.taken.least = map[string]int64{}
	}
	u.taken.least[sequence] = atLeast
	return nil
}

// Sequences implements [storage.Reader]. It reads one tenant after the other, each along the primary
// key.
func (r *reader) Sequences(ctx context.Context, q storage.SequenceQuery) ([]storage.Sequence, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if err := storage.CheckSequenceQuery(q); err != nil {
		return nil, err
	}
	found := []storage.Sequence{}
	each := func(r *reader) error {
		for _, tenant := range sorted(r.tenants) {
			if len(found) == q.Limit || tenant < q.After.Tenant {
				continue
			}
			st := r.s.d.statement()
			st.write(`SELECT "name", "next" FROM `, quote(r.s.prefix+sequenceTable), ` WHERE "tenant" = `).arg(string(tenant))
			if tenant == q.After.Tenant {
				st.write(` AND "name" > `).arg(q.After.Name)
			}
			st.write(` ORDER BY "name" LIMIT `, strconv.Itoa(q.Limit-len(found)))
			err := r.o.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
				n := storage.Sequence{Tenant: tenant}
				err := rows.Scan(&n.Name, &n.Next)
				found = append(found, n)
				return err
			})
			if err != nil {
				return r.failed(ctx, "sequences", "", "", err)
			}
		}
		return nil
	}
	if err := r.ofAll(ctx, each); err != nil {
		return nil, err
	}
	return found, nil
}
