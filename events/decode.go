package events

import "strings"

// shape is how an event of one kind is told: by having all of its keys.
type shape struct {
	kind   Kind // "" for web requests
	keys   []string
	decode func(o object) (Trigger, *Error)
}

// shapes are the events that are known, most specific first. The order is for
// people: an event that has the keys of two is refused.
func shapes() []shape {
	return []shape{
		{KindCodePipeline, []string{"CodePipeline.job"}, decodeCodePipeline},
		{KindCloudFormation, []string{"RequestType", "ResponseURL", "StackId", "LogicalResourceId"}, decodeCloudFormation},
		{KindCodeDeploy, []string{"DeploymentId", "LifecycleEventHookExecutionId"}, decodeCodeDeploy},
		{KindECS, []string{"lifecycleStage", "executionDetails", "resourceArn"}, decodeECS},
		{"", []string{"Records"}, decodeRecords},
		{KindEventBridge, []string{"detail-type", "source", "detail"}, decodeEventBridge},
		{"", []string{"requestContext"}, refuseHTTP},
		{KindDirect, []string{marker}, decodeDirect},
	}
}

// Decode reads the event that a function was invoked with. The error is an *Error,
// and then the Trigger is zero.
func Decode(raw []byte) (Trigger, error) {
	t, err := decode(raw)
	if err != nil {
		if err.Answer != nil {
			err.Answer.ID = capID(err.Answer.ID)
		}
		return Trigger{}, err
	}
	t.ID = capID(t.ID)
	return t, nil
}

func decode(raw []byte) (Trigger, *Error) {
	if err := check(raw, maxEvent); err != nil {
		err.Reason = "the event is refused: " + err.Reason
		return Trigger{}, err
	}
	o, ok := parse(raw)
	if !ok || len(o.keys) == 0 {
		return Trigger{}, refuse(nextUnknown, "the event is refused: it is not a JSON object with anything in it")
	}
	var found []shape
	for _, s := range shapes() {
		if o.hasAll(s.keys) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return Trigger{}, refuse(nextUnknown, "the event is of no known kind (%s)", o.outline())
	case 1:
	default:
		return Trigger{}, refuse("send an event of one kind, as AWS does", "the event is refused: it looks like two kinds at once, by its keys %s and %s",
			strings.Join(found[0].keys, ", "), strings.Join(found[1].keys, ", "))
	}
	t, err := found[0].decode(o)
	if err != nil && err.Kind == "" {
		err.Kind = found[0].kind
	}
	return t, err
}

const nextUnknown = `send one of the events in events/samples; a direct request is {"flamingock":"v1","operation":"apply"}. Nothing was applied`

// hasAll also counts keys whose value is null: they say what the event means to be.
func (o object) hasAll(keys []string) bool {
	for _, k := range keys {
		if _, ok := o.keys[k]; !ok {
			return false
		}
	}
	return true
}

// outline names some keys of an event that nobody knows.
func (o object) outline() string {
	const most = 8
	names := o.names()
	var out []string
	for _, n := range names[:min(most, len(names))] {
		out = append(out, showKey(n))
	}
	if len(names) > most {
		out = append(out, "…")
	}
	return "it has " + strings.Join(out, ", ")
}

// refuseHTTP refuses requests of function URLs, API Gateway and load balancers:
// they expect a web answer, and most of them let anybody in.
func refuseHTTP(object) (Trigger, *Error) {
	return Trigger{}, refuse("invoke the function itself (aws lambda invoke, Step Functions, SQS), and remove its URL or route",
		"the event is a web request (function URL, API Gateway or load balancer), which cannot start anything here")
}
