// This file holds what a host can set, and its check.

package incident

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Code says how an incident was resolved.
type Code string

// The standard codes.
const (
	// CodeFixed is a lasting correction.
	CodeFixed Code = "fixed"
	// CodeWorkaround restored the service; the cause remains.
	CodeWorkaround Code = "workaround"
	// CodeGuidance answered the requester: nothing was broken.
	CodeGuidance Code = "guidance"
	// CodeNotReproducible was not seen again.
	CodeNotReproducible Code = "not_reproducible"
	// CodeByChange was ended by a change, CodeByProblem by the fix of a problem.
	CodeByChange  Code = "by_change"
	CodeByProblem Code = "by_problem"
	// CodeByVendor was ended by a supplier.
	CodeByVendor Code = "by_vendor"
	// CodeByRequester was ended by its requester, or ended by itself.
	CodeByRequester Code = "by_requester"
)

// StandardCodes gives the standard codes.
func StandardCodes() []Code {
	return []Code{CodeFixed, CodeWorkaround, CodeGuidance, CodeNotReproducible, CodeByChange, CodeByProblem,
		CodeByVendor, CodeByRequester}
}

// Channel is how an incident was reported.
type Channel string

// The standard channels.
const (
	ChannelPhone      Channel = "phone"
	ChannelEmail      Channel = "email"
	ChannelPortal     Channel = "portal"
	ChannelChat       Channel = "chat"
	ChannelWalkIn     Channel = "walk_in"
	ChannelMonitoring Channel = "monitoring"
	ChannelOther      Channel = "other"
)

// StandardChannels gives the standard channels.
func StandardChannels() []Channel {
	return []Channel{ChannelPhone, ChannelEmail, ChannelPortal, ChannelChat, ChannelWalkIn, ChannelMonitoring, ChannelOther}
}

// ChildrenPolicy says what the resolution of an incident means to the incidents that are its
// children (itsm.LinkChildOf).
type ChildrenPolicy string

// The policies.
const (
	// ChildrenResolve resolves open children with the parent's code and notes, by a job that
	// is due at once. It is the default.
	ChildrenResolve ChildrenPolicy = "resolve"
	// ChildrenKeep leaves them as they are.
	ChildrenKeep ChildrenPolicy = "keep"
	// ChildrenBlock refuses to resolve the parent while a child is open.
	ChildrenBlock ChildrenPolicy = "block"
)

// UpdatesPolicy says what the updates of an incident, which are the public notes of those who work on
// it, mean to the incidents that are its children (itsm.LinkChildOf).
type UpdatesPolicy string

// The policies.
const (
	// UpdatesTell writes each on the open children and on theirs, by a job that is due at once. It is
	// the default.
	UpdatesTell UpdatesPolicy = "tell"
	// UpdatesKeep leaves them with the parent.
	UpdatesKeep UpdatesPolicy = "keep"
)

// Never is a period that has no end: for Options.AutoClose, so that what is resolved is closed by
// people alone, and Options.ReopenWindow, so that it can be reopened at any time.
const Never time.Duration = -1

// DefaultAutoClose is how long an incident stays resolved before it is closed.
const DefaultAutoClose = 7 * 24 * time.Hour

// DefaultReviewWithin is how long there is to review a major incident.
const DefaultReviewWithin = 7 * 24 * time.Hour

// Options are what a host can set. The zero value works.
type Options struct {
	// Columns are the host's own columns, made by storage.Custom on [Table]; Indexes are
	// further indexes.
	Columns []storage.ColumnOf[Head]
	Indexes []storage.Index
	// Lifecycle is the table of states and actions; nil is [StandardLifecycle].
	Lifecycle *Lifecycle
	// Matrix gives the priority; nil is itsm.StandardPriorityMatrix.
	Matrix *itsm.PriorityMatrix
	// Impact and Urgency are what a report has that names none; 0 is low.
	Impact  itsm.Impact
	Urgency itsm.Urgency
	// Fields are the host's own fields, kept in the body. An internal field hides the custom
	// column of the same name too.
	Fields *itsm.FieldSet
	// Codes are those of resolutions; nil is [StandardCodes].
	Codes []Code
	// Categories are those that may be used, each with its subcategories; nil allows any text.
	Categories map[string][]string
	// Channels are the ways to report; nil is [StandardChannels]. A report that names none
	// has the last one.
	Channels []Channel
	// HoldReasons are why an incident may wait; nil is [StandardHoldReasons].
	HoldReasons []HoldRule
	// AutoClose is how long an incident stays resolved before it is closed by itself, counted
	// from when it was resolved; 0 is [DefaultAutoClose], negative is never.
	AutoClose time.Duration
	// ReopenWindow is how long after it was resolved it can be reopened; 0 is AutoClose,
	// negative has no end.
	ReopenWindow time.Duration
	// ReopenOnReply reopens a resolved incident when its requester replies within the window.
	// By default the reply only alerts: the event [ReplyReceived].
	ReopenOnReply bool
	// MachineChannels are those in which no person is in touch with the desk: what was reported by
	// them counts for no first contact. Nil is [ChannelMonitoring].
	MachineChannels []Channel
	// FirstContact is how long a first contact lasts at most; 0 is [DefaultFirstContact],
	// negative has no end.
	FirstContact time.Duration
	// FirstLevel are the groups of the first level; none measures no first level.
	FirstLevel []itsm.ID
	// Survey says which requesters are asked how content they are.
	Survey SurveyPolicy
	// Costs says what an hour of work costs.
	Costs CostModel
	// CloseAfterReview keeps an incident that was declared a major one from being closed, by a person or by
	// itself, until it was reviewed.
	CloseAfterReview bool
	// ReviewWithin is until when the review of a major incident is due, counted from when it was
	// asked for; 0 is [DefaultReviewWithin], negative is never.
	ReviewWithin time.Duration
	// Children says what resolving does to child incidents; empty is [ChildrenResolve].
	Children ChildrenPolicy
	// Updates says what becomes of the updates of a parent; empty is [UpdatesTell].
	Updates UpdatesPolicy
	// Customer says whether a tenant is a customer of a service provider's tenant, to which the provider's
	// incidents may fan out, and how they are logged there. It is asked by the command and by each of its
	// jobs, inside and outside of units, and reads nothing from the store. Nil permits none.
	Customer func(ctx context.Context, provider, tenant storage.Tenant) (c Customer, permitted bool, err error)
	// Alerts say what alerts of monitoring systems do.
	Alerts AlertOptions
	// NumberPrefix begins every number; empty is "INC". It is followed by the number, with
	// at least 7 digits.
	NumberPrefix string
	// Blockers name what must be finished before the incident is resolved, such as open
	// tasks; none lets it pass. It only reads. Nil blocks nothing.
	Blockers func(ctx context.Context, r storage.Reader, i Incident) ([]string, error)
	// Route says who gets a new incident that nobody has: one whose report names no group and no
	// assignee, whether a person, an alert, a service provider or the system logged it, and whose
	// state is new and can be assigned. It is asked when all else is checked, before anything of the
	// incident is written, with the incident as it will be put. What it answers is assigned in the same
	// put, as by the system actor "routing", and its Reason stands in the event [Assigned]; an answer
	// without group and assignee leaves the incident to the desk. Its error fails the command. What
	// it writes is part of the unit. Imported incidents, and what [Practice.Preview] shows, are not
	// routed. Nil routes nothing.
	//
	// Whoever it names can read the incident from then on, a restricted one too, and Route is asked of
	// those as well. Package servicedesk leaves them to people where no rule is meant for them.
	Route func(ctx context.Context, u *engine.Unit, i Incident) (Assignment, error)
	// MayRead says whether the actor may know of a record of another kind to which an incident
	// is linked: nil that it may, ErrNotFound or ErrForbidden that it may not. Where it is
	// nil itself, those with "incident.read_internal" on the incident may. In [Practice.Get] what r
	// reads may be newer than the incident is, and than what it read before (storage.Store.Read).
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
}

// withDefaults gives the options with what stands for their zero values, and every fault.
func (o Options) withDefaults() (Options, error) {
	var f itsm.Faults
	if o.Lifecycle == nil {
		o.Lifecycle = StandardLifecycle()
	}
	switch {
	case len(o.Lifecycle.States()) == 0:
		f.Add("lifecycle", "has no states; make it by itsm.NewLifecycle or from StandardLifecycle")
	case o.Lifecycle.Kind() != Kind:
		f.Addf("lifecycle", "is of the kind %q; it must be of the kind %q", o.Lifecycle.Kind(), Kind)
	default:
		for _, s := range o.Lifecycle.Initial() {
			if c, _ := o.Lifecycle.Category(s); !c.Open() || c == itsm.CategoryWaiting {
				f.Addf("lifecycle", "begins in %q, which is %s; it must be new or active", s, c)
			}
		}
		for _, s := range o.Lifecycle.States() {
			f.Text("lifecycle.states", string(s.Name), storage.MaxText, true)
		}
	}
	if o.Matrix == nil {
		o.Matrix = itsm.StandardPriorityMatrix()
	}
	o.Impact = orElse(o.Impact, itsm.ImpactLow)
	o.Urgency = orElse(o.Urgency, itsm.UrgencyLow)
	if _, err := o.Matrix.Of(o.Impact, o.Urgency); err != nil {
		f.Merge("", err)
	}
	o.Codes = checkNames(&f, "codes", o.Codes, StandardCodes)
	o.Channels = checkNames(&f, "channels", o.Channels, StandardChannels)
	o.HoldReasons = checkHoldReasons(&f, o.HoldReasons, o.Codes)
	o.Categories = checkCategories(&f, o.Categories)
	o.AutoClose = orElse(o.AutoClose, DefaultAutoClose)
	o.ReopenWindow = orElse(o.ReopenWindow, o.AutoClose)
	o.Children = orElse(o.Children, ChildrenResolve)
	if !slices.Contains([]ChildrenPolicy{ChildrenResolve, ChildrenKeep, ChildrenBlock}, o.Children) {
		f.Addf("children", "is %q; allowed are resolve, keep and block", o.Children)
	}
	o.checkFirst(&f)
	o.Survey = o.Survey.withDefaults(&f)
	o.Costs = o.Costs.checked(&f)
	o.ReviewWithin = orElse(o.ReviewWithin, DefaultReviewWithin)
	o.Updates = orElse(o.Updates, UpdatesTell)
	if !slices.Contains([]UpdatesPolicy{UpdatesTell, UpdatesKeep}, o.Updates) {
		f.Addf("updates", "is %q; allowed are tell and keep", o.Updates)
	}
	o.Alerts = checkAlerts(&f, o)
	o.NumberPrefix = orElse(o.NumberPrefix, "INC")
	f.Text("number_prefix", o.NumberPrefix, 32, true)
	for _, c := range o.Columns {
		if c == nil {
			f.Add("columns", "has one that is nil; make it by storage.Custom")
		} else if !isCustom(c.Spec().Name) {
			f.Addf("columns", "has %q, which is not a host's own; make it by storage.Custom", c.Spec().Name)
		}
	}
	return o, f.Err("incident options")
}

func orElse[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// checkNames notes what is wrong with a list of names, and gives a copy, or the standard one.
func checkNames[T ~string](f *itsm.Faults, field string, names []T, standard func() []T) []T {
	if names == nil {
		return standard()
	}
	if len(names) == 0 {
		f.Add(field, "are empty; leave them nil for the standard ones")
	}
	for i, n := range names {
		f.Text(fmt.Sprintf("%s[%d]", field, i), string(n), storage.MaxText, true)
		if slices.Contains(names[:i], n) {
			f.Addf(field, "have %q twice", n)
		}
	}
	return slices.Clone(names)
}

func checkCategories(f *itsm.Faults, categories map[string][]string) map[string][]string {
	if categories == nil {
		return nil
	}
	out := make(map[string][]string, len(categories))
	for name, subs := range categories {
		f.Text("categories", name, storage.MaxText, true)
		for i, sub := range subs {
			f.Text("categories."+name, sub, storage.MaxText, true)
			if slices.Contains(subs[:i], sub) {
				f.Addf("categories."+name, "has %q twice", sub)
			}
		}
		out[name] = slices.Clone(subs)
	}
	return out
}
