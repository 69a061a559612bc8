// Package ways shows the three ways into the library, each as a test with its output. The
// README has the same code, and a test holds the two together.
package ways
