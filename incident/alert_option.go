// This file holds what a host can set about alerts, and its check.

package incident

import (
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Severity is how grave a monitoring system takes an alert to be.
type Severity string

// The standard severities. Those of ITU-T X.733 are critical, major, minor and warning.
const (
	SeverityCritical Severity = "critical"
	SeverityMajor    Severity = "major"
	SeverityMinor    Severity = "minor"
	SeverityWarning  Severity = "warning"
	SeverityInfo     Severity = "info"
)

// SeverityRule says what a severity means for an incident.
type SeverityRule struct {
	Severity Severity
	Impact   itsm.Impact
	Urgency  itsm.Urgency
}

// StandardSeverities gives the standard severities, the gravest first.
func StandardSeverities() []SeverityRule {
	return []SeverityRule{
		{SeverityCritical, itsm.ImpactHigh, itsm.UrgencyHigh},
		{SeverityMajor, itsm.ImpactHigh, itsm.UrgencyMedium},
		{SeverityMinor, itsm.ImpactMedium, itsm.UrgencyMedium},
		{SeverityWarning, itsm.ImpactLow, itsm.UrgencyMedium},
		{SeverityInfo, itsm.ImpactLow, itsm.UrgencyLow},
	}
}

// AlertPolicy says what an alert does whose incident is resolved, within the window in which it can
// be reopened.
type AlertPolicy string

// The policies.
const (
	// AlertsReopen reopens the incident. It is the default. Where the lifecycle refuses, the alert
	// logs a new incident that follows up.
	AlertsReopen AlertPolicy = "reopen"
	// AlertsFollowUp logs a new incident, linked to the resolved one as its follow-up.
	AlertsFollowUp AlertPolicy = "follow_up"
	// AlertsCount counts the alert and leaves the incident as it is.
	AlertsCount AlertPolicy = "count"
)

// DefaultAlertsKept is how many of the alerts of one key an incident keeps one by one.
const DefaultAlertsKept = 1000

// AlertOptions say what alerts do. The zero value works.
type AlertOptions struct {
	// Severities are those that alerts may have, the gravest first, with the impact and urgency of
	// the incident that is logged; nil is [StandardSeverities]. An alert that names none has the
	// last one.
	Severities []SeverityRule
	// KeepSeverity leaves impact and urgency as the first alert set them. By default a graver alert
	// of the same key raises them, and none ever lowers them.
	KeepSeverity bool
	// AfterResolved is what an alert does whose incident is resolved; empty is [AlertsReopen].
	AfterResolved AlertPolicy
	// ResolveAfter is how long the alerts of an incident must have been cleared, without one of them
	// firing again, before it is resolved by itself. 0 or negative is never: a clear only proposes.
	ResolveAfter time.Duration
	// ResolutionCode is the code of that resolution; empty is [CodeByRequester], that of incidents
	// which ended by themselves. It is one of Options.Codes where ResolveAfter is set.
	ResolutionCode Code
	// Keep is how many of the alerts of one key an incident keeps one by one, the newest; 0 is
	// [DefaultAlertsKept]. All are counted.
	Keep int
}

// checkAlerts gives the options of alerts with what stands for their zero values.
func checkAlerts(f *itsm.Faults, o Options) AlertOptions {
	a := o.Alerts
	a.Severities = slices.Clone(a.Severities)
	if a.Severities == nil {
		a.Severities = StandardSeverities()
	}
	if len(a.Severities) == 0 {
		f.Add("alerts.severities", "are empty; leave them nil for the standard ones")
	}
	for i, s := range a.Severities {
		field := at("alerts.severities", i)
		f.Text(field, string(s.Severity), storage.MaxText, true)
		if slices.ContainsFunc(a.Severities[:i], func(other SeverityRule) bool { return other.Severity == s.Severity }) {
			f.Addf(field, "is %q, which is there already", s.Severity)
		}
		_, err := o.Matrix.Of(s.Impact, s.Urgency)
		f.Merge(field, err)
	}
	a.AfterResolved = orElse(a.AfterResolved, AlertsReopen)
	if !slices.Contains([]AlertPolicy{AlertsReopen, AlertsFollowUp, AlertsCount}, a.AfterResolved) {
		f.Addf("alerts.after_resolved", "is %q; allowed are reopen, follow_up and count", a.AfterResolved)
	}
	a.ResolutionCode = orElse(a.ResolutionCode, CodeByRequester)
	if a.ResolveAfter > 0 && !slices.Contains(o.Codes, a.ResolutionCode) {
		f.Addf("alerts.resolution_code", "must be one of: %s", list(o.Codes))
	}
	a.Keep = orElse(a.Keep, DefaultAlertsKept)
	if a.Keep < 0 {
		f.Add("alerts.keep", "must not be negative")
	}
	return a
}

// rank is the place of a severity, 0 for the gravest; one that is unknown comes after all.
func (a *AlertOptions) rank(s Severity) int {
	i := slices.IndexFunc(a.Severities, func(r SeverityRule) bool { return r.Severity == s })
	if i < 0 {
		return len(a.Severities)
	}
	return i
}

// alertChannel is the channel of incidents that alerts log.
func (o *Options) alertChannel() Channel {
	if slices.Contains(o.Channels, ChannelMonitoring) {
		return ChannelMonitoring
	}
	return o.Channels[len(o.Channels)-1]
}
