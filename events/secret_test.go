package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// canary is text that no error may repeat.
const canary = "CANARY/9f8e7d+secret=="

// TestNothingLeaks puts the canary in the place of every text of every sample, one
// at a time, also of the documents within texts, and looks for it in whatever can
// be printed.
func TestNothingLeaks(t *testing.T) {
	names, content := sampleFiles(t)
	refusals, secrets := 0, 0
	for _, name := range names {
		var event any
		unmarshal(t, string(content[name]), &event)
		each(event, name, func(path string, changed func() any) {
			got, err := Decode([]byte(encode(t, changed())))
			if err != nil {
				refusals++
				var e *Error
				if !errors.As(err, &e) || strings.Contains(e.Error()+string(e.Kind)+e.Reason+e.Next, canary) {
					t.Errorf("%s: the refusal says %v; %s", path, err, e.Next)
				}
				if text := printed(err); strings.Contains(text, canary) && (e.Answer == nil || !strings.Contains(e.Answer.ID, canary)) {
					t.Errorf("%s: the refusal prints %s", path, text)
				}
				return
			}
			if text := printed(got); strings.Contains(text, canary) && !strings.Contains(got.ID, canary) {
				t.Errorf("%s: the trigger prints %s", path, text)
			}
			for _, m := range messages(got) {
				if m.Err != nil && strings.Contains(printed(m.Err), canary) {
					t.Errorf("%s: the message's error says %v", path, m.Err)
				}
			}
			if slices.ContainsFunc([]string{"artifactCredentials", "ResponseURL", "taskToken", "hookDetails", "receiptHandle", "detail."}, func(s string) bool { return strings.Contains(path, s) }) {
				secrets++
				if text := printed(detail(got)); strings.Contains(text, canary) {
					t.Errorf("%s: the detail prints %s", path, text)
				}
			}
		}, func() any { return event })
	}
	if refusals < 100 || secrets < 10 {
		t.Errorf("%d refusals, %d secrets: the test no longer tests anything", refusals, secrets)
	}
}

func messages(t Trigger) []Message {
	if t.SQS != nil {
		return t.SQS.Messages
	}
	return nil
}

// each calls visit for every text below v; changed returns the whole event with
// the canary in its place.
func each(v any, path string, visit func(path string, changed func() any), whole func() any) {
	switch v := v.(type) {
	case map[string]any:
		for k, in := range v {
			with := func(put any) func() any {
				return func() any { v[k] = put; return whole() }
			}
			visitOne(in, path+"."+k, visit, with, func() { v[k] = in }, whole)
		}
	case []any:
		for i, in := range v {
			with := func(put any) func() any {
				return func() any { v[i] = put; return whole() }
			}
			visitOne(in, fmt.Sprintf("%s[%d]", path, i), visit, with, func() { v[i] = in }, whole)
		}
	}
}

func visitOne(in any, path string, visit func(string, func() any), with func(any) func() any, restore func(), whole func() any) {
	text, ok := in.(string)
	if !ok {
		each(in, path, visit, whole)
		return
	}
	visit(path, with(canary))
	visit(path+" (end)", with(text+canary))
	var inner map[string]any
	if json.Unmarshal([]byte(text), &inner) == nil {
		each(inner, path, visit, func() any {
			b, err := json.Marshal(inner)
			if err != nil {
				panic(err)
			}
			return with(string(b))()
		})
	}
	restore()
}

// printed is v in every way that a program prints things.
func printed(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("x", "v", v)
	}
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		panic(err)
	}
	return b.String()
}

func TestSecret(t *testing.T) {
	s := struct{ A, B Secret }{A: secret(canary)}
	if text := printed(s) + printed(&s) + printed(s.A); strings.Contains(text, "CANARY") || strings.Contains(text, "43414e415259") {
		t.Errorf("got %s", text)
	}
	if s.A.Reveal() != canary || s.A.String() != "[secret]" || s.A.GoString() != "[secret]" || s.B.String() != "" || s.A.IsZero() || !s.B.IsZero() {
		t.Errorf("got %q, %q", s.A.String(), s.B.String())
	}
}

func TestTriggerPrintsKindAndID(t *testing.T) {
	got := decoded(t, sample(t, "codepipeline"))
	want := "codepipeline 7f6d1c52-0000-4000-8000-0000000000a1"
	for _, v := range []any{got, &got} {
		if s := fmt.Sprintf("%v|%+v|%#v|%d", v, v, v, v); s != want+"|"+want+"|"+want+"|"+want {
			t.Errorf("got %s", s)
		}
	}
	if s := encode(t, got); s != `{"kind":"codepipeline","id":"7f6d1c52-0000-4000-8000-0000000000a1"}` {
		t.Errorf("got %s", s)
	}
	if s := got.CodePipeline.Credentials.SessionToken.Reveal(); s != "example-session-token-of-a-sample" {
		t.Errorf("got %q", s)
	}
}
