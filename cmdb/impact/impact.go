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

// A CI's mark is what a question has found about it: its level, and more, above the bits of a code.
const (
	markLevelAt = codeBits
	markLevel   = 3 << markLevelAt
	markDown    = levelDown << markLevelAt
	markTouched = 4 << markLevelAt // a group that holds it up has lost something
	markFixed   = 8 << markLevelAt // is not affected
	markMask    = 15 << markLevelAt
)

// A group's mark: the question, and the weights that do not work well and not at all.
const (
	countBits   = 24
	countMask   = 1<<countBits - 1
	maxQuestion = 1<<16 - 1
)

// scratch is the memory of one question at a time. A question clears the marks of the CIs that it met,
// which are in its answer; the counts of groups of older questions do not count.
type scratch struct {
	marks        []uint8 // of CIs; none between questions
	counts       []uint64
	question     uint64
	log, touched []uint32 // room for answers, which are copied from here
	later        []later  // room for a round
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
	if need := int(s.cisEnd()); len(m.marks) < need {
		m.marks = make([]uint8, need+need/64)
	}
	if need := int(s.groupsEnd()); len(m.counts) < need {
		m.counts, m.question = make([]uint64, need+need/64), 0
	}
	return m
}

// next begins another question about groups.
func (m *scratch) next() {
	if m.question++; m.question > maxQuestion {
		clear(m.counts)
		m.question = 1
	}
}

// forget clears the marks of CIs.
func (m *scratch) forget(cis []uint32) {
	for _, ci := range cis {
		m.marks[ci] = 0
	}
}

func (s *Snapshot) release(m *scratch) {
	if !s.base.kept.CompareAndSwap(nil, m) {
		s.base.pool.Put(m)
	}
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
	fixed   []uint32 // what is not affected
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

// begin marks what failed by itself, and what groups without members do. Whoever begins a run ends it,
// whatever comes of it.
func (r *run) begin(seeds []seed, unaffected []uint32) {
	r.m.next()
	r.log, r.touched = r.m.log[:0], r.m.touched[:0]
	r.rounds = append(r.rounds, 0)
	r.fixed = unaffected
	for _, ci := range unaffected {
		r.m.marks[ci] = markFixed
	}
	for _, s := range seeds {
		r.raise(s.ci, s.level)
	}
	for g, state := range r.s.emptyGroups() {
		head := r.s.head(g)
		r.feel(head.owner, r.s.kinds.codes[head.code()][levelOf(state)], head.code())
	}
}

// end gives the scratch back as it was. What the run found stands there until the next one begins.
func (r *run) end() {
	for _, event := range r.log {
		r.m.marks[event>>eventBits] = 0
	}
	r.m.forget(r.touched)
	r.m.forget(r.fixed)
	r.m.log, r.m.touched = r.log, r.touched
}

// level gives the level that the run has found of a CI.
func (r *run) level(ci uint32) level { return r.m.marks[ci] & markLevel >> markLevelAt }

// raise makes a CI at least as bad as a level.
func (r *run) raise(ci uint32, to level) {
	mark := r.m.marks[ci]
	from := mark & markLevel >> markLevelAt
	if to <= from || mark&markFixed != 0 || r.within != nil && !r.within[ci] {
		return
	}
	r.m.marks[ci] = mark&^markLevel | to<<markLevelAt
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
	if r.m.marks[owner] == 0 {
		r.m.marks[owner] = markTouched
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
		if r.s.over == nil && r.within == nil && r.target == nil {
			if err := r.round(done, end); err != nil {
				return false, err
			}
			done = end
		}
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
		before := uint8(levelOK)
		if event&eventMask == fromDegraded {
			before = levelDegraded << markLevelAt
		}
		if mark := r.m.marks[ci]; before < mark&markLevel {
			r.m.marks[ci] = mark&^markLevel | before
		}
	}
	for _, ci := range r.touched[touched:] {
		r.m.marks[ci] &^= markTouched
	}
	r.log, r.touched = r.log[:events], r.touched[:touched]
	return partial, nil
}

// later is what of an event's row leads to groups.
type later struct {
	event      uint32
	first, end uint32
}

// round follows a round of events over relations, and then over groups: what a relation has brought down
// by then needs no counting in its groups.
func (r *run) round(first, end int) error {
	b, rest := r.s.base, r.m.later[:0]
	for _, event := range r.log[first:end] {
		start, end := b.downStart[event>>eventBits], b.downStart[event>>eventBits+1]
		if start == end {
			continue
		}
		if r.b.left -= int(end - start); r.b.left < 0 {
			return r.b.spend(0)
		}
		if start += uint32(r.relations(event, b.down[start:end])); start < end {
			rest = append(rest, later{event, start, end})
		}
	}
	for _, l := range rest {
		r.groups(l.event, b.down[l.first:l.end])
	}
	r.m.later = rest
	return nil
}

// follow passes one event on to everything that the CI holds up.
func (r *run) follow(event uint32) error {
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

// pass passes an event on over words.
func (r *run) pass(event uint32, words []uint32) {
	if r.within != nil || r.target != nil {
		r.passWatched(event, words)
		return
	}
	r.groups(event, words[r.relations(event, words):])
}

// A step is what a CI's mark becomes once what a relation rests on is at a level, and what the run writes
// down of that: the event, and whether there is one. The mark stands where marks do.
const (
	stepEvent  = eventMask
	stepRaised = 1 << 7
)

// step gives what [run.feel] does to a CI with a mark, apart from touching it, as a table of kinds has it by
// the level of the member, and code and mark together.
func (k *kinds) step(member level, code, mark uint8) uint8 {
	from, to := mark&markLevel>>markLevelAt, k.codes[code][member]
	switch {
	case mark&markFixed != 0 || code == 0:
		return mark
	case to > from:
		event := to
		if from != levelOK {
			event = fromDegraded
		}
		return mark&^markLevel | to<<markLevelAt | event | stepRaised
	}
	return mark
}

// relations passes an event on over the words of relations, with which a row begins, and gives how many
// they are. Whether a word brings anything down depends on where in the graph it leads, which no processor
// foresees; so this does not decide it, but writes down what it would be and moves on past that where
// it counts.
func (r *run) relations(event uint32, words []uint32) int {
	to := eventLevel(event)
	if r.s.kinds.touching[to] {
		return r.relationsTouching(to, words)
	}
	steps, marks := &r.s.kinds.steps[to], r.m.marks
	// There is room for what every word could do, and for one that never counts.
	log, logged := room(r.log, len(words)+1), len(r.log)
	for at, word := range words {
		if word&groupWord != 0 {
			words = words[:at]
			break
		}
		owner := word >> codeBits
		step := uint32(steps[uint8(word)&codeMask|marks[owner]])
		marks[owner] = uint8(step & markMask)
		log[logged] = owner<<eventBits | step&stepEvent
		logged += int(step / stepRaised)
	}
	r.log = log[:logged]
	return len(words)
}

// relationsTouching does what relations does where a kind keeps the level from the owner, which is then
// at risk.
func (r *run) relationsTouching(to level, words []uint32) int {
	for at, word := range words {
		if word&groupWord != 0 {
			return at
		}
		code := uint8(word & codeMask)
		r.feel(word>>codeBits, r.s.kinds.codes[code][to], code)
	}
	return len(words)
}

// groups passes an event on over the words of groups.
func (r *run) groups(event uint32, words []uint32) {
	marks, heads := r.m.marks, r.s.base.groups
	for _, word := range words {
		// Edits give a group no other owner.
		g := word &^ groupWord
		var owner uint32
		if int(g) < len(heads) {
			owner = heads[g].owner
		} else {
			owner = r.s.head(g).owner
		}
		// What is down already stays so, whatever else the group loses.
		if marks[owner]&(markDown|markFixed) == 0 {
			r.lose(event, g)
		}
	}
}

// lose counts a member's event in a group, and has the owner feel it.
func (r *run) lose(event, g uint32) {
	head := r.s.head(g)
	more := eventUnit(event)
	if head.word&weightedFlag != 0 {
		more *= uint64(r.s.weightIn(g, event>>eventBits, head))
	}
	count := r.m.counts[g]
	if count>>(2*countBits) != r.m.question {
		count = r.m.question << (2 * countBits)
	}
	count += more
	r.m.counts[g] = count
	// What is down does not work well either, so that a group's level is how many of the two are
	// more than it can spare: a difference below zero has its highest bit set.
	spare := uint64(head.word & spareMask)
	state := (spare-count>>countBits&countMask)>>63 + (spare-count&countMask)>>63
	r.feel(head.owner, r.s.kinds.codes[head.code()][state], head.code())
}

// eventUnit is what a member's event counts for in groups: as no longer well, as down, or as both.
func eventUnit(event uint32) uint64 {
	switch event & eventMask {
	case toDegraded:
		return 1 << countBits
	case fromDegraded:
		return 1
	}
	return 1<<countBits | 1
}

// room gives a list with all the capacity that it has, which is for more elements at least.
func room(list []uint32, more int) []uint32 {
	if cap(list)-len(list) < more {
		list = slices.Grow(list, more)
	}
	return list[:cap(list)]
}

// passWatched does what pass does where not every CI counts or the run may end at any.
func (r *run) passWatched(event uint32, words []uint32) {
	for _, word := range words[r.relationsTouching(eventLevel(event), words):] {
		r.lose(event, word&^groupWord)
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
	defer func() {
		r.end()
		s.release(r.m)
	}()
	before := b.left
	r.begin(seeds, unaffected)
	partial, err := r.spread(depth)
	if err != nil {
		return solution{}, err
	}
	found := solution{log: slices.Clone(r.log), touched: r.atRisk(), rounds: r.rounds, partial: partial, work: before - b.left}
	for _, one := range seeds {
		switch now := r.level(one.ci); {
		case now > one.level:
		case now == levelDown:
			found.asBefore.Down++
		default:
			found.asBefore.Degraded++
		}
	}
	return found, nil
}

// atRisk gives the CIs that were touched and nothing more, and forgets the others, which are in the log.
func (r *run) atRisk() []uint32 {
	// As in relations, nothing is decided.
	n := 0
	for _, ci := range r.touched {
		r.touched[n] = ci
		n += int((r.level(ci) - 1) >> 7) // 1 at level 0
	}
	r.touched = r.touched[:n]
	return slices.Clone(r.touched)
}

// seeds checks failures and gives the worst of each CI, in order of number.
func (s *Snapshot) seeds(question string, failures []Failure, o Options) ([]seed, []uint32, error) {
	var f faults
	if o.Depth < 0 || o.Depth > math.MaxInt32 {
		f.add("depth", "must not be negative; 0 means no limit")
	}
	seeds := make([]seed, 0, len(failures))
	var failed map[uint32]bool // is needed to check what is unaffected
	if len(o.Unaffected) > 0 {
		failed = make(map[uint32]bool, len(failures))
	}
	for i, failure := range failures {
		ci := s.find(failure.ID)
		if ci == none {
			f.add(fmt.Sprintf("failures[%d].id", i), "%q is not a CI of the graph", brief(failure.ID))
		}
		if failure.State != Degraded && failure.State != Down {
			f.add(fmt.Sprintf("failures[%d].state", i), "must be degraded or down")
		}
		seeds = append(seeds, seed{ci, levelOf(failure.State)})
		if failed != nil {
			failed[ci] = true
		}
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
