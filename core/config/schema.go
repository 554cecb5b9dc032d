package config

import (
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

type schema = strictyaml.Schema

// Schema returns the JSON Schema (draft 2020-12) of flamingock.yaml with these
// types of target systems, for editors and for whoever writes the file by program.
//
// It is made from what Load works with: the struct that the file is decoded into,
// the table of keys, and what each type decodes of its settings. Load does not use
// it, see template.Schema; a test holds the two together, and lists what only Load
// finds, such as a lease that is too short, or a table that is missing, which the
// environment may name.
func Schema(types []core.TargetType) []byte {
	leaves := map[string]schema{
		"stages":        {"type": []string{"array", "null"}, "items": stageSchema()},
		"targetSystems": targetsSchema(types),
		"notify":        notifySchema(),
		"events.allow":  allowSchema(),
		"events.ecs":    {"type": []string{"array", "null"}, "items": schema{"enum": ECSStages()}},
	}
	for _, k := range keys() {
		s := k.schema
		if k.def != "" {
			s = s.With(schema{"default": k.def})
			if k.path == "enabled" || k.path == keyAllowGlobal {
				s["default"] = k.def == "true"
			}
		}
		leaves[k.path] = s
	}
	leaves["ledger"] = leaves["ledger"].With(schema{"pattern": "^[A-Za-z0-9._/-]{0,255}$", "default": defaultLedger})
	return fileSchema(reflect.TypeFor[file](), "", leaves).NotNull().With(schema{
		"$schema": strictyaml.Draft, "title": "Flamingock configuration",
	}).JSON()
}

// descriptions are what editors show, by key.
func descriptions() map[string]string {
	d := map[string]string{
		"notify":                       "Who is told of failed runs and new issues: a list of sns, eventBridge or webhook.",
		"ledger":                       "The name of the history; a store holds many.",
		"auditStore":                   "Where history lives: file, targetSystem or dynamodb.",
		"auditStore.file":              "The embedded audit store, on a local disk; relative to this file.",
		"auditStore.targetSystem":      "The id of a target system of type sqlite: the audit store is in its database, and its changes commit together with their records.",
		"auditStore.dynamodb":          "The audit store on DynamoDB.",
		"auditStore.dynamodb.table":    "Required, here or in the environment.",
		"auditStore.dynamodb.region":   "The table's region.",
		"auditStore.dynamodb.endpoint": "Another address than AWS's, for tests.",
		keyAllowGlobal:                 "true: a table with replicas in other Regions is accepted; then all executions of a ledger must use one Region.",
		"lock":                         "The lease, and the wait for another's.",
		"lock.lease":                   "How long others wait for a sign of life before they take over; 1s to 15m.",
		"lock.wait":                    "How long a run waits for the lock.",
		"deadline":                     "What is kept before a deadline.",
		"deadline.reserve":             "Kept for recording and rollback; absent: the smaller of 10s and a quarter of the time given.",
		"grace":                        "What a running change gets after SIGTERM or SIGINT.",
		"profiles":                     "The active profiles.",
		"drift":                        "What to do when code and ledger differ.",
		"drift.edited":                 "An applied change was edited.",
		"drift.lost":                   "An applied change is gone from the code.",
		"drift.late":                   "A new change comes before an applied one.",
		"metadata":                     "Written into every audit entry.",
		"enabled":                      "false: apply does nothing and ends with 0.",
		"events":                       "Which triggers of a function may apply changes, where they do not say so themselves.",
		"events.allow":                 "The EventBridge events, by source and detail-type; no patterns. Absent: none.",
		"events.ecs":                   "The stages of an ECS deployment. Absent: PRE_SCALE_UP.",
		"stages":                       "Ordered groups of changes.",
		"targetSystems":                "The systems that changes act on, by id.",
	}
	maps.Copy(d, sourceDescriptions())
	return d
}

// fileSchema is the schema of a struct whose values are nodes.
func fileSchema(t reflect.Type, path string, leaves map[string]schema) schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := strictyaml.SchemaOf(t)
	properties := schema{}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		at := name
		if path != "" {
			at = path + "." + name
		}
		leaf, ok := leaves[at]
		if !ok {
			leaf = fileSchema(f.Type, at, leaves)
		}
		properties[name] = leaf.With(schema{"description": descriptions()[at]})
	}
	s["properties"] = properties
	if path == "auditStore" {
		both := func(keys ...string) schema {
			all := schema{}
			for _, key := range keys {
				all[key] = schema{}.NotNull()
			}
			return schema{"required": keys, "properties": all}
		}
		s["not"] = schema{"type": "object", "anyOf": []schema{both("file", "dynamodb"), both("file", "targetSystem"), both("targetSystem", "dynamodb")}}
	}
	if path == "source" {
		s = sourceSchema(s)
	}
	return s
}

func allowSchema() schema {
	named := strictyaml.TextSchema().NotNull().With(schema{"pattern": `\S`})
	item := schema{
		"type": "object", "additionalProperties": false, "required": []string{"source", "detailType"},
		"properties": schema{"source": named, "detailType": named},
	}
	return schema{"type": []string{"array", "null"}, "items": item}
}

func stageSchema() schema {
	s := strictyaml.SchemaOf(reflect.TypeFor[stageFile]()).NotNull()
	named := func(key string) schema {
		return schema{"required": []string{key}, "properties": schema{key: strictyaml.TextSchema().NotNull().With(schema{"pattern": `[^./]`})}}
	}
	return s.With(schema{"anyOf": []schema{named("name"), named("location")}})
}

// targetsSchema is the schema of the target systems: each takes the settings of
// its type.
func targetsSchema(types []core.TargetType) schema {
	names := []string{"custom"}
	var rules []schema
	for _, t := range types {
		names = append(names, t.Name)
		settings := asked(t)
		if settings == nil {
			continue
		}
		if p, ok := settings["properties"].(schema); ok {
			settings["properties"] = p.With(schema{"type": schema{}})
		}
		rules = append(rules, schema{
			"if":   schema{"required": []string{"type"}, "properties": schema{"type": schema{"const": t.Name}}},
			"then": settings,
		})
	}
	slices.Sort(names)
	one := schema{
		"type": "object", "required": []string{"type"},
		"properties": schema{"type": schema{"enum": slices.Compact(names), "description": "The kind of system."}},
	}
	if len(rules) > 0 {
		one["allOf"] = rules
	}
	return schema{"type": []string{"object", "null"}, "propertyNames": schema{"pattern": `\S`}, "additionalProperties": one}
}

// asked returns the schema of what a type decodes of its settings; nil when it
// does not say. New contacts nothing, and goes no further than its first question.
func asked(t core.TargetType) (s schema) {
	if t.New == nil {
		return nil
	}
	q := &question{}
	defer func() {
		_ = recover() //nolint:errcheck // one that cannot be asked is not described
		s = q.found
	}()
	if made, err := t.New("schema", q); err == nil && made != nil {
		_ = made.Close() //nolint:errcheck // it was never used
	}
	return q.found
}

// question is settings that remember what is decoded of them.
type question struct{ found schema }

var _ core.Settings = (*question)(nil)

func (q *question) Decode(into any) error {
	if q.found == nil {
		q.found = strictyaml.SchemaOf(reflect.TypeOf(into).Elem())
	}
	return errors.New("these settings are only asked for")
}

func (q *question) Resolver() core.Resolver {
	return (&Config{lookup: func(string) (string, bool) { return "", false }}).Resolver()
}

func (q *question) Path(path string) string { return path }

func (q *question) StoreDomain() string { return "" }
