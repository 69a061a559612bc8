package incidentsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/incidentsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestThePracticeOverAStoreInMemory(t *testing.T) {
	incidentsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
