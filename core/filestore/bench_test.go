package filestore

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// BenchmarkAppend is a run's inner loop: the result of one change and the
// STARTED of the next in one durable append.
func BenchmarkAppend(b *testing.B) {
	ctx := b.Context()
	s, err := Open(ctx, filepath.Join(b.TempDir(), "audit.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	entry := func(id int, state core.State, prev uint64) core.Entry {
		return core.Entry{
			ExecutionID: "exec", ChangeID: "change-" + strconv.Itoa(id), PrevSeq: prev, StartedSeq: prev, State: state, Operation: core.OpApply,
			Stage: "main", Order: strconv.Itoa(id), Author: "team", TargetSystem: "orders-db", TxType: core.TxNone, Strategy: core.ManualIntervention,
			Definition: "sql", SourceFile: "changes/_0001__create.yaml", Checksum: "v1:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			Attempt: 1, StartedAt: time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC), Host: "host", Version: "1.0.0", Principal: "user", Token: 1,
		}
	}
	a := core.Acquisition{Ledger: "bench", LedgerID: "id", Owner: "owner", Token: 1, Lease: time.Minute, Entries: []core.Entry{entry(0, core.StateStarted, 0)}}
	core.Seal("bench", 0, "", a.Entries)
	if err := s.Acquire(ctx, a); err != nil {
		b.Fatal(err)
	}
	seq, hash := uint64(1), a.Entries[0].Hash
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		es := []core.Entry{entry(i, core.StateApplied, seq), entry(i+1, core.StateStarted, 0)}
		core.Seal("bench", seq, hash, es)
		if err := s.Append(ctx, core.Append{Lease: core.Lease{Ledger: "bench", Owner: "owner", Token: 1}, Entries: es}); err != nil {
			b.Fatal(err)
		}
		seq, hash = es[1].Seq, es[1].Hash
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

// BenchmarkLoad loads a ledger of 1,000 changes.
func BenchmarkLoad(b *testing.B) {
	ctx := b.Context()
	s, err := Open(ctx, filepath.Join(b.TempDir(), "audit.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	a := core.Acquisition{Ledger: "bench", LedgerID: "id", Owner: "owner", Token: 1, Lease: time.Minute}
	for i := range 1000 {
		a.Entries = append(a.Entries, core.Entry{ExecutionID: "exec", ChangeID: "change-" + strconv.Itoa(i), State: core.StateApplied, Operation: core.OpBaseline, Order: strconv.Itoa(i), Stage: "main"})
	}
	core.Seal("bench", 0, "", a.Entries)
	if err := s.Acquire(ctx, a); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		snap, err := s.Load(ctx, "bench")
		if err != nil || len(snap.Records) != 1000 {
			b.Fatal(len(snap.Records), err)
		}
	}
}

// BenchmarkOpen opens a store that exists.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "audit.db")
	for b.Loop() {
		s, err := Open(b.Context(), path, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
