package sns_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/badinput"
	"github.com/flamingock/flamingock-go/targets/sns"
)

// topics are those of a case: their names begin with the prefix.
type topics struct {
	*awstargettest.Gate
	client *sdk.Client
	prefix string
}

func newTopics(t *testing.T) *topics {
	t.Helper()
	s := &topics{Gate: awstargettest.NewGate(t), client: sdk.NewFromConfig(awstest.LocalStack(t)), prefix: awstargettest.Name("bad")}
	t.Cleanup(func() {
		for _, arn := range s.list(t) {
			if _, err := s.client.DeleteTopic(context.Background(), &sdk.DeleteTopicInput{TopicArn: &arn}); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func (s *topics) list(t *testing.T) (arns []string) {
	t.Helper()
	for p := sdk.NewListTopicsPaginator(s.client, &sdk.ListTopicsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range page.Topics {
			if strings.Contains(*topic.TopicArn, ":"+s.prefix) {
				arns = append(arns, *topic.TopicArn)
			}
		}
	}
	slices.Sort(arns)
	return arns
}

// has checks which topics there are, each the end of its name and its display name.
func (s *topics) has(want ...string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		var got []string
		for _, arn := range s.list(t) {
			out, err := s.client.GetTopicAttributes(t.Context(), &sdk.GetTopicAttributesInput{TopicArn: &arn})
			if err != nil {
				t.Fatal(err)
			}
			_, end, _ := strings.Cut(arn, s.prefix)
			got = append(got, strings.TrimSpace(end+" "+out.Attributes["DisplayName"]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("there are the topics %q, want %q", got, want)
		}
	}
}

// make makes a topic in another way.
func (s *topics) make(end, displayName string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if _, err := s.client.CreateTopic(t.Context(), &sdk.CreateTopicInput{Name: aws.String(s.prefix + end), Attributes: map[string]string{"DisplayName": displayName}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBadInput(t *testing.T) {
	var s *topics
	refuse := func(op, holds, code, message string) func(*testing.T) {
		return func(*testing.T) { s.Answer(awstargettest.Refuse(true, op, holds, http.StatusForbidden, code, message)) }
	}
	badinput.Run(t, badinput.Harness{
		Type: sns.Type(),
		New: func(t *testing.T) badinput.System {
			s = newTopics(t)
			return badinput.System{
				Settings: "endpoint: " + s.URL(), Wire: s.Wire,
				Good: "template: sns-topic\napply: { create: { topic: " + s.prefix + "-a, displayName: Orders } }\nrollback: auto",
			}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			// A late copy of the request makes the same topic, so that the rollback may
			// run; but it finds nobody either.
			badinput.AwayInMidChange: func(*testing.T, badinput.System) badinput.Scenario {
				var up func()
				return badinput.Scenario{Steps: []badinput.Step{
					{
						Before: func(*testing.T) { up = s.Wire.CutAt("Action=CreateTopic") },
						Code:   core.CodeChangeFailed, Says: "outcome unknown", Ledger: "STARTED FAILED ROLLBACK_FAILED",
					},
					{Before: func(*testing.T) { up() }, Code: core.CodeManualIntervention, Next: "issue get it", Ledger: "STARTED FAILED ROLLBACK_FAILED", After: s.has()},
					{
						Args:   []string{"issue", "resolve", "it", "--as", "rolled-back", "--reason", "there is no such topic", "--yes"},
						Ledger: "STARTED FAILED ROLLBACK_FAILED MANUAL_MARKED_AS_ROLLED_BACK",
					},
					{Ledger: "STARTED FAILED ROLLBACK_FAILED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED", After: s.has("-a Orders")},
				}}
			},
			badinput.WrongCredentials: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: refuse("", "", "InvalidClientTokenId", "The security token included in the request is invalid."),
					Code:   core.CodePermissionDenied, Says: "credentials that AWS accepts: InvalidClientTokenId", After: s.has(),
				}}}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: sns-topic\nsteps:\n  - apply: { create: { topic: " + s.prefix + "-a } }\n    rollback: auto\n  - apply: { create: { topic: " + s.prefix + "-b } }\n    rollback: auto",
					Steps: []badinput.Step{{
						Before: refuse("CreateTopic", s.prefix+"-b", "AuthorizationError", "User: arn:aws:iam::1:user/ci is not authorized to perform: SNS:CreateTopic on resource: arn:aws:sns:us-east-1:1:b"),
						Code:   core.CodeChangeFailed, Says: "SNS:CreateTopic on arn:aws:sns:us-east-1:1:b", Ledger: "STARTED FAILED ROLLED_BACK", After: s.has(),
					}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{Before: s.make("-a", "Orders"), Ledger: "STARTED APPLIED", After: s.has("-a Orders")}}}
			},
			badinput.ThereAnother: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: s.make("-a", "Theirs"), Code: core.CodeChangeFailed, Says: "DisplayName is Theirs, not Orders", Ledger: "STARTED FAILED ROLLED_BACK", After: s.has("-a Theirs"),
				}}}
			},
			badinput.AnotherRegion: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: sns-subscription\napply: { create: { topic: 'arn:aws:sns:eu-west-1:000000000000:" + s.prefix + "-a', protocol: sqs, endpoint: a } }",
					Steps:  []badinput.Step{{Code: core.CodeConfigInvalid, Says: "is in eu-west-1", Next: "region: eu-west-1"}},
				}
			},
		},
		Payloads: map[string]string{
			badinput.WrongTypes:      "template: sns-topic\napply: { create: { topic: a, signatureVersion: second, policy: [a] } }",
			badinput.UnknownFields:   "template: sns-subscription\napply: { create: { topic: a, protocol: sqs, endpoint: a, RawMessageDelivery: true } }",
			badinput.ExclusiveFields: "template: sns-topic\napply: { create: { topic: a }, delete: { topic: a } }",
		},
		Idle: map[string]string{
			badinput.TooOld:          "SNS has one version of its API",
			badinput.DeletedRecently: "SNS gives the name of a deleted topic free at once",
		},
	})
}
