package changecalsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/changecalsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestTheChangeScheduleOverAStoreInMemory(t *testing.T) {
	changecalsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
