// Package aws lists the target types that are services of AWS. The list is explicit,
// so that a program which needs no more imports no more.
package aws

import (
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/dynamodb"
	"github.com/flamingock/flamingock-go/targets/s3"
	"github.com/flamingock/flamingock-go/targets/sns"
	"github.com/flamingock/flamingock-go/targets/sqs"
)

// Types returns the target types, by name.
func Types() []core.TargetType {
	return []core.TargetType{dynamodb.Type(), s3.Type(), sns.Type(), sqs.Type()}
}
