// Package dynamo is the audit store on Amazon DynamoDB: one on-demand table that
// holds many ledgers (docs/design.md 3.1). What makes it safe are the conditions
// of its writes alone: no clock of any machine, no request token, no Scan, and no
// item that is ever deleted.
//
//	pk      sk                    item
//	ledger  #HEAD                 lease and end of the history
//	ledger  CHANGE#<change id>    current state of a change
//	ledger  ENTRY#<seq, 20 digits> one audit entry, written once
//
// A load is one strongly consistent Query, which the history does not make
// longer. Every write is one TransactWriteItems with the head in it, or one
// UpdateItem of the head, so that it is fenced and a sign of life at once.
//
// The table must be in one Region: the replicas of a global table with eventual
// consistency each check conditions against their own copy, and those with strong
// consistency know no transactions.
package dynamo
