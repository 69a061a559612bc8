// Package cmdbsuite holds the promises of configuration management, to be run over any store.
package cmdbsuite
