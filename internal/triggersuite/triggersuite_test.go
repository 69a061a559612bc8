package triggersuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/triggersuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestTriggersOverAStoreInMemory(t *testing.T) {
	triggersuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
