// Package sns is the target system Amazon SNS: topics ([TopicTemplate]) and their
// subscriptions ([SubscriptionTemplate]).
//
// # Invariants
//
//   - Every change is NON_TX: SNS knows no transactions, nor versions of attributes on which
//     a write could depend.
//   - A topic or subscription that is there already counts as made only when all that is
//     declared of it is so.
//   - Every request of this package does the same when it is repeated, and is sent again
//     when it got no answer.
//
// # What is not guaranteed
//
//   - SNS sets one attribute with each request: an update that is refused half-way has set
//     what comes before. The attributes go in the order of their names.
//   - A subscription whose endpoint has to confirm it delivers nothing until then, and
//     nobody can remove it: SNS forgets it after two days.
package sns
