// This file holds the authorised envelope: what exactly the gates of a change are asked to decide about, and what of it
// may be another afterwards.

package change

import (
	"time"

	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
)

// Envelope is what was asked for, or authorised: plans, configuration items and their proposed changes, model and
// template by their hash, and bounds for what may be less than that. A planned window inside of Window, a shorter outage
// and a lower risk stay in the envelope; to take the planned window away does not. It is made inside of Window alone, planned
// or not.
type Envelope struct {
	Hash string `json:"hash"`
	// Window is the window in which the planned one may lie; the zero window is any time.
	Window Window `json:"window,omitzero"`
	// OutageMinutes is the longest outage, and Risk the highest risk.
	OutageMinutes int64      `json:"outage_minutes,omitempty"`
	Risk          risk.Level `json:"risk,omitempty"`
	// At is when it was asked for or authorised, Basis on what it was.
	At    time.Time `json:"at"`
	Basis Basis     `json:"basis,omitempty"`
}

// Basis says on what a change was authorised.
type Basis string

// The bases.
const (
	// BasisGates: people decided in every gate. BasisAutomatic: the policy authorises it without a vote, and says so.
	BasisGates     Basis = "gates"
	BasisAutomatic Basis = "automatic"
	// BasisTemplate: its template was approved.
	BasisTemplate Basis = "template"
)

// content is what the hash is made of.
type content struct {
	Model     ModelName       `json:"model"`
	Template  TemplateVersion `json:"template"`
	Plans     Plans           `json:"plans"`
	CIs       []itsm.ID       `json:"cis"`
	Proposals []Proposal      `json:"proposals"`
	Window    Window          `json:"window"`
	Outage    int64           `json:"outage_minutes"`
	Risk      risk.Level      `json:"risk"`
	// What a retrospective change is asked to be judged by.
	Done    Window  `json:"done"`
	Outcome Outcome `json:"outcome"`
}

// minutesOf rounds up to whole minutes.
func minutesOf(w Window) int64 {
	if w.IsZero() {
		return 0
	}
	return int64((w.End.Sub(w.Start) + time.Minute - 1) / time.Minute)
}

// envelope gives what the change comes to. Within one that was asked for or authorised before, its bounds stand in for what
// is inside of them, so that the hash is the same exactly where the change is inside.
func (c *Change) envelope(in *Envelope) (Envelope, error) {
	e := Envelope{Window: c.Planned(), OutageMinutes: minutesOf(c.Outage), Risk: c.Risk}
	if c.Within.Covers(c.Planned()) && !c.Within.IsZero() {
		e.Window = c.Within
	}
	if in != nil {
		switch planned := c.Planned(); {
		case in.Window.IsZero():
			e.Window = in.Window
		case !planned.IsZero() && in.Window.Covers(planned):
			e.Window = in.Window
		}
		e.OutageMinutes = max(e.OutageMinutes, in.OutageMinutes)
		e.Risk = max(e.Risk, in.Risk)
	}
	of := content{
		Model: c.Model, Template: c.TemplateVersion, Plans: c.Plans, CIs: c.CIs, Proposals: c.Proposals,
		Window: e.Window, Outage: e.OutageMinutes, Risk: e.Risk,
	}
	if c.Type == TypeRetrospective {
		of.Done, of.Outcome = Window{Start: c.ActualStart, End: c.ActualEnd}, c.Outcome
	}
	var err error
	e.Hash, err = approval.HashOf(of)
	return e, err
}

// inside says whether the change is what the envelope has.
func (c *Change) inside(e *Envelope) (bool, error) {
	if e == nil {
		return false, nil
	}
	now, err := c.envelope(e)
	return err == nil && now.Hash == e.Hash, err
}

// outsideAuthorised says why the change may not be made at an instant: it was authorised for a window that does not have it.
func (c *Change) outsideAuthorised(at time.Time) string {
	if c.Approved == nil || c.Approved.Window.IsZero() || c.Approved.Window.Contains(at) {
		return ""
	}
	in := c.Approved.Window
	return "it is outside the window that was authorised, which is from " + in.Start.Format(time.DateTime) + " to " + in.End.Format(time.DateTime) + " UTC"
}

// unplanned says whether an edit took the planned window away. What was asked for with one is not inside the envelope without.
func (w *work) unplanned() bool { return w.Planned().IsZero() && !w.Was.Planned().IsZero() }

// begun says whether what is authorised is being made, or was.
func (c *Change) begun() bool { return !c.ActualStart.IsZero() && c.Type != TypeRetrospective }
