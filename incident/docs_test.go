package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/itsm/task"
)

const docs = "../docs/"

// TestX5TheDiagramIsThatOfTheTable holds the diagram in the documentation to the lifecycle that runs.
// Run with -update to write it anew.
func TestX5TheDiagramIsThatOfTheTable(t *testing.T) {
	generated.Page(t, docs+"incident-lifecycle.md",
		"# The lifecycle of incidents\n\nGenerated from the table that runs (`incident.StandardLifecycle().Mermaid()`).\n\n```mermaid\n"+
			StandardLifecycle().Mermaid()+"```\n")
}

// TestTheDocumentationHasWhatTheTablesHave holds the tables of docs/incident.md to those that run.
func TestTheDocumentationHasWhatTheTablesHave(t *testing.T) {
	generated.Parts(t, docs+"incident.md", map[string]string{
		"lifecycle":    "```mermaid\n" + StandardLifecycle().Mermaid() + "```\n",
		"states":       stateTable(),
		"rules":        ruleTable(StandardLifecycle().Rules()),
		"beside":       besideTable(),
		"hold reasons": holdReasonTable(),
		"events":       eventList(),
	})
}

// TestI9TheDocumentationOfMajorIncidentsIsThatOfTheTable holds docs/major-incident.md to what runs.
func TestI9TheDocumentationOfMajorIncidentsIsThatOfTheTable(t *testing.T) {
	var events strings.Builder
	for _, e := range majorEvents() {
		fmt.Fprintf(&events, "`%s`\n", e.Name)
	}
	generated.Parts(t, docs+"major-incident.md", map[string]string{
		"major lifecycle": "```mermaid\n" + StandardMajorLifecycle().Mermaid() + "```\n",
		"major rules":     ruleTable(StandardMajorLifecycle().Rules()),
		"major events":    events.String(),
	})
}

// TestTheRolesAreThoseThatAreShipped holds docs/roles.md to the roles that itsm ships, as an
// authorizer reads them.
func TestTheRolesAreThoseThatAreShipped(t *testing.T) {
	generated.Parts(t, docs+"roles.md", map[string]string{"roles": roleList(), "permissions": permissionTables(t)})
}

func roleList() string {
	var b strings.Builder
	b.WriteString("| Role | Name | Purpose |\n|---|---|---|\n")
	for _, r := range itsm.StandardRoles() {
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", r.Title, r.Name, r.Purpose)
	}
	return b.String()
}

// permissionTables are a table for each kind: a row for each permission, a column for each set of
// roles that may do the same.
func permissionTables(t *testing.T) string {
	roles := itsm.StandardRoles()
	book, err := itsm.NewRoleBook(roles...)
	require.NoError(t, err)
	var kinds []string
	actions := map[string][]string{}
	add := func(p itsm.Permission) {
		kind, action, _ := strings.Cut(string(p), ".")
		if kind == "*" || action == "*" || action == "" {
			return
		}
		if actions[kind] == nil {
			kinds = append(kinds, kind)
		}
		if !slices.Contains(actions[kind], action) {
			actions[kind] = append(actions[kind], action)
		}
	}
	for _, p := range asked() {
		add(p)
	}
	for _, r := range roles {
		for _, g := range r.Grants {
			add(g.Permission)
		}
	}
	for _, r := range task.StandardLifecycle().Rules() {
		if !r.System {
			add(r.Permission)
		}
	}
	for _, r := range interaction.StandardLifecycle().Rules() {
		if !r.System {
			add(r.Permission)
		}
	}
	for _, p := range exported(t) {
		add(p)
	}

	var b strings.Builder
	for _, kind := range kinds {
		slices.Sort(actions[kind])
		var columns [][]string // of cells, one for each action
		var heads []string
		for _, r := range roles {
			cells := make([]string, len(actions[kind]))
			for n, action := range actions[kind] {
				cells[n] = whereOf(t, book, r.Name, itsm.Permission(kind+"."+action))
			}
			if strings.Join(cells, "") == "" {
				continue // may do nothing here
			}
			same := slices.IndexFunc(columns, func(c []string) bool { return slices.Equal(c, cells) })
			if same < 0 {
				columns, heads = append(columns, cells), append(heads, r.Title)
			} else {
				heads[same] += "<br>" + r.Title
			}
		}
		fmt.Fprintf(&b, "\n### %s\n| Permission | %s |\n|---|%s\n", kind, strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
		for n, action := range actions[kind] {
			fmt.Fprintf(&b, "| `%s.%s` |", kind, action)
			for _, c := range columns {
				fmt.Fprintf(&b, " %s |", c[n])
			}
			b.WriteByte('\n')
		}
	}
	return b.String() + "\n"
}

// asked are the permissions that the practice asks for.
func asked() []itsm.Permission {
	all := []itsm.Permission{PermissionRead, PermissionReadInternal, PermissionReadCosts, PermissionLog, PermissionAlert, PermissionImport, PermissionReadMajor,
		PermissionFanOut, PermissionDo, Kind + ".see_restricted", PermissionReadTemplate, PermissionDefineTemplate}
	for _, r := range StandardLifecycle().Rules() {
		if !r.System { // of which nobody is asked
			all = append(all, r.Permission)
		}
	}
	for _, r := range besideRules {
		all = append(all, r.permission)
	}
	for _, r := range StandardMajorLifecycle().Rules() {
		if !r.System {
			all = append(all, r.Permission)
		}
	}
	return all
}

// whereOf says on which records a role has a permission.
func whereOf(t *testing.T, book *itsm.RoleBook, role itsm.RoleName, p itsm.Permission) string {
	scopes, err := book.Scopes(t.Context(), itsm.Actor{Tenant: "t", ID: "a", Roles: []itsm.RoleName{role}}, p)
	require.NoError(t, err)
	has := func(s itsm.Scope) bool { return slices.Contains(scopes, s) }
	var words []string
	switch {
	case has(itsm.ScopeRestricted):
		words = append(words, "all, restricted too")
	case has(itsm.ScopeAll):
		words = append(words, "all")
	default:
		for _, s := range []struct {
			scope itsm.Scope
			word  string
		}{{itsm.ScopeGroup, "group's"}, {itsm.ScopeAssignee, "assigned"}, {itsm.ScopeRequester, "own"}} {
			if has(s.scope) {
				words = append(words, s.word)
			}
		}
	}
	return strings.Join(words, ", ")
}

func names[T ~string](list []T) string {
	parts := make([]string, len(list))
	for n, s := range list {
		parts[n] = "`" + string(s) + "`"
	}
	return strings.Join(parts, ", ")
}

func ruleTable[S, A ~string, T any](rules []itsm.Rule[S, A, T]) string {
	var b strings.Builder
	b.WriteString("| From | Action | To | Needs | Permission |\n|---|---|---|---|---|\n")
	for _, r := range rules {
		to := "`" + string(r.To) + "`"
		switch {
		case r.Stay:
			to = "stays"
		case len(r.Return) > 0:
			to = "the state before"
		}
		var needs []string
		for _, f := range r.Needs {
			needs = append(needs, f.Name)
		}
		action := "`" + string(r.On) + "`"
		if r.System {
			action += " (by itself)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` |\n", names(r.From), action, to, strings.Join(needs, ", "), r.Permission)
	}
	return b.String()
}

func stateTable() string {
	var b strings.Builder
	b.WriteString("| State | Category |\n|---|---|\n")
	for _, s := range StandardLifecycle().States() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.Name, s.Category)
	}
	return b.String()
}

func besideTable() string {
	var b strings.Builder
	b.WriteString("| Action | In states that are | Needs | Permission |\n|---|---|---|---|\n")
	categories := []itsm.Category{itsm.CategoryNew, itsm.CategoryActive, itsm.CategoryWaiting, itsm.CategoryResolved, itsm.CategoryClosed, itsm.CategoryCancelled}
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
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", r.action, where, strings.Join(r.needs, ", "), r.permission)
	}
	return b.String()
}

func holdReasonTable() string {
	var b strings.Builder
	yes := func(v bool) string {
		if v {
			return "yes"
		}
		return ""
	}
	b.WriteString("| Reason | Needs a public note | Needs a link | A reply resumes | The end of the linked record resumes |\n|---|---|---|---|---|\n")
	for _, r := range StandardHoldReasons() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.Reason, yes(r.NeedsNote), yes(r.NeedsLink), yes(r.ReplyResumes), yes(r.LinkResumes))
	}
	return b.String()
}

func eventList() string {
	var b strings.Builder
	for _, t := range slices.Concat(eventTypes(), importedEvents(), templateEvents()) {
		fmt.Fprintf(&b, "`%s`\n", t.Name)
	}
	return b.String()
}
