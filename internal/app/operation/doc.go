// Package operation is what can be asked of Flamingock, whoever asks: apply, plan,
// status, validate, audit list, and issue list, get and resolve. Each has a request,
// the data it answers, and a method of [Session] that wires the program and does it;
// [Do] does one from beginning to end. [Document] is the answer as JSON: the command
// line and the Lambda handler print the same bytes, because both make them here.
//
// A Session is one call. Sessions share nothing but what their Options share, so
// that several can run at once in one process.
//
// It does not parse flags or events, print text or ask anybody, and it does not
// recover from panics. Its errors name options as the command line does: --state.
package operation
