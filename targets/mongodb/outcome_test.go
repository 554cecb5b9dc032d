package mongodb_test

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mongotest"
)

// What is recorded of an operation outside of a transaction that fails.
func TestOutcomeOfAnOperation(t *testing.T) {
	t.Parallel()
	refusal := func(code int, name string) mongotest.Fault {
		return mongotest.Fault{Answer: mongotest.Refusal(code, name, "it is a test")}
	}
	const (
		known   = "1 STARTED, 1 FAILED, 1 ROLLED_BACK"
		unknown = "1 STARTED, 1 FAILED"
	)
	for name, c := range map[string]struct {
		fault mongotest.Fault
		want  string
	}{
		"its answer is lost":        {mongotest.Fault{Lost: true, Done: true}, unknown},
		"it never arrives":          {mongotest.Fault{Lost: true}, unknown},
		"it breaks the validation":  {refusal(121, "DocumentValidationFailure"), known},
		"a right is missing":        {refusal(13, "Unauthorized"), known},
		"the primary steps down":    {refusal(189, "PrimarySteppedDown"), unknown},
		"it is interrupted":         {refusal(11601, "Interrupted"), unknown},
		"it met a transaction":      {refusal(112, "WriteConflict"), known},
		"it was no primary":         {refusal(10107, "NotWritablePrimary"), known},
		"the majority did not hear": {mongotest.Fault{Done: true, Answer: bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}, {Key: "writeConcernError", Value: bson.D{{Key: "code", Value: 64}, {Key: "errmsg", Value: "late"}}}}}, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mongotest.NewModel(t)
			m.Says(bson.D{}) // a standalone: the driver sends nothing twice
			b := onModel(t, m, false)
			b.change("1", "apply: { type: insert, collection: users, parameters: { documents: [{ n: 1 }] } }\nrollback: { type: delete, collection: users, parameters: { filter: { n: 1 } } }")
			m.On(func(command bson.D) *mongotest.Fault {
				if command[0].Key == "insert" {
					return &c.fault
				}
				return nil
			})
			err := b.apply(t)
			if core.CodeOf(err) != core.CodeChangeFailed || !strings.Contains(err.Error(), "insert users") || core.HintOf(err) == "" {
				t.Errorf("got %v", err)
			}
			if got := b.states(t); got != c.want {
				t.Errorf("recorded %s, want %s: %v", got, c.want, err)
			}
			m.On(nil)
			next := b.apply(t) // a probe settles what is unknown where it finds the document
			if want := c.want == known || c.fault.Done; (next == nil) != want {
				t.Errorf("the next run: %v, want it to end well: %t", next, want)
			}
			if n := b.documents(t); next == nil && n != 1 {
				t.Errorf("%d documents, want 1", n)
			}
		})
	}
}

// documents counts the users without an aggregation, which the model does not know.
func (b *bench) documents(t testing.TB) int {
	t.Helper()
	c, err := b.db.Collection("users").Find(t.Context(), bson.D{})
	must(t, err)
	var all []bson.D
	must(t, c.All(t.Context(), &all))
	return len(all)
}
