// Package rewind takes back what events say that they changed, so that a record is known as it was.
package rewind
