// This file holds docs/configuration.md to the model that is shipped.

package schema_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/internal/generated"
)

// TestThePageHasTheShippedModel holds the generated parts of docs/configuration.md to the shipped model. Run with -update to write
// them anew.
func TestThePageHasTheShippedModel(t *testing.T) {
	c := compile(t, schema.Shipped())
	generated.Parts(t, filepath.Join("..", "..", "docs", "configuration.md"), map[string]string{
		"class picture": "```mermaid\n" + c.Mermaid() + "```\n",
		"classes":       classTable(c),
		"relations":     relationTable(c),
	})
}

func classTable(c *schema.Compiled) string {
	var b strings.Builder
	b.WriteString("| Class | Parent | What it is | Part in impacts | Attributes of its own |\n|---|---|---|---|---|\n")
	for _, one := range c.Model().Classes {
		class, _ := c.Class(one.Name)
		part, parent := string(class.Impact), ""
		if class.Abstract {
			part = "abstract"
		}
		if class.Parent != "" {
			parent = "`" + class.Parent + "`"
		}
		var attributes []string
		for _, a := range class.Attributes {
			kind := string(a.Type)
			if a.List {
				kind += "s"
			}
			if a.Unit != "" {
				kind += " in " + a.Unit
			}
			if a.ChangeControlled {
				kind += ", change-controlled"
			}
			attributes = append(attributes, fmt.Sprintf("`%s` (%s)", a.Name, kind))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", class.Name, parent, class.Description, part, strings.Join(attributes, ", "))
	}
	return b.String()
}

func relationTable(c *schema.Compiled) string {
	var b strings.Builder
	b.WriteString("| Relation | Inverse | What it says | Flow | Propagation | From | To | Limit |\n|---|---|---|---|---|---|---|---|\n")
	for _, one := range c.Model().Relations {
		limit := ""
		if one.MaximumTargets > 0 {
			limit = fmt.Sprintf("%d target", one.MaximumTargets)
		}
		// Pairs of the same source, one after another, share a line of the cell.
		var from, to []string
		for _, p := range one.Pairs {
			if n := len(from); n > 0 && from[n-1] == "`"+p.Source+"`" {
				to[n-1] += ", `" + p.Target + "`"
				continue
			}
			from, to = append(from, "`"+p.Source+"`"), append(to, "`"+p.Target+"`")
		}
		for i := range from {
			if i == 0 {
				fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s | %s | %s | %s |\n", one.Name, one.Inverse, one.Description, one.Flow, one.Propagation, from[i], to[i], limit)
				continue
			}
			fmt.Fprintf(&b, "| | | | | | %s | %s | |\n", from[i], to[i])
		}
	}
	return b.String()
}
