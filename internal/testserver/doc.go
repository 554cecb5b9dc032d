// Package testserver is what the makers of database servers for tests have in common:
// the process of a server of our own, its certificate, and what becomes of tests that
// lack a server.
//
// A server's process ends with the process that started it, even when that is killed.
// It does not prove that a server is the one that was asked for: its maker does.
package testserver
