package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/targettest"
	"github.com/flamingock/flamingock-go/internal/badinput"
)

func TestBadInput(t *testing.T) {
	var a *api
	var wire *targettest.Proxy
	// has checks which plans there are.
	has := func(want ...string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if got := a.names(); !slices.Equal(got, want) {
				t.Errorf("the API has the plans %q, want %q", got, want)
			}
		}
	}
	is := func(price float64) func(*testing.T) {
		return func(*testing.T) {
			a.set(func(a *api) { a.plans["gold"] = map[string]any{"name": "gold", "price": price} })
		}
	}
	const gold = "{ method: POST, path: /plans, json: { name: gold, price: 10.50 }, existing: { path: /plans/gold, expect: { json: { $.price: 10.50 } } } }"
	badinput.Run(t, badinput.Harness{
		Type: Type(),
		New: func(t *testing.T) badinput.System {
			a = newAPI(t)
			address := a.server.Listener.Addr().String()
			wire = targettest.NewProxy(t, address)
			return badinput.System{
				Settings: "baseUrl: " + strings.Replace(a.url(), address, wire.Addr(), 1) + "\nauth: { bearer: '${env:TOKEN}' }\nping: { path: /health }",
				Env:      map[string]string{"TOKEN": "bad-input-token"}, Secrets: []string{"bad-input-token"}, Wire: wire,
				Good: "template: http\napply: " + gold + "\nrollback: { method: DELETE, path: /plans/gold }\nprobe: { path: /plans/gold, applied: { json: { $.price: 10.50 } }, notApplied: { status: 404 } }",
			}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			badinput.AwayInMidChange: func(*testing.T, badinput.System) badinput.Scenario {
				var up func()
				return badinput.Scenario{Steps: []badinput.Step{
					{
						Before: func(*testing.T) { up = wire.CutAt("POST /v1/plans") },
						Code:   core.CodeChangeFailed, Says: "outcome unknown", Ledger: "STARTED FAILED",
					},
					// The probe finds nothing, but the request may still arrive: a person has the word.
					{Before: func(*testing.T) { up() }, Code: core.CodeManualIntervention, Next: "issue get it", Ledger: "STARTED FAILED", After: has()},
					{
						Args:   []string{"issue", "resolve", "it", "--as", "rolled-back", "--reason", "there is no such plan", "--yes"},
						Ledger: "STARTED FAILED MANUAL_MARKED_AS_ROLLED_BACK",
					},
					{Ledger: "STARTED FAILED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED", After: has("gold")},
				}}
			},
			badinput.WrongCredentials: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: func(*testing.T) { a.failing(10, "", status(http.StatusUnauthorized)) },
					Code:   core.CodePermissionDenied, Says: "401", After: has(),
				}}}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: http\nsteps:\n  - apply: " + gold + "\n    rollback: { method: DELETE, path: /plans/gold }\n  - apply: { method: POST, path: /plans, json: { price: 1 } }\n    rollback: { method: DELETE, path: /plans/silver }",
					Steps:  []badinput.Step{{Code: core.CodeChangeFailed, Says: "422", Ledger: "STARTED FAILED ROLLED_BACK", After: has()}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{Before: is(10.5), Ledger: "STARTED APPLIED", After: has("gold")}}}
			},
			badinput.ThereAnother: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: is(12), Code: core.CodeChangeFailed, Says: "$.price is 12, not 10.50", Ledger: "STARTED FAILED ROLLED_BACK", After: has("gold"),
				}}}
			},
		},
		Payloads: map[string]string{
			badinput.WrongTypes:      "template: http\napply: { method: [POST], path: /plans, expect: { status: many } }",
			badinput.UnknownFields:   "template: http\napply: { method: GET, path: /plans, Headers: {} }",
			badinput.ExclusiveFields: "template: http\napply: { method: POST, path: /plans, json: { a: 1 }, body: x }",
		},
		Idle: map[string]string{
			badinput.TooOld:          "an API's version is a part of its URL",
			badinput.DeletedRecently: "what an API says of it is as any other answer",
			badinput.AnotherRegion:   "an API is where its URL says",
		},
	})
}
