// Package notify tells people of a run that failed, of a new issue, or, when asked
// for, of applied changes: on SNS, EventBridge, or to a webhook. docs/notify.md has
// the document that is sent.
//
// # Best effort
//
// What cannot be sent comes back as errors to be logged as warnings, and changes no
// result. All of it together takes at most Timeout. A message may arrive twice or
// never: the ledger is what is true.
//
// # Secrets
//
// Texts are redacted before they are sent. URLs and headers of webhooks are in no
// error, nor what a webhook answers.
package notify
