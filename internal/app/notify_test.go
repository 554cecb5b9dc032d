package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/notify"
)

// A change that fails without a way back is a new issue once, and no new one when the
// next run finds it again.
func TestNotify(t *testing.T) {
	var docs []notify.Document
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var d notify.Document
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			t.Error(err)
		}
		docs = append(docs, d)
	}))
	defer s.Close()
	program := core.Program{
		Clients: []core.Target{core.NewClientTarget("db", 1)},
		Stages: []core.Stage{{Name: "main", Changes: []core.Change{{
			ID: "a", Order: "1", Author: "x", TargetSystem: "db", Revision: "1",
			Apply: core.StepFor(func(_ context.Context, _ int) error { return errors.New("no") }),
		}}}},
	}
	a := inDir(t, program, map[string]string{"flamingock.yaml": "ledger: orders\nnotify: [{webhook: {url: '" + s.URL + "'}}]\n"})
	defer a.Close()
	if err := errors.Join(a.LoadChanges(), a.OpenStore(t.Context(), false)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := a.Runner()
		if err != nil {
			t.Fatal(err)
		}
		rep, err := r.Apply(t.Context(), run.ApplyOptions{})
		if err == nil {
			t.Fatal("the run did not fail")
		}
		if errs := a.Notify(t.Context(), notify.Notice{Report: rep, Err: err}); errs != nil {
			t.Fatal(errs)
		}
	}
	if len(docs) != 2 || len(docs[0].Occasions) != 2 || len(docs[0].Issues) != 1 || docs[0].Next[0] != "flamingock --ledger orders issue get a" {
		t.Fatalf("got %+v", docs)
	}
	if d := docs[1]; len(d.Occasions) != 1 || d.Issues != nil || d.Code != core.CodeManualIntervention || d.Next[0] != "flamingock --ledger orders issue list" {
		t.Errorf("got %+v", d)
	}
}
