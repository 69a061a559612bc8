// This file holds the fixpoint: what a failure brings down, at-risk and severity included.

package impact

import (
	"fmt"
	"math"
	"slices"
)

// Options say how far a question goes. The zero value goes all the way.
type Options struct {
	// Depth limits how many relations away from a failure an answer reaches; 0 is no limit. What a
	// failure reaches on several ways is as near as the shortest. An answer that left something out
	// says so: see [Result.Partial].
	Depth int
	// Work is how many relations may be followed; 0 is [DefaultWork]. A question that would take
	// more is refused with [ErrWork].
	Work int
	// Unaffected are CIs that are known to work in spite of what the graph says: they are not
	// impacted and pass nothing on. One that failed by itself cannot be among them.
	Unaffected []string
}

// An event is a CI that becomes worse: its number and from which level to which. A CI has at most
// two, from OK to degraded and from there to down. One from OK is the level that it comes to.
const (
	eventBits    = 2
	eventMask    = 1<<eventBits - 1
	toDegraded   = 1
	toDown       = 2
	fromDegraded = 3 // to down
)

func eventLevel(event uint32) level {
	if event&eventMask == toDegraded {
		return levelDegraded
	}
	return levelDown
}

// A CI's mark: the question it belongs to, and what that has found about it.
const (
	markLevel   = 3
	markTouched = 1 << 2 // a group that holds it up has lost something
	markFixed   = 1 << 3 // is not affected
	markBits    = 4
	maxQuestion = 1<<(32-markBits) - 1
)

// A group's mark: the question, and the weights that do not work well and not at all.
const (
	countBits        = 24
	countMask        = 1<<countBits - 1
	maxGroupQuestion = 1<<16 - 1
)

// scratch is the memory of one question at a time. Marks of older questions do not count, so that
// nothing is cleared between.
type scratch struct {
	question, groupQuestion uint32
	cis                     []uint32
	groups                  []uint64
	log, touched            []uint32 // room for answers, which are copied from here
}

// scratch takes memory for a question to the snapshot.
func (s *Snapshot) scratch() *scratch {
	// One is kept for good; the collector may have the others.
	m := s.base.kept.Swap(nil)
	if m == nil {
		m, _ = s.base.pool.Get().(*scratch)
	}
	if m == nil {
		m = &scratch{}
	}
	if need := int(s.cisEnd()); len(m.cis) < need {
		m.cis, m.question = make([]uint32, need+need/64), 0
	}
	if need := int(s.groupsEnd()); len(m.groups) < need {
		m.groups, m.groupQuestion = make([]uint64, need+need/64), 0
	}
	m.next()
	return m
}

// next begins another question.
func (m *scratch) next() {
	if m.question++; m.question > maxQuestion {
		clear(m.cis)
		m.question = 1
	}
	if m.groupQuestion++; m.groupQuestion > maxGroupQuestion {
		clear(m.groups)
		m.groupQuestion = 1
	}
}

func (s *Snapshot) release(m *scratch) {
	if !s.base.kept.CompareAndSwap(nil, m) {
		s.base.pool.Put(m)
	}
}

// mark gives what the question has found about a CI.
func (m *scratch) mark(ci uint32) uint32 {
	if mark := m.cis[ci]; mark>>markBits == m.question {
		return mark
	}
	return m.question << markBits
}

// run is the computation of one fixpoint.
type run struct {
	s *Snapshot
	m *scratch
	b *budget
	// log are the events, in rounds: those of round i begin at rounds[i].
	log     []uint32
	rounds  []int
	touched []uint32
	// target stops the run as soon as one of them is reached, where it is not nil.
	target func(ci uint32, to level) bool
	hit    bool
	// within says which CIs count, where it is not nil.
	within []bool
}

// seed is a CI that failed by itself.
type seed struct {
	ci    uint32
	level level
}

// begin marks what failed by itself, and what groups without members do.
func (r *run) begin(seeds []seed, unaffected []uint32) {
	r.rounds = append(r.rounds, 0)
	for _, ci := range unaffected {
		r.m.cis[ci] = r.m.mark(ci) | markFixed
	}
	for _, s := range seeds {
		r.raise(s.ci, s.level)
	}
	for g, state := range r.s.emptyGroups() {
		head := r.s.head(g)
		r.feel(head.owner, r.s.kinds.codes[head.code()][levelOf(state)], head.code())
	}
}

// raise makes a CI at least as bad as a level.
func (r *run) raise(ci uint32, to level) {
	mark := r.m.mark(ci)
	from := level(mark & markLevel)
	if to <= from || mark&markFixed != 0 || r.within != nil && !r.within[ci] {
		return
	}
	r.m.cis[ci] = mark&^markLevel | uint32(to)
	event := uint32(toDegraded)
	if to == levelDown {
		if event = toDown; from == levelDegraded {
			event = fromDegraded
		}
	}
	r.log = append(r.log, ci<<eventBits|event)
	if r.target != nil && r.target(ci, to) {
		r.hit = true
	}
}

// feel makes a CI feel what holds it up, which is not as it should be.
func (r *run) feel(owner uint32, effect level, code uint8) {
	if effect > levelOK {
		r.raise(owner, effect)
		return
	}
	if code == 0 {
		return // it is no support
	}
	mark := r.m.mark(owner)
	if mark&(markLevel|markTouched|markFixed) == 0 {
		r.m.cis[owner] = mark | markTouched
		r.touched = append(r.touched, owner)
	}
}

// spread runs rounds until nothing changes, or to a depth. It reports whether a limit of depth left
// something out.
func (r *run) spread(depth int) (partial bool, err error) {
	for done := 0; done < len(r.log) && !r.hit; {
		end := len(r.log)
		if depth > 0 && len(r.rounds) > depth {
			return r.beyond(r.log[done:end])
		}
		r.rounds = append(r.rounds, end)
		for ; done < end && !r.hit; done++ {
			if err := r.follow(r.log[done]); err != nil {
				return false, err
			}
		}
	}
	// The last round found nothing.
	for len(r.rounds) > 1 && r.rounds[len(r.rounds)-1] == len(r.log) {
		r.rounds = r.rounds[:len(r.rounds)-1]
	}
	return false, nil
}

// beyond says whether a further round would find anything, which it takes back.
func (r *run) beyond(last []uint32) (bool, error) {
	events, touched := len(r.log), len(r.touched)
	for _, event := range last {
		if err := r.follow(event); err != nil {
			return false, err
		}
	}
	partial := len(r.log) > events || len(r.touched) > touched
	for _, event := range r.log[events:] {
		// The last of a CI's events here is met last; the first says what it was before.
		ci := event >> eventBits
		before := uint32(levelOK)
		if event&eventMask == fromDegraded {
			before = levelDegraded
		}
		if before < r.m.cis[ci]&markLevel {
			r.m.cis[ci] = r.m.cis[ci]&^markLevel | before
		}
	}
	for _, ci := range r.touched[touched:] {
		r.m.cis[ci] &^= markTouched
	}
	r.log, r.touched = r.log[:events], r.touched[:touched]
	return partial, nil
}

// follow passes one event on to everything that the CI holds up.
func (r *run) follow(event uint32) error {
	if r.s.over == nil {
		row := r.s.base.row(event >> eventBits)
		if r.b.left -= len(row); r.b.left < 0 {
			return r.b.spend(0)
		}
		r.pass(event, row)
		return nil
	}
	row, removed, added := r.s.down(event >> eventBits)
	if err := r.b.spend(len(row) + len(added)); err != nil {
		return err
	}
	if len(removed) > 0 {
		for i, word := range row {
			if !has(removed, word) {
				r.pass(event, row[i:i+1])
			}
		}
	} else {
		r.pass(event, row)
	}
	if len(added) > 0 {
		r.pass(event, added)
	}
	return nil
}

func (r *run) pass(event uint32, words []uint32) {
	var (
		s      = r.s
		to     = eventLevel(event)
		codes  = &s.kinds.codes
		cis    = r.m.cis
		counts = r.m.groups
		ours   = uint64(r.m.groupQuestion)
		edited = s.over != nil
		// What is known already to be as bad, which is most of a large failure.
		known = r.m.question<<markBits | uint32(to)
		asked = r.m.question
		plain = r.within == nil && r.target == nil
	)
	// What becomes worse counts in groups as no longer well, as down, or as both.
	var unit uint64
	switch event & eventMask {
	case toDegraded:
		unit = 1 << countBits
	case toDown:
		unit = 1<<countBits | 1
	case fromDegraded:
		unit = 1
	}
	// A row has relations first, and then groups.
	at := 0
	for ; at < len(words) && words[at]&groupWord == 0; at++ {
		word := words[at]
		owner, effect := word>>codeBits, codes[word&codeMask][to]
		switch mark := cis[owner]; {
		case mark&^(markTouched|markFixed) == known && effect <= to:
		case plain && effect != levelOK && mark>>markBits != asked:
			// What is met for the first time, as [run.raise] would do it.
			cis[owner] = asked<<markBits | uint32(effect)
			r.log = append(r.log, owner<<eventBits|uint32(effect))
		default:
			r.feel(owner, effect, uint8(word&codeMask))
		}
	}
	for ; at < len(words); at++ {
		g := words[at] &^ groupWord
		var head groupHead
		if edited {
			head = s.head(g)
		} else {
			head = s.base.groups[g]
		}
		more := unit
		if head.word&weightedFlag != 0 {
			more *= uint64(s.weightIn(g, event>>eventBits, head))
		}
		count := counts[g]
		if count>>(2*countBits) != ours {
			count = ours << (2 * countBits)
		}
		count += more
		counts[g] = count
		mark, code := cis[head.owner], head.code()
		if mark&^(markTouched|markFixed) == known && codes[code][to] <= to {
			continue // its state is no worse than that of the member
		}
		state := level(levelOK)
		switch spare := uint64(head.word & spareMask); {
		case count&countMask > spare:
			state = levelDown
		case count>>countBits&countMask > spare:
			state = levelDegraded
		}
		if state == levelOK && plain && code != 0 && mark>>markBits != asked {
			// As [run.feel] would do it.
			cis[head.owner] = asked<<markBits | markTouched
			r.touched = append(r.touched, head.owner)
			continue
		}
		r.feel(head.owner, codes[code][state], code)
	}
}

// Impact gives what the failures bring about: the state of every CI that they reach, redundancy
// counted. It is the least that the graph forces, computed from the failures on, and does not depend
// on any order: CIs that hold each other up in a circle stay up ([Result.Circular] names them).
//
// It refuses failures of CIs that are not in the graph or whose state is neither [Degraded] nor
// [Down], with every fault, and work beyond what is allowed with [ErrWork].
func (s *Snapshot) Impact(failures []Failure, o Options) (*Result, error) {
	b, err := newBudget("impact", o.Work)
	if err != nil {
		return nil, err
	}
	return s.impact(b, failures, o)
}

func (s *Snapshot) impact(b *budget, failures []Failure, o Options) (*Result, error) {
	seeds, unaffected, err := s.seeds(b.question, failures, o)
	if err != nil {
		return nil, err
	}
	res := &Result{s: s, failures: slices.Clone(failures), unaffected: unaffected}
	if planned, unplanned := split(failures); len(planned) > 0 && len(unplanned) > 0 {
		seeds, _, _ := s.seeds(b.question, planned, Options{})
		alone, err := s.solve(b, seeds, unaffected, o.Depth)
		if err != nil {
			return nil, err
		}
		res.planned = &Result{s: s, failures: planned, unaffected: unaffected}
		res.planned.take(alone, seeds)
	} else if len(planned) > 0 {
		res.allPlanned = true
	}
	r, err := s.solve(b, seeds, unaffected, o.Depth)
	if err != nil {
		return nil, err
	}
	res.take(r, seeds)
	return res, nil
}

func split(failures []Failure) (planned, unplanned []Failure) {
	for _, f := range failures {
		if f.Planned {
			planned = append(planned, f)
		} else {
			unplanned = append(unplanned, f)
		}
	}
	return planned, unplanned
}

// solution is what a run found.
type solution struct {
	log, touched []uint32
	rounds       []int
	partial      bool
	work         int
	// asBefore is how many of those that failed by themselves are no worse for what else failed.
	asBefore Counts
}

func (s *Snapshot) solve(b *budget, seeds []seed, unaffected []uint32, depth int) (solution, error) {
	r := run{s: s, m: s.scratch(), b: b}
	r.log, r.touched = r.m.log[:0], r.m.touched[:0]
	defer func() {
		r.m.log, r.m.touched = r.log, r.touched
		s.release(r.m)
	}()
	before := b.left
	r.begin(seeds, unaffected)
	partial, err := r.spread(depth)
	if err != nil {
		return solution{}, err
	}
	r.touched = slices.DeleteFunc(r.touched, func(ci uint32) bool { return r.m.mark(ci)&markLevel != levelOK })
	found := solution{log: slices.Clone(r.log), touched: slices.Clone(r.touched), rounds: r.rounds, partial: partial, work: before - b.left}
	for _, one := range seeds {
		switch now := level(r.m.mark(one.ci) & markLevel); {
		case now > one.level:
		case now == levelDown:
			found.asBefore.Down++
		default:
			found.asBefore.Degraded++
		}
	}
	return found, nil
}

// seeds checks failures and gives the worst of each CI, in order of number.
func (s *Snapshot) seeds(question string, failures []Failure, o Options) ([]seed, []uint32, error) {
	var f faults
	if o.Depth < 0 || o.Depth > math.MaxInt32 {
		f.add("depth", "must not be negative; 0 means no limit")
	}
	var seeds []seed
	failed := make(map[uint32]bool, len(failures))
	for i, failure := range failures {
		ci := s.find(failure.ID)
		if ci == none {
			f.add(fmt.Sprintf("failures[%d].id", i), "%q is not a CI of the graph", brief(failure.ID))
		}
		if failure.State != Degraded && failure.State != Down {
			f.add(fmt.Sprintf("failures[%d].state", i), "must be degraded or down")
		}
		seeds = append(seeds, seed{ci, levelOf(failure.State)})
		failed[ci] = true
	}
	var unaffected []uint32
	for i, id := range o.Unaffected {
		ci := s.find(id)
		switch {
		case ci == none:
			f.add(fmt.Sprintf("unaffected[%d]", i), "%q is not a CI of the graph", brief(id))
		case failed[ci]:
			f.add(fmt.Sprintf("unaffected[%d]", i), "%q is among the failures", brief(id))
		}
		unaffected = append(unaffected, ci)
	}
	if len(f.all) > 0 {
		return nil, nil, f.err(question)
	}
	slices.SortFunc(seeds, func(a, b seed) int {
		if a.ci != b.ci {
			return int(int64(a.ci) - int64(b.ci))
		}
		return int(b.level) - int(a.level)
	})
	seeds = slices.CompactFunc(seeds, func(a, b seed) bool { return a.ci == b.ci })
	return seeds, unaffected, nil
}
