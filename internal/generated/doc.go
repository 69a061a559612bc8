// Package generated holds pages of the documentation, and parts of them, to what runs. A test program that imports it has
// the flag -update, with which the pages are written instead.
package generated
