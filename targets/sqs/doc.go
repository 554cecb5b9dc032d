// Package sqs is the target system Amazon SQS: queues ([QueueTemplate]) and messages
// ([MessageTemplate]).
//
// # Invariants
//
//   - Every change is NON_TX: SQS knows no transactions, nor versions of a queue's
//     attributes on which a write could depend.
//   - A queue that is there already counts as made only when all that is declared of it
//     is so. That the name is taken proves nothing.
//   - A request is sent again without an answer only where a second one changes nothing:
//     never a message to a standard queue.
//
// # What is not guaranteed
//
//   - SQS may show the attributes from before a change of them for a minute. So an update
//     sets all that it declares, also what seems to be so, and a probe may err for that long.
//   - A message that got no answer may have been sent. On a FIFO queue, one that is sent
//     again within five minutes is the same one; nothing can tell afterwards.
package sqs
