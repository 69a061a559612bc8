// This file holds rules as data, and how they are read from JSON.

package notify

import (
	"strings"

	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/storage"
)

// RuleSet is a list of rules. Every rule that matches an event is followed; where two reach one person
// on one channel, the first of them makes the message. A set is a value.
type RuleSet struct {
	Rules []Rule `json:"rules"`
	// Alone leaves out the rules below this set: those of the provider, and those that are shipped.
	Alone bool `json:"alone,omitempty"`
}

// Rule says who is told of an event, on which channels and in which words.
type Rule struct {
	// Name tells the rule from the others of its set. A rule replaces those of the same name in the
	// sets below its own.
	Name string `json:"name"`
	// Off has the rule do nothing, which silences the rule of its name below. It needs nothing else.
	Off bool `json:"off,omitempty"`
	// RecordKind is the kind of record whose events it is about.
	RecordKind string `json:"record_kind,omitempty"`
	// Events are the types of events, each as a whole ("incident.resolved.v1") or by its beginning
	// up to a dot ("incident.*").
	Events []string `json:"events,omitempty"`
	// When is a condition on the record as it is when the event is delivered, and on the event: the
	// columns of the record's table by their names, and those of [EventColumns]. The zero condition
	// always holds.
	When storage.Condition `json:"when"`
	// Audiences are who is told.
	Audiences []Audience `json:"audiences,omitempty"`
	// Channels are how.
	Channels []Channel `json:"channels,omitempty"`
	// Template names the words, which are the sender's.
	Template string `json:"template,omitempty"`
	// Data is given to the template beside what the host tells of the record.
	Data map[string]string `json:"data,omitempty"`
	// Class is what preferences speak of; empty is the rule's name.
	Class string `json:"class,omitempty"`
	// Urgent breaks through quiet hours and digests.
	Urgent bool `json:"urgent,omitempty"`
	// Mandatory cannot be switched off by the reader.
	Mandatory bool `json:"mandatory,omitempty"`
	// TellActor tells also the person who caused the event.
	TellActor bool `json:"tell_actor,omitempty"`
	// CollapseSeconds has a message wait so long, and takes up into it what else the rule has to say
	// about the record meanwhile. 0 does not wait.
	CollapseSeconds int64 `json:"collapse_seconds,omitempty"`
	// ExpireSeconds is how long after the event the message is of use: it is not given to the sender later,
	// whatever kept it. 0 is [DefaultExpiry], and as much more as the reader's own quiet hours and working
	// hours keep it waiting.
	ExpireSeconds int64 `json:"expire_seconds,omitempty"`
	// Until are types of events of the same record after which the message is moot: those that are not
	// sent yet are suppressed.
	Until []string `json:"until,omitempty"`
}

// AudienceKind says who people are to a record.
type AudienceKind string

// The audiences. Whom they come to is for the [Host] to say.
const (
	AudienceRequester AudienceKind = "requester"
	AudienceAffected  AudienceKind = "affected"
	AudienceAssignee  AudienceKind = "assignee"
	// AudienceGroup is the people of the group that has the record.
	AudienceGroup    AudienceKind = "group"
	AudienceWatchers AudienceKind = "watchers"
	// AudienceMembers are the people named for a restricted record.
	AudienceMembers AudienceKind = "members"
	// AudienceOnCall is who was last paged about the record; with a Name who is on call, at the time of the
	// event, by the schedule whose id it is.
	AudienceOnCall AudienceKind = "on_call"
	// AudienceNamed is whom the event itself is addressed to: the person to whom a record was escalated, who
	// is asked for a review. They are told of that event though it is internal, and of the record
	// what they may read.
	AudienceNamed AudienceKind = "named"
	// AudienceRole is who has the role of the Name.
	AudienceRole AudienceKind = "role"
	// AudiencePerson is the one person whose id is the Name. The host is not asked.
	AudiencePerson AudienceKind = "person"
	// AudienceHost is the host's own, told by its Name.
	AudienceHost AudienceKind = "host"
)

var audienceKinds = []AudienceKind{
	AudienceRequester, AudienceAffected, AudienceAssignee, AudienceGroup, AudienceWatchers, AudienceMembers,
	AudienceOnCall, AudienceNamed, AudienceRole, AudiencePerson, AudienceHost,
}

// Audience is a part of those who are told.
type Audience struct {
	Kind AudienceKind `json:"kind"`
	// Name is for those that have one: a role, a person, a schedule, one of the host's own.
	Name string `json:"name,omitempty"`
}

// String says it for people: "requester", "role change_manager".
func (a Audience) String() string {
	return strings.TrimSuffix(string(a.Kind)+" "+a.Name, " ")
}

// Channel is a way to reach a person. The names are the host's; these are the usual ones.
type Channel string

// The usual channels.
const (
	ChannelEmail Channel = "email"
	ChannelSMS   Channel = "sms"
	ChannelChat  Channel = "chat"
	ChannelPush  Channel = "push"
	// ChannelInApp is what a person finds in the host's own program: see [Practice.List].
	ChannelInApp Channel = "in_app"
)

// The bounds of a rule set, so that one from outside cannot exhaust an engine.
const (
	MaxRules     = 500
	MaxEvents    = 50 // types of one rule, and as many that make it moot
	MaxAudiences = 20
	MaxChannels  = 10
	MaxData      = 50    // values of one rule
	MaxValue     = 4_000 // characters of such a value
	// MaxName is the greatest length of a rule's, a class's, a channel's and an audience's name, in
	// characters.
	MaxName = 100
	// MaxJSON is how long the JSON form of a set may be, in bytes.
	MaxJSON = 1 << 20
	// MaxCollapseSeconds is a day, MaxExpireSeconds a year.
	MaxCollapseSeconds = 24 * 60 * 60
	MaxExpireSeconds   = 365 * MaxCollapseSeconds
)

// Parse reads the JSON form of a rule set: one object without unknown members, at most [MaxJSON]
// bytes. Whether it fits the records and events that there are is said when it is drafted.
func Parse(raw []byte) (RuleSet, error) {
	var s RuleSet
	if err := strictjson.Decode("rule set", raw, MaxJSON, &s); err != nil {
		return RuleSet{}, err
	}
	return s, nil
}

// class is what preferences know the rule's messages by.
func (r *Rule) class() string {
	if r.Class != "" {
		return r.Class
	}
	return r.Name
}

// about says whether the rule is about an event of that kind and type.
func (r *Rule) about(recordKind, eventType string) bool {
	return !r.Off && r.RecordKind == recordKind && names(r.Events, eventType)
}

// moot says whether an event of that kind and type makes the rule's messages moot.
func (r *Rule) moot(recordKind, eventType string) bool {
	return !r.Off && r.RecordKind == recordKind && names(r.Until, eventType)
}

// names says whether one of the patterns is the type, or its beginning up to a dot and a star.
func names(patterns []string, eventType string) bool {
	for _, p := range patterns {
		if begin, open := strings.CutSuffix(p, "*"); p == eventType || open && strings.HasPrefix(eventType, begin) {
			return true
		}
	}
	return false
}

// Merged is the rules that hold for a tenant, with the source of each.
type Merged struct {
	Rules []Rule `json:"rules"`
	// Sources are those of the rules, place by place.
	Sources []Source `json:"sources"`
}

// Effective gives the rules that hold, of layers of which the first comes first: the tenant's own, its
// provider's, those that are shipped. A rule takes the place of those of its name further back, and a
// layer that is Alone of everything further back. Rules that are off are not among them. Nothing that
// it is given is changed.
func Effective(layers ...Layer) Merged {
	m := Merged{Rules: []Rule{}, Sources: []Source{}}
	seen := map[string]bool{}
	for _, l := range layers {
		for _, r := range l.Set.Rules {
			if seen[r.Name] {
				continue
			}
			seen[r.Name] = true
			if !r.Off {
				m.Rules, m.Sources = append(m.Rules, r), append(m.Sources, l.Source)
			}
		}
		if l.Set.Alone {
			break
		}
	}
	return m
}
