// Package chaos proves what holds whatever breaks. Its tests run real processes
// (the engine and the web server on a real PostgreSQL, against directories and an
// HRIS behind real sockets), break one thing after another, and check the same
// invariants after each. It holds tests only; docs/reliability.md lists them by
// fault and promise, and make chaos runs them all at length.
package chaos
