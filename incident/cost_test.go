package incident_test

import (
	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
)

func euro(amount string) itsm.Money {
	return itsm.Money{Amount: decimal.RequireFromString(amount), Currency: "EUR"}
}
