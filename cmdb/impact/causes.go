// This file holds root-cause candidates: what could have brought about what is seen.

package impact

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// CauseOptions say how causes are looked for. The zero value works.
type CauseOptions struct {
	// Given are failures that are known already. What they explain is no symptom any more.
	Given []Failure
	// Prior is the host's own suspicion, by id, as of recent changes: 0 for none. It stays
	// apart from the score, which is the graph's alone, and the order is by score times one plus prior.
	Prior map[string]float64
	// Limit is how many causes are listed; 0 means 10.
	Limit int
	// Verify is how many candidates are tried out in each step; 0 means 100: half of them the best of those
	// that bring symptoms about with nothing to spare on the way, half the best of all upstream by
	// how many symptoms they could touch and an estimate of their impact. The others are not
	// tried, so that a cause that only redundancy hides may be missed where there are more.
	Verify int
	// Work is how many relations may be followed; 0 is [DefaultWork].
	Work int
}

// Cause is a CI whose failure would explain symptoms.
type Cause struct {
	ID string `json:"id"`
	// Explains are the symptoms that follow from it, with redundancy counted, in order of id.
	Explains []string `json:"explains"`
	// Impact is how many CIs it would make degraded or down, itself included.
	Impact int `json:"impact"`
	// Score is the number of symptoms explained times the bits that it tells: the logarithm of the number
	// of CIs less that of the impact. What explains the same with less collateral scores higher.
	Score float64 `json:"score"`
	// Prior is the host's own.
	Prior float64 `json:"prior,omitempty"`
}

func (c Cause) rank() float64 { return c.Score * (1 + c.Prior) }

// Diagnosis is what could have brought symptoms about.
type Diagnosis struct {
	// Causes are single causes, the best first.
	Causes []Cause `json:"causes"`
	// Cover are causes that explain as much as can be explained together: each is the best for what
	// those before it leave, and counts what it does on top of them.
	Cover []Cause `json:"cover"`
	// Unexplained are symptoms that no candidate explains, in order of id.
	Unexplained []string `json:"unexplained,omitempty"`
	// Candidates is how many CIs lie upstream of a symptom, and Tried how often one was tried out: a candidate may be
	// tried again for each cause of the cover.
	Candidates int `json:"candidates"`
	Tried      int `json:"tried"`
}

// Causes looks for what could have brought symptoms about: CIs that are seen to be degraded or down.
// A symptom may be its own cause. It refuses CIs that are not in the graph and states that are no
// symptoms, with every fault, and work beyond what is allowed with [ErrWork].
func (s *Snapshot) Causes(ctx context.Context, symptoms []Failure, o CauseOptions) (Diagnosis, error) {
	const question = "causes"
	b, err := newBudget(question, o.Work)
	if err != nil {
		return Diagnosis{}, err
	}
	seen, _, err := s.seeds(question, symptoms, Options{})
	if err != nil {
		return Diagnosis{}, err
	}
	given, _, err := s.seeds(question, o.Given, Options{})
	if err != nil {
		return Diagnosis{}, err
	}
	var f faults
	if len(symptoms) == 0 {
		f.add("symptoms", "are required")
	}
	if o.Limit < 0 || o.Verify < 0 {
		f.add("limit", "and verify must not be negative; 0 means the default")
	}
	for _, id := range slices.Sorted(maps.Keys(o.Prior)) {
		if p := o.Prior[id]; !(p >= 0) || math.IsInf(p, 0) {
			f.add(fmt.Sprintf("prior[%q]", brief(id)), "must be a number of at least 0")
		}
	}
	if err := f.err(question); err != nil {
		return Diagnosis{}, err
	}
	d := diagnosis{s: s, b: b, ctx: ctx, o: o, given: given, all: math.Log2(float64(max(s.Len(), 2)))}
	d.o.Limit, d.o.Verify = cmp.Or(o.Limit, 10), cmp.Or(o.Verify, 100)

	explained, _, err := d.explains(seen, nil)
	if err != nil {
		return Diagnosis{}, err
	}
	left := others(seen, explained)
	var out Diagnosis
	for step := 0; len(left) > 0; step++ {
		ranked, candidates, err := d.rank(left)
		if err != nil {
			return Diagnosis{}, err
		}
		if step == 0 {
			out.Candidates = candidates
			out.Causes = ranked[:min(len(ranked), d.o.Limit)]
		}
		if len(ranked) == 0 {
			break
		}
		best := ranked[0]
		out.Cover = append(out.Cover, best)
		ci := s.find(best.ID)
		if explained, _, err = d.explains(left, []seed{{ci, levelDown}}); err != nil {
			return Diagnosis{}, err
		}
		d.given = append(d.given[:len(d.given):len(d.given)], seed{ci, levelDown})
		left = others(left, explained)
	}
	for _, symptom := range left {
		out.Unexplained = append(out.Unexplained, s.id(symptom.ci))
	}
	slices.Sort(out.Unexplained)
	out.Tried = d.tried
	return out, nil
}

// others gives the symptoms that are not gone.
func others(all, gone []seed) []seed {
	return slices.DeleteFunc(slices.Clone(all), func(x seed) bool { return slices.Contains(gone, x) })
}

type diagnosis struct {
	s     *Snapshot
	b     *budget
	ctx   context.Context
	o     CauseOptions
	given []seed
	all   float64 // log2 of the number of CIs
	tried int
}

// explains gives the symptoms that follow from what is given and more, and the size of the impact.
func (d *diagnosis) explains(symptoms, more []seed) (explained []seed, size int, err error) {
	if err := d.ctx.Err(); err != nil {
		return nil, 0, err
	}
	if err := d.b.spend(1); err != nil {
		return nil, 0, err
	}
	m := d.s.scratch()
	defer d.s.release(m)
	r := run{s: d.s, m: m, b: d.b}
	r.begin(slices.Concat(d.given, more), nil)
	defer r.end()
	if _, err := r.spread(0); err != nil {
		return nil, 0, err
	}
	for _, symptom := range symptoms {
		if r.level(symptom.ci) >= symptom.level {
			explained = append(explained, symptom)
		}
	}
	for _, event := range r.log {
		if event&eventMask != fromDegraded {
			size++
		}
	}
	return explained, size, nil
}

// guess is a candidate that was not tried out.
type guess struct {
	ci    uint32
	score float64
}

// guesses judges everything upstream of symptoms by how many it could touch, and what brings symptoms
// about by itself without anything to spare on the way: the latter is certain, and finds less.
func (d *diagnosis) guesses(symptoms []seed) (could, does []guess, err error) {
	var upstream []uint32
	counts, certain := make([]uint32, d.s.cisEnd()), map[uint32]int{}
	for _, symptom := range symptoms {
		if err := d.ctx.Err(); err != nil {
			return nil, nil, err
		}
		m := d.s.scratch()
		found, err := d.s.walk(d.b, m, Upstream, []uint32{symptom.ci}, 0)
		d.s.release(m)
		if err != nil {
			return nil, nil, err
		}
		for _, ci := range found.cis {
			if counts[ci] == 0 {
				upstream = append(upstream, ci)
			}
			counts[ci]++
		}
		p := points{s: d.s, b: d.b, target: symptom.ci, level: symptom.level, known: map[uint32]bool{symptom.ci: true}}
		if err := p.outward(symptom.ci); err != nil {
			return nil, nil, err
		}
		for ci := range p.known {
			certain[ci]++
		}
	}
	reach := d.s.base.log2Reach()
	judge := func(ci uint32, n int) guess {
		size := 0.0
		if int(ci) < len(reach) {
			size = float64(reach[ci]) / 8
		}
		// An estimate above the whole would hide a candidate that explains everything.
		return guess{ci, float64(n) * max(d.all-size, 0.01) * (1 + d.o.Prior[d.s.id(ci)])}
	}
	could = make([]guess, 0, len(upstream))
	for _, ci := range upstream {
		could = append(could, judge(ci, int(counts[ci])))
	}
	for ci, n := range certain {
		does = append(does, judge(ci, n))
	}
	best := func(a, b guess) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(d.s.id(a.ci), d.s.id(b.ci)))
	}
	slices.SortFunc(could, best)
	slices.SortFunc(does, best)
	return could, does, nil
}

// candidates gives whom to try out: of those that could touch symptoms and those that certainly bring
// some about the best, as many of each.
func (d *diagnosis) candidates(symptoms []seed) (try []uint32, all int, err error) {
	could, does, err := d.guesses(symptoms)
	if err != nil {
		return nil, 0, err
	}
	chosen := map[uint32]bool{}
	for i := 0; len(try) < d.o.Verify && (i < len(could) || i < len(does)); i++ {
		for _, from := range [][]guess{does, could} {
			if i < len(from) && !chosen[from[i].ci] && len(try) < d.o.Verify {
				chosen[from[i].ci] = true
				try = append(try, from[i].ci)
			}
		}
	}
	return try, len(could), nil
}

// rank tries candidates out, and gives those that explain anything, the best first.
func (d *diagnosis) rank(symptoms []seed) (ranked []Cause, candidates int, err error) {
	try, candidates, err := d.candidates(symptoms)
	if err != nil {
		return nil, 0, err
	}
	_, before, err := d.explains(nil, nil)
	if err != nil {
		return nil, 0, err
	}
	for _, ci := range try {
		d.tried++
		explained, size, err := d.explains(symptoms, []seed{{ci, levelDown}})
		if err != nil {
			return nil, 0, err
		}
		if len(explained) == 0 {
			continue
		}
		c := Cause{ID: d.s.id(ci), Impact: max(size-before, 1), Prior: d.o.Prior[d.s.id(ci)]}
		c.Score = float64(len(explained)) * max(d.all-math.Log2(float64(c.Impact)), 0)
		for _, symptom := range explained {
			c.Explains = append(c.Explains, d.s.id(symptom.ci))
		}
		slices.Sort(c.Explains)
		ranked = append(ranked, c)
	}
	slices.SortFunc(ranked, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(len(b.Explains), len(a.Explains)), strings.Compare(a.ID, b.ID))
	})
	return ranked, candidates, nil
}
