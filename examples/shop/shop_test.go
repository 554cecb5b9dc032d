//go:build unix

package shop_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flamingock/flamingock-go/internal/standstill"
)

// effect is what a change makes in its system.
type effect struct {
	change string
	steps  int
	lines  []string // in the order in which its steps make them
	gone   string   // what it replaces, or ""
}

// effects are those of all changes, in the order of a run.
var effects = []effect{
	{"create-orders", 1, []string{"orders-db table orders", "orders-db table products"}, ""},
	{"create-carts", 2, []string{"carts-db collection carts", "carts-db index by_customer"}, ""},
	{"create-stock", 1, []string{"stock table"}, ""},
	{"create-assets", 1, []string{"assets bucket Enabled"}, ""},
	{"create-queues", 2, []string{"queues queue warehouse-dead", "queues queue warehouse 5 to warehouse-dead"}, ""},
	{"first-products", 1, []string{"orders-db product mug 8.50", "orders-db product teapot 32.00", "orders-db product tea 6.20"}, ""},
	{"beta-carts", 1, []string{"carts-db cart beta-1 c-1", "carts-db cart beta-2 c-2"}, ""},
	{"first-stock", 1, []string{"stock units mug north 400", "stock units tea north 1500", "stock units teapot south 60"}, ""},
	{"shop-settings", 1, []string{closedSettings}, ""},
	{"register-webhook", 1, []string{"partner webhook orders https://shop.example.com/paid order.paid,order.refunded"}, ""},
	{"open-shop", 2, []string{`assets object settings.json "{\"currency\":\"EUR\",\"open\":true}"`, `assets object robots.txt "User-agent: *\nAllow: /\n"`}, closedSettings},
	{"tell-warehouse", 1, []string{"queues messages warehouse 1"}, ""},
}

const closedSettings = `assets object settings.json "{\"currency\":\"EUR\",\"open\":false}"`

func effectOf(change string) effect {
	return effects[slices.IndexFunc(effects, func(e effect) bool { return e.change == change })]
}

// system is the one that the change acts on.
func (e effect) system() string {
	system, _, _ := strings.Cut(e.lines[0], " ")
	return system
}

// after is what the six systems hold after all changes before one, and so many of its
// own effects.
func after(change string, own int) (lines []string) {
	for _, e := range effects {
		most := len(e.lines)
		if e.change == change {
			most = own
		}
		lines = append(lines, e.lines[:most]...)
		if most > 0 {
			lines = slices.DeleteFunc(lines, func(l string) bool { return l == e.gone })
		}
		if e.change == change {
			break
		}
	}
	slices.Sort(lines)
	return lines
}

// everything is what they hold when each change was applied exactly once.
func everything() []string { return after("", 0) }

// once is the ledger of a run that nobody disturbed.
func once() map[string]string {
	states := map[string]string{}
	for _, e := range effects {
		states[e.change] = "STARTED APPLIED"
	}
	return states
}

// settled checks that there is nothing left to do, in the ledger or in the systems.
func (w *world) settled(t testing.TB, history map[string]string) {
	t.Helper()
	w.expect(t, 0, "audit", "verify")
	var again struct{ Data struct{ Status string } }
	w.expect(t, 0, "apply").decode(t, &again)
	if again.Data.Status != "NO_CHANGES" {
		t.Errorf("one more run: %s, want NO_CHANGES", again.Data.Status)
	}
	if diff := cmp.Diff(history, w.history(t)); diff != "" {
		t.Errorf("the ledger (-want +got):\n%s", diff)
	}
	content := w.see.content(t)
	if len(content) > len(everything()) {
		standstill.Violated(t, "there is more in the six systems than the shop: %q", content)
	}
	if diff := cmp.Diff(everything(), content); diff != "" {
		t.Errorf("the six systems (-want +got):\n%s", diff)
	}
}

// The example is applied in one run, once; and the commands that look at it agree.
func TestShop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	w.expect(t, 80, "status", "--exit-code")
	w.expect(t, 0, "validate")
	var plan struct {
		Data struct{ Counts map[string]int }
	}
	w.expect(t, 0, "plan").decode(t, &plan)
	if plan.Data.Counts["apply"] != len(effects) {
		t.Errorf("the plan is %v, want %d to apply", plan.Data.Counts, len(effects))
	}
	// What a system refuses at the start is known before anything is begun in another.
	if r := w.run(t, &release, []string{"SHOP_PARTNER_TOKEN=wrong"}, "apply"); r.exit != 77 {
		t.Errorf("with a wrong token: exit code %d, want 77\n%s", r.exit, r.stdout)
	}
	if found := w.see.content(t); len(found) > 0 {
		t.Errorf("something was begun: %q", found)
	}

	var run struct{ Data struct{ Status string } }
	w.expect(t, 0, "apply").decode(t, &run)
	if run.Data.Status != "SUCCESS" {
		t.Errorf("the run: %s, want SUCCESS", run.Data.Status)
	}
	w.settled(t, once())
	var last struct {
		Data struct {
			Entries []struct{ ChangeID, TargetSystem, TxType string }
		}
	}
	w.expect(t, 0, "audit", "list").decode(t, &last)
	ran := map[string]string{}
	for _, e := range last.Data.Entries {
		ran[e.ChangeID] = e.TargetSystem + " " + e.TxType
	}
	if diff := cmp.Diff(map[string]string{
		"create-orders": "orders-db TX_SEPARATE_WITH_MARKER", "first-products": "orders-db TX_SEPARATE_WITH_MARKER",
		"create-carts": "carts-db NON_TX", "beta-carts": "carts-db NON_TX",
		"create-stock": "stock NON_TX", "first-stock": "stock TX_SHARED",
		"create-assets": "assets NON_TX", "shop-settings": "assets NON_TX", "open-shop": "assets NON_TX",
		"create-queues": "queues NON_TX", "tell-warehouse": "queues NON_TX",
		"register-webhook": "partner NON_TX",
	}, ran); diff != "" {
		t.Errorf("how they ran (-want +got):\n%s", diff)
	}

	w.expect(t, 0, "plan").decode(t, &plan)
	if plan.Data.Counts["skip"] != len(effects) {
		t.Errorf("the plan afterwards is %v, want %d to skip", plan.Data.Counts, len(effects))
	}
	w.expect(t, 0, "status", "--exit-code")
	w.expect(t, 0, "wait")
	if diff := cmp.Diff([]string{`{"kind":"opened","shop":"https://shop.example.com"}`}, w.see.receive(t)); diff != "" {
		t.Errorf("what the warehouse is told (-want +got):\n%s", diff)
	}
}

// A change fails in its second step: somebody else has put an object there. What the
// first step replaced is put back, what is theirs is left alone, and what comes behind it
// does not begin.
func TestAChangeFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.expect(t, 0, "apply", "--stage", "foundation", "--stage", "data")
	const theirs = `assets object robots.txt "User-agent: *\nDisallow: /\n"`
	w.see.put(t, "robots.txt", "User-agent: *\nDisallow: /\n")

	r := w.expect(t, 70, "apply")
	var doc struct {
		Data struct {
			Stages []struct {
				Changes []struct{ ChangeID, Status string }
			}
		}
		Error struct{ Code, Message string }
	}
	r.decode(t, &doc)
	if doc.Error.Code != "ChangeFailed" || !strings.Contains(doc.Error.Message, "robots.txt") {
		t.Errorf("got %+v, want ChangeFailed with a word about robots.txt", doc.Error)
	}
	status := map[string]string{}
	for _, s := range doc.Data.Stages {
		for _, c := range s.Changes {
			status[c.ChangeID] = c.Status
		}
	}
	for change, want := range map[string]string{"shop-settings": "ALREADY_APPLIED", "register-webhook": "APPLIED", "open-shop": "ROLLED_BACK", "tell-warehouse": "NOT_REACHED"} {
		if status[change] != want {
			t.Errorf("%s: %s, want %s", change, status[change], want)
		}
	}
	want := append(after("register-webhook", 1), theirs)
	slices.Sort(want)
	if diff := cmp.Diff(want, w.see.content(t)); diff != "" {
		t.Errorf("the six systems (-want +got):\n%s", diff)
	}
	// What was there before is in the ledger, for whoever wants to know.
	var entries struct {
		Data struct{ Entries []struct{ Captured []string } }
	}
	w.expect(t, 0, "audit", "list", "--history", "--change", "open-shop").decode(t, &entries)
	if e := entries.Data.Entries; len(e) == 0 || len(e[0].Captured) != 2 || !strings.Contains(e[0].Captured[0], `\"open\":false`) {
		t.Errorf("the ledger does not have the settings from before: %+v", e)
	}

	w.see.take(t, "robots.txt")
	w.expect(t, 0, "apply")
	history := once()
	history["open-shop"] = "STARTED FAILED ROLLED_BACK STARTED APPLIED"
	w.settled(t, history)
}
