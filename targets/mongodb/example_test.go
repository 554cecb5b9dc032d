package mongodb_test

import (
	"os"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/core/template"
	"github.com/flamingock/flamingock-go/targets/mongodb"
)

// The changes of examples/mongodb are applied, and the second time nothing is to do.
func TestExample(t *testing.T) {
	t.Parallel()
	name := standalone.Database(t)
	target := newTarget(t, settings{"uri": standalone.Start(t), "database": name})
	targets := map[string]core.Target{"orders-db": target}
	stages, err := template.Load(template.Input{
		Files: os.DirFS("../../examples/mongodb"), Stages: []template.StageDir{{Name: "main", Location: "changes"}},
		Targets: targets, Types: []core.TargetType{mongodb.Type()},
	})
	must(t, err)
	r, err := run.New(run.Options{Ledger: "test", Store: memstore.New(), Stages: stages, Targets: targets})
	must(t, err)
	for _, want := range []run.Status{run.Success, run.NoChanges} {
		report, err := r.Apply(t.Context(), run.ApplyOptions{})
		must(t, err)
		if report.Status != want {
			t.Errorf("got %s, want %s", report.Status, want)
		}
	}
	n, err := standalone.Client(t).Database(name).Collection("orders").CountDocuments(t.Context(), bson.D{})
	must(t, err)
	if n != 2 {
		t.Errorf("%d orders, want 2", n)
	}
}
