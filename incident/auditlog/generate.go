package auditlog

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Generate writes a log of n invented incidents in the form that the zero [Mapping] reads. The
// same n and seed give the same bytes. Its rows are as a real log's are: a third of the histories
// begin in the middle of a life, people and groups change, several changes share a minute, some
// incidents wait, some are reopened, and the final times stand on every row. It is not free of
// faults either, so that what deals with them can be seen at work: of every hundred incidents
// about one takes a step that a lifecycle refuses, one has a time that goes back, one a state
// that no mapping knows, and one a row that cannot be read.
func Generate(w io.Writer, n int, seed uint64) error {
	if n < 0 {
		return itsm.Invalid("generate", "n", "must not be negative")
	}
	g := &generator{r: rand.New(rand.NewPCG(seed, 0x1715)), out: bufio.NewWriter(w)}
	g.csv = csv.NewWriter(g.out)
	if err := g.csv.Write(generatedColumns); err != nil {
		return err
	}
	opened := time.Date(2025, 1, 6, 7, 0, 0, 0, time.UTC)
	for i := range n {
		opened = g.working(opened.Add(time.Duration(g.r.ExpFloat64() * float64(25*time.Minute))))
		if err := g.incident(i, opened); err != nil {
			return err
		}
	}
	g.csv.Flush()
	if err := g.csv.Error(); err != nil {
		return err
	}
	return g.out.Flush()
}

var generatedColumns = []string{
	"number", "incident_state", "active", "reassignment_count", "reopen_count", "sys_mod_count", "made_sla",
	"caller_id", "opened_by", "opened_at", "sys_created_by", "sys_created_at", "sys_updated_by", "sys_updated_at",
	"contact_type", "location", "category", "subcategory", "u_symptom", "cmdb_ci", "impact", "urgency", "priority",
	"assignment_group", "assigned_to", "knowledge", "u_priority_confirmation", "notify", "problem_id", "rfc",
	"vendor", "caused_by", "closed_code", "resolved_by", "resolved_at", "closed_at",
}

type generator struct {
	r   *rand.Rand
	out *bufio.Writer
	csv *csv.Writer
}

// generated is an incident while it is being invented: what its next row says, and its rows.
type generated struct {
	now                                   map[string]string
	at                                    time.Time
	mods, reassigned, reopened            int
	resolved, closed                      time.Time
	rows                                  []map[string]string
	impact, urgency                       int
	group, person, code, resolver, author string
}

func (g *generator) incident(i int, opened time.Time) error {
	x := &generated{at: opened, impact: 2, urgency: 2, author: g.one("Updated by", 120)}
	switch p := g.r.IntN(100); {
	case p < 2:
		x.impact, x.urgency = 1, 1
	case p < 4:
		x.urgency = 1
	case p < 10:
		x.impact, x.urgency = 3, 3
	}
	x.now = map[string]string{
		"number": fmt.Sprintf("INC%07d", 100+i*7), "caller_id": g.one("Caller", 900), "opened_by": g.one("Opened by", 40),
		"opened_at": minute(opened), "sys_created_by": g.one("Created by", 40), "sys_created_at": minute(opened.Add(time.Minute)),
		"contact_type": g.pick("Phone", 90, "Self service", 6, "Email", 3, "IVR", 1),
		"location":     g.one("Location", 60), "category": g.one("Category", 30), "subcategory": g.one("Subcategory", 90),
		"u_symptom": g.one("Symptom", 150), "notify": "Do Not Notify", "knowledge": strconv.FormatBool(g.chance(15)),
	}
	if g.chance(80) {
		x.group = g.one("Group", 25)
	}
	states := g.life()
	if !g.chance(66) { // the log begins in the middle of this life
		states = states[1:]
	}
	if i%100 == 17 {
		states = []string{"New", "Closed"} // no lifecycle leads there in one step
	}
	for k, state := range states {
		g.spend(x, state, k == len(states)-1)
	}
	g.finish(x)
	if i%100 == 29 && len(x.rows) > 1 {
		x.rows[len(x.rows)/2]["incident_state"] = "-100"
	}
	if i%100 == 41 && len(x.rows) > 1 {
		x.rows[len(x.rows)-1]["sys_updated_at"] = x.now["opened_at"]
	}
	faulty := -1
	if i%100 == 53 {
		faulty = g.r.IntN(len(x.rows))
	}
	for k, row := range x.rows {
		fields := make([]string, len(generatedColumns))
		for c, name := range generatedColumns {
			if fields[c] = row[name]; fields[c] == "" {
				fields[c] = "?"
			}
		}
		if k == faulty {
			switch g.r.IntN(3) {
			case 0:
				fields = fields[:len(fields)-2]
			case 1:
				fields[slices.Index(generatedColumns, "sys_updated_at")] = "31/2/2025 10:00"
			case 2:
				fields[slices.Index(generatedColumns, "number")] = "?"
			}
		}
		if err := g.csv.Write(fields); err != nil {
			return err
		}
	}
	return nil
}

// life invents the states through which an incident goes.
func (g *generator) life() []string {
	life := []string{"New"}
	if g.chance(65) {
		life = append(life, "Active")
	}
	for g.chance(25) {
		life = append(life, g.pick("Awaiting User Info", 88, "Awaiting Vendor", 6, "Awaiting Problem", 6))
		if g.chance(50) {
			life = append(life, "Active")
		}
	}
	life = append(life, "Resolved")
	for range 2 {
		if g.chance(2) {
			life = append(life, "Active", "Resolved")
		}
	}
	return append(life, "Closed")
}

// spend writes the rows of an incident's stay in a state.
func (g *generator) spend(x *generated, state string, last bool) {
	before := ""
	if n := len(x.rows); n > 0 {
		before = x.rows[n-1]["incident_state"]
		x.at = g.after(x, before, state)
	}
	if (before == "Resolved" || before == "Closed") && state == "Active" {
		x.reopened++
	}
	switch state {
	case "Active":
		if x.person == "" {
			x.person = g.one("Resolver", 70)
		}
	case "Resolved":
		x.resolved = x.at
		x.code = fmt.Sprintf("code %d", 1+g.r.IntN(12))
		x.resolver = g.one("Resolved by", 60)
	case "Closed":
		x.closed = x.at
	}
	g.row(x, state)
	if last || state == "Resolved" {
		return
	}
	for g.chance(45) {
		if !g.chance(30) { // else within the same minute
			x.at = g.working(x.at.Add(time.Duration(g.r.ExpFloat64() * float64(3*time.Hour))))
		}
		if g.chance(40) {
			x.group, x.person = g.one("Group", 25), ""
			x.reassigned++
		} else {
			x.person = g.one("Resolver", 70)
		}
		if state == "New" {
			x.person = ""
		}
		g.row(x, state)
	}
}

// after is when the next state is reached.
func (g *generator) after(x *generated, before, state string) time.Time {
	mean := 5 * time.Hour
	switch {
	case state == "Closed" && before == "Resolved":
		return x.at.Add(5 * 24 * time.Hour)
	case before == "New":
		mean = 90 * time.Minute
	case len(before) > 8 && before[:8] == "Awaiting":
		mean = 50 * time.Hour
	}
	if x.impact == 1 {
		mean /= 3
	}
	return g.working(x.at.Add(time.Duration(g.r.ExpFloat64() * float64(mean))))
}

func (g *generator) row(x *generated, state string) {
	row := make(map[string]string, len(generatedColumns))
	for k, v := range x.now {
		row[k] = v
	}
	if g.chance(40) {
		x.author = g.one("Updated by", 120)
	}
	row["incident_state"] = state
	row["sys_updated_at"], row["sys_updated_by"] = minute(x.at), x.author
	row["sys_mod_count"] = strconv.Itoa(x.mods)
	row["reassignment_count"], row["reopen_count"] = strconv.Itoa(x.reassigned), strconv.Itoa(x.reopened)
	row["assignment_group"], row["assigned_to"] = x.group, x.person
	row["active"] = strconv.FormatBool(state != "Closed")
	row["made_sla"] = "true"
	row["u_priority_confirmation"] = strconv.FormatBool(g.chance(30))
	x.rows = append(x.rows, row)
	x.mods += 1 + g.r.IntN(2)
}

// finish writes on every row what is known at the end, as the exports do.
func (g *generator) finish(x *generated) {
	priority := [3][3]string{
		{"1 - Critical", "2 - High", "3 - Moderate"},
		{"2 - High", "3 - Moderate", "4 - Low"},
		{"3 - Moderate", "4 - Low", "4 - Low"},
	}[x.impact-1][x.urgency-1]
	for _, row := range x.rows {
		row["impact"] = []string{"1 - High", "2 - Medium", "3 - Low"}[x.impact-1]
		row["urgency"] = []string{"1 - High", "2 - Medium", "3 - Low"}[x.urgency-1]
		row["priority"] = priority
		row["closed_code"], row["resolved_by"] = x.code, x.resolver
		row["closed_at"] = minute(x.closed)
		if !x.resolved.IsZero() {
			row["resolved_at"] = minute(x.resolved)
		}
	}
	if last := x.rows[len(x.rows)-1]; g.chance(35) {
		last["made_sla"] = "false"
	}
}

// working moves an instant into a working day, from seven to seven.
func (g *generator) working(t time.Time) time.Time {
	weekend := func() bool { return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday }
	if !weekend() && t.Hour() >= 7 && t.Hour() < 19 {
		return t
	}
	if t.Hour() >= 7 {
		t = t.AddDate(0, 0, 1)
	}
	for weekend() {
		t = t.AddDate(0, 0, 1)
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 7, g.r.IntN(60), 0, 0, time.UTC)
}

func minute(t time.Time) string { return t.Format("2/1/2006 15:04") }

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *generator) one(what string, of int) string {
	// The lower numbers are drawn more often, as some people and groups do most of the work.
	return fmt.Sprintf("%s %d", what, 1+min(g.r.IntN(of), g.r.IntN(of)))
}

// pick draws one of the texts by the weights that follow them, which sum up to 100.
func (g *generator) pick(weighted ...any) string {
	n := g.r.IntN(100)
	for i := 0; i < len(weighted); i += 2 {
		if n -= weighted[i+1].(int); n < 0 {
			return weighted[i].(string)
		}
	}
	return weighted[0].(string)
}
