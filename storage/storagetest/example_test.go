package storagetest_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/storagetest"
)

// The test of an adapter, here of package memory.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestConformance(t *testing.T)
		storagetest.Run(t, func(t *testing.T) storage.Store { return memory.New() })
	}
}

// A longer model test than the one that Run has, for a nightly build: run it with
// -rapid.checks=10000 -rapid.steps=100.
func ExampleRunModel() {
	_ = func(t *testing.T) { // func TestModel(t *testing.T)
		storagetest.RunModel(t, func(t *testing.T) storage.Store { return memory.New() })
	}
}
