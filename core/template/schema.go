package template

import (
	"reflect"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

type schema = strictyaml.Schema

// Schema returns the JSON Schema (draft 2020-12) of change files with the
// templates of these types: for editors, and for whoever writes change files by
// program.
//
// It is made from what the loader works with: the struct that files are decoded
// into, and what each template decodes when it is asked to compile. Load does not
// use it. The strict decoder accepts and refuses the same files, with the line
// and column of every fault, and two answers to one question would differ some
// day; a test holds the two together. What only Load finds is listed there: what
// a payload's text means, other files, target systems, how the YAML is written.
func Schema(types []core.TargetType) []byte {
	s := strictyaml.SchemaOf(reflect.TypeFor[document]()).NotNull()
	names := spellings(types)
	properties, _ := s["properties"].(schema) //nolint:errcheck // SchemaOf makes it of a struct
	refine := func(key string, more schema) {
		old, _ := properties[key].(schema) //nolint:errcheck // nil is fine
		properties[key] = old.With(more)
	}
	notNull := func(key string) {
		old, _ := properties[key].(schema) //nolint:errcheck // nil is fine
		properties[key] = old.NotNull()
	}
	notNull("id")
	refine("id", schema{"pattern": `^\S(.*\S)?$`, "maxLength": 255})
	properties["template"] = schema{"enum": names}
	refine("maxAttempts", schema{"minimum": 0})
	properties["steps"] = schema{"type": "array", "minItems": 1, "items": schema{
		"type": "object", "additionalProperties": false, "required": []string{"apply"},
		"properties": schema{"apply": schema{}.NotNull(), "rollback": schema{}},
	}}
	for key, text := range descriptions() {
		refine(key, schema{"description": text})
	}
	rules := []schema{{
		"if":   schema{"required": []string{"steps"}},
		"then": schema{"properties": schema{"apply": missing(), "rollback": missing()}},
		"else": schema{"required": []string{"apply"}, "properties": schema{"apply": schema{}.NotNull()}},
	}}
	return s.With(schema{
		"$schema": strictyaml.Draft, "title": "Flamingock change file",
		"required": []string{"id", "template", "targetSystem"}, "allOf": append(rules, templateRules(types, names)...),
	}).JSON()
}

// missing is a key that is not there, or has no value.
func missing() schema { return schema{"type": "null"} }

// descriptions are what editors show, by key.
func descriptions() map[string]string {
	return map[string]string{
		"id":              "Unique over all stages, for ever.",
		"author":          "Who wrote the change; recorded.",
		"description":     "What the change is for; for people.",
		"template":        "What compiles the payload.",
		"targetSystem":    "The id of a target system of flamingock.yaml, plain or as { id: … }.",
		"recovery":        "What happens when the outcome of an attempt is not known: a person decides, or it is tried again.",
		"transactional":   "Absent: inferred from the payload and the target system. true where that is impossible is a fault.",
		"profiles":        "Run only where one of these is active; !name: where it is not.",
		"labels":          "For selecting changes with --label.",
		"timeout":         "How long one attempt may take, such as 30s.",
		"maxAttempts":     "How often it is started before a person must decide; 0: no limit.",
		"allowOutOfOrder": "Admit it although a later change is applied already.",
		"configuration":   "Settings of the template.",
		"apply":           "What the change does. Either this or steps.",
		"rollback":        "How to take it back when it fails without a transaction.",
		"steps":           "Several steps, each with its own apply and rollback.",
		"probe":           "How to find out whether the change is there already, for templates that take one.",
	}
}

// YAMLSchema implements strictyaml.Schemer.
func (t *target) YAMLSchema() schema {
	id := strictyaml.TextSchema().NotNull().With(schema{"minLength": 1})
	return schema{"anyOf": []schema{id, {"type": "object", "additionalProperties": false, "required": []string{"id"}, "properties": schema{"id": id}}}}
}

// YAMLSchema implements strictyaml.Schemer.
func (r *recovery) YAMLSchema() schema {
	strategy := schema{"enum": []any{core.ManualIntervention, core.AlwaysRetry, nil}}
	return schema{"anyOf": []schema{strategy, {"type": "object", "additionalProperties": false, "properties": schema{"strategy": strategy}}}}
}

// YAMLSchema implements strictyaml.Schemer.
func (w *words) YAMLSchema() schema {
	return schema{"anyOf": []schema{
		{"type": []string{"array", "null"}, "items": strictyaml.TextSchema().NotNull().With(schema{"pattern": `^([^!].*\S|[^!\s]|!.*\S)`})},
		strictyaml.TextSchema(),
	}}
}

// spellings are all names of all templates.
func spellings(types []core.TargetType) []string {
	out := []string{}
	for i := range types {
		out = append(out, names(types[i].Templates, true)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// templateRules says what the templates want. A file does not tell the type of
// its target system, so a name that several types have means any of theirs.
func templateRules(types []core.TargetType, spellings []string) []schema {
	type group struct {
		names    []string // all that mean the same
		variants []schema
	}
	var groups []*group
	known := map[string]*group{}
	for _, name := range spellings {
		var variants []schema
		var written []string
		for i := range types {
			tpl := find(types[i].Templates, name)
			if tpl == nil {
				continue
			}
			v := templateRule(tpl)
			if text := string(v.JSON()); !slices.Contains(written, text) {
				variants, written = append(variants, v), append(written, text)
			}
		}
		all := strings.Join(written, "")
		if known[all] == nil {
			known[all] = &group{variants: variants}
			groups = append(groups, known[all])
		}
		known[all].names = append(known[all].names, name)
	}
	var rules []schema
	for _, g := range groups {
		then := g.variants[0]
		if len(g.variants) > 1 {
			then = schema{"anyOf": g.variants}
		}
		rules = append(rules, schema{
			"if":   schema{"required": []string{"template"}, "properties": schema{"template": schema{"enum": g.names}}},
			"then": then,
		})
	}
	return rules
}

func templateRule(tpl *core.Template) schema {
	apply, config := asked(tpl.Compile, false)
	rollback, _ := asked(tpl.Compile, true)
	if tpl.Restore != nil {
		rollback = schema{"anyOf": []schema{{"const": automatic, "description": "Puts back what was there before."}, rollback}}
	}
	step := schema{"properties": schema{"apply": apply, "rollback": rollback}}
	properties := schema{"configuration": config, "apply": apply, "rollback": rollback, "steps": schema{"items": step}, "probe": missing()}
	rule := schema{"properties": properties}
	if tpl.CustomProbe != nil {
		properties["probe"], _ = asked(func(p core.Payload) (core.Step, error) {
			_, err := tpl.CustomProbe(p)
			return core.Step{}, err
		}, false)
	}
	if tpl.StepsOnly {
		rule["required"] = []string{"steps"}
	}
	if tpl.SingleOnly {
		properties["steps"] = false
	}
	if tpl.RollbackRequired {
		step["required"] = []string{"rollback"}
		step["properties"] = schema{"apply": apply, "rollback": rollback.NotNull()}
		rule["if"] = schema{"required": []string{"steps"}}
		rule["else"] = schema{"required": []string{"rollback"}, "properties": schema{"rollback": rollback.NotNull()}}
	}
	return rule
}

// asked lets a template compile an empty payload, and notes what it decodes: what
// a template reads is what it takes. Templates are pure, so that asking is free.
func asked(compile func(core.Payload) (core.Step, error), rollback bool) (payload, config schema) {
	q := &question{rollback: rollback, payload: schema{}, config: schema{}}
	func() {
		defer func() { _ = recover() }() //nolint:errcheck // one that cannot be asked is not described
		_, _ = compile(q)                //nolint:errcheck // an empty payload may well be at fault
	}()
	return q.payload, q.config
}

// question is an empty payload that remembers what was first read of it.
type question struct {
	rollback                 bool
	payload, config          schema
	askedPayload, askedOther bool
}

var _ core.Payload = (*question)(nil)

func (q *question) Decode(into any) error {
	if !q.askedPayload {
		q.askedPayload, q.payload = true, strictyaml.SchemaOf(reflect.TypeOf(into).Elem())
	}
	return nil
}

func (q *question) Configuration(into any) error {
	if !q.askedOther {
		q.askedOther, q.config = true, strictyaml.SchemaOf(reflect.TypeOf(into).Elem())
	}
	return nil
}

func (q *question) Text() (core.Text, error) {
	if !q.askedPayload {
		q.askedPayload, q.payload = true, strictyaml.TextSchema()
	}
	return core.Text{}, nil
}

func (q *question) Rollback() bool { return q.rollback }

func (q *question) Fault(_, _ int, message string) error { return &core.FaultError{Message: message} }
