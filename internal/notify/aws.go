package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// maxSubject is SNS's, in characters.
const maxSubject = 100

func (o *Options) sns(ctx context.Context, to *config.SNSTopic, doc Document, body []byte) error {
	cfg, err := o.Load(ctx, awsclient.Settings{Region: regionOf(to.TopicARN)})
	if err != nil {
		return err
	}
	occasions, err := json.Marshal(doc.Occasions)
	if err != nil {
		return err
	}
	in := &sns.PublishInput{
		TopicArn: aws.String(to.TopicARN), Subject: aws.String(subject(doc.Summary)), Message: aws.String(string(body)),
		MessageAttributes: map[string]snstypes.MessageAttributeValue{
			"occasions": {DataType: aws.String("String.Array"), StringValue: aws.String(string(occasions))},
		},
	}
	if doc.Ledger != "" { // SNS takes no empty value
		in.MessageAttributes["ledger"] = snstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(doc.Ledger)}
	}
	if strings.HasSuffix(to.TopicARN, ".fifo") {
		// A ledger may be longer than the id of a group.
		in.MessageGroupId, in.MessageDeduplicationId = aws.String("flamingock"), aws.String(doc.ID)
	}
	_, err = sns.NewFromConfig(cfg).Publish(ctx, in)
	return explain(to.TopicARN, "sns:Publish on "+to.TopicARN, err)
}

// subject is plain ASCII of one line, as SNS wants it.
func subject(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxSubject {
		s = s[:maxSubject-3] + "..."
	}
	return s
}

// DetailType is that of every event: rules tell them apart by detail.occasions.
const DetailType = "Flamingock Run"

func (o *Options) eventBridge(ctx context.Context, to *config.EventBus, body []byte) error {
	region := to.Region
	if region == "" {
		region = regionOf(to.Bus)
	}
	cfg, err := o.Load(ctx, awsclient.Settings{Region: region})
	if err != nil {
		return err
	}
	entry := ebtypes.PutEventsRequestEntry{
		EventBusName: aws.String(to.Bus), Source: aws.String(to.Source), DetailType: aws.String(DetailType), Detail: aws.String(string(body)),
	}
	out, err := eventbridge.NewFromConfig(cfg).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{entry}})
	if err != nil {
		return explain("event bus "+to.Bus, "events:PutEvents on the event bus "+to.Bus, err)
	}
	for _, e := range out.Entries {
		if e.ErrorCode != nil {
			return fmt.Errorf("event bus %s: %s: %s", to.Bus, aws.ToString(e.ErrorCode), core.Cap(aws.ToString(e.ErrorMessage), maxReason))
		}
	}
	return nil
}

// explain names the right where one is missing.
func explain(system, right string, err error) error {
	if awsclient.KindOf(err) == awsclient.Denied && err != nil {
		return fmt.Errorf("%w; grant whoever runs Flamingock %s", awsclient.Explain(system, err), right)
	}
	if err = awsclient.Explain(system, err); err != nil {
		return fmt.Errorf("%s: %w", system, err)
	}
	return nil
}

// regionOf is the region in an ARN; "" for what is none.
func regionOf(arn string) string {
	const region = 3
	if parts := strings.Split(arn, ":"); strings.HasPrefix(arn, "arn:") && len(parts) > region {
		return parts[region]
	}
	return ""
}
