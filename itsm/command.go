// This file holds what every command has.

package itsm

// Command is what every request of a change embeds. Its zero value asks for nothing special.
type Command struct {
	// Key makes the command idempotent: the same request of the same actor under the same
	// key gives the record that came of it, as it is now, and does nothing more. Keys of one
	// command are apart from those of another. They are kept for as long as the engine's options
	// say, a week by default; after that the same key is a new command. Empty means none.
	Key string `json:"key,omitempty"`
	// IfVersion is the version of the record that the caller has seen: any other gives
	// [ErrConflict], as a [VersionError]. 0 means whichever is there.
	IfVersion int64 `json:"if_version,omitempty"`
	// Reason is kept in the audit trail.
	Reason string `json:"reason,omitempty"`
}

// MaxReason is the greatest length of a reason in characters.
const MaxReason = 4000

// Validate gives [ErrInvalid] with every fault: the key is one of storage, the version is not
// negative, the reason is a text of at most [MaxReason] characters.
func (c Command) Validate() error {
	var f Faults
	if c.Key != "" {
		f.Key("key", c.Key)
	}
	if c.IfVersion < 0 {
		f.Add("if_version", "must not be negative")
	}
	f.Text("reason", c.Reason, MaxReason, false)
	return f.Err("command")
}
