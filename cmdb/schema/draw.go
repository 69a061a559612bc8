// This file holds the picture of the classes.

package schema

import (
	"fmt"
	"strings"
)

// Mermaid draws the classes as a Mermaid class diagram: who inherits from whom, and which are abstract. The same model gives the
// same text.
func (c *Compiled) Mermaid() string {
	var b strings.Builder
	b.WriteString("classDiagram\n    direction LR\n")
	for _, declared := range c.model.Classes {
		fmt.Fprintf(&b, "    class %s\n", declared.Name)
		if declared.Abstract {
			fmt.Fprintf(&b, "    <<abstract>> %s\n", declared.Name)
		}
		if declared.Parent != "" {
			fmt.Fprintf(&b, "    %s <|-- %s\n", declared.Parent, declared.Name)
		}
	}
	return b.String()
}
