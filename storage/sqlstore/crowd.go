package sqlstore

import (
	"hash/maphash"
	"sync"

	"github.com/itsmkit/itsmkit/storage"
)

// crowd is how many jobs of its subject a job may find waiting and still stand in the one row, by
// when they are ready, along which Claim looks for what is due. Those that find more stand aside, in
// a lane of their subject, so that however many they are Claim need not pass them one by one: of a
// lane it looks at the subject's first job alone. Which jobs have a lane decides what a claim costs,
// never what it takes, so that it does not matter what units at the same time have not seen of each
// other, and nothing has to be mended when jobs before it go.
const crowd = 8

// crowds says for which subjects it is worth asking the engine how many jobs wait: those that this
// process has enqueued many of lately. For all others a job is written without a look at the table,
// which would cost each command what few ever need. Subjects share counters, and count for less as
// others come; both only make it ask once too often, or let a few more jobs stand in the row.
type crowds struct {
	mu    sync.Mutex
	seed  maphash.Seed
	count []uint8
	total int
}

func newCrowds() *crowds {
	return &crowds{seed: maphash.MakeSeed(), count: make([]uint8, 1<<16)}
}

// met counts a job of the subject and says whether there were many before it.
func (c *crowds) met(tenant storage.Tenant, subject string) bool {
	at := maphash.String(c.seed, string(tenant)+"\x00"+subject) % uint64(len(c.count))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total++; c.total == len(c.count) {
		c.total = 0
		for i := range c.count {
			c.count[i] /= 2
		}
	}
	many := c.count[at] >= crowd
	if c.count[at] < 255 {
		c.count[at]++
	}
	return many
}
