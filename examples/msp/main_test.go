package main

func Example() {
	main()
	// Output:
	// acme     replies within  60 minutes. This value comes from Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC.
	// globex   replies within  15 minutes. This value comes from globex, set by gus on 2 March 2026 at 09:00 UTC.
	// initech  replies within  60 minutes. This value comes from Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC.
	// acme sees 1
	//   INC0000001 No connection to the data centre: resolved
	//     "We expect the connection back at ten."
	// globex sees 1
	//   INC0000001 No connection to the data centre: resolved
	//     "We expect the connection back at ten."
	// initech sees 0
	// northwind sees 1
	//   INC0000001 Firewall fw-7 lost its configuration: resolved
	//     "Ned forgot to save it"
	//     "We expect the connection back at ten."
}
