package viewsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/viewsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestViewsOverAStoreInMemory(t *testing.T) {
	viewsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
