// This file holds the worked example of docs/impact.md to what the engine says.

package impact_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

func TestThePageShowsWhatTheEngineSays(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "impact.md"))
	require.NoError(t, err)
	page := string(text)
	s := shop()

	around, err := s.Neighbourhood([]string{"shop"}, 5, 0, impact.PictureOptions{})
	require.NoError(t, err)
	window := []impact.Failure{{ID: "host1", State: impact.Down, Planned: true}}
	w, err := s.WhatIf(window, impact.Failed("web2"), impact.Options{})
	require.NoError(t, err)
	picture, err := w.After.Picture(impact.PictureOptions{})
	require.NoError(t, err)
	for _, p := range []impact.Picture{around, picture} {
		require.Contains(t, page, "```mermaid\n"+p.Mermaid()+"```\n", p.Mermaid())
	}

	var list strings.Builder
	for _, one := range w.After.List() {
		planned := ""
		if one.Planned {
			planned = " (planned)"
		}
		fmt.Fprintf(&list, "%s: %s%s\n", one.ID, one.State, planned)
	}
	require.Contains(t, page, "```\n"+list.String()+"```\n", list.String())
	proof, err := w.After.Explain("shop")
	require.NoError(t, err)
	require.Contains(t, page, "```\n"+proof.String()+"```\n", proof.String())
}
