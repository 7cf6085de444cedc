// Package e2e tests the whole program from outside: conversations of people,
// written as scripts, over the real binary, its chat and its stand-in of X. It
// has no code of its own.
package e2e
