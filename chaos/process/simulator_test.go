package process_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// simulated are the tables that all cases share: each has a ledger of its own.
type simulated struct {
	once     sync.Once
	client   *sdk.Client
	endpoint string

	audit, effects, markers string
}

var dynamoDB simulated

// simulator skips the test where there is none.
func simulator(t testing.TB) *simulated {
	t.Helper()
	cfg := awstest.DynamoDB(t)
	d := &dynamoDB
	d.once.Do(func() {
		d.client, d.endpoint = sdk.NewFromConfig(cfg), *cfg.BaseEndpoint
		name := fmt.Sprintf("flamingock-kill-%d-%d", os.Getpid(), time.Now().UnixNano())
		d.effects, d.markers = name+"-effects", name+"-markers"
		for _, table := range []string{d.effects, d.markers} {
			if _, err := d.client.CreateTable(t.Context(), &sdk.CreateTableInput{
				TableName: &table, BillingMode: types.BillingModePayPerRequest,
				AttributeDefinitions: []types.AttributeDefinition{
					{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
					{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
				},
				KeySchema: []types.KeySchemaElement{
					{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
					{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
				},
			}); err != nil {
				t.Fatal(err)
			}
		}
		w := &world{dir: t.TempDir(), ledger: "none", system: system{env: d.env()}, config: fmt.Sprintf("ledger: none\nauditStore: { dynamodb: { table: %s-audit } }\n", name)}
		if err := w.write(); err != nil {
			t.Fatal(err)
		}
		if r := w.run(t, build(t, "./job", "failpoint"), nil, "store", "create"); r.exit != 0 {
			t.Fatalf("store create: %d\n%s", r.exit, r.stderr)
		}
		d.audit = name + "-audit"
	})
	if d.audit == "" {
		t.Fatal("the tables could not be made: see the first test that needed them")
	}
	return d
}

// env leads a process to the simulator.
func (d *simulated) env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + d.endpoint, "AWS_REGION=" + awstest.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
	}
}
