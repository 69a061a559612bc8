// Package webhooksuite holds the promises of package webhook over a store and a real HTTP server on the
// loopback, so that they are shown to be kept on every database engine: deliveries that are signed, come
// at least once under one id and in the order of each record; endpoints that fail, are slow, are gone or
// forward elsewhere; secrets that are rotated and stand nowhere; tenants apart.
package webhooksuite
