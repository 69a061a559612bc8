// This file holds what pictures promise: nobody is left out, few enough boxes, nobody hidden named, and
// text that its readers can parse.

package impact_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

func TestPicturesShowEveryoneInFewEnoughBoxes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 30)
		s := m.load(t, 1)
		r, err := s.Impact(drawFailures(t, m.cis, "failures"), impact.Options{})
		require.NoError(t, err)
		o := impact.PictureOptions{
			Boxes:    rapid.IntRange(16, 30).Draw(t, "boxes"),
			Collapse: rapid.IntRange(0, 5).Draw(t, "collapse"),
			Class:    func(id string) string { return "class " + id[len(id)-1:] },
			Label:    func(id string) string { return "<" + id + ">\"&\x01" },
			States:   r,
		}
		hidden := map[string]bool{}
		if rapid.Bool().Draw(t, "hide") {
			hidden[rapid.SampledFrom(m.cis).Draw(t, "hidden")] = true
			o.Visible = func(id string) bool { return !hidden[id] }
		}
		p, err := r.Picture(o)
		require.NoError(t, err)
		want := map[string]impact.State{}
		for id, state := range states(t, m, r) {
			if !hidden[id] {
				want[id] = state
			}
		}
		requirePicture(t, p, o.Boxes, want, hidden)

		from := []string{rapid.SampledFrom(m.cis).Draw(t, "middle")}
		up, down := rapid.IntRange(0, 3).Draw(t, "up"), rapid.IntRange(0, 3).Draw(t, "down")
		around, err := s.Neighbourhood(from, up, down, o)
		require.NoError(t, err)
		want = map[string]impact.State{}
		for way, depth := range map[impact.Direction]int{impact.Upstream: up, impact.Downstream: down} {
			ids := from
			if depth > 0 {
				found, err := s.Reach(way, from, impact.Options{Depth: depth})
				require.NoError(t, err)
				ids = append(found.IDs(), from...)
			}
			for _, id := range ids {
				if !hidden[id] {
					want[id], err = r.State(id)
					require.NoError(t, err)
				}
			}
		}
		requirePicture(t, around, o.Boxes, want, hidden)
	})
}

func requirePicture(t *rapid.T, p impact.Picture, most int, want map[string]impact.State, hidden map[string]bool) {
	require.LessOrEqual(t, len(p.Boxes), most)
	got := map[string]impact.State{}
	for _, box := range p.Boxes {
		require.Len(t, box.IDs, box.Count)
		for _, id := range box.IDs {
			require.NotContains(t, got, id)
			got[id] = box.State
		}
	}
	require.Equal(t, want, got)
	for _, a := range p.Arrows {
		require.NotEqual(t, a.From, a.To)
		require.Less(t, max(a.From, a.To), len(p.Boxes))
	}
	svg := p.SVG()
	requireXML(t, svg)
	for id := range hidden {
		for _, text := range []string{svg, p.DOT(), p.Mermaid()} {
			require.NotContains(t, text, id)
		}
	}
}

func requireXML(t require.TestingT, text string) {
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
	}
}

func TestPictureOfALargeImpactIsSmall(t *testing.T) {
	m := model{}
	m.cis = append(m.cis, "site", "core")
	relate := func(source, target string) {
		m.relations = append(m.relations, impact.Relation{Source: source, Kind: "depends on", Target: target})
	}
	relate("core", "site")
	for i := range 200 {
		host, vm := fmt.Sprintf("host%03d", i), fmt.Sprintf("vm%03d", i)
		m.cis = append(m.cis, host, vm)
		relate(host, "core")
		relate(vm, host)
	}
	r, err := m.load(t, 1).Impact(impact.Failed("site"), impact.Options{})
	require.NoError(t, err)
	p, err := r.Picture(impact.PictureOptions{Class: func(id string) string { return strings.TrimRight(id, "0123456789") }})
	require.NoError(t, err)
	require.Equal(t, `flowchart LR
    b0["site<br/>failed: down"]:::downfailed
    b1["core<br/>down"]:::down
    b2["200 × host: host000, host001, host002, ...<br/>down"]:::down
    b3["200 × vm: vm000, vm001, vm002, ...<br/>down"]:::down
    b0 -->|"depends on"| b1
    b1 -->|"depends on × 200"| b2
    b2 -->|"depends on × 200"| b3
`, p.Mermaid()[:strings.Index(p.Mermaid(), "    classDef")])
	require.Contains(t, p.DOT(), `b2 [label="200 × host: host000, host001, host002, ...\ndown"`)
}
