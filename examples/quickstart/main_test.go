package main

func Example() {
	main()
	// Output:
	// incident id-000000001: cannot start while resolved; permitted: reopen, confirm, reply, note, classify, restore, set_times, edit, restrict, link, unlink, tag, untag, attach, detach, log_work, add_cost, reverse_cost
	// INC0000001, priority 2 - High, is closed
	//   Mon 09:00  log        Ada
	//   Mon 09:00  accept     Ada
	//   Mon 09:00  hold       Ada
	//   Mon 09:20  reply      Rosa
	//   Mon 09:20  resume     Rosa
	//   Mon 09:20  resolve    Ada
	//   Thu 09:20  auto_close incident.auto_close
}
