package main

func Example() {
	main()
	// Output:
	// closed without a review: true
	// CHG0000001 Fail over to the replica: closed, risk medium
	//   Mon 09:05  tara   change.drafted
	//   Mon 09:05  tara   change.items_changed
	//   Mon 09:05  tara   change.submitted
	//   Mon 09:05  system:change.gates approval.requested
	//   Mon 09:05  system:change.gates approval.gate_opened
	//   Mon 09:07  ella   approval.voted
	//   Mon 09:07  ella   approval.gate_decided
	//   Mon 09:07  ella   approval.decided
	//   Mon 09:07  system:change.gates change.authorised
	//   Mon 09:08  ian    change.started
	//   Mon 09:20  ian    change.completed
	//   Tue 09:20  mona   change.closed
	// INC0000001 waited for it and is new
	//
	// conflict: freeze the freeze "End of the month" covers this change
	// agenda: CHG0000002 New database version waits for [ella kim lee]
	// started in the freeze: false
	// CHG0000002 New database version: closed, risk high
	//   Tue 09:20  mona   change.drafted
	//   Tue 09:20  mona   change.items_changed
	//   Tue 09:20  mona   change.submitted
	//   Tue 09:20  mona   change.assessed
	//   Tue 09:20  system:change.gates approval.requested
	//   Tue 09:20  system:change.gates approval.gate_opened
	//   Tue 10:20  ella   approval.voted
	//   Tue 10:20  kim    approval.voted
	//   Tue 10:20  kim    approval.gate_decided
	//   Tue 10:20  kim    approval.decided
	//   Tue 10:20  system:change.gates change.authorised
	//   Tue 10:20  mona   change.minuted
	//   Wed 23:00  mona   change.rescheduled
	//   Thu 03:00  ian    change.started
	//   Thu 04:30  ian    change.completed
	//   Thu 04:30  mona   change.closed
}
