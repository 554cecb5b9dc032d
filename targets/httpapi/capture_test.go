package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/core"
)

// fails is a last step that is refused, so that the steps before it are rolled back.
const fails = "\n  - apply: { method: POST, path: /plans, json: {} }\n"

// What is there before a change is kept with its STARTED, and rollback: auto puts it back.
func TestCapture(t *testing.T) {
	type plans = map[string]map[string]any
	gold := func(price string) map[string]any {
		return map[string]any{"name": "gold", "price": price, "seen": "today"}
	}
	const put = "method: PUT, path: /plans/gold, json: { price: '12', seen: now }"
	change := func(apply string) string { return "steps:\n  - apply: { " + apply + " }\n    rollback: auto" + fails }
	theirs := plans{"gold": {"name": "gold", "price": "theirs"}}
	for name, tt := range map[string]struct {
		before plans
		tagged bool
		change string
		// meddle changes what is there before the nth request that begins so.
		meddle string
		nth    int
		states string
		says   string
		kept   string
		after  plans
	}{
		"put over what is there": {
			before: plans{"gold": gold("10")}, change: change(put + ", capture: {}"),
			states: "STARTED, FAILED, ROLLED_BACK", kept: `{"contentType":"application/json","json":{"name":"gold","price":"10","seen":"today"}}`, after: plans{"gold": gold("10")},
		},
		"put where nothing is": {change: change(put + ", capture: {}"), states: "STARTED, FAILED, ROLLED_BACK", kept: `{"absent":true}`, after: plans{}},
		"delete": {
			before: plans{"gold": gold("10")}, change: change("method: DELETE, path: /plans/gold, capture: {}"),
			states: "STARTED, FAILED, ROLLED_BACK", kept: `{"contentType":"application/json","json":{"name":"gold","price":"10","seen":"today"}}`, after: plans{"gold": gold("10")},
		},
		"patch, without what the API keeps itself": {
			before: plans{"gold": gold("10")}, change: change("method: PATCH, path: /plans/gold, json: { price: '12', seen: now }, capture: { without: [seen, name], putBack: PATCH }"),
			states: "STARTED, FAILED, ROLLED_BACK", kept: `{"contentType":"application/json","json":{"price":"10"}}`,
			after: plans{"gold": {"name": "gold", "price": "10", "seen": "now"}},
		},
		"post, read elsewhere": {change: change("method: POST, path: /plans, json: { name: gold }, capture: { path: /plans/gold }"), states: "STARTED, FAILED, ROLLED_BACK", kept: `{"absent":true}`, after: plans{}},
		"with ETags": {
			before: plans{"gold": gold("10")}, tagged: true, change: change(put + ", capture: {}"),
			states: "STARTED, FAILED, ROLLED_BACK", kept: `{"contentType":"application/json","etag":"\"2288883808\"","json":{"name":"gold","price":"10","seen":"today"}}`, after: plans{"gold": gold("10")},
		},
		"somebody was faster": {
			before: plans{"gold": gold("10")}, tagged: true, change: change(put + ", capture: {}"), meddle: "PUT", nth: 1,
			states: "STARTED, FAILED, ROLLED_BACK", says: "it was changed by somebody else since it was read", after: theirs,
		},
		"somebody changed it since": {
			before: plans{"gold": gold("10")}, tagged: true, change: change(put + ", capture: {}"), meddle: "POST", nth: 1,
			states: "STARTED, FAILED, ROLLBACK_FAILED", says: "it was changed by somebody else since it was read", after: theirs,
		},
		"somebody changes it during the rollback": {
			before: plans{"gold": gold("10")}, tagged: true, change: change(put + ", capture: {}"), meddle: "PUT", nth: 2,
			states: "STARTED, FAILED, ROLLBACK_FAILED", says: "it was changed by somebody else since it was read", after: theirs,
		},
		"somebody changed it since, without ETags": {
			before: plans{"gold": gold("10")}, change: change(put + ", capture: {}"), meddle: "POST", nth: 1,
			states: "STARTED, FAILED, ROLLBACK_FAILED", says: "it was changed by somebody else since it was read", after: theirs,
		},
		"somebody was faster, without ETags": {
			before: plans{"gold": gold("10")}, change: change(put + ", capture: {}"), meddle: "GET", nth: 2,
			states: "STARTED, FAILED, ROLLED_BACK", says: "it was changed by somebody else since it was read", after: theirs,
		},
		"two steps, one place, with ETags": {
			before: plans{"gold": gold("10")}, tagged: true,
			change: "steps:\n  - apply: { " + put + ", capture: {} }\n    rollback: auto\n  - apply: { method: PATCH, path: /plans/gold, json: { seen: then }, capture: {} }\n    rollback: auto" + fails,
			states: "STARTED, FAILED, ROLLED_BACK", after: plans{"gold": gold("10")},
		},
		"another request to the place comes after it": {
			before: plans{"gold": gold("10")}, tagged: true,
			change: "steps:\n  - apply: { " + put + ", capture: {} }\n    rollback: auto\n  - apply: { method: PATCH, path: /plans/gold, json: { seen: then } }\n    rollback: { method: PATCH, path: /plans/gold, json: { seen: now } }" + fails,
			states: "STARTED, FAILED, ROLLED_BACK", after: plans{"gold": gold("10")},
		},
		"a patch that adds a member": {
			before: plans{"gold": {"name": "gold"}}, change: change("method: PATCH, path: /plans/gold, json: { price: '12' }, capture: { putBack: PATCH }"),
			states: "STARTED, FAILED, ROLLBACK_FAILED", says: "the API shows something else", after: plans{"gold": {"name": "gold", "price": nil}}, // no merge patch there
		},
		"create-only": {
			change: change(put + ", headers: { If-None-Match: '*' }, capture: {}"), states: "STARTED, FAILED, ROLLED_BACK", after: plans{},
		},
		"put back already": {
			before: plans{"gold": gold("10")}, change: change("method: PUT, path: /plans/gold, json: { price: '10', seen: today }, capture: {}"),
			states: "STARTED, FAILED, ROLLED_BACK", after: plans{"gold": gold("10")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			a.tagged = tt.tagged
			if tt.before != nil {
				a.plans = tt.before
			}
			n := 0
			a.fault = func(_ http.ResponseWriter, r *http.Request, _ func()) bool {
				if tt.meddle != "" && r.Method == tt.meddle {
					if n++; n == tt.nth {
						a.set(func(a *api) { a.plans = plans{"gold": {"name": "gold", "price": "theirs"}} })
					}
				}
				return false
			}
			target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
			l := newLedger()
			_, err := l.apply(t, target, mustLoad(t, target, tt.change))
			if core.CodeOf(err) != core.CodeChangeFailed || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
			if got := l.states(t); got != tt.states {
				t.Errorf("recorded %s, want %s", got, tt.states)
			}
			if got := l.history(t)[0].Captured; tt.kept != "" && (len(got) != 2 || got[0] != tt.kept) {
				t.Errorf("kept %q, want %q", got, tt.kept)
			}
			if diff := cmp.Diff(tt.after, a.plans); diff != "" {
				t.Errorf("the API (-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot be read, or kept, is not changed.
func TestCaptureFails(t *testing.T) {
	for name, tt := range map[string]struct {
		fault   func(w http.ResponseWriter, act func())
		capture string
		code    core.Code
		says    string
	}{
		"refused":    {fault: status(403), capture: "{}", code: core.CodePermissionDenied, says: "403 Forbidden"},
		"broken":     {fault: status(500), capture: "{}", code: core.CodeUnavailable, says: "500 Internal Server Error"},
		"too large":  {fault: func(w http.ResponseWriter, _ func()) { w.Write(make([]byte, core.MaxCaptured+1)) }, capture: "{}", code: core.CodeConfigInvalid, says: "larger than the 65536 bytes"},
		"no text":    {fault: func(w http.ResponseWriter, _ func()) { w.Write([]byte("caf\xe9")) }, capture: "{}", code: core.CodeConfigInvalid, says: "is no text"},
		"no content": {fault: status(204), capture: "{}", code: core.CodeConfigInvalid, says: "204 No Content has no content"},
		"no object":  {fault: func(w http.ResponseWriter, _ func()) { w.Write([]byte("[1]")) }, capture: "{ without: [seen] }", code: core.CodeConfigInvalid, says: "no JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			a.failing(9, "GET", tt.fault)
			target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
			l := newLedger()
			_, err := l.apply(t, target, mustLoad(t, target, "apply: { method: PUT, path: /plans/gold, json: {}, capture: "+tt.capture+" }\nrollback: auto"))
			if core.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %s and %q", err, tt.code, tt.says)
			}
			if len(l.history(t)) > 0 || len(a.names()) > 0 {
				t.Errorf("recorded %s, the API has %v", l.states(t), a.names())
			}
		})
	}
}

// Values of references are not recorded.
func TestCapturedSecrets(t *testing.T) {
	a := newAPI(t)
	a.plans["gold"] = map[string]any{"name": "gold", "token": "canary\"\\/<1"}
	target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
	l := newLedger()
	l.values["TOKEN"] = "canary\"\\/<1"
	if _, err := l.apply(t, target, mustLoad(t, target, "steps:\n  - apply: { method: PUT, path: /plans/gold, json: { token: '${env:TOKEN}', price: 1 }, capture: {} }\n    rollback: auto"+fails)); err == nil {
		t.Fatal("it is applied")
	}
	for _, e := range l.history(t) {
		if strings.Contains(string(e.Encode()), "canary") {
			t.Errorf("recorded: %s", e.Encode())
		}
	}
	if a.plans["gold"]["token"] != "canary\"\\/<1" || a.plans["gold"]["price"] != nil {
		t.Errorf("put back: %v", a.plans["gold"])
	}
}

// An API that has ETags, and loses answers: what is there is looked at again.
func TestCaptureAndLostAnswers(t *testing.T) {
	lost := func(_ http.ResponseWriter, act func()) { act(); hangUp() }
	t.Run("of the rollback", func(t *testing.T) {
		a := newAPI(t)
		a.tagged, a.plans["gold"] = true, map[string]any{"name": "gold", "price": "10"}
		target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
		l := newLedger()
		c := mustLoad(t, target, "steps:\n  - apply: { method: PUT, path: /plans/gold, json: { price: '12' }, capture: {} }\n    rollback: auto"+fails)
		a.failing(1, "POST", func(w http.ResponseWriter, _ func()) {
			w.WriteHeader(http.StatusBadRequest)
			go a.failing(1, "PUT", lost)
		})
		if _, err := l.apply(t, target, c); err == nil || l.states(t) != "STARTED, FAILED, ROLLED_BACK" || a.plans["gold"]["price"] != "10" {
			t.Errorf("%v; recorded %s, the API has %v", err, l.states(t), a.plans)
		}
	})
	t.Run("ALWAYS_RETRY goes on", func(t *testing.T) {
		a := newAPI(t)
		a.tagged, a.plans["gold"] = true, map[string]any{"name": "gold", "price": "10"}
		target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
		l := newLedger()
		c := mustLoad(t, target, "recovery: ALWAYS_RETRY\napply: { method: PUT, path: /plans/gold, json: { price: '12' }, capture: {}, retry: { attempts: 1 } }\nrollback: auto")
		a.failing(1, "PUT", lost)
		if _, err := l.apply(t, target, c); err == nil {
			t.Fatal("no answer, and no error")
		}
		if _, err := l.apply(t, target, c); err != nil || l.states(t) != "STARTED, FAILED unknown, STARTED, APPLIED" {
			t.Errorf("%v; recorded %s", err, l.states(t))
		}
	})
	t.Run("what is there already is the change's own", func(t *testing.T) {
		a := newAPI(t)
		a.tagged, a.plans["gold"] = true, map[string]any{"name": "gold", "price": "10"}
		target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
		l := newLedger()
		c := mustLoad(t, target, "recovery: ALWAYS_RETRY\nsteps:\n  - apply: { method: PUT, path: /plans/gold, json: { price: '12' }, capture: {}, retry: { attempts: 1 }, existing: { path: /plans/gold, expect: { json: { $.price: '12' } } } }\n    rollback: auto"+fails)
		a.failing(1, "PUT", lost)
		for range 2 {
			if _, err := l.apply(t, target, c); err == nil {
				t.Fatal("it is applied")
			}
		}
		// In part: whether the first attempt came to its second step, nobody knows.
		if l.states(t) != "STARTED, FAILED unknown, STARTED, FAILED, FAILED" || a.plans["gold"]["price"] != "10" {
			t.Errorf("recorded %s, the API has %v", l.states(t), a.plans)
		}
	})
}

// Where an API hides what is there, nothing is deleted that was there before.
func TestCaptureOfWhatIsHidden(t *testing.T) {
	a := newAPI(t)
	a.plans["gold"] = map[string]any{"name": "gold", "price": "10"}
	a.failing(9, "GET", status(404))
	target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
	l := newLedger()
	_, err := l.apply(t, target, mustLoad(t, target, "steps:\n  - apply: { method: PUT, path: /plans/gold, json: { price: '12' }, capture: {} }\n    rollback: auto"+fails))
	if err == nil || l.states(t) != "STARTED, FAILED, ROLLBACK_FAILED" || a.count("DELETE /v1/plans/gold") > 0 {
		t.Errorf("%v; recorded %s, calls %q", err, l.states(t), a.calls)
	}
	if !strings.Contains(core.HintOf(err), "put back by hand") || !strings.Contains(core.HintOf(err), "issue get a") {
		t.Errorf("what to do: %s", core.HintOf(err))
	}
}

func TestCaptureFaults(t *testing.T) {
	target := New("billing", "https://billing.example/v1", http.DefaultClient)
	for change, want := range map[string]string{
		"apply: { method: GET, path: /plans, capture: {} }":                                                                           "capture is for what changes something",
		"apply: { method: POST, path: /plans, capture: {} }":                                                                          "capture needs the path of what the POST makes",
		"apply: { method: PUT, path: /plans/a, capture: { path: plans } }":                                                            "capture.path must begin with /",
		"apply: { method: PUT, path: /plans/a, capture: { query: { a: b } } }":                                                        "capture.timeout need capture.path",
		"apply: { method: PUT, path: '/plans/${idempotencyKey}', capture: {} }":                                                       "its place cannot hold",
		"apply: { method: PUT, path: /plans/a, capture: { putBack: POST } }":                                                          "capture.putBack is PUT or PATCH",
		"apply: { method: PUT, path: /plans/a, capture: { without: [ $.a ] } }":                                                       "capture.without has names of members",
		"apply: { method: PUT, path: /plans/a, capture: { with: [ a ] } }":                                                            "with",
		"apply: { method: PUT, path: /plans/a }\nrollback: auto":                                                                      "add capture: {}",
		"apply: { method: PUT, path: /plans/a, capture: {} }\nrollback: { method: PUT, path: /plans/a, json: { a: 1 }, capture: {} }": "capture belongs to apply",
	} {
		if _, err := load(target, change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
}
