// Package estate makes up a large CMDB for benchmarks: relations and redundant groups over any number of
// CIs, with failures whose impact has a known size. It is the same every time.
package estate
