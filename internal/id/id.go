// Package id makes the identifiers of Perch's own records. It knows no record.
package id

import "github.com/google/uuid"

// New returns a new UUIDv7 in its usual text form. Identifiers made by one
// process sort, as text, in the order in which they were made. It is safe for
// concurrent use.
func New() string { return uuid.Must(uuid.NewV7()).String() }

// Valid reports whether s has the form of a UUID as New writes it.
func Valid(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }
