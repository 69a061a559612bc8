// This file holds windows as people write them, and their check.

package calendar

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
)

// The bounds of a window.
const (
	MaxName   = 255
	MaxReason = itsm.MaxReason
	// MaxScope is how many ids each list of a scope may have, and MaxRoles how many roles may override.
	MaxScope = 1000
	MaxRoles = 50
	// MaxDocument is the greatest length in bytes of the JSON that [ParseWindow] reads.
	MaxDocument = 1 << 20
)

// WindowKind says what a window is.
type WindowKind string

// The kinds.
const (
	// WindowFreeze: what it covers must not be changed meanwhile.
	WindowFreeze WindowKind = "freeze"
	// WindowMaintenance: what it is of may be disturbed then, and at no other time.
	WindowMaintenance WindowKind = "maintenance"
)

// Scope says what a window is for.
//
// A freeze is for all changes, or for those that fit every list that is not empty, by one of its values: CIs
// by one that the change works on or impacts, Services by one that it disturbs.
//
// A maintenance window is one of each of the CIs and Services by itself. What has any may be disturbed in them
// alone, also when the last of them is over: withdraw those that shall not count any more.
type Scope struct {
	All      bool      `json:"all,omitempty"`
	CIs      []itsm.ID `json:"cis,omitempty"`
	Services []itsm.ID `json:"services,omitempty"`
	// Sites and Models are for freezes alone.
	Sites  []itsm.ID `json:"sites,omitempty"`
	Models []string  `json:"models,omitempty"`
}

// Window is a freeze or a maintenance window: once, or recurring. It is plain data with a JSON form;
// [Window.Compile] checks it and makes it answer.
type Window struct {
	ID   itsm.ID    `json:"id"`
	Kind WindowKind `json:"kind"`
	// Name is what people call it, and Reason why it is there.
	Name   string `json:"name"`
	Reason string `json:"reason,omitempty"`
	Scope  Scope  `json:"scope"`
	// Once is its one time, at most [MaxLength]; or else it recurs.
	Once *Span `json:"once,omitempty"`
	// Rule says when it begins, by days or longer: HOURLY is refused.
	Rule *rrule.Rule `json:"rule,omitempty"`
	// Duration is how long each lasts, as RFC 5545 writes it: "PT4H", "P14D", "P1DT12H". Weeks and days are
	// those of the clock on the wall, and what is beyond them is exact. Occurrences that overlap or touch are one.
	Duration string `json:"duration,omitempty"`
	// Override names the roles that may override a freeze, giving a reason; without any, nobody may.
	Override []itsm.RoleName `json:"override,omitempty"`
}

// ParseWindow reads a window from its JSON form and checks it. What is not one JSON object of these fields
// alone, and what [Window.Compile] refuses, is ErrInvalid.
func ParseWindow(raw []byte) (Window, error) {
	var w Window
	if err := strictjson.Decode("window", raw, MaxDocument, &w); err != nil {
		return Window{}, err
	}
	if _, err := w.Compile(); err != nil {
		return Window{}, err
	}
	return w, nil
}

// Compile checks a window and makes it ready to be asked. Faults are ErrInvalid, all at once.
func (w Window) Compile() (*Schedule, error) {
	var f itsm.Faults
	s := &Schedule{window: w.clone()}
	f.Key("id", string(w.ID))
	f.Text("name", w.Name, MaxName, true)
	f.Text("reason", w.Reason, MaxReason, false)
	w.Scope.check(&f, w.Kind)
	switch w.Kind {
	case WindowFreeze:
		ids(&f, "override", w.Override, MaxRoles)
	case WindowMaintenance:
		if len(w.Override) > 0 {
			f.Add("override", "is for freezes alone")
		}
	default:
		f.Addf("kind", "is %.64q; allowed are freeze and maintenance", w.Kind)
	}
	switch {
	case (w.Once == nil) == (w.Rule == nil):
		f.Add("once", "or rule is required, and not both")
	case w.Once != nil:
		w.Once.check(&f, "once", MaxLength)
		if w.Duration != "" {
			f.Add("duration", "is for a rule alone")
		}
		once := w.Once.instants()
		s.window.Once, s.once = &once, &once
	default:
		s.recur(w, &f)
	}
	if err := f.Err("window"); err != nil {
		return nil, err
	}
	return s, nil
}

// recur makes the schedule of a window that recurs.
func (s *Schedule) recur(w Window, f *itsm.Faults) {
	rule, err := w.Rule.Compile()
	f.Merge("rule", err)
	if strings.Contains(w.Rule.RRule, "FREQ=HOURLY") {
		f.Add("rule.rrule", "must be DAILY or longer")
	}
	s.rule = rule
	var ok bool
	if s.days, s.exact, ok = parseDuration(w.Duration); !ok {
		f.Add("duration", `must be one of RFC 5545 such as "PT4H" or "P1DT12H", of more than nothing`)
	} else if s.length() > MaxLength {
		f.Addf("duration", "must be at most %d days", MaxLength/(24*time.Hour))
	}
}

// check notes what is wrong with a scope.
func (c Scope) check(f *itsm.Faults, kind WindowKind) {
	ids(f, "scope.cis", c.CIs, MaxScope)
	ids(f, "scope.services", c.Services, MaxScope)
	ids(f, "scope.sites", c.Sites, MaxScope)
	ids(f, "scope.models", c.Models, MaxScope)
	listed := len(c.CIs)+len(c.Services)+len(c.Sites)+len(c.Models) > 0
	if kind == WindowMaintenance {
		if c.All || len(c.Sites)+len(c.Models) > 0 {
			f.Add("scope", "of a maintenance window is of cis and services alone")
		} else if !listed {
			f.Add("scope", "must name cis or services")
		}
		return
	}
	if c.All == listed {
		f.Add("scope", "must be all, or name cis, services, sites or models")
	}
}

// clone shares nothing with the window. Lists without a value are nil in it.
func (w Window) clone() Window {
	c := &w.Scope
	c.CIs, c.Services, c.Sites, c.Models = some(c.CIs), some(c.Services), some(c.Sites), some(c.Models)
	w.Override = some(w.Override)
	if w.Once != nil {
		once := *w.Once
		w.Once = &once
	}
	if w.Rule != nil {
		rule := *w.Rule
		rule.Except = some(rule.Except)
		w.Rule = &rule
	}
	return w
}

func some[T any](list []T) []T { return append([]T(nil), list...) }

var durationForm = regexp.MustCompile(`^P(?:(\d{1,4})W|(?:(\d{1,4})D)?(T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?)$`)

// parseDuration reads a DURATION of RFC 5545, 3.3.6, of more than nothing: its days, and what is beyond them.
func parseDuration(text string) (days int, exact time.Duration, ok bool) {
	m := durationForm.FindStringSubmatch(text)
	if m == nil || m[3] == "T" {
		return 0, 0, false
	}
	n := func(i int) int {
		v, err := strconv.Atoi(m[i])
		if err != nil {
			return 0 // it is not there
		}
		return v
	}
	days = 7*n(1) + n(2)
	exact = time.Duration(n(4))*time.Hour + time.Duration(n(5))*time.Minute + time.Duration(n(6))*time.Second
	return days, exact, days > 0 || exact > 0
}

// writeDuration writes one as parseDuration reads it.
func writeDuration(days int, exact time.Duration) string {
	text := "P"
	if days > 0 {
		text += fmt.Sprintf("%dD", days)
	}
	if exact > 0 {
		s := int64(math.Round(exact.Seconds()))
		text += fmt.Sprintf("T%dH%dM%dS", s/3600, s/60%60, s%60)
	}
	return text
}
