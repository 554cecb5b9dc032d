package sqs_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/badinput"
	"github.com/flamingock/flamingock-go/targets/sqs"
)

// queues are those of a case: their names begin with the prefix.
type queues struct {
	*awstargettest.Gate
	client *sdk.Client
	prefix string
}

func newQueues(t *testing.T) *queues {
	t.Helper()
	q := &queues{Gate: awstargettest.NewGate(t), client: sdk.NewFromConfig(awstest.LocalStack(t)), prefix: awstargettest.Name("bad")}
	t.Cleanup(func() {
		for _, url := range q.list(t) {
			if _, err := q.client.DeleteQueue(context.Background(), &sdk.DeleteQueueInput{QueueUrl: &url}); err != nil {
				t.Error(err)
			}
		}
	})
	return q
}

func (q *queues) list(t *testing.T) []string {
	t.Helper()
	out, err := q.client.ListQueues(context.Background(), &sdk.ListQueuesInput{QueueNamePrefix: &q.prefix})
	if err != nil {
		t.Fatal(err)
	}
	return out.QueueUrls
}

// has checks which queues there are, by the ends of their names.
func (q *queues) has(ends ...string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		var got []string
		for _, url := range q.list(t) {
			_, end, _ := strings.Cut(url, q.prefix)
			got = append(got, end)
		}
		if strings.Join(got, " ") != strings.Join(ends, " ") {
			t.Errorf("there are the queues %q, want %q", got, ends)
		}
	}
}

// make makes a queue in another way.
func (q *queues) make(end, timeout string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if _, err := q.client.CreateQueue(t.Context(), &sdk.CreateQueueInput{
			QueueName: aws.String(q.prefix + end), Attributes: map[string]string{string(types.QueueAttributeNameVisibilityTimeout): timeout},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBadInput(t *testing.T) {
	var q *queues
	refuse := func(op, holds string, status int, code, message string) func(*testing.T) {
		return func(*testing.T) { q.Answer(awstargettest.Refuse(false, op, holds, status, code, message)) }
	}
	badinput.Run(t, badinput.Harness{
		Type: sqs.Type(),
		New: func(t *testing.T) badinput.System {
			q = newQueues(t)
			return badinput.System{
				Settings: "endpoint: " + q.URL(), Wire: q.Wire,
				Good: "template: sqs-queue\napply: { create: { queue: " + q.prefix + "-a, visibilityTimeout: 60 } }\nrollback: auto",
			}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			badinput.AwayInMidChange: func(*testing.T, badinput.System) badinput.Scenario {
				var up func()
				return badinput.Scenario{Change: "template: sqs-queue\napply: { create: { queue: " + q.prefix + "-a } }", Steps: []badinput.Step{
					{
						Before: func(*testing.T) { up = q.Wire.CutAt("AmazonSQS.CreateQueue") },
						Code:   core.CodeChangeFailed, Says: "outcome unknown", Ledger: "STARTED FAILED",
					},
					{Before: func(*testing.T) { up() }, Ledger: "STARTED FAILED ROLLED_BACK STARTED APPLIED", After: q.has("-a")},
				}}
			},
			badinput.WrongCredentials: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: refuse("", "", http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."),
					Code:   core.CodePermissionDenied, Says: "credentials that AWS accepts: InvalidClientTokenId", After: q.has(),
				}}}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: sqs-queue\nsteps:\n  - apply: { create: { queue: " + q.prefix + "-a } }\n    rollback: auto\n  - apply: { create: { queue: " + q.prefix + "-b } }\n    rollback: auto",
					Steps: []badinput.Step{{
						Before: refuse("CreateQueue", q.prefix+"-b", http.StatusForbidden, "AccessDenied", "User: arn:aws:iam::1:user/ci is not authorized to perform: sqs:createqueue on resource: arn:aws:sqs:us-east-1:1:b"),
						Code:   core.CodeChangeFailed, Says: "sqs:createqueue on arn:aws:sqs:us-east-1:1:b", Ledger: "STARTED FAILED ROLLED_BACK", After: q.has(),
					}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{Before: q.make("-a", "60"), Ledger: "STARTED APPLIED", After: q.has("-a")}}}
			},
			badinput.ThereAnother: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: q.make("-a", "7"), Code: core.CodeChangeFailed, Says: "VisibilityTimeout is 7, not 60", Ledger: "STARTED FAILED ROLLED_BACK", After: q.has("-a"),
				}}}
			},
			// SQS gives a name free 60 seconds after a deletion: here, at the third request.
			badinput.DeletedRecently: func(*testing.T, badinput.System) badinput.Scenario {
				asked := 0
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: func(*testing.T) {
						recently := awstargettest.Refuse(false, "CreateQueue", "", http.StatusBadRequest, "com.amazonaws.sqs#QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
						q.Answer(func(w http.ResponseWriter, r *http.Request, op string) bool {
							if op != "CreateQueue" {
								return false
							}
							asked++
							return asked < 3 && recently(w, r, op)
						})
					},
					Ledger: "STARTED APPLIED", After: func(t *testing.T) {
						if asked != 3 {
							t.Errorf("the queue was asked for %d times, want 3", asked)
						}
						q.has("-a")(t)
					},
				}}}
			},
			badinput.AnotherRegion: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: sqs-queue\napply: { update: { queue: 'arn:aws:sqs:eu-west-1:000000000000:" + q.prefix + "-a', visibilityTimeout: 60 } }",
					Steps:  []badinput.Step{{Code: core.CodeConfigInvalid, Says: "is in eu-west-1", Next: "region: eu-west-1"}},
				}
			},
		},
		Payloads: map[string]string{
			badinput.WrongTypes:      "template: sqs-queue\napply: { create: { queue: a, visibilityTimeout: soon, policy: [a] } }",
			badinput.UnknownFields:   "template: sqs-queue\napply: { create: { queue: a, VisibilityTimeout: 60 } }",
			badinput.ExclusiveFields: "template: sqs-message\napply: { queue: a, body: hello, json: { a: b } }",
		},
		Idle: map[string]string{badinput.TooOld: "SQS has one version of its API"},
	})
}
