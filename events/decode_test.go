package events

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

func TestRefused(t *testing.T) {
	sqs, sns, cp := sample(t, "sqs"), sample(t, "sns"), sample(t, "codepipeline-user-parameters")
	swap := func(s, old, with string) string {
		t.Helper()
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not in the sample", old)
		}
		return strings.Replace(s, old, with, 1)
	}
	for _, tt := range []struct{ name, raw, want string }{
		{"nothing", "", "it is empty"},
		{"spaces", " \n\t", "it is empty"},
		{"null", "null", "not a JSON object"},
		{"empty object", "{}", "not a JSON object with anything in it"},
		{"list", `[{"flamingock":"v1","operation":"apply"}]`, "not a JSON object"},
		{"text", `"apply"`, "not a JSON object"},
		{"number", "1", "not a JSON object"},
		{"truth", "true", "not a JSON object"},
		{"two values", `{"flamingock":"v1","operation":"apply"}{}`, "not one JSON value"},
		{"rest", `{"flamingock":"v1","operation":"apply"}x`, "not valid JSON"},
		{"trailing comma", `{"flamingock":"v1","operation":"apply",}`, "JSON"},
		{"no comma", `{"flamingock":"v1" "operation":"apply"}`, "JSON"},
		{"comment", `{"flamingock":"v1","operation":"apply"/**/}`, "JSON"},
		{"NaN", `{"flamingock":"v1","operation":NaN}`, "JSON"},
		{"byte order mark", "\ufeff" + `{"flamingock":"v1","operation":"apply"}`, "JSON"},
		{"UTF-16", "{\x00}\x00", "JSON"},
		{"not UTF-8", `{"flamingock":"v1","operation":"apply","ledger":"` + "\xff\"}", "not valid UTF-8"},
		{"too large", `{"a":"` + strings.Repeat("x", maxEvent) + `"}`, "more than the"},
		{"deep lists", `{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}", "nested more than"},
		{"deep objects", strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), "nested more than"},
		{"key twice", `{"flamingock":"v1","operation":"plan","operation":"apply"}`, `the key "operation" twice`},
		{"key twice, escaped", `{"flamingock":"v1","operation":"plan","\u006fperation":"apply"}`, `the key "operation" twice`},
		{"key twice, below", swap(cp, `"accountId"`, `"id":"7f6d1c52-0000-4000-8000-0000000000a2","accountId"`), `the key "id" twice`},
		{"no marker", `{"operation":"apply"}`, "no known kind"},
		{"marker in capitals", `{"Flamingock":"v1","operation":"apply"}`, "no known kind"},
		{"unknown", `{"hello":"world","` + strings.Repeat("k", 50) + `":1}`, `"hello", a key of 50 bytes`},
		{"test event of the console", `{"key1":"value1","key2":"value2","key3":"value3"}`, "no known kind"},
		{"web request", `{"version":"2.0","routeKey":"$default","requestContext":{"http":{"method":"POST"}},"body":"{\"flamingock\":\"v1\",\"operation\":\"apply\"}"}`, "web request"},
		{"two markers", swap(cp, `"CodePipeline.job"`, `"flamingock":"v1","operation":"apply","CodePipeline.job"`), "two kinds at once"},
		{"two markers, one null", swap(cp, `"CodePipeline.job"`, `"Records":null,"CodePipeline.job"`), "two kinds at once"},
		{"web request with a marker", `{"requestContext":{},"flamingock":"v1","operation":"apply"}`, "two kinds at once"},

		{"job null", `{"CodePipeline.job":null}`, "CodePipeline.job must be an object"},
		{"job empty", `{"CodePipeline.job":{}}`, "job.id must be a text"},
		{"job by other case", swap(cp, `"id"`, `"ID"`), "job.id must be a text"},
		{"parameters of others", swap(cp, `"UserParameters": "`, `"UserParameters": "x`), "UserParameters is no request document"},
		{"parameters empty", strings.Replace(sample(t, "codepipeline"), `"FunctionName"`, `"UserParameters":"","FunctionName"`, 1), "it is empty"},
		{"parameters null", strings.Replace(sample(t, "codepipeline"), `"FunctionName"`, `"UserParameters":null,"FunctionName"`, 1), "it is empty"},
		{"parameters an object", strings.Replace(sample(t, "codepipeline"), `"FunctionName"`, `"UserParameters":{"flamingock":"v1"},"FunctionName"`, 1), "UserParameters must be a text"},
		{"parameters that plan", swap(cp, `\"apply\"`, `\"plan\"`), `"plan" is not taken from here`},
		{"parameters with a token", swap(cp, `\"operation\"`, `\"taskToken\":\"x\",\"operation\"`), "a task token is not taken from here"},
		{"artifact of no S3", swap(cp, `"type": "S3"`, `"type": "Git"`), `inputArtifacts[0].location.type must be S3; it is "Git"`},
		{"artifacts no list", swap(cp, `"inputArtifacts": [`, `"inputArtifacts": 1, "x": [`), "inputArtifacts must be a list"},
		{"expiry no time", swap(cp, "1795000000000", `"tomorrow"`), "expirationTime must be a time"},

		{"hook without an id", `{"DeploymentId":"","LifecycleEventHookExecutionId":"x"}`, "DeploymentId must be a text"},
		{"hook with a number", `{"DeploymentId":1,"LifecycleEventHookExecutionId":"x"}`, "DeploymentId must be a text"},
		{"hook with half the keys", `{"DeploymentId":"d-1"}`, "no known kind"},
		{"id with a line end", `{"DeploymentId":"d-1\nlevel=error","LifecycleEventHookExecutionId":"x"}`, "DeploymentId must be printable"},

		{"EventBridge without an id", swap(sample(t, "eventbridge"), `"id"`, `"ID"`), "id must be a text"},
		{"EventBridge detail a text", `{"detail-type":"a","source":"b","id":"c","detail":"d"}`, "detail must be an object"},
		{"EventBridge copy of a notification", swap(sample(t, "eventbridge"), "detail-type", "detailType"), "no known kind"},
		{"EventBridge time", swap(sample(t, "eventbridge"), "2026-11-22T10:00:00Z", "yesterday"), "time must be a time"},

		{"records null", `{"Records":null}`, "Records is empty"},
		{"records empty", `{"Records":[]}`, "Records is empty"},
		{"records an object", `{"Records":{}}`, "Records must be a list"},
		{"records of numbers", `{"Records":[1]}`, "Records[0] must be an object"},
		{"records of nothing", `{"Records":[{}]}`, "Records[0].eventSource must be a text"},
		{"S3 says SQS", `{"Records":[{"eventSource":"aws:sqs","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"}}}]}`, `also has "s3"`},
		{"Kinesis says SQS", `{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:kinesis:x","kinesis":{"data":"e30="}}]}`, `also has "kinesis"`},
		{"SNS says SQS", swap(sns, `"EventSource": "aws:sns"`, `"eventSource": "aws:sqs"`), `also has "Sns"`},
		{"SQS says SNS", swap(sqs, `"eventSource": "aws:sqs"`, `"EventSource": "aws:sns"`), "Sns must be an object"},
		{"SQS in SNS's spelling", swap(sqs, `"eventSource"`, `"EventSource"`), `EventSource is "aws:sqs"`},
		{"both spellings", swap(sqs, `"eventSource"`, `"EventSource":"aws:sns","eventSource"`), `also has "eventSource"`},
		{"queue of no SQS", swap(sqs, "arn:aws:sqs:", "arn:aws:kinesis:"), "must be that of one SQS queue"},
		{"message without an id", swap(sqs, `"messageId"`, `"messageID"`), "messageId must be a text"},
		{"message without a body", swap(sqs, `"body"`, `"Body"`), "body must be a text"},
		{"count no number", swap(sqs, `"ApproximateReceiveCount": "1"`, `"ApproximateReceiveCount": "-1"`), "ApproximateReceiveCount must be a number"},
		{"SQS and SNS", `{"Records":[` + records(t, sqs) + "," + records(t, sns) + `]}`, "different sources"},
		{"two queues", `{"Records":[` + records(t, sqs) + "," + swap(records(t, sqs), "flamingock.fifo", "other.fifo") + `]}`, "one SQS queue"},
		{"SNS of a subscription", swap(sns, `"Notification"`, `"SubscriptionConfirmation"`), "Type must be Notification"},
		{"SNS with words", swap(sns, `"Message": "{`, `"Message": "hello {`), "no request document"},
		{"SNS with a plan", swap(sns, `\"apply\"`, `\"plan\"`), "is not taken from here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if e := refused(t, tt.raw); !strings.Contains(e.Error(), tt.want) {
				t.Errorf("got %q, want %q in it", e, tt.want)
			}
		})
	}
}

// records returns the only record of an event.
func records(t *testing.T, raw string) string {
	t.Helper()
	var e struct{ Records []json.RawMessage }
	unmarshal(t, raw, &e)
	return string(e.Records[0])
}

// TestTruncated cuts every sample at every byte.
func TestTruncated(t *testing.T) {
	names, content := sampleFiles(t)
	for _, name := range names {
		data := strings.TrimSpace(string(content[name]))
		for i := range len(data) {
			if got, err := Decode([]byte(data[:i])); err == nil {
				t.Errorf("%s, cut at %d: %s", name, i, got)
			}
		}
	}
}

// TestTwoKindsAtOnce puts the keys of every two samples into one event. The order
// of the kinds must not decide.
func TestTwoKindsAtOnce(t *testing.T) {
	names, content := sampleFiles(t)
	for _, a := range names {
		for _, b := range names {
			var one, two map[string]json.RawMessage
			unmarshal(t, string(content[a]), &one)
			unmarshal(t, string(content[b]), &two)
			if first(t, content[a]) == first(t, content[b]) {
				continue
			}
			maps.Copy(one, two)
			if got, err := Decode([]byte(encode(t, one))); err == nil {
				t.Errorf("%s and %s: taken for %s", a, b, got)
			}
		}
	}
}

// first returns the first marker of an event, so that kinds that share it are one.
func first(t *testing.T, raw []byte) string {
	t.Helper()
	o, ok := parse(raw)
	for _, s := range shapes() {
		if ok && o.hasAll(s.keys) {
			return s.keys[0]
		}
	}
	t.Fatal("no marker")
	return ""
}

// TestExactKeys changes the case of each key that tells a kind.
func TestExactKeys(t *testing.T) {
	names, content := sampleFiles(t)
	for _, name := range names {
		o, _ := parse(content[name])
		for _, s := range shapes() {
			if !o.hasAll(s.keys) {
				continue
			}
			for _, key := range s.keys {
				for _, other := range []string{strings.ToUpper(key), strings.ToLower(key)} {
					if other == key {
						continue
					}
					refused(t, strings.Replace(string(content[name]), `"`+key+`"`, `"`+other+`"`, 1))
				}
			}
		}
	}
}

// TestAnswer checks whom a refusal can be told to.
func TestAnswer(t *testing.T) {
	job := sample(t, "codepipeline-user-parameters")
	e := refused(t, strings.Replace(job, `\"apply\"`, `\"drop\"`, 1))
	if e.Kind != KindCodePipeline || e.Answer == nil || e.Answer.CodePipeline.JobID != "7f6d1c52-0000-4000-8000-0000000000a1" || e.Answer.CodePipeline.Request != nil {
		t.Errorf("got %s, %v", e.Kind, e.Answer)
	}
	if e = refused(t, strings.Replace(job, `"id"`, `"Id"`, 1)); e.Answer != nil {
		t.Errorf("got %v", e.Answer)
	}
	e = refused(t, strings.Replace(sample(t, "stepfunctions-task-token"), "apply", "drop", 1))
	if e.Kind != KindStepFunctions || e.Answer == nil || e.Answer.StepFunctions.TaskToken.Reveal() != "example-task-token-of-a-sample" {
		t.Errorf("got %s, %v", e.Kind, e.Answer)
	}
	for _, token := range []string{`""`, "null", "1", "{}", `"` + strings.Repeat("x", 2049) + `"`} {
		if e = refused(t, `{"flamingock":"v1","operation":"apply","taskToken":`+token+`}`); e.Answer != nil || e.Kind != KindStepFunctions {
			t.Errorf("%.20s: got %s, %v", token, e.Kind, e.Answer)
		}
	}
}

// TestIDIsCapped: ids are the caller's word, and go into every audit entry.
func TestIDIsCapped(t *testing.T) {
	long := strings.Replace(sample(t, "cloudformation-create"), "stack/orders", "stack/"+strings.Repeat("ö", 400), 1)
	got := decoded(t, long)
	if len(got.ID) > maxID || len(got.ID) < maxID-4 || strings.ContainsRune(got.ID, '\uFFFD') {
		t.Errorf("%d bytes: %s", len(got.ID), got.ID)
	}
}
