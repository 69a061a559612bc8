package webhooksuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/webhooksuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestWebhooksOverAStoreInMemory(t *testing.T) {
	webhooksuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
