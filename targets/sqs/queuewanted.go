package sqs

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// The names of the attributes that need more than a look.
const (
	attributePolicy       = string(types.QueueAttributeNamePolicy)
	attributeRedrive      = string(types.QueueAttributeNameRedrivePolicy)
	attributeRedriveAllow = string(types.QueueAttributeNameRedriveAllowPolicy)
	attributeKey          = string(types.QueueAttributeNameKmsMasterKeyId)
	attributeManagedKey   = string(types.QueueAttributeNameSqsManagedSseEnabled)
	attributeARN          = string(types.QueueAttributeNameQueueArn)
)

// attributes are what is declared, under the names of the API, except for what names
// other queues.
func (o *queueOptions) attributes() map[string]string {
	out := map[string]string{}
	for name, v := range map[types.QueueAttributeName]*int64{
		types.QueueAttributeNameDelaySeconds: o.DelaySeconds, types.QueueAttributeNameMaximumMessageSize: o.MaximumMessageSize,
		types.QueueAttributeNameMessageRetentionPeriod: o.MessageRetentionPeriod, types.QueueAttributeNameReceiveMessageWaitTimeSeconds: o.ReceiveMessageWaitTimeSeconds,
		types.QueueAttributeNameVisibilityTimeout: o.VisibilityTimeout, types.QueueAttributeNameKmsDataKeyReusePeriodSeconds: o.KMSDataKeyReusePeriodSeconds,
	} {
		if v != nil {
			out[string(name)] = strconv.FormatInt(*v, 10)
		}
	}
	for name, v := range map[types.QueueAttributeName]*bool{
		types.QueueAttributeNameSqsManagedSseEnabled: o.SQSManagedSSEEnabled, types.QueueAttributeNameContentBasedDeduplication: o.ContentBasedDeduplication,
	} {
		if v != nil {
			out[string(name)] = strconv.FormatBool(*v)
		}
	}
	for name, v := range map[types.QueueAttributeName]string{
		types.QueueAttributeNameKmsMasterKeyId: o.KMSMasterKeyID.Value, types.QueueAttributeNameDeduplicationScope: o.DeduplicationScope.Value,
		types.QueueAttributeNameFifoThroughputLimit: o.FIFOThroughputLimit.Value,
	} {
		if v != "" {
			out[string(name)] = v
		}
	}
	if o.Policy != nil {
		out[attributePolicy] = o.Policy.JSON()
	}
	return out
}

// wanted is what an update declares; others is what names other queues.
func (u *updateQueue) wanted(others map[string]string) awstarget.Wanted {
	w := awstarget.Wanted{Attributes: u.Options.attributes(), Tags: awstarget.WantedTags(u.Options.Tags, u.RemoveTags)}
	maps.Copy(w.Attributes, others)
	for _, r := range u.Remove {
		w.Attributes[removable[r.Value]] = ""
	}
	return w
}

// wanted is what the payload declares of the queue. The ARNs of other queues that it
// names are asked for.
func (w *queueWork) wanted(ctx context.Context) (awstarget.Wanted, error) {
	return w.wantedOf(func(queue string) (string, error) { return w.arnOf(ctx, queue) })
}

func (w *queueWork) wantedOf(arnOf func(queue string) (string, error)) (awstarget.Wanted, error) {
	u := w.payload.Update
	if c := w.payload.Create; c != nil {
		u = &updateQueue{Options: c.Options}
	}
	if u == nil {
		return awstarget.Wanted{}, nil
	}
	others, err := u.Options.others(arnOf)
	return u.wanted(others), err
}

func (o *queueOptions) others(arnOf func(queue string) (string, error)) (map[string]string, error) {
	out := map[string]string{}
	if r := o.RedrivePolicy; r != nil {
		arn, err := arnOf(r.DeadLetterQueue.Value)
		if err != nil {
			return nil, err
		}
		out[attributeRedrive] = object(map[string]any{"deadLetterTargetArn": arn, "maxReceiveCount": r.MaxReceiveCount})
	}
	if r := o.RedriveAllowPolicy; r != nil {
		fields := map[string]any{"redrivePermission": r.RedrivePermission.Value}
		var sources []string
		for _, q := range r.SourceQueues {
			arn, err := arnOf(q.Value)
			if err != nil {
				return nil, err
			}
			sources = append(sources, arn)
		}
		if sources != nil {
			fields["sourceQueueArns"] = sources
		}
		out[attributeRedriveAllow] = object(fields)
	}
	return out, nil
}

func object(fields map[string]any) string {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // unreachable: texts and numbers
	}
	return string(b)
}

// arnOf asks for the ARN of a queue that is named.
func (w *queueWork) arnOf(ctx context.Context, queue string) (string, error) {
	if isQueueARN(queue) {
		return queue, nil
	}
	_, state, err := w.c.look(ctx, place{name: queue}, false)
	if err != nil {
		return "", err
	}
	if !state.Exists {
		return "", missing(queue)
	}
	return state.Attributes[attributeARN], nil
}
