// Package itsm is the vocabulary of the library.
package itsm
