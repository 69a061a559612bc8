// This file holds the search.

package implication

import (
	"math"
	"reflect"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// maxSteps bounds a search to about a second. A thousand rules of four comparisons each need less
// than two thirds of it. Going into an alternative costs more than comparing.
const (
	maxSteps   = 20_000_000
	costOfCase = 60
)

// Search is one search, by one goroutine. When its steps are used up everything that it is asked is not known, which
// is answered by no.
type Search struct{ left int }

// NewSearch gives a search with all its steps.
func NewSearch() *Search { return &Search{left: maxSteps} }

// step spends some of them, and says whether any are left.
func (s *Search) step(n int) bool {
	s.left -= n
	return s.left > 0
}

// Conjunction is a condition taken apart: all of it holds where the condition does. It may say
// less than the condition, never more.
type Conjunction struct {
	// leaves are the comparisons with each column, and those nots that deny one.
	leaves map[string][]storage.Condition
	// ors are the parts of which one holds each.
	ors []storage.Condition
	// others are the rest of the nots.
	others []storage.Condition
}

// Conjoin takes a condition apart.
func Conjoin(c storage.Condition) Conjunction {
	var k Conjunction
	k.add(c)
	return k
}

func (k *Conjunction) add(c storage.Condition) {
	switch c.Op {
	case storage.All:
	case storage.And:
		for _, sub := range c.Of {
			k.add(sub)
		}
	case storage.Or:
		k.ors = append(k.ors, c)
	case storage.Not:
		switch {
		case len(c.Of) != 1: // Check refuses it
		case IsComparison(c.Of[0].Op):
			k.leaf(c.Of[0].Column, c)
		default:
			k.others = append(k.others, c)
		}
	default:
		if IsComparison(c.Op) {
			k.leaf(c.Column, c)
		}
	}
}

func (k *Conjunction) leaf(column string, c storage.Condition) {
	if k.leaves == nil {
		k.leaves = map[string][]storage.Condition{}
	}
	k.leaves[column] = append(k.leaves[column], c)
}

// with gives the conjunction with one more condition.
func (k Conjunction) with(c storage.Condition) Conjunction {
	w := Conjunction{leaves: make(map[string][]storage.Condition, len(k.leaves)+1)}
	for column, leaves := range k.leaves {
		w.leaves[column] = leaves[:len(leaves):len(leaves)]
	}
	w.ors, w.others = k.ors[:len(k.ors):len(k.ors)], k.others[:len(k.others):len(k.others)]
	w.add(c)
	return w
}

// IsComparison says whether a condition compares one column, in a way that is understood here.
func IsComparison(op storage.Op) bool {
	switch op {
	case storage.Equal, storage.In, storage.Below, storage.AtMost, storage.Above, storage.AtLeast, storage.Null, storage.Prefix, storage.Contains:
		return true
	}
	return false
}

// Follows says whether a condition is known to hold wherever the conjunction does.
func (s *Search) Follows(k Conjunction, c storage.Condition) bool {
	if !s.step(1) {
		return false
	}
	switch c.Op {
	case storage.All:
		return true
	case storage.And:
		for _, sub := range c.Of {
			if !s.Follows(k, sub) {
				return false
			}
		}
		return true
	case storage.Or:
		for _, sub := range c.Of {
			if s.Follows(k, sub) {
				return true
			}
		}
	case storage.Not:
		if len(c.Of) == 1 && s.Impossible(k.with(c.Of[0])) {
			return true
		}
		for _, other := range k.others {
			if s.step(1) && reflect.DeepEqual(other, c) {
				return true
			}
		}
	default:
		if leaves := k.leaves[c.Column]; len(leaves) > 0 && IsComparison(c.Op) && s.leafFollows(leaves, c) {
			return true
		}
	}
	return s.byCases(k, c)
}

// byCases asks each of the alternatives of one or in turn.
func (s *Search) byCases(k Conjunction, c storage.Condition) bool {
	for i, or := range k.ors {
		rest := k
		rest.ors = append(k.ors[:i:i], k.ors[i+1:]...)
		all := true
		for _, sub := range or.Of {
			if !s.step(costOfCase) || !s.Follows(rest.with(sub), c) {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

// Impossible says whether the conjunction is known to hold nowhere.
func (s *Search) Impossible(k Conjunction) bool {
	for _, leaves := range k.leaves {
		if !s.step(len(leaves)) {
			return false
		}
		if values, finite := s.values(leaves); finite {
			if len(values) == 0 {
				return true
			}
		} else if rangeOf(leaves).empty() {
			return true
		}
	}
	for _, other := range k.others {
		inner := k
		inner.others = nil
		if s.Follows(inner, other.Of[0]) {
			return true
		}
	}
	for i, or := range k.ors {
		rest := k
		rest.ors = append(k.ors[:i:i], k.ors[i+1:]...)
		all := true
		for _, sub := range or.Of {
			if !s.step(costOfCase) || !s.Impossible(rest.with(sub)) {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

// leafFollows says whether a comparison holds wherever all of those of the same column do.
func (s *Search) leafFollows(leaves []storage.Condition, c storage.Condition) bool {
	if values, finite := s.values(leaves); finite {
		for _, v := range values {
			if !s.step(1+len(c.Values)) || !holds(c, v) {
				return false
			}
		}
		return true
	}
	if !s.step(len(leaves)) {
		return false
	}
	r := rangeOf(leaves)
	return r.empty() || r.within(c)
}

// values gives the values, nil for null, that a column can have where all of the comparisons
// hold, if they are few enough to be named.
func (s *Search) values(leaves []storage.Condition) (values []any, finite bool) {
	var from []any
	for _, l := range leaves {
		if l.Op == storage.Equal || l.Op == storage.In {
			from, finite = l.Values, true
			break
		}
		if l.Op == storage.Null {
			from, finite = []any{nil}, true
			break
		}
	}
	if !finite {
		r := rangeOf(leaves)
		low, ok1 := r.low.(int64)
		high, ok2 := r.high.(int64)
		// A step less than the width, so that it cannot overflow.
		if !ok1 || !ok2 || low > high || uint64(high)-uint64(low) >= maxNamed {
			return nil, false
		}
		for n := low; ; n++ {
			from = append(from, n)
			if n == high {
				break
			}
		}
	}
	for _, v := range from {
		all := true
		for _, l := range leaves {
			if !s.step(1 + len(l.Values)) {
				return nil, false
			}
			if all = holds(l, v); !all {
				break
			}
		}
		if all {
			values = append(values, v)
		}
	}
	return values, true
}

// maxNamed is how many numbers of a range are named one by one.
const maxNamed = 64

// holds evaluates a condition on one column.
func holds(c storage.Condition, v any) bool { return c.Match(func(string) any { return v }) }

// span is what ranges and prefixes leave of a column. Its bounds are included unless they are
// open; nil is none.
type span struct {
	low, high         any
	lowOpen, highOpen bool
	prefix            string
	// some says that the column has a value, none that it is null.
	some, none bool
	never      bool
}

func rangeOf(leaves []storage.Condition) span {
	var r span
	for _, l := range leaves {
		r.narrow(l)
	}
	return r
}

// narrow takes a comparison into account. What it does not understand leaves the span wider than
// it is, which is safe.
func (r *span) narrow(c storage.Condition) {
	if c.Op == storage.Not {
		if len(c.Of) == 1 && c.Of[0].Op == storage.Null {
			r.some = true
		}
		return
	}
	if c.Op == storage.Null {
		r.none = true
		return
	}
	r.some = true
	if len(c.Values) != 1 {
		return
	}
	v := c.Values[0]
	switch c.Op {
	case storage.Above, storage.AtLeast:
		open := c.Op == storage.Above
		if n, ok := v.(int64); ok && open {
			if n == math.MaxInt64 {
				r.never = true
				return
			}
			v, open = n+1, false
		}
		d := 1
		if r.low != nil {
			d = storage.Compare(v, r.low)
		}
		if d > 0 || d == 0 && open {
			r.low, r.lowOpen = v, open
		}
	case storage.Below, storage.AtMost:
		open := c.Op == storage.Below
		if n, ok := v.(int64); ok && open {
			if n == math.MinInt64 {
				r.never = true
				return
			}
			v, open = n-1, false
		}
		d := -1
		if r.high != nil {
			d = storage.Compare(v, r.high)
		}
		if d < 0 || d == 0 && open {
			r.high, r.highOpen = v, open
		}
	case storage.Prefix:
		p, ok := v.(string)
		switch {
		case !ok:
			r.never = true
		case strings.HasPrefix(p, r.prefix):
			r.prefix = p
		case !strings.HasPrefix(r.prefix, p):
			r.never = true
		}
	}
}

func (r span) empty() bool {
	if r.never || r.none && r.some {
		return true
	}
	if r.low == nil || r.high == nil {
		return false
	}
	d := storage.Compare(r.low, r.high)
	return d > 0 || d == 0 && (r.lowOpen || r.highOpen)
}

// within says whether a comparison is known to hold for every value of the span.
func (r span) within(c storage.Condition) bool {
	if c.Op == storage.Null {
		return r.none
	}
	if !r.some || len(c.Values) != 1 || c.Values[0] == nil {
		return false
	}
	v := c.Values[0]
	switch c.Op {
	case storage.AtLeast, storage.Above:
		if r.low != nil {
			if d := storage.Compare(r.low, v); d > 0 || d == 0 && (c.Op == storage.AtLeast || r.lowOpen) {
				return true
			}
		}
		// Whatever begins with the prefix is at least the prefix.
		if text, ok := v.(string); ok && r.prefix != "" {
			d := strings.Compare(r.prefix, text)
			return d > 0 || d == 0 && c.Op == storage.AtLeast
		}
	case storage.AtMost, storage.Below:
		if r.high != nil {
			if d := storage.Compare(r.high, v); d < 0 || d == 0 && (c.Op == storage.AtMost || r.highOpen) {
				return true
			}
		}
		// Where the prefix is less before it ends, so is whatever begins with it.
		if text, ok := v.(string); ok && r.prefix != "" {
			return r.prefix < text && !strings.HasPrefix(text, r.prefix)
		}
	case storage.Prefix:
		p, ok := v.(string)
		return ok && strings.HasPrefix(r.prefix, p)
	}
	return false
}
