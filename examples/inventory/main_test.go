package main

func Example() {
	main()
	// Output:
	// scan: 2 created, 0 updated, 0 unchanged
	// sheet: 1 created, 1 updated, 0 unchanged
	// 1 failed: the shop is at-risk
	// 2 failed: the shop is down
	// Shop is down: depends_on hosts, of which 1 of 2 must work
	//   web1 is down: it failed by itself
	//   web2 is down: it failed by itself
	// INC0000001 impacts Shop
	// INC0000001 impacts web1
}
