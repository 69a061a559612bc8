package routingsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/routingsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestRoutingOverAStoreInMemory(t *testing.T) {
	routingsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
