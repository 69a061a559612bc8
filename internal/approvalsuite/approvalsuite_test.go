package approvalsuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/approvalsuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestApprovalsOverAStoreInMemory(t *testing.T) {
	approvalsuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
