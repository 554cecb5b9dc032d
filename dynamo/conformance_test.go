package dynamo

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{Rounds: 15, New: func(t *testing.T) storetest.Factory {
		b := newBench(t)
		cfg, table := b.cfg, b.table
		return storetest.Factory{
			Open: func() core.AuditStore { return patient{New(cfg, table, Options{}), b.pulse} },
			PlantState: func(t *testing.T, ledger, changeID, state string) {
				_, err := dynamodb.NewFromConfig(cfg).UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
					TableName: &table, Key: key{ledger, changeKey + changeID}.item(), UpdateExpression: aws.String("SET #s = :s"),
					ConditionExpression: aws.String("attribute_exists(pk)"), ExpressionAttributeNames: map[string]string{"#s": "state"},
					ExpressionAttributeValues: map[string]types.AttributeValue{":s": &types.AttributeValueMemberS{Value: state}},
				})
				if err != nil {
					t.Fatal(err)
				}
			},
		}
	}})
}
