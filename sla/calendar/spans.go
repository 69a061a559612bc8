// This file holds sets of instants, as spans in order that neither overlap nor touch.

package calendar

import (
	"iter"
)

// span is [open, close). Its unit is seconds while a table is built, and nanoseconds in it. Before is
// how much is open in the table before it.
type span struct{ open, close, before int64 }

// add appends a span that opens no earlier than the last one.
func add(spans []span, open, close int64) []span {
	switch last := len(spans) - 1; {
	case open >= close:
	case last >= 0 && open <= spans[last].close:
		spans[last].close = max(spans[last].close, close)
	default:
		spans = append(spans, span{open: open, close: close})
	}
	return spans
}

// either gives what is in one or both.
func either(a, b []span) []span {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	all := make([]span, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0].open <= b[0].open {
			all, a = add(all, a[0].open, a[0].close), a[1:]
		} else {
			all, b = add(all, b[0].open, b[0].close), b[1:]
		}
	}
	return all
}

// both gives what is in both.
func both(a, b []span) (all []span) {
	for len(a) > 0 && len(b) > 0 {
		all = add(all, max(a[0].open, b[0].open), min(a[0].close, b[0].close))
		if a[0].close < b[0].close {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return all
}

// without gives what is in a and not in b.
func without(a, b []span) []span {
	if len(b) == 0 {
		return a
	}
	all := make([]span, 0, len(a)+len(b))
	for _, s := range a {
		for len(b) > 0 && b[0].close <= s.open {
			b = b[1:]
		}
		open := s.open
		for _, cut := range b {
			if cut.open >= s.close {
				break
			}
			all = add(all, open, cut.open)
			open = max(open, cut.close)
		}
		all = add(all, open, s.close)
	}
	return all
}

// meets says for spans that come in order whether there is anything of all in them.
type meets struct{ all []span }

func (m *meets) any(open, close int64) bool {
	for len(m.all) > 0 && m.all[0].close <= open {
		m.all = m.all[1:]
	}
	return open < close && len(m.all) > 0 && m.all[0].open < close
}

// gaps gives what of [from, to) is in none of the spans, and the spans themselves, in order.
func gaps(spans []span, from, to int64) iter.Seq2[span, bool] {
	return func(yield func(s span, open bool) bool) {
		for _, s := range spans {
			if from < s.open && !yield(span{open: from, close: s.open}, false) || !yield(s, true) {
				return
			}
			from = s.close
		}
		if from < to {
			yield(span{open: from, close: to}, false)
		}
	}
}
