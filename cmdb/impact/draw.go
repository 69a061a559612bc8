// This file holds the forms in which a picture is written.

package impact

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// palette are the fill and the border of boxes by state. The state is written in each as well.
var palette = [...][2]string{OK: {"#eef3f7", "#5b7083"}, AtRisk: {"#fff6d6", "#b58900"}, Degraded: {"#ffe3c2", "#c05f00"}, Down: {"#ffd2d2", "#b00020"}}

// Mermaid writes the picture as a Mermaid flowchart.
func (p Picture) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, box := range p.Boxes {
		text := mermaidText(box.Title)
		if detail := box.detail(); detail != "" {
			text += "<br/>" + mermaidText(detail)
		}
		class := strings.ReplaceAll(box.State.String(), "-", "")
		if box.Failed {
			class += "failed"
		}
		fmt.Fprintf(&b, "    b%d[\"%s\"]:::%s\n", i, text, class)
	}
	for _, a := range p.Arrows {
		line := "-->"
		if a.Weak {
			line = "-.->"
		}
		fmt.Fprintf(&b, "    b%d %s|\"%s\"| b%d\n", a.From, line, mermaidText(a.text()), a.To)
	}
	for state := OK; state <= Down; state++ {
		for _, failed := range []bool{false, true} {
			if !slices.ContainsFunc(p.Boxes, func(box Box) bool { return box.State == state && box.Failed == failed }) {
				continue
			}
			name, width := strings.ReplaceAll(state.String(), "-", ""), ""
			if failed {
				name, width = name+"failed", ",stroke-width:4px"
			}
			fmt.Fprintf(&b, "    classDef %s fill:%s,stroke:%s,color:#1b1f23%s\n", name, palette[state][0], palette[state][1], width)
		}
	}
	return b.String()
}

// mermaidText writes what Mermaid could take for its own as numbered entities.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsControl(r):
			b.WriteByte(' ')
		case r < 0x80 && strings.ContainsRune("\"#;<>{}[]|&`\\", r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// DOT writes the picture as a Graphviz digraph.
func (p Picture) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph impact {\n    rankdir=LR;\n    label=%s;\n    node [shape=box, style=\"rounded,filled\"];\n", dotText(p.Title))
	for i, box := range p.Boxes {
		text := box.Title
		if detail := box.detail(); detail != "" {
			text += "\n" + detail
		}
		width := 1
		if box.Failed {
			width = 3
		}
		fmt.Fprintf(&b, "    b%d [label=%s, fillcolor=\"%s\", color=\"%s\", penwidth=%d];\n", i, dotText(text), palette[box.State][0], palette[box.State][1], width)
	}
	for _, a := range p.Arrows {
		style := ""
		if a.Weak {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "    b%d -> b%d [label=%s%s];\n", a.From, a.To, dotText(a.text()), style)
	}
	b.WriteString("}\n")
	return b.String()
}

func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "", "\x00", "").Replace(s) + `"`
}

// Sizes of the drawing, in its units.
const (
	svgBoxWidth  = 200
	svgBoxHeight = 44
	svgGapX      = 130
	svgGapY      = 18
	svgMargin    = 20
	svgTop       = 50
	svgRunes     = 27 // that fit into a box
)

// SVG writes the picture as an SVG drawing that needs nothing else: columns from left to right, boxes
// ordered so that few arrows cross.
func (p Picture) SVG() string {
	columns, place := p.arrange()
	tallest := 0
	for _, column := range columns {
		tallest = max(tallest, len(column))
	}
	width := 2*svgMargin + max(len(columns), 2)*svgBoxWidth + max(len(columns)-1, 1)*svgGapX
	height := svgTop + svgMargin + tallest*(svgBoxHeight+svgGapY)

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", xmlText(p.Title))
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b7083"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="28" font-size="16" fill="#1b1f23">%s</text>`+"\n", svgMargin, xmlText(p.Title))
	at := func(box int) (x, y int) {
		column, row := place[box][0], place[box][1]
		free := (tallest - len(columns[column])) * (svgBoxHeight + svgGapY) / 2
		return svgMargin + column*(svgBoxWidth+svgGapX), svgTop + free + row*(svgBoxHeight+svgGapY)
	}
	for _, a := range p.Arrows {
		x1, y1 := at(a.From)
		x2, y2 := at(a.To)
		y1, y2 = y1+svgBoxHeight/2, y2+svgBoxHeight/2
		dash := ""
		if a.Weak {
			dash = ` stroke-dasharray="4 3"`
		}
		var path string
		middle := x1 + svgBoxWidth + (x2-x1-svgBoxWidth)/2
		if x2 > x1 {
			path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1+svgBoxWidth, y1, middle, y1, middle, y2, x2, y2)
		} else {
			// Back, or within a column: round the right side.
			out := x1 + svgBoxWidth + svgGapX/3
			path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1+svgBoxWidth, y1, out, y1, out, y2, x2+svgBoxWidth, y2)
			middle = out
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="#5b7083"%s marker-end="url(#tip)"><title>%s</title></path>`+"\n", path, dash, xmlText(a.text()))
		if len(p.Arrows) <= 2*len(p.Boxes) {
			fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="10" fill="#5b7083" text-anchor="middle">%s</text>`+"\n", middle, (y1+y2)/2-4, xmlText(short(a.text(), 24)))
		}
	}
	for i, box := range p.Boxes {
		x, y := at(i)
		stroke := 1
		if box.Failed {
			stroke = 3
		}
		fmt.Fprintf(&b, `<g><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s" stroke="%s" stroke-width="%d"/>`,
			xmlText(box.Title), x, y, svgBoxWidth, svgBoxHeight, palette[box.State][0], palette[box.State][1], stroke)
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="13" fill="#1b1f23">%s</text>`, x+10, y+19, xmlText(short(box.Title, svgRunes)))
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="11" fill="%s">%s</text></g>`+"\n", x+10, y+35, palette[box.State][1], xmlText(short(box.detail(), svgRunes+4)))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func short(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// xmlText writes text for XML, without the characters that it cannot hold.
func xmlText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// arrange puts boxes into columns, each ordered by where its arrows lead, and gives the column and row
// of each.
func (p Picture) arrange() (columns [][]int, place [][2]int) {
	at := map[int]int{}
	var used []int
	for _, box := range p.Boxes {
		if _, ok := at[box.Column]; !ok {
			at[box.Column] = 0
			used = append(used, box.Column)
		}
	}
	slices.Sort(used)
	for i, column := range used {
		at[column] = i
	}
	columns, place = make([][]int, len(used)), make([][2]int, len(p.Boxes))
	for i, box := range p.Boxes {
		c := at[box.Column]
		place[i] = [2]int{c, len(columns[c])}
		columns[c] = append(columns[c], i)
	}
	next := make([][]int, len(p.Boxes))
	for _, a := range p.Arrows {
		next[a.From] = append(next[a.From], a.To)
		next[a.To] = append(next[a.To], a.From)
	}
	// The mean of the rows of neighbours, to and fro a few times, untangles most.
	for sweep := range 6 {
		for i := range columns {
			c := i
			if sweep%2 == 1 {
				c = len(columns) - 1 - i
			}
			mean := func(box int) float64 {
				sum, n := 0.0, 0.0
				for _, other := range next[box] {
					if place[other][0] != c {
						sum += float64(place[other][1]) - float64(len(columns[place[other][0]]))/2
						n++
					}
				}
				if n == 0 {
					return float64(place[box][1]) - float64(len(columns[c]))/2
				}
				return math.Round(sum/n*1000) / 1000
			}
			slices.SortStableFunc(columns[c], func(a, b int) int { return cmp.Compare(mean(a), mean(b)) })
			for row, box := range columns[c] {
				place[box][1] = row
			}
		}
	}
	return columns, place
}
