package targettest

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/template"
)

// changeFile is where the suite puts its change files; position is a place in it.
const changeFile = "changes/_0001__snippet.yaml"

var position = regexp.MustCompile(`^changes/_0001__snippet\.yaml:[1-9][0-9]*:[1-9][0-9]*$`)

// loads loads a change file for a target.
func (w *world) loads(target core.Target, templateName, body string) ([]core.Stage, error) {
	text := "id: snippet\nauthor: targettest\ntemplate: " + templateName + "\ntargetSystem: " + target.ID() + "\n" + strings.TrimRight(body, "\n") + "\n"
	return template.Load(template.Input{
		Files:   fstest.MapFS{changeFile: &fstest.MapFile{Data: []byte(text)}},
		Stages:  []template.StageDir{{Name: "main", Location: "changes"}},
		Targets: map[string]core.Target{target.ID(): target},
		Types:   []core.TargetType{w.h.Type},
	})
}

// rejects checks that a change file is not loaded, and that every fault has a place.
func (w *world) rejects(t testing.TB, target core.Target, templateName, what, body string) {
	t.Helper()
	_, err := w.loads(target, templateName, body)
	var v *core.ValidationError
	if !errors.As(err, &v) {
		t.Errorf("template %s, %s: got %v, want a *core.ValidationError", templateName, what, err)
		return
	}
	for _, f := range v.Faults {
		if !position.MatchString(f.Where) {
			t.Errorf("template %s, %s: the fault %q has no place", templateName, what, f)
		}
	}
}

// broken are payloads that no template takes.
func broken(tpl core.Template, valid string) map[string]string {
	payload := func(p string) string {
		if tpl.StepsOnly {
			return "steps:\n  - apply: " + p + "\n    rollback: " + p
		}
		return "apply: " + p + "\nrollback: " + p
	}
	return map[string]string{
		"an unknown key in its payload":       payload("{flamingockKnowsNoSuchKey: 1}"),
		"an unknown key in its configuration": strings.TrimRight(valid, "\n") + "\nconfiguration: {flamingockKnowsNoSuchKey: 1}",
		"a configuration that is a list":      strings.TrimRight(valid, "\n") + "\nconfiguration: [1]",
		"an unknown key beside its payload":   strings.TrimRight(valid, "\n") + "\nflamingockKnowsNoSuchKey: 1",
		"an empty text":                       payload(`""`),
		"a text of spaces":                    payload(`"  "`),
		"an empty mapping":                    payload("{}"),
		"an empty list":                       payload("[]"),
		"a list of lists":                     payload("[[[]]]"),
		"no payload":                          "rollback: x",
		"a null":                              payload("null"),
	}
}

// templateCases hold every template of the target type against what none may take.
func templateCases() []testCase {
	return []testCase{
		{"template/the harness has payloads for each", templates, func(t testing.TB, w *world) {
			for _, tpl := range w.h.Type.Templates {
				if !slices.ContainsFunc(w.h.Templates, func(x Template) bool { return x.Name == tpl.Name }) {
					t.Errorf("template %s has no entry in Harness.Templates", tpl.Name)
				}
			}
		}},
		{"template/bad payloads are rejected at their place", templates, func(t testing.TB, w *world) {
			target := w.open(t)
			for _, x := range w.h.Templates {
				bad := broken(w.template(t, x.Name), x.Valid)
				maps.Copy(bad, x.Invalid)
				for _, what := range slices.Sorted(maps.Keys(bad)) {
					w.rejects(t, target, x.Name, what, bad[what])
				}
			}
		}},
	}
}

// snippetCases run what the templates make.
func snippetCases() []testCase {
	return []testCase{
		{"template/a good payload loads under every name", templates, func(t testing.TB, w *world) {
			target := w.open(t)
			for _, x := range w.h.Templates {
				sums := map[string]bool{}
				for _, name := range append([]string{x.Name}, w.template(t, x.Name).Aliases...) {
					c := w.snippet(t, target, name, x.Valid)
					sums[c.Checksum] = true
					if c.Source.Template != x.Name {
						t.Errorf("%s is recorded as template %s, want %s", name, c.Source.Template, x.Name)
					}
				}
				if len(sums) != 1 {
					t.Errorf("template %s has another checksum under another name", x.Name)
				}
			}
		}},
		{"template/a good payload can be applied, rolled back and applied again", templates, func(t testing.TB, w *world) {
			for _, x := range w.h.Templates {
				v := newWorld(t, w.h, w.sys)
				p := v.process(t)
				c := v.snippet(t, p.target, x.Name, x.Valid)
				p.apply(t, c).is(t, "", "snippet APPLIED")
				if !c.HasRollback() {
					continue
				}
				handle, release, err := p.target.Open(v.ctx())
				check(t, "open", err)
				for _, pair := range slices.Backward(c.Pairs()) {
					if !pair.Rollback.IsZero() {
						check(t, "the rollback of template "+x.Name, pair.Rollback.Do(v.ctx(), session(handle)))
					}
				}
				check(t, "release", release())
				v = newWorld(t, w.h, w.sys) // in which it was never applied
				p = v.process(t)
				p.apply(t, v.snippet(t, p.target, x.Name, x.Valid)).is(t, "", "snippet APPLIED")
			}
		}},
		{"template/a step refuses another system's handle", templates, func(t testing.TB, w *world) {
			target := w.open(t)
			for _, x := range w.h.Templates {
				c := w.snippet(t, target, x.Name, x.Valid)
				for _, pair := range c.Pairs() {
					if err := pair.Apply.Do(w.ctx(), session(&alien{})); err == nil {
						t.Errorf("template %s: got no error", x.Name)
					}
				}
			}
		}},
	}
}

func (w *world) snippet(t testing.TB, target core.Target, templateName, body string) core.Change {
	t.Helper()
	stages, err := w.loads(target, templateName, body)
	check(t, "a good payload of template "+templateName, err)
	return stages[0].Changes[0]
}

func (w *world) template(t testing.TB, name string) core.Template {
	t.Helper()
	i := slices.IndexFunc(w.h.Type.Templates, func(tpl core.Template) bool { return tpl.Name == name })
	if i < 0 {
		t.Fatalf("the target type has no template %s", name)
	}
	return w.h.Type.Templates[i]
}
