// This file holds why an incident waits.

package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// HoldReason is why an incident waits.
type HoldReason string

// The standard reasons.
const (
	// HoldCaller waits for an answer of the requester.
	HoldCaller HoldReason = "caller"
	// HoldCustomerScheduled waits for a time that the requester chose.
	HoldCustomerScheduled HoldReason = "customer_scheduled"
	// HoldVendor waits for a supplier.
	HoldVendor HoldReason = "vendor"
	// HoldProblem waits for the fix of a problem.
	HoldProblem HoldReason = "problem"
	// HoldChange waits for a change.
	HoldChange HoldReason = "change"
)

// HoldRule defines a reason: what it asks for, and what ends it.
type HoldRule struct {
	Reason HoldReason `json:"reason"`
	// Title is what people read.
	Title string `json:"title"`
	// NeedsNote asks for a note that the requester can read.
	NeedsNote bool `json:"needs_note,omitempty"`
	// NeedsLink asks for the record that it waits for.
	NeedsLink bool `json:"needs_link,omitempty"`
	// ReplyResumes lets a reply of the requester resume the incident.
	ReplyResumes bool `json:"reply_resumes,omitempty"`
	// LinkResumes lets the end of the record that it waits for resume it: [Practice.LinkedDone].
	LinkResumes bool `json:"link_resumes,omitempty"`
	// Reminders are how long it has waited when somebody is to be reminded, each longer than the one
	// before: the event [FollowUpDue] says so, each time once. They are at most [MaxReminders], and
	// spans of time, not of working hours.
	Reminders []time.Duration `json:"reminders,omitempty"`
	// ResolveAfter is how long it has waited when it is resolved by the system, with ResolveCode and
	// ResolveNotes, which are required then; 0 is never. It is longer than the last of the Reminders.
	ResolveAfter time.Duration `json:"resolve_after,omitempty"`
	ResolveCode  Code          `json:"resolve_code,omitempty"`
	ResolveNotes string        `json:"resolve_notes,omitempty"`
}

// MaxReminders is the greatest number of reminders of a [HoldRule].
const MaxReminders = 20

// StandardHoldReasons gives the standard reasons.
func StandardHoldReasons() []HoldRule {
	return []HoldRule{
		{Reason: HoldCaller, Title: "Awaiting caller", NeedsNote: true, ReplyResumes: true},
		{Reason: HoldCustomerScheduled, Title: "Scheduled by the customer"},
		{Reason: HoldVendor, Title: "Awaiting vendor", NeedsLink: true},
		{Reason: HoldProblem, Title: "Awaiting problem", NeedsLink: true, LinkResumes: true},
		{Reason: HoldChange, Title: "Awaiting change", NeedsLink: true, LinkResumes: true},
	}
}

func checkHoldReasons(f *itsm.Faults, rules []HoldRule, codes []Code) []HoldRule {
	if rules == nil {
		return StandardHoldReasons()
	}
	if len(rules) == 0 {
		f.Add("hold_reasons", "are empty; leave them nil for the standard ones")
	}
	for i, r := range rules {
		at := fmt.Sprintf("hold_reasons[%d]", i)
		f.Text(at+".reason", string(r.Reason), storage.MaxText, true)
		f.Text(at+".title", r.Title, storage.MaxText, false)
		if slices.ContainsFunc(rules[:i], func(o HoldRule) bool { return o.Reason == r.Reason }) {
			f.Addf("hold_reasons", "have %q twice", r.Reason)
		}
		if r.LinkResumes && !r.NeedsLink {
			f.Add(at+".link_resumes", "has no meaning without needs_link")
		}
		r.checkFollowUps(f, at, codes)
	}
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].Reminders = slices.Clone(rules[i].Reminders)
	}
	return rules
}

// checkFollowUps notes what is wrong with the reminders of a rule and the resolution at their end.
func (r *HoldRule) checkFollowUps(f *itsm.Faults, at string, codes []Code) {
	if n := len(r.Reminders); n > MaxReminders {
		f.Addf(at+".reminders", "are %d; at most %d are allowed", n, MaxReminders)
	}
	last := time.Duration(0)
	for i, d := range r.Reminders {
		if d <= last {
			f.Addf(fmt.Sprintf("%s.reminders[%d]", at, i), "must be longer than %s", last)
		}
		last = max(last, d)
	}
	f.Text(at+".resolve_notes", r.ResolveNotes, MaxNotes, false)
	switch {
	case r.ResolveAfter == 0:
		if r.ResolveCode != "" {
			f.Add(at+".resolve_code", "has no meaning without resolve_after")
		}
		if r.ResolveNotes != "" {
			f.Add(at+".resolve_notes", "have no meaning without resolve_after")
		}
		return
	case r.ResolveAfter <= last:
		f.Addf(at+".resolve_after", "must be longer than %s", last)
	}
	if r.ResolveCode == "" {
		f.Add(at+".resolve_code", "is required")
	} else if !slices.Contains(codes, r.ResolveCode) {
		f.Addf(at+".resolve_code", "must be one of: %s", list(codes))
	}
	if strings.TrimSpace(r.ResolveNotes) == "" {
		f.Add(at+".resolve_notes", "is required")
	}
}

// holdRule finds the definition of a reason. A reason that the host has removed while records
// had it asks for nothing and is ended by hand.
func (p *Practice) holdRule(r HoldReason) (HoldRule, bool) {
	for _, rule := range p.o.HoldReasons {
		if rule.Reason == r {
			return rule, true
		}
	}
	return HoldRule{Reason: r}, false
}
