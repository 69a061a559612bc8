package recurrencesuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/recurrencesuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestRecurrencesOverAStoreInMemory(t *testing.T) {
	recurrencesuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
