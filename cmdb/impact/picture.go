// This file holds what a picture of an answer shows: boxes and arrows, few enough for a person.

package impact

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// PictureOptions say what a picture shows. The zero value works.
type PictureOptions struct {
	// Label names a CI for people; nil shows its id.
	Label func(id string) string
	// Class says of what class a CI is, as "virtual machine"; nil or "" is none. CIs that are alike in
	// class, state and distance are those that are drawn as one when they are many.
	Class func(id string) string
	// Visible says whom the reader may see; nil is everyone. Those hidden are one box without names
	// for each distance and state: they count, and are not told.
	Visible func(id string) bool
	// Collapse is how many CIs that are alike are still drawn each by itself; 0 is 6.
	Collapse int
	// Boxes is how many boxes a picture has at most; 0 is 40. Where there would be more, fewer are
	// drawn each by itself, and at last those of all classes or distances together. Each box says for
	// how many it stands: none are left out. At least 16.
	Boxes int
	// States colours a neighbourhood by an answer of the same snapshot; nil leaves all as they are.
	// A picture of an answer does not need it.
	States *Result
}

// Picture is a drawing to be: boxes in columns, and arrows in the direction in which failure passes. It can be
// written as Mermaid, DOT or SVG, the same text for the same graph and question.
type Picture struct {
	Title  string  `json:"title"`
	Boxes  []Box   `json:"boxes"`
	Arrows []Arrow `json:"arrows"`
}

// Box stands for one CI, or for many that are alike.
type Box struct {
	// Title is the label of one CI, or says what many are.
	Title string `json:"title"`
	// IDs are those of all it stands for, in order; none where they are hidden.
	IDs []string `json:"ids,omitempty"`
	// Count is how many it stands for, and 0 where they are hidden.
	Count int   `json:"count"`
	State State `json:"state"`
	// Failed says that they failed by themselves.
	Failed bool `json:"failed,omitempty"`
	// Column is the distance from the failures, or from the CI in the middle: less is further upstream.
	Column int `json:"column"`
	// Class is that of all it stands for.
	Class string `json:"class,omitempty"`
}

// Arrow leads from what fails to what it holds up, between places in Boxes.
type Arrow struct {
	From int `json:"from"`
	To   int `json:"to"`
	// Label names the kinds of relation, and how much of a group must work.
	Label string `json:"label"`
	// Count is for how many relations and memberships it stands.
	Count int `json:"count"`
	// Weak says that nothing passes along it.
	Weak bool `json:"weak,omitempty"`
}

// Picture draws the failures and all that they impact.
func (r *Result) Picture(o PictureOptions) (Picture, error) {
	d, err := newDrawing(r.s, o, "picture")
	if err != nil {
		return Picture{}, err
	}
	rounds := map[uint32]int{}
	for i, round := 0, 0; i < len(r.log); i++ {
		for round+1 < len(r.rounds) && i >= r.rounds[round+1] {
			round++
		}
		rounds[r.log[i]>>eventBits] = round
	}
	for _, ci := range r.touched {
		// What put it at risk is in the column before.
		first := -1
		look := func(member uint32) {
			if at, ok := rounds[member]; ok && (first < 0 || at < first) {
				if l := r.at(member); l > levelOK {
					first = at
				}
			}
		}
		for word := range r.s.up(ci) {
			look(upMember(word))
		}
		for g := range r.s.groupsOf(ci) {
			for _, member := range r.s.group(g).members {
				look(member)
			}
		}
		d.add(ci, first+1, AtRisk, false)
	}
	for ci, round := range rounds {
		l := r.at(ci)
		_, failed := r.own[ci]
		d.add(ci, round, levelState(l), failed)
	}
	// What works, if at risk, is no reason for anything.
	d.passes = func(member uint32) bool { return r.find(member).level() > levelOK }
	c := r.Counts()
	title := fmt.Sprintf("%d failed: %d down, %d degraded, %d at risk", len(r.own), c.Down, c.Degraded, c.AtRisk)
	if r.partial {
		title += " (as far as the limit of depth)"
	}
	return d.picture(title), nil
}

// Neighbourhood draws CIs with what holds them up and what they hold up, so many relations away in
// each direction; 0 shows none. It refuses CIs that are not in the graph, with every fault, and work
// beyond [DefaultWork].
func (s *Snapshot) Neighbourhood(ids []string, up, down int, o PictureOptions) (Picture, error) {
	const question = "neighbourhood"
	d, err := newDrawing(s, o, question)
	if err != nil {
		return Picture{}, err
	}
	middle, err := s.numbers(question, "ids", ids)
	if err != nil {
		return Picture{}, err
	}
	var f faults
	if up < 0 || down < 0 {
		f.add("up", "and down must not be negative")
	}
	if o.States != nil && o.States.s != s {
		f.add("states", "must be an answer of the same snapshot")
	}
	if err := f.err(question); err != nil {
		return Picture{}, err
	}
	column := map[uint32]int{}
	for _, ci := range middle {
		column[ci] = 0
	}
	for _, side := range []struct {
		way          Direction
		depth, place int
	}{{Upstream, up, -1}, {Downstream, down, 1}} {
		if side.depth == 0 {
			continue
		}
		b, _ := newBudget(question, 0)
		m := s.scratch()
		found, err := s.walk(b, m, side.way, middle, side.depth)
		s.release(m)
		if err != nil {
			return Picture{}, err
		}
		distance := 0
		for i, ci := range found.cis {
			for distance+1 < len(found.rounds) && i >= found.rounds[distance+1] {
				distance++
			}
			if _, there := column[ci]; !there {
				column[ci] = distance * side.place
			}
		}
	}
	for ci, at := range column {
		state, failed := OK, false
		if o.States != nil {
			state = o.States.state(ci)
			_, failed = o.States.own[ci]
		}
		d.add(ci, at, state, failed)
	}
	names := make([]string, len(middle))
	for i, ci := range middle {
		if names[i] = s.id(ci); o.Visible != nil && !o.Visible(names[i]) {
			names[i] = "hidden"
			continue
		}
		names[i] = d.label(names[i])
	}
	slices.Sort(names)
	return d.picture(fmt.Sprintf("Around %s", strings.Join(firstOf(names, 3), ", "))), nil
}

func firstOf(ids []string, n int) []string {
	if len(ids) <= n {
		return ids
	}
	return append(slices.Clone(ids[:n]), fmt.Sprintf("%d more", len(ids)-n))
}

// leastBoxes is one for each state, failed or not, hidden or not.
const leastBoxes = 16

// drawing is a picture in the making.
type drawing struct {
	s     *Snapshot
	o     PictureOptions
	cis   []drawn
	boxOf map[uint32]int
	// passes says from whom an arrow is drawn; nil is everyone.
	passes func(member uint32) bool
}

type drawn struct {
	ci     uint32
	id     string
	column int
	state  State
	failed bool
	class  string
	hidden bool
}

func newDrawing(s *Snapshot, o PictureOptions, question string) (*drawing, error) {
	var f faults
	if o.Collapse < 0 {
		f.add("collapse", "must not be negative; 0 means 6")
	}
	if o.Boxes < 0 || o.Boxes > 0 && o.Boxes < leastBoxes {
		f.add("boxes", "must be at least %d; 0 means 40", leastBoxes)
	}
	o.Collapse, o.Boxes = cmp.Or(o.Collapse, 6), cmp.Or(o.Boxes, 40)
	return &drawing{s: s, o: o, boxOf: map[uint32]int{}}, f.err(question)
}

func (d *drawing) add(ci uint32, column int, state State, failed bool) {
	one := drawn{ci: ci, id: d.s.id(ci), column: column, state: state, failed: failed}
	one.hidden = d.o.Visible != nil && !d.o.Visible(one.id)
	if d.o.Class != nil && !one.hidden {
		one.class = d.o.Class(one.id)
	}
	d.cis = append(d.cis, one)
}

// alike is what CIs that may share a box have in common.
type alike struct {
	column int
	state  State
	failed bool
	class  string
	hidden bool
}

func (d *drawing) picture(title string) Picture {
	slices.SortFunc(d.cis, func(a, b drawn) int {
		return cmp.Or(cmp.Compare(a.column, b.column), cmp.Compare(b.state, a.state), cmp.Compare(btoi(b.failed), btoi(a.failed)),
			strings.Compare(a.class, b.class), cmp.Compare(btoi(a.hidden), btoi(b.hidden)), strings.Compare(a.id, b.id))
	})
	p := Picture{Title: title}
	p.Boxes = d.boxes()
	p.Arrows = d.arrows()
	return p
}

// boxes tries ever coarser pictures until one is small enough.
func (d *drawing) boxes() []Box {
	first, last := 0, 0
	if len(d.cis) > 0 {
		first, last = d.cis[0].column, d.cis[len(d.cis)-1].column
	}
	classes := true
	key := func(one drawn) alike {
		k := alike{column: min(max(one.column, first), last), state: one.state, failed: one.failed, hidden: one.hidden}
		if classes {
			k.class = one.class
		}
		return k
	}
	collapse := d.o.Collapse
	for {
		members := map[alike][]drawn{}
		var order []alike
		for _, one := range d.cis {
			k := key(one)
			if members[k] == nil {
				order = append(order, k)
			}
			members[k] = append(members[k], one)
		}
		boxes := 0
		for _, k := range order {
			if n := len(members[k]); n > collapse || k.hidden {
				boxes++
			} else {
				boxes += n
			}
		}
		if boxes <= d.o.Boxes || first == last && collapse == 0 && !classes {
			return d.fill(order, members, collapse)
		}
		switch {
		case collapse > 0:
			collapse /= 2
		case classes:
			classes = false
		case last-1 >= 0 && (last >= -first || first >= 0):
			last--
		case first < 0:
			first++
		default:
			first = last
		}
	}
}

func (d *drawing) fill(order []alike, members map[alike][]drawn, collapse int) []Box {
	var boxes []Box
	for _, k := range order {
		all := members[k]
		box := Box{State: k.state, Failed: k.failed, Column: k.column, Class: k.class}
		if k.hidden {
			box.Title = "hidden"
			boxes = d.put(boxes, box, all)
			continue
		}
		if len(all) <= collapse {
			for _, one := range all {
				box := box
				box.Title, box.IDs, box.Count, box.Class = d.label(one.id), []string{one.id}, 1, one.class
				boxes = d.put(boxes, box, []drawn{one})
			}
			continue
		}
		var labels []string
		for i, one := range all {
			box.IDs = append(box.IDs, one.id)
			if i < 3 {
				labels = append(labels, d.label(one.id))
			}
		}
		slices.Sort(box.IDs)
		box.Count = len(all)
		switch what := cmp.Or(k.class, "CI"); {
		case len(all) == 1:
			box.Title = labels[0]
		case len(all) <= 3:
			box.Title = fmt.Sprintf("%d × %s: %s", len(all), what, strings.Join(labels, ", "))
		default:
			box.Title = fmt.Sprintf("%d × %s: %s, ...", len(all), what, strings.Join(labels, ", "))
		}
		boxes = d.put(boxes, box, all)
	}
	return boxes
}

func (d *drawing) put(boxes []Box, box Box, all []drawn) []Box {
	for _, one := range all {
		d.boxOf[one.ci] = len(boxes)
	}
	return append(boxes, box)
}

func (d *drawing) label(id string) string {
	if d.o.Label == nil {
		return id
	}
	return d.o.Label(id)
}

// arrows gathers what leads from box to box. Within a box nothing is drawn.
func (d *drawing) arrows() []Arrow {
	type ends struct{ from, to int }
	type bundle struct {
		labels map[string]int
		count  int
		weak   bool
	}
	bundles := map[ends]*bundle{}
	add := func(member, owner uint32, label string, weak bool) {
		from, ok := d.boxOf[member]
		to := d.boxOf[owner]
		if !ok || from == to || d.passes != nil && !d.passes(member) {
			return
		}
		one := bundles[ends{from, to}]
		if one == nil {
			one = &bundle{labels: map[string]int{}, weak: true}
			bundles[ends{from, to}] = one
		}
		one.labels[label]++
		one.count++
		one.weak = one.weak && weak
	}
	for _, one := range d.cis {
		for word := range d.s.up(one.ci) {
			kind := upKind(word)
			add(upMember(word), one.ci, d.s.kinds.all[kind].Name, d.s.kinds.code[kind] == 0)
		}
		for g := range d.s.groupsOf(one.ci) {
			v := d.s.group(g)
			total := v.total()
			label := fmt.Sprintf("%s (%d of %d)", d.s.kinds.all[v.kind].Name, total-v.head.spare(), total)
			for _, member := range v.members {
				add(member, one.ci, label, v.head.code() == 0)
			}
		}
	}
	arrows := make([]Arrow, 0, len(bundles))
	for at, one := range bundles {
		labels := make([]string, 0, len(one.labels))
		for label := range one.labels {
			labels = append(labels, label)
		}
		slices.SortFunc(labels, func(a, b string) int {
			return cmp.Or(cmp.Compare(one.labels[b], one.labels[a]), strings.Compare(a, b))
		})
		arrows = append(arrows, Arrow{From: at.from, To: at.to, Label: strings.Join(firstOf(labels, 2), ", "), Count: one.count, Weak: one.weak})
	}
	slices.SortFunc(arrows, func(a, b Arrow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return arrows
}

// lines gives what a box says, below its title.
func (b Box) detail() string {
	switch {
	case b.Failed:
		return "failed: " + b.State.String()
	case b.State == OK:
		return b.Class
	}
	return b.State.String()
}

func (a Arrow) text() string {
	if a.Count > 1 {
		return fmt.Sprintf("%s × %d", a.Label, a.Count)
	}
	return a.Label
}
