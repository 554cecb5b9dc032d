package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/cfn"
	awsevents "github.com/aws/aws-lambda-go/events"
)

// TestSamples decodes every sample; the golden says as what.
func TestSamples(t *testing.T) {
	var out strings.Builder
	seen := map[Kind]bool{}
	names, content := sampleFiles(t)
	for _, name := range names {
		fmt.Fprintf(&out, "== %s\n", name)
		got, err := Decode(content[name])
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%s: %v", name, err)
			}
			fmt.Fprintf(&out, "refused: %s\nnext: %s\n", e, e.Next)
			if e.Answer != nil {
				fmt.Fprintf(&out, "answer: %s\n", indented(t, detail(*e.Answer)))
			}
			continue
		}
		seen[got.Kind] = true
		if details(got) != 1 {
			t.Errorf("%s: %d details", name, details(got))
		}
		fmt.Fprintf(&out, "kind: %s\nid: %s\n%s\n", got.Kind, got.ID, indented(t, detail(got)))
		if got.SQS != nil {
			for _, m := range got.SQS.Messages {
				if m.Err != nil {
					fmt.Fprintf(&out, "%s: %v\n", m.ID, m.Err)
				}
			}
		}
	}
	for _, k := range Kinds() {
		if !seen[k] {
			t.Errorf("no sample of %s", k)
		}
	}
	golden(t, "samples.golden", out.String())
}

// indented dumps v without what is empty.
func indented(t *testing.T, v any) string {
	t.Helper()
	var plain any
	unmarshal(t, encode(t, v), &plain)
	v, _ = full(plain)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// full returns v without its empty parts; false: nothing is left.
func full(v any) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, in := range v {
			if in, ok := full(in); ok {
				out[k] = in
			}
		}
		return out, len(out) > 0
	case []any:
		for i := range v {
			v[i], _ = full(v[i])
		}
		return v, len(v) > 0
	}
	return v, v != nil && v != "" && v != 0.0 && v != false && v != "0001-01-01T00:00:00Z"
}

// TestSamplesAreAWSs holds the samples, which are ours, against the types of
// aws-lambda-go, which are not.
func TestSamplesAreAWSs(t *testing.T) {
	t.Run("codepipeline", func(t *testing.T) {
		var theirs awsevents.CodePipelineJobEvent
		raw := sample(t, "codepipeline-user-parameters")
		unmarshal(t, raw, &theirs)
		ours, job := decoded(t, raw).CodePipeline, theirs.CodePipelineJob
		in := job.Data.InputArtifacts[0]
		same(t, ours.JobID, job.ID)
		same(t, ours.AccountID, job.AccountID)
		same(t, fmt.Sprint(ours.Inputs), fmt.Sprint([]Artifact{{in.Name, *in.Revision, in.Location.S3Location.BucketName, in.Location.S3Location.ObjectKey}}))
		same(t, ours.Credentials.SecretAccessKey.Reveal(), job.Data.ArtifactCredentials.SecretAccessKey)
		same(t, ours.Credentials.SessionToken.Reveal(), job.Data.ArtifactCredentials.SessionToken)
		same(t, ours.Credentials.AccessKeyID.Reveal(), job.Data.ArtifactCredentials.AccessKeyID)
		unmarshal(t, sample(t, "codepipeline-continuation"), &theirs)
		same(t, decoded(t, sample(t, "codepipeline-continuation")).CodePipeline.ContinuationToken, theirs.CodePipelineJob.Data.ContinuationToken)
	})
	t.Run("cloudformation", func(t *testing.T) {
		for _, name := range []string{"create", "update", "delete"} {
			raw := sample(t, "cloudformation-"+name)
			var theirs cfn.Event
			unmarshal(t, raw, &theirs)
			ours := decoded(t, raw).CloudFormation
			same(t, string(ours.RequestType), string(theirs.RequestType))
			same(t, ours.ResponseURL.Reveal(), theirs.ResponseURL)
			same(t, ours.StackID+ours.RequestID+ours.LogicalID+ours.PhysicalID+ours.ResourceType,
				theirs.StackID+theirs.RequestID+theirs.LogicalResourceID+theirs.PhysicalResourceID+theirs.ResourceType)
			same(t, ours.Properties["ChangesDigest"], fmt.Sprint(theirs.ResourceProperties["ChangesDigest"]))
		}
	})
	t.Run("eventbridge", func(t *testing.T) {
		var theirs awsevents.EventBridgeEvent
		unmarshal(t, sample(t, "eventbridge"), &theirs)
		ours := decoded(t, sample(t, "eventbridge")).EventBridge
		same(t, ours.Source+ours.DetailType+ours.ID+ours.Account+ours.Region, theirs.Source+theirs.DetailType+theirs.ID+theirs.AccountID+theirs.Region)
		same(t, ours.Time.String(), theirs.Time.String())
		same(t, ours.Detail.Reveal(), string(theirs.Detail))
	})
	t.Run("sqs", func(t *testing.T) {
		var theirs awsevents.SQSEvent
		unmarshal(t, sample(t, "sqs"), &theirs)
		ours := decoded(t, sample(t, "sqs")).SQS
		same(t, ours.Messages[0].ID+ours.QueueARN+ours.Messages[0].GroupID, theirs.Records[0].MessageId+theirs.Records[0].EventSourceARN+theirs.Records[0].Attributes["MessageGroupId"])
	})
	t.Run("sns", func(t *testing.T) {
		var theirs awsevents.SNSEvent
		unmarshal(t, sample(t, "sns"), &theirs)
		ours := decoded(t, sample(t, "sns")).SNS
		same(t, ours.Messages[0].ID+ours.Messages[0].TopicARN, theirs.Records[0].SNS.MessageID+theirs.Records[0].SNS.TopicArn)
	})
}

func unmarshal(t *testing.T, raw string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), into); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want || got == "" {
		t.Errorf("got %q, want %q", got, want)
	}
}
