// This file holds how bad input and too much work are refused.

package impact

import (
	"errors"
	"fmt"

	"github.com/itsmkit/itsmkit/storage"
)

// maxFaults is how many faults an error lists. The last line then says how many more there are.
const maxFaults = 10_000

type faults struct {
	all  []storage.Fault
	more int
}

func (f *faults) add(field, problem string, args ...any) {
	if len(f.all) >= maxFaults {
		f.more++
		return
	}
	f.all = append(f.all, storage.Fault{Field: field, Problem: fmt.Sprintf(problem, args...)})
}

func (f *faults) err(subject string) error {
	if len(f.all) == 0 {
		return nil
	}
	all := f.all
	if f.more > 0 {
		all = append(all[:len(all):len(all)], storage.Fault{Field: "more", Problem: fmt.Sprintf("faults were found: %d", f.more)})
	}
	return &storage.ValidationError{Subject: subject, Faults: all}
}

// brief keeps a long value out of an error.
func brief(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// ErrWork says that a question would take more work than it was allowed. There is no answer then:
// none is ever cut short silently. The error is a [*WorkError].
var ErrWork = errors.New("more work than allowed")

// WorkError says how much work a question was allowed. It is [ErrWork].
type WorkError struct {
	// Question names what was asked: "impact", "single points of failure".
	Question string
	// Allowed is the number of relations that it was allowed to follow.
	Allowed int
}

func (e *WorkError) Error() string {
	return fmt.Sprintf("%s: following %d relations did not suffice, and more are not allowed; ask for less or allow more work", e.Question, e.Allowed)
}

// Is makes every WorkError ErrWork.
func (e *WorkError) Is(target error) bool { return target == ErrWork }

// DefaultWork is how many relations a question may follow where it does not say: a few seconds'
// work.
const DefaultWork = 200_000_000

// budget counts relations that were followed.
type budget struct {
	question      string
	allowed, left int
}

func newBudget(question string, allowed int) (*budget, error) {
	if allowed < 0 {
		return nil, storage.Invalid(question, "work", "must not be negative; 0 means the default")
	}
	if allowed == 0 {
		allowed = DefaultWork
	}
	return &budget{question: question, allowed: allowed, left: allowed}, nil
}

// spend takes from what is left.
func (b *budget) spend(n int) error {
	b.left -= n
	if b.left < 0 {
		return &WorkError{Question: b.question, Allowed: b.allowed}
	}
	return nil
}

// refuseIn gives the error of one fault.
func refuseIn(subject, field, problem string) error {
	return storage.Invalid(subject, field, problem)
}
