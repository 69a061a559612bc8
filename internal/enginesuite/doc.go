// Package enginesuite holds the engine's promises as tests over any store, so that the module
// of the real database engines runs the very same ones as the engine's own package.
package enginesuite
