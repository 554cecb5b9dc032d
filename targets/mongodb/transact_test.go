package mongodb_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mongotest"
	"github.com/flamingock/flamingock-go/targets/mongodb"
)

const lease = 3 * time.Second

func fence(token uint64) core.Fence {
	return core.Fence{LedgerID: "ledger", Token: token, Owner: "me", Lease: lease}
}

func attemptOf(token, seq uint64, work func(ctx context.Context, h any) error) core.Transaction {
	return core.Transaction{
		Fence: fence(token), Marker: core.Marker{LedgerID: "ledger", ChangeID: "one", Seq: seq},
		Work: work, Guard: func(context.Context) error { return nil },
	}
}

// inserting is work that inserts a document.
func inserting(ctx context.Context, h any) error {
	_, err := h.(mongodb.Handle).Database().Collection(things).InsertOne(ctx, bson.D{{Key: "_id", Value: "one"}})
	return mongodb.Outcome(err)
}

func modelTarget(t testing.TB) (*mongotest.Model, core.TxTarget) {
	t.Helper()
	m := mongotest.NewModel(t)
	return m, newTarget(t, settings{"uri": m.URI(m.Addr(), "app"), "transactions": true})
}

func value(d bson.D, keys ...string) any {
	var v any = d
	for _, key := range keys {
		in, _ := v.(bson.D)
		v = nil
		for _, e := range in {
			if e.Key == key {
				v = e.Value
			}
		}
	}
	return v
}

// Every command of a change's transaction, and what makes it one.
func TestCommandsOfATransaction(t *testing.T) {
	t.Parallel()
	m, target := modelTarget(t)
	must(t, target.RaiseFence(context.Background(), fence(1)))
	before := len(m.Commands())
	c := attemptOf(1, 7, inserting)
	c.Settled = []core.Marker{{LedgerID: "ledger", ChangeID: "zero", Seq: 5}}
	must(t, target.Transact(context.Background(), c))
	var got []string
	commands := m.Commands()[before:]
	for i, c := range commands {
		on, _ := c[0].Value.(string)
		got = append(got, strings.TrimSpace(c[0].Key+" "+on))
		if value(c, "autocommit") != false || value(c, "txnNumber") != value(commands[0], "txnNumber") || cmp.Diff(value(c, "lsid"), value(commands[0], "lsid")) != "" {
			t.Errorf("%s is not of the transaction: %v", got[i], c)
		}
		if start := value(c, "startTransaction") == true; start != (i == 0) {
			t.Errorf("%s: startTransaction is %t", got[i], start)
		}
	}
	want := []string{"update flamingock_fence", "insert flamingock_marker", "delete flamingock_marker", "insert things", "commitTransaction"}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if level := value(commands[0], "readConcern", "level"); level != "snapshot" {
		t.Errorf("read concern %v", level)
	}
	if w := value(commands[4], "writeConcern", "w"); w != "majority" {
		t.Errorf("write concern %v", w)
	}
	updates, _ := value(commands[0], "updates").(bson.A)
	if value(updates[0].(bson.D), "u", "$inc", "writes") == nil {
		t.Errorf("the fence is not changed by %v: it would keep nobody out", updates)
	}
	if id := value(commands[1], "documents").(bson.A)[0].(bson.D)[0]; id.Key != "_id" || cmp.Diff(id.Value, bson.D{{Key: "ledger", Value: "ledger"}, {Key: "change", Value: "one"}, {Key: "seq", Value: int64(7)}}) != "" {
		t.Errorf("the marker's id is %v", id)
	}
}

// The marker is asked for where a former primary cannot answer.
func TestCommandOfMarked(t *testing.T) {
	t.Parallel()
	m, target := modelTarget(t)
	if marked, err := target.Marked(context.Background(), core.Marker{LedgerID: "ledger", ChangeID: "one", Seq: 1}); marked || err != nil {
		t.Fatal(marked, err)
	}
	commands := m.Commands()
	if level := value(commands[len(commands)-1], "readConcern", "level"); level != "linearizable" {
		t.Errorf("read concern %v", level)
	}
}

func TestCommitThatFails(t *testing.T) {
	t.Parallel()
	always := func(f mongotest.Fault) func() *mongotest.Fault { return func() *mongotest.Fault { return &f } }
	once := func(f mongotest.Fault) func() *mongotest.Fault {
		left := 1
		return func() *mongotest.Fault {
			if left--; left >= 0 {
				return &f
			}
			return nil
		}
	}
	waits := func(code int, name string) bson.D {
		return bson.D{{Key: "ok", Value: 1}, {Key: "writeConcernError", Value: bson.D{{Key: "code", Value: code}, {Key: "codeName", Value: name}, {Key: "errmsg", Value: "no majority"}}}}
	}
	for name, c := range map[string]struct {
		fault   func() *mongotest.Fault
		unknown bool
		fails   bool
		marked  bool
	}{
		"its answer is lost, and that to its repetition is not": {once(mongotest.Fault{Lost: true, Done: true}), false, false, true},
		"it is lost, and its repetition is not":                 {once(mongotest.Fault{Lost: true}), false, false, true},
		"every answer is lost":                                  {always(mongotest.Fault{Lost: true, Done: true}), true, true, true},
		"it never arrives":                                      {always(mongotest.Fault{Lost: true}), true, true, false},
		"the majority does not answer in time":                  {always(mongotest.Fault{Done: true, Answer: waits(64, "WriteConcernTimeout")}), true, true, true},
		"the primary steps down":                                {always(mongotest.Fault{Answer: mongotest.Refusal(189, "PrimarySteppedDown", "stepped down")}), true, true, false},
		"it is interrupted":                                     {always(mongotest.Fault{Answer: mongotest.Refusal(11601, "Interrupted", "killed")}), true, true, false},
		"there is no such transaction any more":                 {always(mongotest.Fault{Answer: mongotest.Refusal(251, "NoSuchTransaction", "aborted", "TransientTransactionError")}), false, true, false},
		"it met another one":                                    {always(mongotest.Fault{Answer: mongotest.Refusal(112, "WriteConflict", "conflict", "TransientTransactionError")}), false, true, false},
		"there is none, but nobody knows on how many servers": {
			always(mongotest.Fault{Answer: mongotest.Refusal(251, "NoSuchTransaction", "aborted", "TransientTransactionError", "UnknownTransactionCommitResult")}), true, true, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, target := modelTarget(t)
			must(t, target.RaiseFence(context.Background(), fence(1)))
			m.On(func(command bson.D) *mongotest.Fault {
				if command[0].Key == "commitTransaction" {
					return c.fault()
				}
				return nil
			})
			err := target.Transact(context.Background(), attemptOf(1, 1, inserting))
			if (err != nil) != c.fails || core.IsUnknown(err) != c.unknown {
				t.Errorf("got %v; want a failure %t, unknown %t", err, c.fails, c.unknown)
			}
			m.On(nil)
			next := fence(1)
			next.N = 1
			must(t, target.RaiseFence(context.Background(), next)) // it ends what may still be open
			if n := m.Open(); n != 0 && c.unknown {
				t.Errorf("%d transactions are still open", n)
			}
			marked, err := target.Marked(context.Background(), core.Marker{LedgerID: "ledger", ChangeID: "one", Seq: 1})
			if marked != c.marked || err != nil {
				t.Errorf("marked: %t, %v; want %t", marked, err, c.marked)
			}
		})
	}
}

// A step is run once, whatever the server says to it; what comes before is tried again.
func TestConflicts(t *testing.T) {
	t.Parallel()
	conflict := mongotest.Refusal(112, "WriteConflict", "conflict", "TransientTransactionError")
	for name, c := range map[string]struct {
		collection string
		times      int
		busy, ok   bool
		runs       int
	}{
		"a passing one at the fence":  {"flamingock_fence", 2, false, true, 1},
		"a passing one at the marker": {"flamingock_marker", 2, false, true, 1},
		"a lasting one at the fence":  {"flamingock_fence", 1 << 30, true, false, 0},
		"one in the step":             {things, 1, true, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, target := modelTarget(t)
			must(t, target.RaiseFence(context.Background(), fence(1)))
			left, runs := c.times, 0
			m.On(func(command bson.D) *mongotest.Fault {
				if on, _ := command[0].Value.(string); on != c.collection || command[0].Key == "listCollections" {
					return nil
				}
				if left--; left < 0 {
					return nil
				}
				return &mongotest.Fault{Answer: conflict}
			})
			err := target.Transact(context.Background(), attemptOf(1, 1, func(ctx context.Context, h any) error { runs++; return inserting(ctx, h) }))
			var busy *core.BusyError
			if (err == nil) != c.ok || core.IsUnknown(err) || runs != c.runs {
				t.Errorf("got %v after %d runs; want ok %t, %d runs", err, runs, c.ok, c.runs)
			}
			if name != "one in the step" && errors.As(err, &busy) != c.busy {
				t.Errorf("got %v; want busy %t", err, c.busy)
			}
		})
	}
}

func TestFenceOfAnotherOwner(t *testing.T) {
	t.Parallel()
	_, target := modelTarget(t)
	must(t, target.RaiseFence(context.Background(), fence(1)))
	other := fence(1)
	other.Owner, other.N = "another", 9
	if err := target.RaiseFence(context.Background(), other); !errors.Is(err, core.ErrLeaseLost) {
		t.Errorf("got %v, want the lease lost", err)
	}
}

func TestFenceThatIsGone(t *testing.T) {
	t.Parallel()
	m, target := modelTarget(t)
	must(t, target.RaiseFence(context.Background(), fence(1)))
	db := mongotest.Client(t, m.URI(m.Addr(), "app")).Database("app")
	_, err := db.Collection("flamingock_fence").DeleteMany(context.Background(), bson.D{})
	must(t, err)
	var gone *mongodb.FenceGoneError
	if err := target.Transact(context.Background(), attemptOf(1, 1, inserting)); !errors.As(err, &gone) || core.HintOf(err) == "" {
		t.Errorf("got %v, want that the fence is gone", err)
	}
	must(t, target.Transact(context.Background(), attemptOf(1, 1, inserting)))
}
