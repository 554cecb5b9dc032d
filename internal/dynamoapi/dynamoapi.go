// Package dynamoapi is what everybody has to know of DynamoDB's API who writes
// transactions or looks at tables: the audit store, its reader of the Java edition, and
// the target system.
package dynamoapi

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// refusedForNow reports whether a reason for which a transaction was cancelled says
// that the same request may pass a little later.
func refusedForNow(r types.CancellationReason) bool {
	switch aws.ToString(r.Code) {
	case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded":
		return true
	}
	return false
}

// Collided reports whether err says that nothing was done because of load, or of
// another write at the same moment.
func Collided(err error) bool {
	var conflict *types.TransactionConflictException
	var inProgress *types.TransactionInProgressException
	var cancelled *types.TransactionCanceledException
	switch {
	case errors.As(err, &conflict), errors.As(err, &inProgress):
		return true
	case errors.As(err, &cancelled):
		for _, r := range cancelled.CancellationReasons {
			if refusedForNow(r) {
				// Also beside a refused condition: what that saw may have been the other write.
				return true
			}
		}
		return false
	}
	return awsclient.KindOf(err) == awsclient.Throttled
}

// TableOf returns the name of the table that a write is about, and of its ARN too.
func TableOf(w *types.TransactWriteItem) string {
	var t *string
	switch {
	case w.Put != nil:
		t = w.Put.TableName
	case w.Update != nil:
		t = w.Update.TableName
	case w.Delete != nil:
		t = w.Delete.TableName
	case w.ConditionCheck != nil:
		t = w.ConditionCheck.TableName
	}
	return NameOf(aws.ToString(t))
}

// NameOf returns the name of a table that may be given as an ARN.
func NameOf(table string) string {
	if _, n, ok := strings.Cut(table, ":table/"); ok {
		return n
	}
	return table
}

// KeysOf is a table's key schema in words: "pk (S, HASH), sk (S, RANGE)".
func KeysOf(d *types.TableDescription) string {
	typ := map[string]types.ScalarAttributeType{}
	for _, a := range d.AttributeDefinitions {
		typ[aws.ToString(a.AttributeName)] = a.AttributeType
	}
	var keys []string
	for _, k := range d.KeySchema {
		n := aws.ToString(k.AttributeName)
		keys = append(keys, fmt.Sprintf("%s (%s, %s)", n, typ[n], k.KeyType))
	}
	return strings.Join(keys, ", ")
}

// KeysOfAuditStore are those of an audit store of this edition.
const KeysOfAuditStore = "pk (S, HASH), sk (S, RANGE)"
