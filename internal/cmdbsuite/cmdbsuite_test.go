package cmdbsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/cmdbsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestConfigurationOverAStoreInMemory(t *testing.T) {
	cmdbsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
