package changesuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/changesuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestChangesOverAStoreInMemory(t *testing.T) {
	changesuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
