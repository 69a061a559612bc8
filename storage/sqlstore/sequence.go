package sqlstore

import (
	"context"
	"sync"

	"github.com/itsmkit/itsmkit/storage"
)

// maxBlock is the most numbers that a host may have reserved at once.
const maxBlock = 1_000_000

// numbers are the reserved numbers that no unit has taken yet.
type numbers struct {
	mu   sync.Mutex
	free map[storage.Tenant]map[string][]span
}

// span is the numbers from next up to, not including, end.
type span struct{ next, end int64 }

// runAgain leaves a function that needs a number that is not reserved yet.
type runAgain struct{}

// taken is what a unit has reserved for itself, over all its runs.
type taken struct {
	own  map[string][]span
	used map[string]int64 // in the present run
}

func (k *taken) run() { clear(k.used) }

// next takes a number: of the unit's own first.
func (k *taken) next(all *numbers, tenant storage.Tenant, sequence string) (int64, bool) {
	n, ok := pop(k.own, sequence)
	if !ok {
		all.mu.Lock()
		n, ok = pop(all.free[tenant], sequence)
		all.mu.Unlock()
	}
	if k.used == nil {
		k.used = map[string]int64{}
	}
	k.used[sequence]++
	return n, ok
}

func pop(m map[string][]span, sequence string) (int64, bool) {
	spans := m[sequence]
	if len(spans) == 0 {
		return 0, false
	}
	n := spans[0].next
	if spans[0].next++; spans[0].next == spans[0].end {
		m[sequence] = spans[1:]
	}
	return n, true
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
	m[sequence] = append(m[sequence], spans...)
}

// topUp reserves a block of each sequence that the tenant has used and none is left of, so that
// units seldom have to be run twice.
func (n *numbers) topUp(ctx context.Context, s *core, tenant storage.Tenant) error {
	var empty []string
	n.mu.Lock()
	for sequence, spans := range n.free[tenant] {
		if len(spans) == 0 {
			empty = append(empty, sequence)
		}
	}
	n.mu.Unlock()
	for _, sequence := range empty {
		got, err := s.reserve(ctx, tenant, sequence, s.block)
		if err != nil {
			return err
		}
		n.mu.Lock()
		n.add(tenant, sequence, got)
		n.mu.Unlock()
	}
	return nil
}

// reserve gets numbers for a unit that found none: twice as many as it has taken in the run
// that ends here, so that few runs are enough however many it takes.
func (n *numbers) reserve(ctx context.Context, s *core, tenant storage.Tenant, sequence string, k *taken) error {
	got, err := s.reserve(ctx, tenant, sequence, max(s.block, 2*k.used[sequence]))
	if err != nil {
		return err
	}
	if k.own == nil {
		k.own = map[string][]span{}
	}
	k.own[sequence] = append(k.own[sequence], got)
	return nil
}

// reserve takes numbers out of the row of a sequence in a transaction of its own.
func (s *core) reserve(ctx context.Context, tenant storage.Tenant, sequence string, n int64) (got span, err error) {
	err = s.short(ctx, "reserve", func(t *session) error {
		got, err = s.advance(ctx, t, tenant, sequence, n)
		return err
	})
	return got, err
}

// advance takes numbers out of the row of a sequence.
func (s *core) advance(ctx context.Context, t *session, tenant storage.Tenant, sequence string, n int64) (span, error) {
	args := []any{n, string(tenant), sequence}
	changed, err := t.exec(ctx, s.text.advance, args...)
	if err == nil && changed == 0 {
		if _, err = t.exec(ctx, s.text.newSequence, string(tenant), sequence); err == nil {
			_, err = t.exec(ctx, s.text.advance, args...)
		}
	}
	if err != nil {
		return span{}, err
	}
	var end int64
	if _, err := t.one(ctx, s.text.sequence, args[1:], &end); err != nil {
		return span{}, err
	}
	return span{next: end - n, end: end}, nil
}

// Next implements [storage.Tx].
func (u *unit) Next(ctx context.Context, sequence string) (int64, error) {
	if err := u.usable(); err != nil {
		return 0, err
	}
	if problem := storage.CheckKey(sequence); problem != "" {
		return 0, storage.Invalid("next", "sequence", problem)
	}
	if u.joined {
		got, err := u.s.advance(ctx, u.o.t, u.tenant, sequence, 1)
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
