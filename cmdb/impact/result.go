// This file holds the answer to what a failure brings about.

package impact

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"sync"
)

// Result is what failures bring about in one snapshot. It never changes, and any number of
// goroutines may read it.
type Result struct {
	s          *Snapshot
	failures   []Failure
	unaffected []uint32
	solution

	own        map[uint32]level // of CIs that failed by themselves
	planned    *Result          // with the planned failures alone, where there are others too
	allPlanned bool

	once  sync.Once
	index index
}

func (r *Result) take(found solution, seeds []seed) {
	r.solution = found
	r.own = make(map[uint32]level, len(seeds))
	for _, s := range seeds {
		r.own[s.ci] = s.level
	}
}

// Impacted is a CI that is worse off than it is by itself.
type Impacted struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Round is how many relations away the nearest failure is that brings it into this state, or
	// for [AtRisk] 0.
	Round int `json:"round,omitempty"`
	// Planned says that the planned failures alone would do it.
	Planned bool `json:"planned,omitempty"`
}

// Snapshot is what was asked.
func (r *Result) Snapshot() *Snapshot { return r.s }

// Revision is that of the snapshot.
func (r *Result) Revision() uint64 { return r.s.revision }

// Failures are those that were asked about.
func (r *Result) Failures() []Failure { return slices.Clone(r.failures) }

// Partial reports whether the limit of depth left something out.
func (r *Result) Partial() bool { return r.partial }

// Work is how many relations were followed.
func (r *Result) Work() int { return r.work }

// Counts are numbers of impacted CIs by state.
type Counts struct {
	AtRisk   int `json:"at_risk"`
	Degraded int `json:"degraded"`
	Down     int `json:"down"`
}

// Counts gives how many CIs are impacted, by the state they are in at last. Those that are no worse
// than they are by themselves do not count.
func (r *Result) Counts() (c Counts) {
	c.AtRisk = len(r.touched)
	for _, event := range r.log {
		switch event & eventMask {
		case toDown:
			c.Down++
		case toDegraded:
			c.Degraded++
		case fromDegraded:
			c.Down++
			c.Degraded--
		}
	}
	c.Down -= r.asBefore.Down
	c.Degraded -= r.asBefore.Degraded
	return c
}

// All gives every impacted CI once, in no order that means anything. It is the cheap way through a
// large answer; List gives an order.
func (r *Result) All() iter.Seq[Impacted] {
	return func(yield func(Impacted) bool) {
		for i, round := 0, 0; i < len(r.log); i++ {
			for round+1 < len(r.rounds) && i >= r.rounds[round+1] {
				round++
			}
			event := r.log[i]
			ci, level := event>>eventBits, eventLevel(event)
			if event&eventMask == toDegraded && r.find(ci).down != 0 || r.own[ci] == level {
				continue
			}
			if !yield(Impacted{ID: r.s.id(ci), State: levelState(level), Round: round, Planned: r.isPlanned(ci, level)}) {
				return
			}
		}
		for _, ci := range r.touched {
			if !yield(Impacted{ID: r.s.id(ci), State: AtRisk, Planned: r.isPlanned(ci, levelOK)}) {
				return
			}
		}
	}
}

// isPlanned says whether planned failures alone explain the level of a CI that is impacted.
func (r *Result) isPlanned(ci uint32, l level) bool {
	if r.allPlanned {
		return true
	}
	if r.planned == nil {
		return false
	}
	found := r.planned.find(ci)
	if l == levelOK {
		return found.atRisk || found.level() > levelOK
	}
	return found.level() >= l
}

// List gives every impacted CI: the worst first, of these the nearest, and of these by id.
func (r *Result) List() []Impacted {
	all := slices.Collect(r.All())
	slices.SortFunc(all, func(a, b Impacted) int {
		return cmp.Or(cmp.Compare(b.State, a.State), cmp.Compare(a.Round, b.Round), strings.Compare(a.ID, b.ID))
	})
	return all
}

// State gives the state of a CI, [OK] where nothing reaches it. It refuses an id that is not in the
// graph as not found.
func (r *Result) State(id string) (State, error) {
	ci, err := r.s.number(id)
	if err != nil {
		return OK, err
	}
	return r.state(ci), nil
}

func (r *Result) state(ci uint32) State {
	found := r.find(ci)
	if found.level() == levelOK && found.atRisk {
		return AtRisk
	}
	return levelState(found.level())
}

// found is where in the log a CI became degraded and down, plus one each, and whether it is at risk.
type found struct {
	degraded, down uint32
	atRisk         bool
}

func (f found) level() level {
	switch {
	case f.down != 0:
		return levelDown
	case f.degraded != 0:
		return levelDegraded
	}
	return levelOK
}

// at gives the level of a CI.
func (r *Result) at(ci uint32) level { return r.find(ci).level() }

// reached gives the round in which a CI came to at least a level, and false where it did not.
func (r *Result) reached(ci uint32, l level) (int, bool) {
	f := r.find(ci)
	if l == levelDegraded && f.degraded != 0 {
		return r.round(f.degraded), true
	}
	if f.down != 0 {
		return r.round(f.down), true
	}
	return 0, false
}

// round gives the round of a place in the log, plus one.
func (r *Result) round(place uint32) int {
	i, same := slices.BinarySearch(r.rounds, int(place-1))
	if same {
		// Rounds without events begin where the next does.
		for i+1 < len(r.rounds) && r.rounds[i+1] == int(place-1) {
			i++
		}
		return i
	}
	return i - 1
}

// index finds CIs in the log: a table over all numbers where the log is long, or else a map.
type index struct {
	few    map[uint32]found
	many   []uint32 // place in the log of a CI's last event, plus one
	atRisk map[uint32]bool
}

func (r *Result) find(ci uint32) found {
	r.once.Do(r.makeIndex)
	if r.index.many == nil {
		return r.index.few[ci]
	}
	var f found
	f.atRisk = r.index.atRisk[ci]
	place := r.index.many[ci]
	if place == 0 {
		return f
	}
	switch event := r.log[place-1]; event & eventMask {
	case toDegraded:
		f.degraded = place
	case toDown:
		f.down = place
	case fromDegraded:
		f.down = place
		f.degraded = r.index.few[ci].degraded
	}
	return f
}

func (r *Result) makeIndex() {
	long := len(r.log)*64 > int(r.s.cisEnd())
	x := &r.index
	x.few = map[uint32]found{}
	if long {
		x.many = make([]uint32, r.s.cisEnd())
		x.atRisk = make(map[uint32]bool, len(r.touched))
		for _, ci := range r.touched {
			x.atRisk[ci] = true
		}
	}
	for i, event := range r.log {
		ci, place := event>>eventBits, uint32(i+1)
		if long {
			if event&eventMask == fromDegraded {
				x.few[ci] = found{degraded: x.many[ci]}
			}
			x.many[ci] = place
			continue
		}
		f := x.few[ci]
		if event&eventMask == toDegraded {
			f.degraded = place
		} else {
			f.down = place
		}
		x.few[ci] = f
	}
	if !long {
		for _, ci := range r.touched {
			x.few[ci] = found{atRisk: true}
		}
	}
}
