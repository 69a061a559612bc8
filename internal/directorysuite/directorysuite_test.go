package directorysuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/directorysuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestTheDirectoryOverAStoreInMemory(t *testing.T) {
	directorysuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
