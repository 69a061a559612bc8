package incidenttest

import (
	"testing"

	"github.com/itsmkit/itsmkit/storage"
)

func runModel(t *testing.T, newStore func(*testing.T) storage.Store) {}
