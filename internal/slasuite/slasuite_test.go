package slasuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/slasuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestServiceLevelsOverAStoreInMemory(t *testing.T) {
	slasuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
