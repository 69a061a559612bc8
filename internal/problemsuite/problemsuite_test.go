package problemsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/problemsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestMemory(t *testing.T) {
	problemsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
