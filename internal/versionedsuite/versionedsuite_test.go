package versionedsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/versionedsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestVersionsOverAStoreInMemory(t *testing.T) {
	versionedsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
