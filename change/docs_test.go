package change

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/itsm"
)

// TestTheDocumentationHasWhatTheTablesHave holds docs/change.md to what runs; -update writes it.
func TestTheDocumentationHasWhatTheTablesHave(t *testing.T) {
	generated.Parts(t, "../docs/change.md", map[string]string{
		"models": modelTable(),
		"normal": lifecyclePart(TypeNormal),
		"others": "### Standard\n" + lifecyclePart(TypeStandard) + "\n### Emergency\n" + lifecyclePart(TypeEmergency) +
			"\n### Retrospective\n" + lifecyclePart(TypeRetrospective),
		"beside": besideTable(), "risk": riskTable(), "events": eventList(),
	})
}

func modelTable() string {
	var b strings.Builder
	b.WriteString("| Model | Type | Plans | Window | Needs | Assessments | Gates | Edit outside the envelope | Review demanded |\n|---|---|---|---|---|---|---|---|---|\n")
	o, err := Options{}.withDefaults()
	if err != nil {
		panic(err)
	}
	for _, m := range o.Models {
		var needs, gates, review []string
		if m.CIsRequired {
			needs = append(needs, "configuration items")
		}
		if m.Justified {
			needs = append(needs, "a justification, or what it is made for")
		}
		if m.Type == TypeStandard {
			needs = append(needs, "an approved template")
		}
		for _, r := range m.Gates.Rules {
			what := "automatic"
			if !r.Automatic {
				what = r.Gates[0].Title
			}
			gates = append(gates, r.Name+": "+strings.ToLower(what[:1])+what[1:])
		}
		if m.Review.Always {
			review = append(review, "always")
		}
		for _, outcome := range m.Review.Outcomes {
			review = append(review, strings.ReplaceAll(string(outcome), "_", " "))
		}
		if m.Review.Caused {
			review = append(review, "an incident caused")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s | %s |\n", m.Name, m.Type, list(m.Plans), m.Window, strings.Join(needs, ", "),
			strings.Join(m.Assessments, ", "), strings.Join(gates, "; "), m.Rework, strings.Join(review, ", "))
	}
	return b.String()
}

func lifecyclePart(t Type) string {
	var b strings.Builder
	l := StandardLifecycle(t)
	fmt.Fprintf(&b, "```mermaid\n%s```\n\n| From | Action | To | Needs | Permission |\n|---|---|---|---|---|\n", l.Mermaid())
	for _, r := range l.Rules() {
		to, action := "`"+string(r.To)+"`", "`"+string(r.On)+"`"
		if r.Stay {
			to = "stays"
		}
		if r.System {
			action += " (by itself)"
		}
		from := make([]string, len(r.From))
		for i, s := range r.From {
			from[i] = "`" + string(s) + "`"
		}
		var needs []string
		for _, f := range r.Needs {
			needs = append(needs, f.Name)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` |\n", strings.Join(from, ", "), action, to, strings.Join(needs, ", "), r.Permission)
	}
	return b.String()
}

func besideTable() string {
	var b strings.Builder
	b.WriteString("| Action | In states that are | While held | Needs | Permission |\n|---|---|---|---|---|\n")
	categories := []itsm.Category{itsm.CategoryNew, itsm.CategoryActive, itsm.CategoryResolved, itsm.CategoryClosed, itsm.CategoryCancelled}
	for _, r := range besideRules {
		var in []string
		for _, c := range categories {
			if r.in(c) {
				in = append(in, string(c))
			}
		}
		where := strings.Join(in, ", ")
		if len(in) == len(categories) {
			where = "any"
		}
		held := ""
		if whileHeld(r.action) {
			held = "yes"
		}
		action := "`" + string(r.action) + "`"
		if r.system {
			action += " (by itself)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` |\n", action, where, held, strings.Join(r.needs, ", "), r.permission)
	}
	return b.String()
}

func riskTable() string {
	var b strings.Builder
	m := risk.StandardModel()
	b.WriteString("| Factor | Points | Unknown |\n|---|---|---|\n")
	bands := func(list []risk.Band) string {
		var parts []string
		for _, band := range list {
			parts = append(parts, fmt.Sprintf("from %d: %d", band.AtLeast, band.Points))
		}
		return strings.Join(parts, ", ")
	}
	for _, f := range m.Factors {
		points := bands(f.Bands)
		if len(f.Choices) > 0 {
			var parts []string
			for _, c := range slices.SortedFunc(maps.Keys(f.Choices), func(x, y string) int { return f.Choices[x] - f.Choices[y] }) {
				parts = append(parts, fmt.Sprintf("%s: %d", c, f.Choices[c]))
			}
			points = strings.Join(parts, ", ")
		}
		fmt.Fprintf(&b, "| %s (`%s`) | %s | %d |\n", f.Title, f.Name, points, f.Unknown)
	}
	fmt.Fprintf(&b, "| Successful of earlier ones in percent, of at least %d (`%s`) | %s | %d |\n", m.History.Least, risk.FactorHistory, bands(m.History.Bands), m.History.Unknown)
	fmt.Fprintf(&b, "\nFrom %d points the risk is medium, from %d high. Overrides:", m.Medium, m.High)
	for i, o := range m.Overrides {
		sign := ", "
		if i == 0 {
			sign = " "
		}
		fmt.Fprintf(&b, "%s*%s* (at least %s)", sign, o.Name, o.Floor)
	}
	b.WriteString(".\n")
	return b.String()
}

func eventList() string {
	var b strings.Builder
	for _, t := range slices.Concat(eventTypes(), templateEvents()) {
		fmt.Fprintf(&b, "`%s`\n", t.Name)
	}
	return b.String()
}
