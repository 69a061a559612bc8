// Package digest makes names and ids of parts of any length.
package digest
