package storage

import (
	"errors"
	"strings"
)

// Every error of a store wraps one of these sentinels, which say what a caller can do about
// it. They survive every layer: errors.Is finds them through the engine and the practices, and
// package itsm has the same values under the same names.
var (
	// ErrNotFound says that there is no such record in the tenant. A record of another
	// tenant is not found either: its existence is not told.
	ErrNotFound = errors.New("not found")

	// ErrConflict says that the record has changed since it was read, or exists already
	// where it was to be created. Read again and decide again.
	ErrConflict = errors.New("changed by someone else")

	// ErrRetry says that the whole unit did not happen for a reason that passes: a
	// serialization failure, a deadlock, a busy database. Run it again from its beginning.
	ErrRetry = errors.New("did not happen and can be tried again")

	// ErrInvalid says that what was asked can never work as it stands. The error is
	// usually a *ValidationError that names every fault.
	ErrInvalid = errors.New("invalid")

	// ErrUnknownOutcome says that the connection was lost while a unit was committed:
	// it may have happened, or not. Read before trying again, or use an idempotency key.
	ErrUnknownOutcome = errors.New("outcome unknown")
)

// Error is what an adapter returns: what to do in Err, one of the sentinels, and what the
// driver said in Cause. Its text never repeats the driver's, which may name tables, columns
// or values that the reader must not see; errors.As still finds the driver's own error.
type Error struct {
	// Op names what was tried: "get", "put", "commit".
	Op string
	// Table is the table it was tried on, and ID the record, where there is one.
	Table string
	ID    ID
	// Err is the sentinel.
	Err error
	// Cause is the driver's error, or nil.
	Cause error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("storage: ")
	b.WriteString(e.Op)
	if e.Table != "" {
		b.WriteString(" " + e.Table)
	}
	if e.ID != "" {
		b.WriteString(" " + string(e.ID))
	}
	b.WriteString(": ")
	if e.Err == nil {
		b.WriteString("failed")
	} else {
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the sentinel and the driver's error, so that errors.Is and errors.As find both.
func (e *Error) Unwrap() []error {
	errs := make([]error, 0, 2)
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	return errs
}

// Fault is one thing wrong with an input.
type Fault struct {
	// Field names the field as its JSON form does: "title", "impact", "fields.cost_centre".
	Field string `json:"field"`
	// Problem says what is wrong and what is allowed, without repeating a long value.
	Problem string `json:"problem"`
}

// ValidationError lists everything that is wrong with an input at once. It is ErrInvalid.
type ValidationError struct {
	// Subject is what was checked: "incident", "query on incident".
	Subject string
	// Faults is never empty, in the order in which the fields were checked.
	Faults []Fault
}

func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString(e.Subject)
	b.WriteString(": invalid: ")
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Field)
		b.WriteString(" ")
		b.WriteString(f.Problem)
	}
	return b.String()
}

// Is makes every ValidationError ErrInvalid.
func (e *ValidationError) Is(target error) bool { return target == ErrInvalid }

// TakenError says that another record of the tenant has the values of a unique index already. It is
// ErrInvalid, and a *ValidationError whose faults are the columns: trying again does not help.
type TakenError struct {
	Table string
	// ID is the record that was put.
	ID ID
	// Columns are those of the index.
	Columns []string
	// Cause is the driver's error, or nil.
	Cause error
}

func (e *TakenError) Error() string { return e.validation().Error() }

func (e *TakenError) validation() *ValidationError {
	v := &ValidationError{Subject: e.Table}
	for _, c := range e.Columns {
		v.Faults = append(v.Faults, Fault{Field: c, Problem: "is taken by another record"})
	}
	return v
}

// Is makes every TakenError ErrInvalid.
func (e *TakenError) Is(target error) bool { return target == ErrInvalid }

// As gives the *ValidationError that it is.
func (e *TakenError) As(target any) bool {
	v, ok := target.(**ValidationError)
	if ok {
		*v = e.validation()
	}
	return ok
}

// Unwrap gives the driver's error.
func (e *TakenError) Unwrap() error { return e.Cause }

// Invalid gives the ValidationError of one fault.
func Invalid(subject, field, problem string) error {
	return &ValidationError{Subject: subject, Faults: []Fault{{Field: field, Problem: problem}}}
}
