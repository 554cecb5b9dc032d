package dynamodb

import (
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/flamingock/flamingock-go/core"
)

// reachable refuses the ARN of a table in another region than the client's: DynamoDB
// would say that there is none.
func (t *Target) reachable(client *sdk.Client, table string) error {
	a, err := arn.Parse(table)
	if err != nil {
		return nil //nolint:nilerr // a name
	}
	if own := client.Options().Region; a.Region != own {
		return &core.ConfigError{
			Key: "targetSystems." + t.id + ".region", Reason: "table " + table + " is in " + a.Region + ", and target system " + t.id + " in " + own,
			Next: "mend the ARN, or name a target system with region: " + a.Region,
		}
	}
	return nil
}
