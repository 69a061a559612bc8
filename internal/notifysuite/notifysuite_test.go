package notifysuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/notifysuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestNotificationsOverAStoreInMemory(t *testing.T) {
	notifysuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
