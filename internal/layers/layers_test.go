package layers_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/internal/layers"
)

// TestModule holds this module against the table.
func TestModule(t *testing.T) {
	g, err := layers.Load(t.Context(), "../..", "linux", "darwin", "windows")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := g[layers.Module+"/core"]; !ok {
		t.Fatalf("the graph has %d packages, but not core", len(g))
	}
	for _, fault := range layers.Rules.Check(g) {
		t.Error(fault)
	}
}

// TestRules proves that each rule can fail: a graph that keeps the rules, with
// the given imports added, gives exactly the given faults.
func TestRules(t *testing.T) {
	tests := map[string]struct {
		add  map[string]string // package -> further imports
		want []string          // the beginnings of the faults
	}{
		"nothing wrong": {},
		"core has a dependency": {
			add: map[string]string{"core": "github.com/google/uuid"},
			want: []string{
				"core imports github.com/google/uuid: core holds the words",
			},
		},
		"core imports downwards": {
			add:  map[string]string{"core": "core/internal/helper", "core/internal/helper": ""},
			want: []string{"core imports core/internal/helper: ", "core/internal/helper is in no layer"},
		},
		"the planner knows the runner": {
			add:  map[string]string{"core/plan": "core/template"},
			want: []string{"core/plan imports core/template: the planner is pure", "core/run reaches github.com/goccy/go-yaml (core/run > core/plan > core/template > core/internal/strictyaml > github.com/goccy/go-yaml): a user who"},
		},
		"the runner takes an exporter": {
			add: map[string]string{"core/run": "go.opentelemetry.io/otel/sdk/trace"},
			want: []string{
				"container reaches go.opentelemetry.io/otel/sdk/trace (container > container/cli > internal/app > core/run > go.opentelemetry.io/otel/sdk/trace): telemetry's SDK",
				"core/run imports go.opentelemetry.io/otel/sdk/trace: the Runner knows",
				"internal/app reaches go.opentelemetry.io/otel/sdk/trace (internal/app > core/run",
			},
		},
		"the wiring takes an exporter": {
			add: map[string]string{"internal/app": "go.opentelemetry.io/otel/exporters/otlp/otlptrace"},
			want: []string{
				"container reaches go.opentelemetry.io/otel/exporters/otlp/otlptrace (container > container/cli > internal/app > go.opentelemetry.io/otel/exporters/otlp/otlptrace): telemetry's SDK",
				"internal/app reaches go.opentelemetry.io/otel/exporters/otlp/otlptrace (internal/app > go.opentelemetry.io/otel/exporters/otlp/otlptrace): telemetry's SDK",
			},
		},
		"the OpenTelemetry API brings a driver": {
			add: map[string]string{"go.opentelemetry.io/otel/trace": "google.golang.org/grpc/codes"},
			want: []string{
				"core/run reaches google.golang.org/grpc/codes (core/run > go.opentelemetry.io/otel/trace > google.golang.org/grpc/codes): nothing under core",
			},
		},
		"the file store takes a logger": {
			add:  map[string]string{"core/filestore": "go.uber.org/zap"},
			want: []string{"core/filestore imports go.uber.org/zap: the embedded audit store"},
		},
		"a loader reaches an SDK": {
			add: map[string]string{"github.com/goccy/go-yaml": "github.com/aws/smithy-go/ptr"},
			want: []string{
				"core/internal/strictyaml reaches github.com/aws/smithy-go/ptr",
				"core/template reaches github.com/aws/smithy-go/ptr",
			},
		},
		"an adapter imports another": {
			add:  map[string]string{"targets/kafka": "targets/sqlite"},
			want: []string{"targets/kafka imports targets/sqlite: a target system knows"},
		},
		"an adapter imports another's inside": {
			add:  map[string]string{"targets/kafka": "targets/sqlite/ddl"},
			want: []string{"targets/kafka imports targets/sqlite/ddl: a target system knows"},
		},
		"an adapter imports the audit store": {
			add:  map[string]string{"targets/kafka": "dynamo"},
			want: []string{"targets/kafka imports dynamo: "},
		},
		"the audit store imports an adapter": {
			add:  map[string]string{"dynamo": "targets/kafka"},
			want: []string{"container/cli reaches targets/kafka", "dynamo imports targets/kafka: ", "internal/app reaches targets/kafka"},
		},
		"the SQL base gets a driver": {
			add:  map[string]string{"targets/sqltarget": "modernc.org/sqlite"},
			want: []string{"targets/sqltarget imports modernc.org/sqlite: the base of the SQL family"},
		},
		"the command line chooses targets": {
			add:  map[string]string{"container/cli": "targets/all"},
			want: []string{"container/cli imports targets/all: users compile"},
		},
		"a conformance suite in production": {
			add: map[string]string{"targets/sqlite": "core/targettest"},
			want: []string{
				"container reaches testing (container > targets/all > targets/sqlite > core/targettest > testing): package testing",
				"targets/all reaches testing",
				"targets/sqlite imports core/targettest: it exists for tests only",
			},
		},
		"package testing in production": {
			add:  map[string]string{"container": "testing"},
			want: []string{"container imports testing: package testing does not belong"},
		},
		"a suite knows an adapter": {
			add:  map[string]string{"core/storetest": "dynamo"},
			want: []string{"core/storetest imports dynamo: a conformance suite"},
		},
		"a new directory": {
			add:  map[string]string{"util": "core"},
			want: []string{"util is in no layer: add it to"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := layers.Rules.Check(graph(tt.add))
			for i := range got {
				if i < len(tt.want) && strings.HasPrefix(got[i], tt.want[i]) {
					got[i] = tt.want[i]
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// graph is a small module as design.md 2 wants it, with imports added.
func graph(add map[string]string) layers.Graph {
	module := map[string]string{
		"core":                     "context",
		"core/plan":                "core",
		"core/run":                 "core core/plan go.opentelemetry.io/otel/trace context",
		"core/internal/strictyaml": "core github.com/goccy/go-yaml",
		"core/template":            "core core/internal/strictyaml",
		"core/filestore":           "core modernc.org/sqlite github.com/gofrs/flock core/filestore/schema",
		"core/filestore/schema":    "core",
		"core/storetest":           "core testing",
		"core/targettest":          "core core/run testing",
		"dynamo":                   "core github.com/aws/aws-sdk-go-v2/service/dynamodb",
		"targets/sqltarget":        "core core/template",
		"targets/sqlite":           "core targets/sqltarget modernc.org/sqlite targets/sqlite/ddl",
		"targets/sqlite/ddl":       "core",
		"targets/kafka":            "core github.com/twmb/franz-go/pkg/kgo",
		"targets/all":              "core targets/sqlite",
		"internal/app":             "core core/run core/filestore dynamo",
		"container/cli":            "core internal/app github.com/spf13/cobra",
		"container":                "core container/cli targets/all",
	}
	g := layers.Graph{}
	put := func(path, imports string) {
		p := g[path]
		for _, to := range strings.Fields(imports) {
			p.Imports = append(p.Imports, full(to))
		}
		p.Standard = !strings.Contains(path, ".")
		g[path] = p
	}
	for name, imports := range module {
		put(full(name), imports)
	}
	for name, imports := range add {
		put(full(name), imports)
	}
	for _, p := range g {
		for _, to := range p.Imports {
			put(to, "")
		}
	}
	return g
}

// full turns a name of the table into an import path: the standard library's
// have no dot and are spelled out here, other modules' have one.
func full(name string) string {
	if name == "context" || name == "testing" || strings.Contains(name, ".") {
		return name
	}
	return layers.Module + "/" + name
}
