package itsm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

func TestTheSentinelsAreThoseOfStorage(t *testing.T) {
	for _, pair := range [][2]error{
		{itsm.ErrNotFound, storage.ErrNotFound}, {itsm.ErrConflict, storage.ErrConflict}, {itsm.ErrRetry, storage.ErrRetry},
		{itsm.ErrInvalid, storage.ErrInvalid}, {itsm.ErrUnknownOutcome, storage.ErrUnknownOutcome},
	} {
		require.Same(t, pair[1], pair[0])
	}
}

func TestEachTypedErrorIsItsSentinelAndNoOther(t *testing.T) {
	sentinels := []error{itsm.ErrNotFound, itsm.ErrConflict, itsm.ErrRetry, itsm.ErrInvalid, itsm.ErrUnknownOutcome, itsm.ErrForbidden, itsm.ErrTransition}
	for _, c := range []struct{ err, is error }{
		{&itsm.ValidationError{}, itsm.ErrInvalid},
		{&itsm.UnknownStateError{}, itsm.ErrInvalid},
		{&itsm.TransitionError{}, itsm.ErrTransition},
		{&itsm.ForbiddenError{}, itsm.ErrForbidden},
		{itsm.Invalid("a", "b", "c"), itsm.ErrInvalid},
	} {
		for _, s := range sentinels {
			require.Equal(t, s == c.is, errors.Is(fmt.Errorf("wrapped: %w", c.err), s), "%T %v", c.err, s)
		}
	}
}

func TestErrorsReadWell(t *testing.T) {
	require.EqualError(t, &itsm.TransitionError{Kind: "change", State: "review", Action: "close", Reason: "tasks are open; close them first"},
		"change: cannot close while review: tasks are open; close them first", "a reason that names another way is not contradicted")
	require.EqualError(t, &itsm.TransitionError{Kind: "change", State: "review", Action: "close"}, "change: cannot close while review; no action is permitted")
	require.EqualError(t, &itsm.TransitionError{Kind: "change", ID: "CHG7", State: "review", Action: "close", Reason: "tasks are open",
		Missing: []string{"task 1", "task 2"}, Permitted: []string{"reopen"}},
		"change CHG7: cannot close while review: tasks are open; missing: task 1, task 2; permitted: reopen")
	require.EqualError(t, &itsm.ForbiddenError{Actor: "ann", Permission: "incident.log"}, "ann lacks the permission incident.log")
	require.EqualError(t, &itsm.ForbiddenError{Actor: "ann", Permission: "incident.close", Kind: "incident", Reason: "no"},
		"ann lacks the permission incident.close on incident: no")
	require.EqualError(t, &itsm.ForbiddenError{Actor: "ann", Permission: "incident.close", Kind: "incident", ID: "INC1"},
		"ann lacks the permission incident.close on incident INC1")
}

func TestFaultsAreCollectedInOrder(t *testing.T) {
	var f itsm.Faults
	require.True(t, f.Empty())
	require.NoError(t, f.Err("incident"))
	f.Add("title", "is required")
	f.Addf("impact", "must be %d to %d", 1, 3)
	require.False(t, f.Empty())
	err := f.Err("incident")
	require.EqualError(t, err, "incident: invalid: title is required; impact must be 1 to 3")
	f.Add("later", "is not in the error that was given")
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Faults, 2)
	list := f.List()
	list[0].Field = "x"
	require.Equal(t, "title", f.List()[0].Field)

	var none *itsm.Faults
	require.True(t, none.Empty())
	require.NoError(t, none.Err("x"))
	require.Nil(t, none.List())
}

func TestMergeTakesOverTheFaultsOfAPart(t *testing.T) {
	var f itsm.Faults
	f.Merge("note", nil)
	require.True(t, f.Empty())
	f.Merge("note", fmt.Errorf("wrapped: %w", itsm.Invalid("note", "text", "is required")))
	f.Merge("", itsm.Invalid("command", "key", "is empty"))
	f.Merge("money", itsm.Invalid("money", "", "is odd"))
	f.Merge("service", fmt.Errorf("service 7: %w", itsm.ErrNotFound))
	f.Merge("state", &itsm.UnknownStateError{Kind: "incident", State: "x"})
	require.Equal(t, []itsm.Fault{
		{Field: "note.text", Problem: "is required"},
		{Field: "key", Problem: "is empty"},
		{Field: "money", Problem: "is odd"},
		{Field: "service", Problem: "is not found"},
		{Field: "state", Problem: `is not accepted: incident: the lifecycle has no state "x"`},
	}, f.List())
}

func TestAnErrorThatIsNoFaultOfTheInputIsNotMadeOne(t *testing.T) {
	var f itsm.Faults
	f.Add("title", "is required")
	f.Merge("service", context.Canceled)
	f.Merge("service", itsm.ErrRetry)
	require.False(t, f.Empty())
	require.Equal(t, context.Canceled, f.Err("incident"))
	var only itsm.Faults
	only.Merge("x", itsm.ErrRetry)
	require.False(t, only.Empty())
	require.ErrorIs(t, only.Err("x"), itsm.ErrRetry)
}

func TestTextsOfPeopleAreChecked(t *testing.T) {
	for _, c := range []struct {
		name, value string
		max         int
		required    bool
		want        string
	}{
		{"a text", "Printer is on fire\r\n\tagain", 100, true, ""},
		{"empty, not required", "", 5, false, ""},
		{"exactly the length, in characters", "äöüßé", 5, true, ""},
		{"no limit", strings.Repeat("x", 100000), 0, true, ""},
		{"empty", "", 5, true, "is required"},
		{"blank", " \n\t ", 5, true, "is required"},
		{"too long", "äöüßéx", 5, false, "has 6 characters; at most 5 are allowed"},
		{"NUL", "a\x00b", 5, false, "holds a control character; only line breaks and tabs are allowed"},
		{"escape", "\x1b[31m", 9, false, "holds a control character; only line breaks and tabs are allowed"},
		{"C1", "a\u0085b", 9, false, "holds a control character; only line breaks and tabs are allowed"},
		{"delete", "a\x7f", 9, false, "holds a control character; only line breaks and tabs are allowed"},
		{"not UTF-8", "a\xff", 5, false, "is not valid UTF-8"},
		{"several", "\x00\x00\x00", 2, false, "holds a control character; only line breaks and tabs are allowed, and has 3 characters; at most 2 are allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f itsm.Faults
			f.Text("title", c.value, c.max, c.required)
			if c.want == "" {
				require.True(t, f.Empty(), f.List())
				return
			}
			require.Equal(t, []itsm.Fault{{Field: "title", Problem: c.want}}, f.List())
		})
	}
}

func TestKeysAreThoseOfStorage(t *testing.T) {
	var f itsm.Faults
	f.Key("id", "ok")
	f.Key("group", "")
	f.Key("ci", strings.Repeat("x", storage.MaxKey+1))
	require.Equal(t, []itsm.Fault{{Field: "group", Problem: "is required"}, {Field: "ci", Problem: "is longer than 200 bytes"}}, f.List())
}
