package main

func Example() {
	main()
	// Output:
	// incident: invalid: title is required
	// INC0000001 resolved order stopped: 1
}
