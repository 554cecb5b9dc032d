// Package handler is the Lambda function as a library, so that users compile their
// own changes in:
//
//	func main() { handler.Main(core.Program{Stages: …, Targets: all.Types()}) }
//
// It takes every trigger that package events knows, does what the request asks for,
// and gives each trigger its own kind of answer, once: docs/lambda.md has the table.
// It stops before Lambda would stop it, with the work recorded and the lock free, and
// what is left is done by the next invocation.
//
// A Handler may be invoked many times, also at once. Invocations share clients of AWS
// and the Program, and nothing else. No goroutine of an invocation outlives it, a
// change that ignores its context aside, which nobody can stop.
//
// What it does not do: it cannot see who invoked it, so it does not authenticate.
// Events carry credentials and signed URLs: none is logged or answered.
package handler
