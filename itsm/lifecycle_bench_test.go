package itsm_test

import (
	"context"
	"testing"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

func BenchmarkLifecycleFire(b *testing.B) {
	l := ticketLifecycle(b)
	attempt := itsm.Attempt[*ticket]{
		Subject: &ticket{Assignee: "ann", Code: "fixed", Notes: "restarted"},
		Actor:   itsm.Actor{Tenant: "acme", ID: "ann"},
		Now:     time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), Previous: "in_progress",
	}
	ctx := context.Background()
	fire := func(b *testing.B, from state, on action) {
		if _, err := l.Fire(ctx, from, on, attempt); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("move with needs and guard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fire(b, stateInProgress, "resolve")
		}
	})
	b.Run("return", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fire(b, stateOnHold, "resume")
		}
	})
	b.Run("stay", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fire(b, stateAssigned, "reassign")
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				fire(b, stateInProgress, "resolve")
			}
		})
	})
}

func BenchmarkLifecycleActions(b *testing.B) {
	l := ticketLifecycle(b)
	attempt := itsm.Attempt[*ticket]{Subject: &ticket{}, Actor: itsm.Actor{Tenant: "acme", ID: "ann"}}
	b.ReportAllocs()
	for b.Loop() {
		l.Actions(stateInProgress, attempt)
	}
}
