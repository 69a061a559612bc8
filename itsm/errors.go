// This file holds the errors of the library: sentinels that say what to do, and types that
// say what happened.

package itsm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/storage"
)

// Tenant names one customer, company or department whose data stands apart from all others.
type Tenant = storage.Tenant

// ID names a record, a person or a group within its tenant.
type ID = storage.ID

// The sentinels of package storage, as the same values: errors.Is finds them through every
// layer, whichever package's name is used.
var (
	// ErrNotFound says that there is no such record in the tenant, or none that the actor
	// may know of.
	ErrNotFound = storage.ErrNotFound
	// ErrConflict says that the record has changed since it was read, or exists already.
	ErrConflict = storage.ErrConflict
	// ErrRetry says that nothing happened, for a reason that passes: run it again.
	ErrRetry = storage.ErrRetry
	// ErrInvalid says that what was asked can never work as it stands.
	ErrInvalid = storage.ErrInvalid
	// ErrUnknownOutcome says that a commit may have happened, or not.
	ErrUnknownOutcome = storage.ErrUnknownOutcome
)

var (
	// ErrForbidden says that the actor lacks a permission. The error is a [*ForbiddenError].
	ErrForbidden = errors.New("forbidden")
	// ErrTransition says that the record's state, or a guard, does not permit the action
	// now. The error is a [*TransitionError] that names what is permitted.
	ErrTransition = errors.New("not permitted in this state")
)

// ValidationError lists everything that is wrong with an input at once. It is [ErrInvalid].
type ValidationError = storage.ValidationError

// Fault is one thing wrong with an input: the field as its JSON form names it, and what is
// wrong with it.
type Fault = storage.Fault

// Invalid gives the [*ValidationError] of one fault.
func Invalid(subject, field, problem string) error {
	return storage.Invalid(subject, field, problem)
}

// Faults collects what is wrong with an input, so that its author learns everything at once.
// The zero value is ready. It is not for use by several goroutines at once.
type Faults struct {
	list  []Fault
	other error
}

// Add notes one fault. The problem continues a sentence that begins with the field's name:
// "must be 1, 2 or 3". What is not there and must be "is required", whatever it is.
func (f *Faults) Add(field, problem string) {
	f.list = append(f.list, Fault{Field: field, Problem: problem})
}

// Addf is [Faults.Add] with a format as of fmt.Sprintf.
func (f *Faults) Addf(field, format string, args ...any) {
	f.Add(field, fmt.Sprintf(format, args...))
}

// Empty says that nothing is wrong so far. A nil collector is empty.
func (f *Faults) Empty() bool { return f == nil || len(f.list) == 0 && f.other == nil }

// List gives a copy of the faults so far, in the order in which they were added.
func (f *Faults) List() []Fault {
	if f == nil {
		return nil
	}
	return slices.Clone(f.list)
}

// Err gives nil when nothing is wrong, and otherwise a [*ValidationError] about the subject
// with every fault. It gives the error that [Faults.Merge] kept instead, when there is one.
func (f *Faults) Err(subject string) error {
	switch {
	case f.Empty():
		return nil
	case f.other != nil:
		return f.other
	}
	return &ValidationError{Subject: subject, Faults: slices.Clone(f.list)}
}

// Merge takes over the faults of a part, its fields named under the prefix ("note" makes
// "note.text" of "text"; an empty prefix changes no name). nil adds nothing. Another
// [ErrInvalid] or [ErrNotFound] becomes a fault of the field that the prefix names. Any other
// error is no fault of the input: the first is kept, and [Faults.Err] gives it as it is.
func (f *Faults) Merge(prefix string, err error) {
	if err == nil {
		return
	}
	var invalid *ValidationError
	switch {
	case errors.As(err, &invalid):
		for _, fault := range invalid.Faults {
			f.Add(joinField(prefix, fault.Field), fault.Problem)
		}
	case errors.Is(err, ErrNotFound):
		f.Add(prefix, "is not found")
	case errors.Is(err, ErrInvalid):
		f.Addf(prefix, "is not accepted: %v", err)
	case f.other == nil:
		f.other = err
	}
}

// Text checks a text of a person: valid UTF-8, no control characters except line feed,
// carriage return and tab, at most max characters (Unicode code points; 0 for no limit), and
// when it is required, not blank. A value with several faults gets one entry that names them.
func (f *Faults) Text(field, value string, max int, required bool) {
	var problems []string
	if required && strings.TrimSpace(value) == "" {
		problems = append(problems, "is required")
	}
	if !utf8.ValidString(value) {
		problems = append(problems, "is not valid UTF-8")
	} else if strings.IndexFunc(value, isForbiddenControl) >= 0 {
		problems = append(problems, "holds a control character; only line breaks and tabs are allowed")
	}
	if max > 0 {
		if n := utf8.RuneCountInString(value); n > max {
			problems = append(problems, fmt.Sprintf("has %d characters; at most %d are allowed", n, max))
		}
	}
	if len(problems) > 0 {
		f.Add(field, strings.Join(problems, ", and "))
	}
}

// Key checks an id, a tenant or another key of storage: not empty, at most 200 bytes of
// valid UTF-8 without control characters.
func (f *Faults) Key(field, value string) {
	problem := storage.CheckKey(value)
	if value == "" {
		problem = "is required" // as a text is
	}
	if problem != "" {
		f.Add(field, problem)
	}
}

// has says whether a fault of the field is noted.
func (f *Faults) has(field string) bool {
	return f != nil && slices.ContainsFunc(f.list, func(x Fault) bool { return x.Field == field })
}

func joinField(prefix, field string) string {
	switch {
	case prefix == "":
		return field
	case field == "":
		return prefix
	}
	return prefix + "." + field
}

func isForbiddenControl(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
}

// TransitionError says that an action is not permitted in a record's state, or not now, and
// what is permitted. It is [ErrTransition].
type TransitionError struct {
	// Kind and ID name the record. ID is empty where the caller gave none.
	Kind string
	ID   ID
	// State is the state in which the record is, and Action what was tried.
	State, Action string
	// Reason says why, in the guard's words. Empty means that the state has no such action.
	Reason string
	// Missing names what must be there first (open tasks, a link). [Lifecycle.Fire] leaves
	// it empty: fields that are missing make a [*ValidationError].
	Missing []string
	// Permitted names the actions that people can take from this state, in table order,
	// without those that a guard refuses. Whether the actor has their permissions is
	// another question.
	Permitted []string
}

func (e *TransitionError) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind)
	if e.ID != "" {
		b.WriteString(" " + string(e.ID))
	}
	fmt.Fprintf(&b, ": cannot %s while %s", e.Action, e.State)
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if len(e.Missing) > 0 {
		b.WriteString("; missing: " + strings.Join(e.Missing, ", "))
	}
	switch {
	case len(e.Permitted) > 0:
		b.WriteString("; permitted: " + strings.Join(e.Permitted, ", "))
	case e.Reason == "": // a reason says itself what else there is
		b.WriteString("; no action is permitted")
	}
	return b.String()
}

// Is makes every TransitionError [ErrTransition].
func (e *TransitionError) Is(target error) bool { return target == ErrTransition }

// UnknownStateError says that a record is in a state that its lifecycle does not have: the
// host removed it while records were in it. It is [ErrInvalid].
type UnknownStateError struct {
	Kind, State string
}

func (e *UnknownStateError) Error() string {
	return fmt.Sprintf("%s: the lifecycle has no state %q", e.Kind, e.State)
}

// Is makes every UnknownStateError [ErrInvalid].
func (e *UnknownStateError) Is(target error) bool { return target == ErrInvalid }

// VersionError says that a record has another version than the one that the caller has seen. It
// is [ErrConflict].
type VersionError struct {
	Kind string
	ID   ID
	// Seen is the version that the command named, Current the one that the record has.
	Seen, Current int64
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s %s: changed by someone else: it is at version %d, not %d", e.Kind, e.ID, e.Current, e.Seen)
}

// Is makes every VersionError [ErrConflict].
func (e *VersionError) Is(target error) bool { return target == ErrConflict }

// ForbiddenError says which permission an actor lacks, and on what. It is [ErrForbidden].
type ForbiddenError struct {
	// Actor lacks the permission in the tenant.
	Actor      ID
	Tenant     Tenant
	Permission Permission
	// Kind and ID name the record; both are empty where the permission was asked for as such.
	Kind string
	ID   ID
	// Reason says why: no role grants it, or only for other records.
	Reason string
}

func (e *ForbiddenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s lacks the permission %s", e.Actor, e.Permission)
	if e.Tenant != "" {
		b.WriteString(" in tenant " + string(e.Tenant))
	}
	if e.Kind != "" {
		b.WriteString(" on " + e.Kind)
		if e.ID != "" {
			b.WriteString(" " + string(e.ID))
		}
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	return b.String()
}

// Is makes every ForbiddenError [ErrForbidden].
func (e *ForbiddenError) Is(target error) bool { return target == ErrForbidden }
