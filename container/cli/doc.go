// Package cli is the command line: commands, flags, output and exit codes, as
// section 5 of docs/design.md says. It is importable, so that users compile their
// own Go changes in: a main is one call of [Main].
//
// The result is on stdout, and with --output json it is one document, also on
// error. Everything else goes to stderr: progress, warnings, logs.
package cli
