// This file holds the checks of what people enter.

package directory

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/itsm"
)

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// lower gives an address as it is kept, so that it is found however it is written. What is no text
// stays, to be refused.
func lower(address string) string {
	if !utf8.ValidString(address) {
		return address
	}
	return strings.ToLower(address)
}

func lowered(addresses []string) []string {
	var out []string
	for _, a := range addresses {
		out = append(out, lower(a))
	}
	return out
}

// checkEmail notes an address that is not the plain form of RFC 5322: "rita@example.com".
func checkEmail(field, address string, f *itsm.Faults) {
	before := len(f.List())
	if f.Text(field, address, MaxEmail, false); len(f.List()) > before {
		return
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Name != "" || parsed.Address != address {
		f.Add(field, "must be an address such as rita@example.com")
	}
}

// languageTag is the syntax of RFC 5646, section 2.1, without the irregular tags that it keeps from
// the past.
var languageTag = regexp.MustCompile(`(?i)^(?:` +
	`(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})` + // language, and its extensions
	`(?:-[a-z]{4})?` + // script
	`(?:-(?:[a-z]{2}|[0-9]{3}))?` + // region
	`(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*` + // variants
	`(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*` + // extensions
	`(?:-x(?:-[a-z0-9]{1,8})+)?` + // private use
	`|x(?:-[a-z0-9]{1,8})+)$`)

const maxLanguage = 100

func checkLanguage(field, tag string, f *itsm.Faults) {
	if tag != "" && (len(tag) > maxLanguage || !languageTag.MatchString(tag)) {
		f.Add(field, "must be a language tag of BCP 47 such as de-CH")
	}
}

// zoneOf loads a zone of the IANA database. Empty is UTC. The machine's own zone is none: its name
// means another on another machine.
func zoneOf(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, itsm.Invalid("time zone", "zone", "must be a time zone of the IANA database such as Europe/Zurich")
	}
	return zone, nil
}

func checkZone(name string, f *itsm.Faults) {
	_, err := zoneOf(name)
	f.Merge("", err)
}

func checkSkills(skills []Skill, f *itsm.Faults) {
	if len(skills) > MaxSkills {
		f.Addf("skills", "are %d; at most %d are allowed", len(skills), MaxSkills)
		return
	}
	seen := map[string]bool{}
	for i, s := range skills {
		f.Text(at("skills", i)+".name", s.Name, MaxName, true)
		if seen[s.Name] {
			f.Add(at("skills", i)+".name", "is there twice")
		}
		seen[s.Name] = true
		if s.Level < 1 || s.Level > MaxLevel {
			f.Addf(at("skills", i)+".level", "must be from 1 to %d", MaxLevel)
		}
	}
}

// check notes what is wrong with the person beside the records it names.
func (p *Person) check(was *Person, f *itsm.Faults) {
	f.Text("name", p.Name, MaxName, true)
	if p.Email != "" {
		checkEmail("email", p.Email, f)
	}
	if len(p.Emails) > MaxEmails {
		f.Addf("emails", "are %d; at most %d are allowed", len(p.Emails), MaxEmails)
	} else {
		for i, a := range p.Emails {
			checkEmail(at("emails", i), a, f)
		}
	}
	f.Text("phone", p.Phone, MaxPhone, false)
	checkLanguage("language", p.Language, f)
	if p.Zone != was.Zone { // an old one may be unknown to this machine
		checkZone(p.Zone, f)
	}
	p.Hours.validate("hours", f)
	checkSkills(p.Skills, f)
	if p.Capacity < 0 {
		f.Add("capacity", "must not be negative")
	}
	f.Text("notes", p.Notes, MaxNotes, false)
}
