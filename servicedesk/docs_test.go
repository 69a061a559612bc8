package servicedesk_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/servicedesk"
)

// TestTheDrawingIsThatOfTheRegistrations holds docs/servicedesk.md to what is wired; -update writes it.
func TestTheDrawingIsThatOfTheRegistrations(t *testing.T) {
	generated.Parts(t, "../docs/servicedesk.md", map[string]string{"wiring": "```mermaid\n" + newDesk(t, servicedesk.Config{}).Wiring() + "```\n"})
}
