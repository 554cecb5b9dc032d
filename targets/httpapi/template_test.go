package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

const post = "method: POST, path: /plans, json: { name: gold, price: 10 }, expect: { status: 201 }"

// What became of a change: in the API, in the ledger, and in the words for people.
func TestChanges(t *testing.T) {
	gold := func(price float64) map[string]any { return map[string]any{"name": "gold", "price": price} }
	lostAfter := func(_ http.ResponseWriter, act func()) { act(); hangUp() }
	for name, tt := range map[string]struct {
		before map[string]map[string]any
		on     string // the request that meets the fault
		fault  func(http.ResponseWriter, func())
		change string
		code   core.Code
		states string
		says   string
		left   string
	}{
		"made": {change: "apply: { " + post + " }", states: "STARTED, APPLIED", left: "gold"},
		"there already, and nobody says what the same is": {
			before: map[string]map[string]any{"gold": gold(10)}, change: "apply: { " + post + " }\nrollback: { method: DELETE, path: /plans/gold }",
			code: core.CodeChangeFailed, states: "STARTED, FAILED, ROLLED_BACK", says: `409 Conflict, not 201: {"error":"there is a plan gold"}`, left: "gold",
		},
		"there already, the same": {
			before: map[string]map[string]any{"gold": gold(10)}, change: "apply: { " + post + ", existing: { path: /plans/gold, expect: { json: { $.price: 10.0 } } } }",
			states: "STARTED, APPLIED", left: "gold",
		},
		"there already, another": {
			before: map[string]map[string]any{"gold": gold(12)},
			change: "apply: { " + post + ", existing: { path: /plans/gold, expect: { json: { $.price: 10 } } } }\nrollback: { method: DELETE, path: /plans/gold }",
			code:   core.CodeChangeFailed, states: "STARTED, FAILED, ROLLED_BACK", says: "POST /plans: something else is there already: GET /plans/gold was answered with 200 OK, but $.price is 12, not 10", left: "gold",
		},
		"there already, the same, and a later step fails": {
			before: map[string]map[string]any{"gold": gold(10)},
			change: "steps:\n  - apply: { " + post + ", existing: { path: /plans/gold, expect: { json: { $.price: 10 } } } }\n    rollback: { method: DELETE, path: /plans/gold }\n" +
				"  - apply: { method: PUT, path: /plans/silver, json: {} }\n    rollback: { method: DELETE, path: /plans/silver }\n  - apply: { method: POST, path: /plans, json: {} }",
			code: core.CodeChangeFailed, states: "STARTED, FAILED, ROLLED_BACK", says: "at step 3 of 3", left: "gold",
		},
		"refused half-way": {
			change: "steps:\n  - apply: { " + post + " }\n    rollback: { method: DELETE, path: /plans/gold }\n  - apply: { method: POST, path: /plans, json: {} }\n    rollback: { method: DELETE, path: /plans/none }",
			code:   core.CodeChangeFailed, states: "STARTED, FAILED, ROLLED_BACK", says: `at step 2 of 2: POST /plans was answered with 422 Unprocessable Entity, not 2xx: {"error":"name is missing"}`,
		},
		"made, but not as expected": {
			change: "apply: { method: POST, path: /plans, json: { name: gold, price: 12 }, expect: { json: { $.price: 10 } } }\nrollback: { method: DELETE, path: /plans/gold }",
			code:   core.CodeChangeFailed, states: "STARTED, FAILED, ROLLED_BACK", says: "$.price is 12, not 10",
		},
		"an answer lost, and no probe": {
			on: "POST", fault: lostAfter, change: "apply: { " + post + " }\nrollback: { method: DELETE, path: /plans/gold }",
			code: core.CodeChangeFailed, states: "STARTED, FAILED unknown", says: "outcome unknown", left: "gold",
		},
		"a server's failure": {
			on: "POST", fault: status(500), change: "apply: { " + post + " }\nrollback: { method: DELETE, path: /plans/gold }",
			code: core.CodeChangeFailed, states: "STARTED, FAILED unknown", says: "500 Internal Server Error",
		},
		"wrong credentials": {
			on: "POST", fault: status(401), change: "apply: { " + post + " }\nrollback: { method: DELETE, path: /plans/gold }",
			code: core.CodeChangeFailed, states: "STARTED, FAILED, ROLLED_BACK", says: "permission denied: missing credentials that the API accepts",
		},
		"a missing right": {
			on: "POST", fault: status(403), change: "apply: { " + post + " }", code: core.CodeChangeFailed, states: "STARTED, FAILED, ROLLED_BACK", says: "the right to POST /plans",
		},
		"what is absent and present": {
			before: map[string]map[string]any{"gold": gold(10)},
			change: "apply: { method: GET, path: /plans, expect: { present: [ '$.plans[?@.name == \"gold\" && @.price > 9.5]' ], absent: [ '$.plans[?@.name == \"lead\"]' ] } }",
			states: "STARTED, APPLIED", left: "gold",
		},
		"what must be absent": {
			before: map[string]map[string]any{"gold": gold(10)},
			change: "apply: { method: GET, path: /plans, expect: { absent: [ '$..price' ] } }", code: core.CodeChangeFailed, states: "STARTED, FAILED", says: "it has $..price: 10", left: "gold",
		},
		"what must be one": {
			before: map[string]map[string]any{"a": gold(1), "b": gold(2)},
			change: "apply: { method: GET, path: /plans, expect: { json: { '$.plans[*].price': 1 } } }", code: core.CodeChangeFailed, states: "STARTED, FAILED", says: "are 2 values, where one is expected", left: "a b",
		},
		"not JSON": {
			on: "GET", fault: func(w http.ResponseWriter, _ func()) { w.Write([]byte("<html>maintenance</html>")) },
			change: "apply: { method: GET, path: /plans, expect: { json: { $.a: 1 } } }", code: core.CodeChangeFailed, states: "STARTED, FAILED", says: "its content is not JSON: <html>maintenance</html>",
		},
		"a rollback finds nothing to delete": {
			change: "steps:\n  - apply: { method: PUT, path: /plans/gold, json: {} }\n    rollback: { method: DELETE, path: /plans/other }\n  - apply: { method: POST, path: /plans, json: {} }\n    rollback: { method: GET, path: /nothing }",
			code:   core.CodeChangeFailed, states: "STARTED, FAILED, ROLLED_BACK", says: "422", left: "gold",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			for n, p := range tt.before {
				a.plans[n] = p
			}
			if tt.fault != nil {
				a.failing(9, tt.on, tt.fault)
			}
			target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
			l := newLedger()
			_, err := l.apply(t, target, mustLoad(t, target, tt.change))
			if core.CodeOf(err) != tt.code || tt.says != "" && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want code %q and %q", err, tt.code, tt.says)
			}
			if err != nil && core.HintOf(err) == "" {
				t.Error("it does not say what to do")
			}
			if got := l.states(t); got != tt.states {
				t.Errorf("recorded %s, want %s", got, tt.states)
			}
			if got := strings.Join(a.names(), " "); got != tt.left {
				t.Errorf("the API has %q, want %q", got, tt.left)
			}
		})
	}
}

// A change whose answer got lost is settled by its probe in the next run.
func TestProbe(t *testing.T) {
	probe := "\nprobe:\n  path: /plans/gold\n  applied: { status: 200, json: { $.price: 10 } }\n  notApplied: { status: 404 }\n"
	for name, tt := range map[string]struct {
		strategy  string
		meanwhile func(a *api)
		done      bool // the lost request took effect
		status    int  // of the answer to the probe; 0: the API's own
		states    string
		code      core.Code
	}{
		"applied":                         {done: true, states: "STARTED, FAILED unknown, APPLIED reconciled"},
		"not applied":                     {states: "STARTED, FAILED unknown", code: core.CodeManualIntervention},
		"not applied, and may be tried":   {strategy: "ALWAYS_RETRY", states: "STARTED, FAILED unknown, STARTED, APPLIED"},
		"something else":                  {strategy: "ALWAYS_RETRY", done: true, meanwhile: func(a *api) { a.plans["gold"]["price"] = 12 }, code: core.CodeManualIntervention, states: "STARTED, FAILED unknown"},
		"it cannot be asked":              {done: true, status: 500, code: core.CodeManualIntervention, states: "STARTED, FAILED unknown"},
		"credentials are not good for it": {done: true, status: 403, code: core.CodeManualIntervention, states: "STARTED, FAILED unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
			strategy := tt.strategy
			if strategy == "" {
				strategy = "MANUAL_INTERVENTION"
			}
			c := mustLoad(t, target, "recovery: "+strategy+"\napply: { "+post+" }"+probe)
			l := newLedger()
			a.failing(1, "POST", func(_ http.ResponseWriter, act func()) {
				if tt.done {
					act()
				}
				hangUp()
			})
			if _, err := l.apply(t, target, c); core.CodeOf(err) != core.CodeChangeFailed {
				t.Fatal(err)
			}
			if tt.meanwhile != nil {
				a.set(tt.meanwhile)
			}
			if tt.status != 0 {
				a.failing(9, "GET", status(tt.status))
			}
			_, err := l.apply(t, target, c)
			if core.CodeOf(err) != tt.code {
				t.Errorf("got %v, want %q", err, tt.code)
			}
			if got := l.states(t); !strings.HasPrefix(got, tt.states) || tt.code == "" && got != tt.states {
				t.Errorf("recorded %s, want %s", got, tt.states)
			}
			if n := len(a.names()); n > 1 {
				t.Errorf("%d plans", n)
			}
		})
	}
}

func TestProbeAnswers(t *testing.T) {
	a := newAPI(t)
	a.plans["gold"] = map[string]any{"name": "gold", "price": 10}
	target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
	for _, tt := range []struct {
		probe string
		want  core.ProbeResult
		fails bool
	}{
		{"path: /plans/gold, applied: { json: { $.price: 10 } }, notApplied: { status: 404 }", core.ProbeApplied, false},
		{"path: /plans/lead, applied: { json: { $.price: 10 } }, notApplied: { status: 404 }", core.ProbeNotApplied, false},
		{"path: /plans/gold, applied: { json: { $.price: 12 } }, notApplied: { json: { $.price: 10 } }", core.ProbeNotApplied, false},
		{"path: /plans/gold, applied: { json: { $.price: 12 } }, notApplied: { status: 404 }", core.ProbeConflict, false},
		{"path: /plans/gold, applied: { status: 204 }, notApplied: { status: 404 }, conflict: { json: { $.price: 10 } }", core.ProbeConflict, false},
		{"path: /plans/gold, applied: { status: 204 }, notApplied: { status: 404 }", core.ProbeUnknown, true},
		{"path: /plans/gold, applied: { status: 200 }, notApplied: { status: 2xx }", core.ProbeUnknown, true},
		{"path: /plans, applied: { present: [ '$.plans[?@.name==\"gold\"]' ] }, notApplied: { absent: [ '$.plans[?@.name==\"gold\"]' ] }", core.ProbeApplied, false},
		{"method: HEAD, path: /plans/gold, applied: { status: 200 }, notApplied: { status: 404 }", core.ProbeApplied, false},
		{"url: '" + a.url() + "/plans/gold', applied: { status: 200 }, notApplied: { status: 404 }", core.ProbeApplied, false},
	} {
		c := mustLoad(t, target, "apply: { method: PUT, path: /plans/gold }\nprobe: { "+tt.probe+" }")
		got, err := c.Probe(t.Context(), sessionOf(clientFor(t, target), nil))
		if got != tt.want || (err != nil) != tt.fails || core.IsUnknown(err) {
			t.Errorf("%s: got %s, %v", tt.probe, got, err)
		}
	}
}

// What is sent is what the payload says, with its references.
func TestWhatIsSent(t *testing.T) {
	a := newAPI(t)
	target := targetOf(t, entry{settings: settings{BaseURL: a.url() + "/", Headers: map[string]string{"X-Team": "payments", "X-Both": "configuration"}}})
	values := map[string]string{"NAME": "a/b?c&d", "PRICE": `10"`, "DOTS": ".."}
	for _, tt := range []struct{ payload, uri, contentType, body string }{
		{
			"method: PUT, path: '/plans/${env:NAME}?x=${env:NAME}&y=1', query: { z: '${env:NAME}' }, json: { price: 10.50, large: 12345678901234567890123, text: '${env:PRICE}', less: <, none: ~, list: [ 1e3, 0x10, true ] }",
			"/v1/plans/a%2Fb%3Fc&d?x=a%2Fb%3Fc%26d&y=1&z=a%2Fb%3Fc%26d", "application/json",
			`{"large":12345678901234567890123,"less":"<","list":[1e3,16,true],"none":null,"price":10.50,"text":"10\""}`,
		},
		{"method: POST, path: /plans, form: { a: '${env:NAME}', b: 2 }", "/v1/plans", "application/x-www-form-urlencoded", "a=a%2Fb%3Fc%26d&b=2"},
		{"method: POST, path: /plans, body: 'x: $${env:NAME} ${env:PRICE}'", "/v1/plans", "text/plain; charset=utf-8", `x: ${env:NAME} 10"`},
		{"method: PUT, path: /plans/a, headers: { content-type: application/xml, X-Both: change }, body: <a/>", "/v1/plans/a", "application/xml", "<a/>"},
		{"method: DELETE, path: '/plans/${env:DOTS}/x'", "/v1/plans/%2E%2E/x", "", ""},
		{"method: GET, url: '" + a.server.URL + "/other?a=1'", "/other?a=1", "", ""},
	} {
		c := mustLoad(t, target, "apply: { "+tt.payload+" }")
		_ = c.Apply.Do(t.Context(), sessionOf(clientFor(t, target), values))
		r := a.last()
		body := new(strings.Builder)
		if r.Body != nil {
			buf := make([]byte, 1<<10)
			n, _ := r.Body.Read(buf)
			body.Write(buf[:n])
		}
		if r.RequestURI != tt.uri || r.Header.Get("Content-Type") != tt.contentType || body.String() != tt.body {
			t.Errorf("%s: sent\n%s %q %s\n%s %q %s", tt.payload, r.RequestURI, r.Header.Get("Content-Type"), body, tt.uri, tt.contentType, tt.body)
		}
		if both := r.Header.Get("X-Both"); r.Header.Get("X-Team") != "payments" || both != "configuration" && both != "change" || (both == "change") != strings.Contains(tt.payload, "X-Both") {
			t.Errorf("%s: headers %v", tt.payload, r.Header)
		}
	}
	// A value that would break out of a header is not sent.
	before := a.requests()
	c := mustLoad(t, target, "apply: { method: PUT, path: /plans/a, headers: { X-A: '${env:NAME}' } }")
	if err := c.Apply.Do(t.Context(), sessionOf(clientFor(t, target), map[string]string{"NAME": "a\r\nX-Evil: 1"})); err == nil || a.requests() != before {
		t.Errorf("got %v", err)
	}
}

// The idempotency key can stand in the payload too, where the API wants a client token,
// and the probe finds what was made with it.
func TestKeyInPayload(t *testing.T) {
	a := newAPI(t)
	target := targetOf(t, entry{settings: settings{BaseURL: a.url()}})
	c := mustLoad(t, target, "apply: { method: POST, path: /plans, json: { name: gold, token: 'flamingock-${idempotencyKey}' } }\n"+
		"probe:\n  path: /plans\n  query: { token: '${idempotencyKey}' }\n  applied: { present: [ '$.plans[?@.token == \"flamingock-${idempotencyKey}\"]' ] }\n  notApplied: { absent: [ '$.plans[?@.name == \"gold\"]' ] }")
	l := newLedger()
	a.failing(1, "POST", func(_ http.ResponseWriter, act func()) { act(); hangUp() })
	if _, err := l.apply(t, target, c); err == nil {
		t.Fatal("no answer, and no error")
	}
	key := a.last().Header.Get("Idempotency-Key")
	if a.plans["gold"]["token"] != "flamingock-"+key || len(key) != 36 {
		t.Errorf("key %q, plan %v", key, a.plans["gold"])
	}
	if _, err := l.apply(t, target, c); err != nil || l.states(t) != "STARTED, FAILED unknown, APPLIED reconciled" {
		t.Errorf("%v; recorded %s", err, l.states(t))
	}
	if got := a.last().URL.Query().Get("token"); got != key {
		t.Errorf("the probe asked for %q, want %q", got, key)
	}
}

// A run that dies after its request, and one that is rolled back: the key is the same
// after the one, and another after the other, so that an API that keeps answers neither
// makes two, nor says that it made what is not there any more.
func TestKeyOverAttempts(t *testing.T) {
	a := newAPI(t)
	a.answers = map[string]int{}
	target := targetOf(t, entry{settings: settings{BaseURL: a.url(), IdempotencyKey: keySettings{Trusted: true}}})
	l := newLedger()
	body := "recovery: ALWAYS_RETRY\nsteps:\n  - apply: { " + post + " }\n    rollback: { method: DELETE, path: /plans/gold }\n  - apply: { method: PUT, path: /plans/silver, json: {} }\n    rollback: { method: DELETE, path: /plans/silver }\n"
	c := mustLoad(t, target, body)
	key := func() (key string) {
		a.set(func(a *api) {
			for _, r := range a.seen {
				if r.Method == http.MethodPost {
					key = r.Header.Get("Idempotency-Key")
				}
			}
		})
		return key
	}
	a.failing(9, "POST", func(_ http.ResponseWriter, act func()) { act(); hangUp() })
	if _, err := l.apply(t, target, c); core.CodeOf(err) != core.CodeChangeFailed {
		t.Fatal(err)
	}
	first := key()
	a.failing(9, "PUT", status(400))
	if _, err := l.apply(t, target, c); core.CodeOf(err) != core.CodeChangeFailed || len(a.names()) != 0 {
		t.Fatalf("%v, %v", err, a.names())
	}
	if key() != first {
		t.Errorf("a lost answer: keys %s and %s", first, key())
	}
	a.failing(0, "", nil)
	if _, err := l.apply(t, target, c); err != nil || strings.Join(a.names(), " ") != "gold silver" {
		t.Errorf("%v, the API has %v", err, a.names())
	}
	if key() == first {
		t.Error("rolled back, and the same key again")
	}
}

func TestStepName(t *testing.T) {
	target := targetOf(t, entry{settings: settings{BaseURL: "https://api.example.com"}})
	c := mustLoad(t, target, "apply: { method: POST, path: '/plans?token=x' }")
	if c.Apply.Name != "POST /plans" {
		t.Errorf("got %q", c.Apply.Name)
	}
	var he *core.HandleError
	if err := c.Apply.Do(t.Context(), &core.Session{Handle: 1}); !errors.As(err, &he) {
		t.Errorf("got %v", err)
	}
}
