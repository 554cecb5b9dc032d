package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// The complete output for a configuration in which everything is wrong.
func TestFaultsGolden(t *testing.T) {
	o := environment(map[string]string{"FLAMINGOCK_GRACE": "hunter2", "FLAMINGOCK_ENABLED": "maybe", "FLAMINGOCK_METADATA": "hunter2"})
	o.Path = filepath.Join("testdata", "bad.yaml")
	o.Flags = map[string]string{"lock.lease": "1h", "lock.lessor": "x", "profiles": "a,,b"}
	_, err := Load(o)
	if err == nil {
		t.Fatal("no faults")
	}
	if core.CodeOf(err) != core.CodeConfigInvalid || core.HintOf(err) == "" {
		t.Errorf("got code %s, hint %q", core.CodeOf(err), core.HintOf(err))
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a value is shown")
	}
	golden(t, "bad.golden", filepath.ToSlash(err.Error())+"\n")
}

// faultyFile is the text of a configuration and its first fault.
type faultyFile struct{ in, want string }

func faultyFiles() map[string]faultyFile {
	return map[string]faultyFile{
		"empty":         {"", "f.yaml: the file is empty"},
		"list":          {"[]\n", "f.yaml:1:1: this must be a mapping, not a list"},
		"no YAML":       {"a: [\n", "f.yaml:1:4: the [ that begins here has no ]"},
		"two":           {"a: 1\n---\nb: 1\n", "f.yaml:2:1: the file has several documents: put each into a file of its own"},
		"table":         {"ledger: x\nauditStore: {dynamodb: {region: x}}\n", "f.yaml: auditStore.dynamodb.table is missing"},
		"ledger":        {"auditStore: {dynamodb: {table: x}}\n", "f.yaml: ledger is missing: with DynamoDB it names this history inside the table, such as orders/prod"},
		"global":        {"ledger: x\nauditStore: {dynamodb: {table: x, allowGlobalTable: yes}}\n", "f.yaml:2:53: auditStore.dynamodb.allowGlobalTable must be true or false"},
		"bad ledger":    {"ledger: a b\n", "f.yaml:1:9: ledger: "},
		"both":          {"ledger: x\nauditStore: {file: a, dynamodb: {table: x}}\n", "f.yaml:2:20: auditStore has both file and dynamodb: choose one"},
		"file, within":  {"auditStore: {file: a, targetSystem: b}\ntargetSystems: {b: {type: x}}\n", "f.yaml:1:20: auditStore has both file and targetSystem: choose one"},
		"within, table": {"ledger: x\nauditStore: {targetSystem: b, dynamodb: {table: x}}\ntargetSystems: {b: {type: x}}\n", "f.yaml:2:28: auditStore has both targetSystem and dynamodb: choose one"},
		"no host":       {"auditStore: {targetSystem: ap}\ntargetSystems: {app: {type: x}}\n", "f.yaml:1:28: auditStore.targetSystem: there is no target system ap; did you mean"},
		"a list within": {"auditStore: {targetSystem: [a]}\n", "f.yaml:1:28: auditStore.targetSystem must be one value, not a list"},
		"short lease":   {"lock: {lease: 999ms}\n", "f.yaml:1:15: lock.lease must be at least 1s"},
		"long lease":    {"lock: {lease: 15m1s}\n", "f.yaml:1:15: lock.lease must be at most 15m0s"},
		"negative":      {"grace: -1s\n", "f.yaml:1:8: grace must not be negative"},
		"drift":         {"drift: {edited: no}\n", "f.yaml:1:17: drift.edited must be fail, warn or allow"},
		"enabled":       {"enabled: yes\n", "f.yaml:1:10: enabled must be true or false"},
		"no type":       {"targetSystems: {a: {dsn: x}}\n", "f.yaml:1:17: targetSystems.a.type is missing"},
		"no mapping":    {"targetSystems: {a: postgres}\n", "f.yaml:1:17: targetSystems.a must be a mapping with type, not text"},
		"targets":       {"targetSystems: [a]\n", "f.yaml:1:16: targetSystems must be a mapping of ids, not a list"},
		"twice":         {"targetSystems:\n  a: {type: x}\n  a: {type: y}\n", `f.yaml:3:3: the key "a" is there twice; the first is in line 2`},
		"stages":        {"stages: {a: b}\n", "f.yaml:1:9: stages must be a list, not a mapping"},
		"no stage":      {"stages: [x]\n", "f.yaml:1:10: stages[0] must be a mapping with name and location, not text"},
		"empty stage":   {"stages: [{}]\n", "f.yaml:1:10: stages[0] needs a location, or the name of a stage in code"},
		"nameless":      {"stages: [{location: ../..}]\n", "f.yaml:1:10: stages[0] needs a name, which its location does not give"},
		"stage's key":   {"stages: [{locaton: x, name: y}]\n", `f.yaml:1:11: unknown key "locaton"; did you mean "location"?`},
		"depends":       {"stages: [{name: y, dependsOn: x}]\n", "f.yaml:1:31: stages[0].dependsOn must be a list, not text"},
		"profiles":      {"profiles: x\n", "f.yaml:1:11: profiles must be a list, not text"},
		"metadata":      {"metadata: {a: [x]}\n", "f.yaml:1:15: metadata.a must be text, not a list"},
		"two sources":   {"source: {dir: x, artifact: {name: a}}\n", "f.yaml:1:35: source has both dir and artifact: choose one"},
		"source":        {"source: x\n", "f.yaml:1:9: source must be a mapping, not text"},
		"sha256":        {"source: {s3: {bucket: bbb, key: k, sha256: x}}\n", "f.yaml:1:44: source.s3.sha256 must be a SHA-256"},
		"zip's path":    {"source: {artifact: {path: ../x}}\n", "f.yaml:1:27: source.artifact.path must be a directory inside the zip"},
		"size":          {"source: {artifact: {maxSize: 1TB}}\n", "f.yaml:1:30: source.artifact.maxSize must be a size"},
		"big":           {"source: {artifact: {maxSize: 251MB}}\n", "f.yaml:1:30: source.artifact.maxSize must be at most 250MB"},
		"no key":        {"source: {s3: {bucket: bbb}}\n", "f.yaml:1:23: source.s3.key is missing"},
		"no list":       {"notify: {sns: x}\n", "f.yaml:1:9: notify must be a list, not a mapping"},
		"topic":         {"notify: [{sns: {topicArn: x}}]\n", "f.yaml:1:10: notify[0].sns.topicArn must be the ARN of a topic"},
		"two ways":      {"notify: [{eventBridge: {}, webhook: {url: 'https://h/'}}]\n", "f.yaml:1:10: notify[0] must have exactly one of"},
		"no way":        {"notify: [{on: [failed]}]\n", "f.yaml:1:10: notify[0] must have exactly one of"},
		"occasion":      {"notify: [{eventBridge: {}, on: [success]}]\n", "f.yaml:1:10: notify[0].on may have failed, issue and applied"},
		"AWS's source":  {"notify: [{eventBridge: {source: aws.s3}}]\n", "f.yaml:1:10: notify[0].eventBridge.source must not begin with aws."},
		"http":          {"notify: [{webhook: {url: 'http://h.example/'}}]\n", "f.yaml:1:10: notify[0].webhook.url must be https"},
		"header":        {"notify: [{webhook: {url: 'https://h/', headers: {a b: c}}}]\n", "f.yaml:1:10: notify[0].webhook.headers has a name"},
		"empty profile": {"profiles: ['']\n", "f.yaml:1:11: profiles has an empty name in its list"},
	}
}

func TestFaults(t *testing.T) {
	for name, c := range faultyFiles() {
		_, err := load(Options{}, "f.yaml", []byte(c.in))
		var f *core.ConfigFaults
		if !errors.As(err, &f) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
			continue
		}
		if got := f.Faults[0].String(); len(f.Faults) != 1 || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %v, want %s", name, f.Faults, c.want)
		}
	}
}

func TestTableName(t *testing.T) {
	for name, good := range map[string]bool{
		"x": true, "a.b_c-D9": true, strings.Repeat("x", 255): true,
		strings.Repeat("x", 256): false, "a/b": false, "arn:aws:dynamodb:eu-west-1:123456789012:table/x": false, "ä": false,
	} {
		_, err := load(Options{}, "f.yaml", []byte("ledger: x\nauditStore: {dynamodb: {table: '"+name+"'}}\n"))
		if good != (err == nil) || err != nil && !strings.Contains(err.Error(), "must be the name of a table, not its ARN") {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	o := environment(map[string]string{"DSN": "secret", "EMPTY": ""})
	c := of(t, `
targetSystems:
  db:
    type: x
    dsn: ${env:DSN}
    max: 5
    tls: {ca: ca.pem}
`, o)
	s := c.TargetSystems[0].Settings
	type config struct {
		DSN string `yaml:"dsn"`
		Max int    `yaml:"max"`
		TLS struct {
			CA string `yaml:"ca"`
		} `yaml:"tls"`
	}
	var got config
	if err := s.Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := config{DSN: "${env:DSN}", Max: 5}
	want.TLS.CA = "ca.pem"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := s.Path("ca.pem"), filepath.Join("conf", "ca.pem"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := s.Path("/ca.pem"); got != "/ca.pem" {
		t.Errorf("got %s", got)
	}
	if got, err := core.Expand(t.Context(), s.Resolver(), got.DSN); err != nil || got != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := core.Expand(t.Context(), s.Resolver(), "${env:EMPTY}"); err != nil || got != "" {
		t.Errorf("got %q, %v", got, err)
	}
	var wrong struct {
		DSM string `yaml:"dsm"`
		Max bool   `yaml:"max"`
		TLS string `yaml:"tls"`
	}
	err := s.Decode(&wrong)
	wantFaults := `the configuration has 3 faults:
  conf/flamingock.yaml:5:5: unknown key "dsn"; did you mean "dsm"?
  conf/flamingock.yaml:6:10: targetSystems.db.max must be true or false
  conf/flamingock.yaml:7:10: targetSystems.db.tls must be text, not a mapping`
	if err == nil || filepath.ToSlash(err.Error()) != wantFaults || core.CodeOf(err) != core.CodeConfigInvalid {
		t.Errorf("got %v, want %s", err, wantFaults)
	}
}

func TestResolverFaults(t *testing.T) {
	for _, o := range []Options{{}, environment(nil)} {
		c := of(t, "ledger: x\n", o)
		for text, want := range map[string]string{
			"${env:NOT_SET}":         "${env:NOT_SET}: the environment variable NOT_SET is not set",
			"${env:}":                "${env:}: the name of the environment variable is missing",
			"${ssm:/x}":              "${ssm:/x}: references of the kind ssm are not available in this build yet",
			"${secretsmanager:a#b}":  "${secretsmanager:a#b}: references of the kind secretsmanager are not available in this build yet",
			"before ${vault:x} then": "${vault:x}: references of the kind vault are not available in this build yet",
		} {
			_, err := core.Expand(t.Context(), c.Resolver(), text)
			var e *core.ConfigError
			if !errors.As(err, &e) || e.Error() != want || e.Hint() == "" {
				t.Errorf("%s: got %v, want %s", text, err, want)
			}
		}
	}
}

func TestRedact(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"dsn", "postgres://user:p@ss:w0rd@host:5432/db?sslmode=off", "postgres://user:[redacted]@host:5432/db?sslmode=off"},
		{"dsn", "postgres://user@host/db", "postgres://user@host/db"},
		{"dsn", "postgres://user:${env:P}@host/db", "postgres://user:${env:P}@host/db"},
		{"dsn", "postgres://${env:U}:${vault:a/b#c}@host/db", "postgres://${env:U}:${vault:a/b#c}@host/db"},
		{"dsn", "postgres://u:x${env:P}@${env:H}/db", "postgres://u:[redacted]@${env:H}/db"},
		{"dsn", "${env:DSN}", "${env:DSN}"},
		{"dsn", "user:pa@ss@tcp(host:3306)/db", "user:[redacted]@tcp(host:3306)/db"},
		{"dsn", "user:pass@/db", "user:[redacted]@/db"},
		{"dsn", "user:${env:P}@tcp(host)/db", "user:${env:P}@tcp(host)/db"},
		{"dsn", "host=h user=u password=secret dbname=d", "host=h user=u password=[redacted] dbname=d"},
		{"dsn", "host=h password='two words' dbname=d", "host=h password=[redacted] dbname=d"},
		{"dsn", "postgres://h/db?user=u&password=secret&x=y", "postgres://h/db?user=u&password=[redacted]&x=y"},
		{"dsn", "file:app.db?_pragma=x", "file:app.db?_pragma=x"},
		{"url", "amqp://u:p@h/v", "amqp://u:[redacted]@h/v"},
		{"url", "https://h/x:y@z", "https://h/x:y@z"},
		{"password", "x", "[redacted]"},
		{"password", "${env:X}", "${env:X}"},
		{"password", "x${env:X}", "[redacted]"},
		{"password", "", ""},
		{"apiKey", "x", "[redacted]"},
		{"api-key", "x", "[redacted]"},
		{"api_key", "x", "[redacted]"},
		{"clientSecret", "x", "[redacted]"},
		{"bearerToken", "x", "[redacted]"},
		{"auth.token", "x", "[redacted]"},
		{"keyspace", "x", "x"},
		{"lock.wait", "3m0s", "3m0s"},
		{"profiles", "passport", "passport"},
	} {
		if got := redact(c.name, c.value); got != c.want {
			t.Errorf("%s: %s: got %s, want %s", c.name, c.value, got, c.want)
		}
	}
}

// FuzzConfig reads any bytes as a configuration: it never panics, and what it
// accepts can be shown.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		"", "ledger: x\n", "auditStore: {dynamodb: {table: t, region: r, endpoint: \"\"}}\n", "lock: {lease: 30s, wait: 3m}\n",
		"stages:\n  - { name: main, location: changes, dependsOn: [] }\n", "targetSystems:\n  a: { type: x, dsn: \"u:p@tcp(h)/d\" }\n",
		"drift: { edited: fail, lost: warn, late: fail }\nmetadata: {a: b}\nenabled: true\nprofiles: [a]\n",
		"targetSystems: {a: {type: [x]}}\n", "stages: [{location: /}]\n", "stages:\n", "targetSystems: {'': {type: x}}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := load(environment(nil), "f.yaml", data)
		if err != nil {
			var faults *core.ConfigFaults
			if c != nil || !errors.As(err, &faults) || len(faults.Faults) == 0 {
				t.Fatalf("%q: got %v, %v", data, c, err)
			}
			return
		}
		for _, v := range c.Values() {
			if v.Key == "" || v.Origin == "" {
				t.Errorf("%q: %+v", data, v)
			}
		}
		for _, ts := range c.TargetSystems {
			var m map[string]any
			if err := ts.Settings.Decode(&m); err != nil {
				var faults *core.ConfigFaults
				if !errors.As(err, &faults) {
					t.Errorf("%q: %v", data, err)
				}
			}
		}
	})
}
