// This file holds the analysis of causes as data: causes, whys and cause trees, how they are checked and
// drawn.

package problem

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Cause is one reason why a problem is there.
type Cause struct {
	Text string `json:"text"`
	// CI is the configuration item, or Component the part in words, on which the cause is: one of the two.
	CI        itsm.ID `json:"ci,omitempty"`
	Component string  `json:"component,omitempty"`
	// Contributing says that it made the problem likelier or worse, and would not have caused it alone.
	Contributing bool `json:"contributing,omitempty"`
}

// Why is one step of asking why: the answer to why the step before, or the symptom, is so.
type Why struct {
	Because string `json:"because"`
	// Evidence is by what it is known.
	Evidence string `json:"evidence,omitempty"`
}

// Gate says which of the causes below a node of a cause tree it takes.
type Gate string

// The gates; empty is GateAny.
const (
	// GateAny: each of them is enough.
	GateAny Gate = "any"
	// GateAll: all of them together.
	GateAll Gate = "all"
)

// Verdict says what is known of a node of a cause tree.
type Verdict string

// The verdicts; empty is open.
const (
	VerdictOpen      Verdict = "open"
	VerdictConfirmed Verdict = "confirmed"
	VerdictExcluded  Verdict = "excluded"
)

// TreeNode is one node of a cause tree: the effect at its root, or a cause of the node above it.
type TreeNode struct {
	// ID names it in the tree: at most 40 letters, digits, hyphens and underscores.
	ID string `json:"id"`
	// Parent is the node above; the root alone has none.
	Parent  string  `json:"parent,omitempty"`
	Text    string  `json:"text"`
	Gate    Gate    `json:"gate,omitempty"`
	Verdict Verdict `json:"verdict,omitempty"`
	// CI is the configuration item on which it is, if any.
	CI itsm.ID `json:"ci,omitempty"`
}

// The bounds of an analysis. Texts of causes, whys and nodes have at most MaxCauseText characters.
const (
	MaxCauses    = 50
	MaxWhys      = 20
	MaxTreeNodes = 200
	MaxTreeDepth = 20
	MaxCauseText = 4000
)

// Analysis records how the causes of a problem are looked for. What is nil stays as it is.
type Analysis struct {
	itsm.Command
	Whys *[]Why      `json:"whys,omitempty"`
	Tree *[]TreeNode `json:"tree,omitempty"`
	// Causes are those known so far. What is known for sure is told by [Practice.IdentifyCause].
	Causes *[]Cause `json:"causes,omitempty"`
}

// RecordAnalysis records whys, a cause tree and what is known of the causes, in any state but the final
// ones: a tree has one root and no cycle. It asks for "problem.analyse". Where nothing is another than
// before, nothing happens.
func (p *Practice) RecordAnalysis(ctx context.Context, actor itsm.Actor, id itsm.ID, r Analysis) (Problem, error) {
	return p.command(ctx, actor, id, ActionRecordAnalysis, r.Command, r, func(ctx context.Context, w *work) error {
		if r.Whys != nil {
			w.Whys = slices.Clone(*r.Whys)
			checkWhys(&w.faults, w.Whys)
		}
		if r.Tree != nil {
			w.Tree = slices.Clone(*r.Tree)
			checkTree(&w.faults, w.Tree)
			if err := w.checkItems(ctx, "tree", nodeItems(w.Tree)); err != nil {
				return err
			}
		}
		if r.Causes != nil {
			if err := w.setCauses(ctx, *r.Causes); err != nil {
				return err
			}
		}
		w.emptied()
		return w.change(ctx, ActionRecordAnalysis, AnalysisRecorded{})
	})
}

// emptied makes lists that are empty absent, as they will be read again.
func (w *work) emptied() {
	if len(w.Whys) == 0 {
		w.Whys = nil
	}
	if len(w.Tree) == 0 {
		w.Tree = nil
	}
	if len(w.Causes) == 0 {
		w.Causes = nil
	}
}

// setCauses applies causes, and checks those that are not there already.
func (w *work) setCauses(ctx context.Context, causes []Cause) error {
	w.Causes = slices.Clone(causes)
	checkCauses(&w.faults, w.Causes)
	items := make([]itsm.ID, len(causes))
	for i, c := range causes {
		items[i] = c.CI
	}
	return w.checkItems(ctx, "causes", items)
}

// checkItems notes configuration items that the actor may not know of, but those that the problem names
// already.
func (w *work) checkItems(ctx context.Context, field string, items []itsm.ID) error {
	var old []itsm.ID
	for _, c := range w.Was.Causes {
		old = append(old, c.CI)
	}
	old = append(old, nodeItems(w.Was.Tree)...)
	if len(items) > max(MaxCauses, MaxTreeNodes) {
		return nil // it is refused for that
	}
	for i, id := range items {
		if id == "" || slices.Contains(old, id) {
			continue
		}
		if err := w.checkRef(ctx, at(field, i)+".ci", itemRef(id)); err != nil {
			return err
		}
	}
	return nil
}

// KindCI is the kind of the records that a problem's causes are on: configuration items.
const KindCI = "ci"

func itemRef(id itsm.ID) itsm.Ref { return itsm.Ref{Kind: KindCI, ID: id} }

func nodeItems(tree []TreeNode) []itsm.ID {
	items := make([]itsm.ID, len(tree))
	for i, n := range tree {
		items[i] = n.CI
	}
	return items
}

func checkCauses(f *itsm.Faults, causes []Cause) {
	if len(causes) > MaxCauses {
		f.Addf("causes", "are %d; at most %d are allowed", len(causes), MaxCauses)
		return
	}
	for i, c := range causes {
		where := at("causes", i)
		f.Text(where+".text", c.Text, MaxCauseText, true)
		f.Text(where+".component", c.Component, storage.MaxText, false)
		switch {
		case c.CI == "" && blank(c.Component):
			f.Add(where, "needs a ci or a component that it is on")
		case c.CI != "" && c.Component != "":
			f.Add(where, "is on a ci or a component, not both")
		}
	}
}

func checkWhys(f *itsm.Faults, whys []Why) {
	if len(whys) > MaxWhys {
		f.Addf("whys", "are %d; at most %d are allowed", len(whys), MaxWhys)
		return
	}
	for i, y := range whys {
		f.Text(at("whys", i)+".because", y.Because, MaxCauseText, true)
		f.Text(at("whys", i)+".evidence", y.Evidence, MaxCauseText, false)
	}
}

func isNodeID(s string) bool {
	return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

func checkTree(f *itsm.Faults, tree []TreeNode) {
	if len(tree) > MaxTreeNodes {
		f.Addf("tree", "has %d nodes; at most %d are allowed", len(tree), MaxTreeNodes)
		return
	}
	parent := map[string]string{}
	roots := 0
	for i, n := range tree {
		where := at("tree", i)
		if !isNodeID(n.ID) {
			f.Add(where+".id", "must be 1 to 40 letters, digits, hyphens and underscores")
		} else if _, twice := parent[n.ID]; twice {
			f.Addf(where+".id", "is %q, which another node has", n.ID)
		}
		parent[n.ID] = n.Parent
		f.Text(where+".text", n.Text, MaxCauseText, true)
		if !slices.Contains([]Gate{"", GateAny, GateAll}, n.Gate) {
			f.Addf(where+".gate", "must be %s or %s", GateAny, GateAll)
		}
		if !slices.Contains([]Verdict{"", VerdictOpen, VerdictConfirmed, VerdictExcluded}, n.Verdict) {
			f.Addf(where+".verdict", "must be one of: %s, %s, %s", VerdictOpen, VerdictConfirmed, VerdictExcluded)
		}
		if n.Parent == "" {
			roots++
		}
	}
	if len(tree) > 0 && roots != 1 {
		f.Addf("tree", "has %d nodes without a parent; it must have one, the effect", roots)
	}
	for i, n := range tree {
		where := at("tree", i) + ".parent"
		if _, there := parent[n.Parent]; n.Parent != "" && !there {
			f.Addf(where, "is %.64q, which is no node of the tree", n.Parent)
			continue
		}
		depth := 0
		for above := n.Parent; above != ""; above = parent[above] {
			if depth++; above == n.ID {
				f.Add(where, "leads back to the node itself")
				break
			}
			if depth > MaxTreeDepth {
				f.Addf(where, "lies more than %d levels below the root, or in a circle", MaxTreeDepth)
				break
			}
		}
	}
}

// IdentifiedCause says what causes a problem.
type IdentifiedCause struct {
	itsm.Command
	// Causes are one or more, each on a CI or a component; at least one did more than to contribute.
	Causes []Cause `json:"causes"`
	// Symptom is what people see of it, where that is told now.
	Symptom *string `json:"symptom,omitempty"`
}

// Analyse begins the search for the causes.
func (p *Practice) Analyse(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Problem, error) {
	return p.command(ctx, actor, id, ActionAnalyse, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionAnalyse, AnalysisStarted{})
	})
}

// knownCauses gives the causes without the configuration items of which the reader may not know.
func knownCauses(causes []Cause, may func(itsm.Ref) bool) []Cause {
	causes = slices.Clone(causes)
	for i := range causes {
		if causes[i].CI != "" && !may(itemRef(causes[i].CI)) {
			causes[i].CI = ""
		}
	}
	return causes
}

func knownNodes(tree []TreeNode, may func(itsm.Ref) bool) []TreeNode {
	tree = slices.Clone(tree)
	for i := range tree {
		if tree[i].CI != "" && !may(itemRef(tree[i].CI)) {
			tree[i].CI = ""
		}
	}
	return tree
}

// MermaidWhys draws a chain of whys as a Mermaid flowchart, from the symptom down. It is the same text for
// the same input.
func MermaidWhys(symptom string, whys []Why) string {
	var b strings.Builder
	fmt.Fprintf(&b, "flowchart TD\n    w0[\"%s\"]\n", mermaidText(symptom))
	for i, y := range whys {
		text := mermaidText(y.Because)
		if y.Evidence != "" {
			text += "<br/>" + mermaidText("("+y.Evidence+")")
		}
		fmt.Fprintf(&b, "    w%d[\"%s\"]\n    w%d -->|\"why?\"| w%d\n", i+1, text, i, i+1)
	}
	return b.String()
}

// MermaidTree draws a cause tree as a Mermaid flowchart: the effect on top, arrows from each cause to what
// it causes, gates that take all causes as a node of their own. What is excluded is dashed, what is
// confirmed has a thick line. It is the same text for the same tree.
func MermaidTree(tree []TreeNode) string {
	var b strings.Builder
	b.WriteString("flowchart BT\n")
	place := map[string]int{}
	for i, n := range tree {
		place[n.ID] = i
		fmt.Fprintf(&b, "    n%d[\"%s\"]\n", i, mermaidText(n.Text))
		if n.Gate == GateAll {
			fmt.Fprintf(&b, "    g%d{\"all\"} --> n%d\n", i, i)
		}
	}
	for i, n := range tree {
		above, ok := place[n.Parent]
		if n.Parent == "" || !ok {
			continue
		}
		to := fmt.Sprintf("n%d", above)
		if tree[above].Gate == GateAll {
			to = fmt.Sprintf("g%d", above)
		}
		line := "-->"
		switch n.Verdict {
		case VerdictConfirmed:
			line = "==>"
		case VerdictExcluded:
			line = "-.->"
		}
		fmt.Fprintf(&b, "    n%d %s %s\n", i, line, to)
	}
	return b.String()
}

var mermaidEscapes = strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "\n", " ", "\r", " ", "`", "#96;")

func mermaidText(s string) string { return mermaidEscapes.Replace(s) }
