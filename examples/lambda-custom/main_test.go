package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/changetest"
	"github.com/flamingock/flamingock-go/lambda/handler"
	"github.com/flamingock/flamingock-go/targets/postgres"
)

// TestValidate asks the function to check all its changes, those in YAML and in Go.
func TestValidate(t *testing.T) {
	env := map[string]string{"FLAMINGOCK_CONFIG": "flamingock.yaml", "AWS_REGION": "us-east-1"}
	h := handler.New(program(), handler.Process{
		Logs: &bytes.Buffer{}, Metrics: &bytes.Buffer{},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Environ:   func() []string { return nil },
	})
	answer, err := h.Invoke(t.Context(), []byte(`{"flamingock":"v1","operation":"validate"}`))
	got := strings.Join(strings.Fields(string(answer)), "")
	if err != nil || !strings.Contains(got, `"success":true`) || !strings.Contains(got, `"changes":2`) {
		t.Errorf("got %s, %v", answer, err)
	}
}

// TestChanges checks the change in Go without running it.
func TestChanges(t *testing.T) {
	changetest.Check(t, backfillTotals(), postgres.New("shop-db", nil)).RunsAs(core.TxSeparateMarker).HasRollback()
}
