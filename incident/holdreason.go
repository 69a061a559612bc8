// This file holds why an incident waits.

package incident

import (
	"fmt"
	"slices"

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
}

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

func checkHoldReasons(f *itsm.Faults, rules []HoldRule) []HoldRule {
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
	}
	return slices.Clone(rules)
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
