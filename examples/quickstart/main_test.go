package main

import (
	"context"
	"fmt"
	"os"
)

func Example() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// incident id-000000001: cannot start while resolved; permitted: reopen, confirm, reply, note, classify, override_priority, restore, set_times, edit, restrict, link, unlink
	//
	// INC0000001 "Nobody in sales can print", priority 2 - High, is closed
	//   Mon 09:00  log          new          Ada (service desk)
	//   Mon 09:10  accept       assigned     Ada (service desk)
	//   Mon 09:20  start        in_progress  Ada (service desk)
	//   Mon 09:30  hold         on_hold      Ada (service desk)
	//              “Which printer is it?”
	//   Mon 09:40  reply        on_hold      Rosa (sales)
	//              “The one on floor 3.”
	//   Mon 09:40  resume       in_progress  Rosa (sales)
	//   Mon 09:50  resolve      resolved     Ada (service desk)
	//   Thu 09:50  auto_close   closed       incident.auto_close
}
