package interactionsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/interactionsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestInteractionsOverAStoreInMemory(t *testing.T) {
	interactionsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
