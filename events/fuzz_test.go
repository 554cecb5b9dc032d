package events

import (
	"errors"
	"reflect"
	"testing"
)

// FuzzDecode decodes any bytes: it never panics, answers the same twice, and what
// it accepts has a kind and one detail. Its seeds are the samples.
func FuzzDecode(f *testing.F) {
	names, content := sampleFiles(f)
	for _, name := range names {
		f.Add(content[name])
	}
	for _, s := range []string{"", "null", "{}", "[]", `{"Records":[{}]}`, `{"flamingock":"v2"}`, `{"requestContext":{}}`, `{"a":{"a":1,"a":2}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := Decode(raw)
		again, err2 := Decode(raw)
		var e, e2 *Error
		if errors.As(err, &e) != errors.As(err2, &e2) || !alike(e, e2) || !equal(&got, &again) {
			t.Fatalf("%q: %s, %v and then %s, %v", raw, got, err, again, err2)
		}
		if err != nil {
			if e == nil || e.Reason == "" || e.Next == "" || details(got) != 0 || got.Kind != "" {
				t.Fatalf("%q: an incomplete refusal: %#v, %s", raw, err, got)
			}
			if e.Answer != nil && (details(*e.Answer) != 1 || e.Answer.Kind != e.Kind) {
				t.Fatalf("%q: an answer to nobody: %s", raw, e.Answer)
			}
			return
		}
		if details(got) != 1 || len(got.ID) > maxID {
			t.Fatalf("%q: %s has %d details", raw, got, details(got))
		}
		for _, m := range messages(got) {
			if m.ID == "" || (m.Request == nil) == (m.Err == nil) {
				t.Fatalf("%q: message %+v", raw, m)
			}
		}
		for _, r := range requests(got) {
			if r.Operation == "" || (got.Direct == nil && got.StepFunctions == nil && r.Operation != OpApply) {
				t.Fatalf("%q: %s may %s", raw, got, r.Operation)
			}
		}
	})
}

func alike(a, b *Error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Reason == b.Reason && a.Next == b.Next && equal(a.Answer, b.Answer)
}

// equal compares also what is secret, and the errors of messages.
func equal(a, b *Trigger) bool {
	return reflect.DeepEqual(a, b) //nolint:govet // the errors are values, made anew each time
}

func requests(t Trigger) (out []*Request) {
	switch {
	case t.CodePipeline != nil && t.CodePipeline.Request != nil:
		out = append(out, t.CodePipeline.Request)
	case t.StepFunctions != nil:
		out = append(out, &t.StepFunctions.Request)
	case t.Direct != nil:
		out = append(out, &t.Direct.Request)
	case t.SNS != nil:
		for _, m := range t.SNS.Messages {
			out = append(out, m.Request)
		}
	}
	for _, m := range messages(t) {
		if m.Request != nil {
			out = append(out, m.Request)
		}
	}
	return out
}
