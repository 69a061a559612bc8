package oncallsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/oncallsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestOnCallOverAStoreInMemory(t *testing.T) {
	oncallsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
