package sqs

import (
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// check finds what is wrong with a payload. What holds references is checked once more
// when they are resolved.
func (p *queuePayload) check(f *awstarget.Faults) {
	n := 0
	for _, there := range []bool{p.Create != nil, p.Update != nil, p.Delete != nil} {
		if there {
			n++
		}
	}
	queue := p.queue()
	at := queue.Start
	if n != 1 {
		f.At(at, "this must be one of create, update and delete")
		return
	}
	checkQueue(f, queue, "queue", p.Create == nil, at)
	switch {
	case p.Create != nil:
		p.Create.Options.check(f, queue, nil)
	case p.Update != nil:
		u := p.Update
		u.Options.check(f, queue, u.RemoveTags)
		u.checkRemove(f, at)
		if len(u.wanted(nil).Attributes)+len(u.Options.Tags)+len(u.RemoveTags) == 0 && u.Options.RedrivePolicy == nil && u.Options.RedriveAllowPolicy == nil {
			f.At(at, "update changes nothing")
		}
	}
}

// removable are the attributes that a queue can be without.
var removable = map[string]string{
	"policy": attributePolicy, "redrivePolicy": attributeRedrive, "redriveAllowPolicy": attributeRedriveAllow, "kmsMasterKeyId": attributeKey,
}

const removableWords = "policy, redrivePolicy, redriveAllowPolicy or kmsMasterKeyId"

func (u *updateQueue) checkRemove(f *awstarget.Faults, at core.Position) {
	set := map[string]bool{
		"policy": u.Options.Policy != nil, "redrivePolicy": u.Options.RedrivePolicy != nil,
		"redriveAllowPolicy": u.Options.RedriveAllowPolicy != nil, "kmsMasterKeyId": !awstarget.Blank(u.Options.KMSMasterKeyID),
	}
	for _, r := range u.Remove {
		switch {
		case removable[r.Value] == "":
			f.At(awstarget.First(r.Start, at), "a queue can be without %s, and not without %q", removableWords, core.Cap(r.Value, 80))
		case set[r.Value]:
			f.At(r.Start, "%s is both set and removed", r.Value)
		}
	}
}

func (o *queueOptions) check(f *awstarget.Faults, queue core.Text, removeTags []core.Text) {
	at := queue.Start
	for _, r := range []struct {
		name     string
		value    *int64
		from, to int64
	}{
		{"delaySeconds", o.DelaySeconds, 0, 900},
		{"maximumMessageSize", o.MaximumMessageSize, 1024, 1 << 20},
		{"messageRetentionPeriod", o.MessageRetentionPeriod, 60, 1_209_600},
		{"receiveMessageWaitTimeSeconds", o.ReceiveMessageWaitTimeSeconds, 0, 20},
		{"visibilityTimeout", o.VisibilityTimeout, 0, 43_200},
		{"kmsDataKeyReusePeriodSeconds", o.KMSDataKeyReusePeriodSeconds, 60, 86_400},
	} {
		if r.value != nil && (*r.value < r.from || *r.value > r.to) {
			f.At(at, "%s must be from %d to %d", r.name, r.from, r.to)
		}
	}
	o.Policy.Check(f, at, "policy")
	o.RedrivePolicy.check(f, queue)
	o.RedriveAllowPolicy.check(f, at)
	if !awstarget.Blank(o.KMSMasterKeyID) && o.SQSManagedSSEEnabled != nil && *o.SQSManagedSSEEnabled {
		f.At(o.KMSMasterKeyID.Start, "give kmsMasterKeyId or sqsManagedSseEnabled, and not both")
	}
	o.checkFIFO(f, queue)
	awstarget.CheckTags(f, o.Tags, removeTags, at)
}

func (o *queueOptions) checkFIFO(f *awstarget.Faults, queue core.Text) {
	if !awstarget.OneOf(o.DeduplicationScope, "queue", "messageGroup") {
		f.At(o.DeduplicationScope.Start, "deduplicationScope must be queue or messageGroup")
	}
	if !awstarget.OneOf(o.FIFOThroughputLimit, "perQueue", "perMessageGroupId") {
		f.At(o.FIFOThroughputLimit.Start, "fifoThroughputLimit must be perQueue or perMessageGroupId")
	}
	if awstarget.HasReference(queue.Value) || isFIFO(queue.Value) {
		return
	}
	if o.ContentBasedDeduplication != nil || !awstarget.Blank(o.DeduplicationScope) || !awstarget.Blank(o.FIFOThroughputLimit) {
		f.At(queue.Start, "contentBasedDeduplication, deduplicationScope and fifoThroughputLimit are for FIFO queues, whose names end with %s", fifoSuffix)
	}
}

func (r *redrivePolicy) check(f *awstarget.Faults, queue core.Text) {
	if r == nil {
		return
	}
	at := awstarget.First(r.DeadLetterQueue.Start, queue.Start)
	checkQueue(f, r.DeadLetterQueue, "redrivePolicy.deadLetterQueue", true, at)
	if r.MaxReceiveCount < 1 || r.MaxReceiveCount > 1000 {
		f.At(at, "redrivePolicy.maxReceiveCount must be from 1 to 1000")
	}
	known := !awstarget.HasReference(r.DeadLetterQueue.Value) && !awstarget.HasReference(queue.Value) && !awstarget.Blank(r.DeadLetterQueue)
	if known && isFIFO(r.DeadLetterQueue.Value) != isFIFO(queue.Value) {
		f.At(at, "the dead-letter queue of a FIFO queue must be one too, and only of such")
	}
}

func (r *redriveAllowPolicy) check(f *awstarget.Faults, at core.Position) {
	if r == nil {
		return
	}
	place := awstarget.First(r.RedrivePermission.Start, at)
	if awstarget.Blank(r.RedrivePermission) || !awstarget.OneOf(r.RedrivePermission, "allowAll", "denyAll", "byQueue") {
		f.At(place, "redriveAllowPolicy.redrivePermission must be allowAll, denyAll or byQueue")
		return
	}
	byQueue := r.RedrivePermission.Value == "byQueue" || awstarget.HasReference(r.RedrivePermission.Value) && len(r.SourceQueues) > 0
	switch {
	case byQueue && (len(r.SourceQueues) < 1 || len(r.SourceQueues) > 10):
		f.At(place, "byQueue needs sourceQueues, of 1 to 10")
	case !byQueue && len(r.SourceQueues) > 0:
		f.At(place, "sourceQueues are for byQueue only")
	}
	for _, q := range r.SourceQueues {
		checkQueue(f, q, "a source queue", true, place)
	}
}

// sameAttribute compares the values of an attribute of a queue.
func sameAttribute(name, a, b string) bool {
	switch name {
	case attributePolicy:
		return awstarget.SamePolicy(a, b)
	case attributeRedrive, attributeRedriveAllow:
		return awstarget.SameJSON(a, b)
	}
	return slices.Contains([]string{"true", "false"}, strings.ToLower(a)) && strings.EqualFold(a, b)
}
