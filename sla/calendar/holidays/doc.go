// Package holidays gives the public holidays of countries, and of some of their parts, to calendars.
//
//	office, err = holidays.Add(office, "DE-BY", 2020, 2040)
//
// The dates come from github.com/rickar/cal at the version that go.mod names. The package is a module of its
// own, so that who keeps their own list of holidays does not download that.
package holidays
