module github.com/itsmkit/itsmkit/sla/calendar/holidays

go 1.24

require (
	github.com/itsmkit/itsmkit v0.0.0
	github.com/rickar/cal/v2 v2.1.26
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/qmuntal/stateless v1.7.2 // indirect
	github.com/shopspring/decimal v1.6.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/itsmkit/itsmkit => ../../..
