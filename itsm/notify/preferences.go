// This file holds what a person wants to be told, how and when.

package notify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/storage"
)

// Digest says whether messages come one by one, or together.
type Digest string

// The digests.
const (
	// DigestNone has each message come at once; it is the zero value.
	DigestNone Digest = ""
	// DigestHourly has what there is come together at the next full hour.
	DigestHourly Digest = "hourly"
	// DigestDaily has it come together once a day, at a time by the clock on the wall.
	DigestDaily Digest = "daily"
)

// DefaultDigestTime is the time of the day of a daily digest that names none.
const DefaultDigestTime = "08:00"

// Choice is what a person wants of some messages.
type Choice struct {
	// Class and Channel say which messages; empty is every one. A class may end in ".*" for all that
	// begin with what stands before the star.
	Class   string  `json:"class,omitempty"`
	Channel Channel `json:"channel,omitempty"`
	// Off has none of them sent, unless the rule is mandatory.
	Off    bool   `json:"off,omitempty"`
	Digest Digest `json:"digest,omitempty"`
	// At is the time of the day of a daily digest, as "17:30"; empty is [DefaultDigestTime]. A time
	// that a day does not have is the moment at which it is skipped, one that comes twice the first.
	At string `json:"at,omitempty"`
}

// Preferences are what a person wants. The zero value is to be told everything at once.
type Preferences struct {
	// Choices are asked in order: the first that is about a message holds.
	Choices []Choice `json:"choices,omitempty"`
	// Quiet are the hours of the week in which nothing is sent that is not urgent, by the clock of the
	// person's time zone: what comes meanwhile waits for their end.
	Quiet directory.Hours `json:"quiet,omitempty"`
	// WorkingHoursOnly has everything that is not urgent wait for the hours in which the person works.
	WorkingHoursOnly bool `json:"working_hours_only,omitempty"`
	// Urgent are classes that break through the quiet and come at once, beside what the rules call
	// urgent. They may end in ".*".
	Urgent []string `json:"urgent,omitempty"`
}

// MaxChoices is how many choices a person may make, and how many classes call urgent.
const MaxChoices = 100

// Validate gives ErrInvalid with every fault.
func (p Preferences) Validate() error {
	var f itsm.Faults
	p.check("", &f)
	return f.Err("preferences")
}

func (p Preferences) check(prefix string, f *itsm.Faults) {
	if len(p.Choices) > MaxChoices {
		f.Addf(prefix+"choices", "are %d; at most %d are allowed", len(p.Choices), MaxChoices)
	}
	for i, c := range p.Choices[:min(len(p.Choices), MaxChoices)] {
		at := fmt.Sprintf("%schoices[%d]", prefix, i)
		f.Text(at+".class", c.Class, MaxName, false)
		if c.Channel != "" && !validChannel(c.Channel) {
			f.Addf(at+".channel", "is %s; write at most %d lower-case letters, digits and underscores", quoted(string(c.Channel)), MaxName)
		}
		if c.Digest != DigestNone && c.Digest != DigestHourly && c.Digest != DigestDaily {
			f.Addf(at+".digest", "is %s; allowed are hourly, daily, or none at all", quoted(string(c.Digest)))
		}
		if c.Off && c.Digest != DigestNone {
			f.Add(at+".digest", "has no meaning for what is off")
		}
		switch _, err := time.Parse("15:04", c.At); {
		case c.At == "":
		case c.Digest != DigestDaily:
			f.Add(at+".at", "has a meaning only for a daily digest")
		case err != nil || len(c.At) != len("15:04"):
			f.Addf(at+".at", `is %s; write a time of the day such as "08:00"`, quoted(c.At))
		}
	}
	if len(p.Urgent) > MaxChoices {
		f.Addf(prefix+"urgent", "are %d; at most %d are allowed", len(p.Urgent), MaxChoices)
	}
	for i, class := range p.Urgent[:min(len(p.Urgent), MaxChoices)] {
		f.Text(fmt.Sprintf("%surgent[%d]", prefix, i), class, MaxName, true)
	}
	if err := p.Quiet.Validate(); err != nil {
		var v *storage.ValidationError
		if errors.As(err, &v) {
			for _, x := range v.Faults {
				f.Add(prefix+"quiet"+x.Field, x.Problem)
			}
		}
	} else if _, ok := quietUntil(p.Quiet, time.Unix(0, 0).UTC()); !ok {
		f.Add(prefix+"quiet", "leaves no time of the week in which anything could be sent")
	}
}

// choice gives what the person wants of a class's messages on a channel.
func (p *Preferences) choice(class string, channel Channel) Choice {
	for _, c := range p.Choices {
		if (c.Class == "" || names([]string{c.Class}, class)) && (c.Channel == "" || c.Channel == channel) {
			return c
		}
	}
	return Choice{}
}

// urgent says whether the person calls a class urgent.
func (p *Preferences) urgent(class string) bool { return names(p.Urgent, class) }

func (p Preferences) clone() Preferences {
	p.Choices, p.Quiet, p.Urgent = slices.Clone(p.Choices), slices.Clone(p.Quiet), slices.Clone(p.Urgent)
	return p
}

// Preference is the stored preferences of one person. Its id is the person's.
type Preference struct {
	PreferenceHead
	Preferences
}

// PreferenceHead is what preferences are listed by.
type PreferenceHead struct {
	storage.Meta
	// ChangedBy last set them.
	ChangedBy itsm.ID `json:"changed_by"`
}

// KindPreference is the kind of record that a person's preferences are.
const KindPreference = "notification_preference"

// PreferenceByChangedBy is the column of who last set them.
var PreferenceByChangedBy = storage.Col("changed_by", func(h *PreferenceHead) *itsm.ID { return &h.ChangedBy })

// PreferenceTable is the table of preferences.
var PreferenceTable = storage.Define(KindPreference, storage.Def[Preference, PreferenceHead, Preferences]{
	Parts:   func(p *Preference) (*PreferenceHead, *Preferences) { return &p.PreferenceHead, &p.Preferences },
	Columns: []storage.ColumnOf[PreferenceHead]{PreferenceByChangedBy},
})
