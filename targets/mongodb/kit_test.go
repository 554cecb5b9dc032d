package mongodb_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mongotest"
	"github.com/flamingock/flamingock-go/targets/mongodb"
)

// The servers are shared by the tests; each has a database of its own.
var standalone, replicaSet = mongotest.Standalone(), mongotest.ReplicaSet()

func TestMain(m *testing.M) { os.Exit(verified(m)) }

func verified(m *testing.M) int {
	defer standalone.Stop()
	defer replicaSet.Stop()
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newFor makes a target through the configuration's way in.
func newFor(values settings) (core.TxTarget, error) {
	t, err := mongodb.Type().New("shop", values)
	if err != nil {
		return nil, err
	}
	return t.(core.TxTarget), nil
}

func newTarget(t testing.TB, values settings) core.TxTarget {
	t.Helper()
	target, err := newFor(values)
	must(t, err)
	t.Cleanup(func() { must(t, target.Close()) })
	return target
}

func session(handle any) *core.Session {
	return &core.Session{
		Handle: handle, Resolve: func(_ context.Context, text string) (string, error) { return text, nil }, Progress: func(core.Progress) {},
	}
}

// contents is all that is in a database.
func contents(t testing.TB, db *mongo.Database) string {
	t.Helper()
	ctx := context.Background()
	names, err := db.ListCollectionNames(ctx, bson.D{})
	must(t, err)
	slices.Sort(names)
	var all []string
	for _, name := range names {
		c, err := db.Collection(name).Find(ctx, bson.D{})
		must(t, err)
		var docs []bson.Raw
		must(t, c.All(ctx, &docs))
		for i := range docs {
			all = append(all, name+" "+docs[i].String())
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
