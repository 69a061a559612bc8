// Package storage is the contract between records and the engines that keep them.
package storage
