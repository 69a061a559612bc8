// Package trigger
package trigger
