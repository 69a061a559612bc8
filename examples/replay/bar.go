// This file holds the progress bar.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/incident"
)

// bar shows how far an import is, where there is a terminal to show it on.
type bar struct {
	out   io.Writer // nil where there is none
	size  int64
	read  func() int64
	began time.Time
	shown time.Time
	width int // of the last line
}

// newBar makes a bar of a log of that size in bytes, 0 where it is not known.
func newBar(out io.Writer, size int64, read func() int64) *bar {
	b := &bar{size: size, read: read, began: time.Now()}
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			b.out = out
		}
	}
	return b
}

func (b *bar) show(p incident.ImportProgress) {
	if b.out == nil || time.Since(b.shown) < 100*time.Millisecond {
		return
	}
	b.shown = time.Now()
	line := fmt.Sprintf("%s rows  %s incidents  %s rows/s", thousands(p.Rows), thousands(p.Incidents),
		thousands(int(float64(p.Rows)/max(time.Since(b.began).Seconds(), 0.001))))
	if p.Faulty > 0 {
		line += fmt.Sprintf("  %s faulty", thousands(p.Faulty))
	}
	if b.size > 0 {
		const cells = 30
		part := min(float64(b.read())/float64(b.size), 1)
		full := int(part * cells)
		line = fmt.Sprintf("%s%s %3.0f%%  %s", strings.Repeat("█", full), strings.Repeat("░", cells-full), part*100, line)
	}
	b.line(line)
}

// line replaces the line that stands there.
func (b *bar) line(s string) {
	n := len([]rune(s))
	fmt.Fprintf(b.out, "\r%s%s", s, strings.Repeat(" ", max(b.width-n, 0)))
	b.width = n
}

// done takes the bar away.
func (b *bar) done() {
	if b.out != nil && b.width > 0 {
		b.line("")
		fmt.Fprint(b.out, "\r")
	}
}
