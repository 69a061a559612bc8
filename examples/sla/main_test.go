package main

func Example() {
	main()
	// Output:
	// the chain is kept: true with at least 54h to spare
	// first to be breached: resolution after Tue 16:00
	// Tue 12:00 half of resolution is reached: []
	// Tue 14:00 most of resolution is reached: [reassign:network]
	//
	// resolution of gold: priority 2, 8h of office, Europe/London
	// Thu 2026-04-02 14:00  Thu 2026-04-02 16:00        2h       2h  counts
	// Thu 2026-04-02 16:00  Tue 2026-04-07 10:00                     paused: caller (2h open)
	// Tue 2026-04-07 10:00  Tue 2026-04-07 15:30     5h30m    7h30m  counts
	// counted 7h30m of 8h; met, due Tue 2026-04-07 16:00
	//
	// response of gold: 4h of always, UTC
	// counted 0s of 4h; met, due Thu 2026-04-02 17:00
	//
	// resolution of network: 2h of always, UTC
	// Tue 2026-04-07 13:00  Tue 2026-04-07 14:30     1h30m    1h30m  counts
	// counted 1h30m of 2h; met, due Tue 2026-04-07 15:00
	//
	// outside_hours, says the agreement initech
	// Wed 22:31 response of gold is breached
	// Thu 11:00 half of resolution is reached: []
	// Thu 12:00 most of resolution is reached: [reassign:network]
	// Thu 13:01 resolution of gold is breached
	// 255 of 300 minutes are left of 2026-04
	//
	// initech, version 1, 2026-04
	// desk for initech
	// resolution: 50.00 % (1 met, 1 breached, 0 open), promised 80 %: not kept
	// response: 50.00 % (1 met, 1 breached, 0 open), promised 90 %: not kept
	// credit: 50.00 GBP (5 % of 1000.00 GBP)
}
