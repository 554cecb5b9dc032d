package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flamingock/flamingock-go/core"
)

func TestSourceAndNotify(t *testing.T) {
	path := filepath.Join("testdata", "source.yaml")
	c, err := Load(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	wantSource := &Source{Where: path + ":3:17", S3: &S3Source{
		Bucket: "acme-changes", Key: "orders/changes.zip", VersionID: "v1", Path: "deploy", Region: "eu-west-1", MaxSize: 5 << 20,
		SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	}}
	if d := cmp.Diff(wantSource, c.Source, cmpopts.IgnoreFields(Source{}, "Where")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	both := []Occasion{OnFailed, OnIssue}
	wantNotify := []Notification{
		{Name: "notify[0].sns", On: both, SNS: &SNSTopic{"arn:aws:sns:eu-west-1:123456789012:changes"}},
		{Name: "notify[1].eventBridge", On: both, EventBridge: &EventBus{Bus: "ops", Source: "shop"}},
		{Name: "notify[2].webhook", On: both, Webhook: &Webhook{core.NewSecret("${env:HOOK}"), map[string]core.Secret{
			"Authorization": core.NewSecret("Bearer ${env:TOKEN}"), "X-Team": core.NewSecret("payments"),
		}}},
		{Name: "notify[3].webhook", On: []Occasion{OnApplied}, Webhook: &Webhook{URL: core.NewSecret("https://hooks.example.com/hunter2")}},
	}
	if d := cmp.Diff(wantNotify, c.Notify, cmpopts.IgnoreFields(Notification{}, "Source"), cmp.AllowUnexported(core.Secret{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	golden(t, "source.golden", shown(c))
}

func TestSourceKinds(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		env  map[string]string
		want *Source
	}{
		"none":              {"ledger: x\n", nil, nil},
		"empty":             {"source:\n", nil, nil},
		"dir":               {"source: {dir: sub}\n", nil, &Source{Dir: filepath.Join("conf", "sub")}},
		"layer":             {"source: {dir: /opt/changes}\n", nil, &Source{Dir: filepath.FromSlash("/opt/changes")}},
		"the only artifact": {"source: {artifact: {}}\n", nil, &Source{Artifact: &ArtifactSource{MaxSize: DefaultSourceSize}}},
		"artifact":          {"source: {artifact: {name: Build, path: deploy}}\n", nil, &Source{Artifact: &ArtifactSource{Name: "Build", Path: "deploy", MaxSize: DefaultSourceSize}}},
		"version from the environment": {
			"source: {s3: {bucket: bucket, key: k}}\n",
			map[string]string{"FLAMINGOCK_SOURCE_S3_VERSIONID": "v2"},
			&Source{S3: &S3Source{Bucket: "bucket", Key: "k", VersionID: "v2", MaxSize: DefaultSourceSize}},
		},
		"elsewhere than in the pipeline": {"source: {artifact: {name: Build}}\n", map[string]string{"FLAMINGOCK_SOURCE_DIR": "."}, &Source{Dir: "."}},
	} {
		got := of(t, c.text, environment(c.env))
		if d := cmp.Diff(c.want, got.Source, cmpopts.IgnoreFields(Source{}, "Where")); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
	}
}

// The complete output for sections in which everything is wrong.
func TestSourceAndNotifyFaultsGolden(t *testing.T) {
	for _, name := range []string{"source_bad", "notify_bad"} {
		_, err := Load(Options{Path: filepath.Join("testdata", name+".yaml")})
		if err == nil || core.CodeOf(err) != core.CodeConfigInvalid {
			t.Fatalf("%s: got %v", name, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a value is shown", name)
		}
		golden(t, name+".golden", filepath.ToSlash(err.Error())+"\n")
	}
}
