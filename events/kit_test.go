package events

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// sampleFiles returns the names of the samples and their content.
func sampleFiles(t testing.TB) (names []string, content map[string][]byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("samples", "*.json"))
	if err != nil || len(paths) < 20 {
		t.Fatalf("samples: %v, %v", paths, err)
	}
	content = map[string][]byte{}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(p), ".json")
		names, content[name] = append(names, name), data
	}
	return names, content
}

func sample(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("samples", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// decoded decodes what must be good.
func decoded(t testing.TB, raw string) Trigger {
	t.Helper()
	got, err := Decode([]byte(raw))
	if err != nil {
		t.Fatalf("%v", err)
	}
	if n := details(got); n != 1 {
		t.Fatalf("%d details", n)
	}
	return got
}

// refused decodes what must be refused.
func refused(t testing.TB, raw string) *Error {
	t.Helper()
	got, err := Decode([]byte(raw))
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %s and %T, want an *Error", got, err)
	}
	if e.Reason == "" || e.Hint() == "" || details(got) != 0 || got.Kind != "" || got.ID != "" {
		t.Errorf("an incomplete refusal: %q, %q, %s", e.Reason, e.Next, got)
	}
	return e
}

func details(t Trigger) (n int) {
	for kind, there := range map[Kind]bool{
		KindCodePipeline: t.CodePipeline != nil, KindCodeDeploy: t.CodeDeploy != nil, KindECS: t.ECS != nil,
		KindCloudFormation: t.CloudFormation != nil, KindEventBridge: t.EventBridge != nil, KindSQS: t.SQS != nil,
		KindSNS: t.SNS != nil, KindStepFunctions: t.StepFunctions != nil, KindDirect: t.Direct != nil,
	} {
		if there {
			n++
			if kind != t.Kind {
				return -1
			}
		}
	}
	return n
}

// detail returns the one detail, for dumps.
func detail(t Trigger) any {
	switch t.Kind {
	case KindCodePipeline:
		return t.CodePipeline
	case KindCodeDeploy:
		return t.CodeDeploy
	case KindECS:
		return t.ECS
	case KindCloudFormation:
		return t.CloudFormation
	case KindEventBridge:
		return t.EventBridge
	case KindSQS:
		return t.SQS
	case KindSNS:
		return t.SNS
	case KindStepFunctions:
		return t.StepFunctions
	case KindDirect:
		return t.Direct
	}
	return nil
}

func encode(t testing.TB, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it):\n%s", path, got)
	}
}
