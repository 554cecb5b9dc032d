package mutants

// inRunner break rules 1 and 4, and the run of design.md 3.2.
func inRunner() []Mutant {
	const keeper, acquire, execute, tx, direct, settle, operator = "core/run/keeper.go", "core/run/acquire.go", "core/run/execute.go", "core/run/execute_tx.go", "core/run/execute_direct.go", "core/run/settle.go", "core/run/operator.go"
	both := []Suite{simulation, runner}
	return []Mutant{
		{
			Rule: "until an append's answer is known, nothing starts", File: keeper,
			Old: "\t\tif ctx.Err() != nil || !pause(ctx, b.NextBackOff()) {\n\t\t\treturn core.Unknown(err)\n\t\t}\n", New: "\t\tif ctx.Err() == nil {\n\t\t\treturn nil\n\t\t}\n\t\tif !pause(ctx, b.NextBackOff()) {\n\t\t\treturn core.Unknown(err)\n\t\t}\n", Suites: both,
		},
		{
			Rule: "trust counts from the start of the first attempt", File: keeper,
			Old: "\tk.trustFrom(from)\n\tk.released = release\n", New: "\tk.trustFrom(from.Add(k.duration))\n\tk.released = release\n", Suites: both,
		},
		{
			Rule: "trust is checked before each step and each COMMIT", File: keeper,
			Old: "\tif k.trustLeft() > 0 {\n\t\treturn nil\n\t}\n\tif k.isLost() {", New: "\tif k.trustLeft() > -1<<62 {\n\t\treturn nil\n\t}\n\tif k.isLost() {", Suites: both,
		},
		{
			Rule: "a lost lease cancels the work", File: keeper,
			Old: "\tk.lose(core.ErrLeaseLost)\n", New: "", Suites: both,
		},
		{
			Rule: "a long change renews", File: keeper,
			Old: "\tgo k.renewLoop(ctx)\n", New: "\tclose(k.stopped)\n", Suites: both,
		},
		{
			Rule: "the renewer is stopped before the run returns", File: keeper,
			Old: "\tk.stop()\n\t<-k.stopped\n", New: "\tk.stop = func() {}\n", Suites: both,
		},
		{
			Rule: "a contender waits for the holder's whole lease", File: acquire,
			Old: "return r.o.Now().Sub(w.from) >= head.Lease, nil", New: "return r.o.Now().Sub(w.from) >= head.Lease/4, nil", Suites: both,
		},
		{
			Rule: "a contender counts anew when the rvn has changed", File: acquire,
			Old: "if w.from.IsZero() || w.rvn != snap.Head.RVN {", New: "if w.from.IsZero() {", Suites: both,
		},
		{
			Rule: "after any wait: load and plan again", File: acquire,
			Old: "h := &holding{snapshot: snap.Clone(), tookOver: takeover && !in.unlock,", New: "h := &holding{snapshot: snap.Clone(), tookOver: takeover && r == nil,", Suites: both,
		},
		{
			Rule: "an acquisition gets an owner that is new", File: acquire,
			Old: "\towner := r.o.NewID()\n", New: "\towner := \"owner\"\n", Suites: both,
		},
		{
			Rule: "a lost acquisition's STARTED is taken back by its owner", File: acquire,
			Old: "loaded == nil && h.hash == entries[len(entries)-1].Hash", New: "loaded == nil && h.hash == \"\"", Suites: both,
		},
		{
			Rule: "STARTED is durable before the first side effect", File: "core/run/capture.go",
			Old: "err := x.record(ctx, []core.Entry{e}, false)", New: "x.note([]core.Entry{e})\n\tvar err error", Suites: both,
		},
		{
			Rule: "deadlines and signals are checked before an append that contains STARTED", File: execute,
			Old: "if stop = x.mayStart(ctx); stop == nil && !apart {", New: "if stop = nil; stop == nil && !apart {", Suites: both,
		},
		{
			Rule: "what must not begin after STARTED is recorded as ROLLED_BACK, not begun", File: "core/run/entries.go",
			Old: "e.State, e.Operation, e.Reason = core.StateRolledBack, core.OpRollback, \"not begun\"", New: "e.State, e.Unknown, e.Reason = core.StateFailed, true, \"not begun\"", Suites: both,
		},
		{
			Rule: "an attempt that never began hides nothing of the one before", File: "core/run/entries.go",
			Old: "if !mayHaveLeft(before) {", New: "if !mayHaveLeft(before) || e.Attempt >= 0 {", Suites: both,
		},
		{
			Rule: "the rollback of a step that did nothing does not run", File: execute,
			Old: "if core.IsNothingDone(f.err) && !f.unknown {", New: "if core.IsNothingDone(f.err) && f.unknown {", Suites: both,
		},
		{
			Rule: "what an earlier attempt may have left is not taken for somebody else's", File: execute,
			Old: "case mayHaveLeft(x.before): // what it found", New: "case mayHaveLeft(x.before) && from > 9: // what it found", Suites: both,
		},
		{
			Rule: "after an unknown error no rollback runs", File: execute,
			Old: "if !f.unknown && canTakeBack(", New: "if canTakeBack(", Suites: both,
		},
		{
			Rule: "a cancelled context is an unknown outcome", File: direct,
			Old: "(core.IsUnknown(err) || ctx.Err() != nil || isContextError(err)) && !harmless", New: "core.IsUnknown(err) && !harmless && false", Suites: both,
		},
		{
			Rule: "the fence is raised before every read of a marker", File: settle,
			Old: "if _, raised := x.fences[id]; !raised {", New: "if _, raised := x.fences[id]; raised {", Suites: both,
		},
		{
			Rule: "after an unknown COMMIT the same owner raises the fence to n + 1", File: tx,
			Old: "if err := x.raise(last, t, x.fences[t.ID()]+1); err != nil {", New: "if err := last.Err(); err != nil {", Suites: both,
		},
		{
			Rule: "a marker is deleted only after APPLIED is recorded", File: tx,
			Old: "\t\tres := x.applied(st, cur, began)\n\t\tres.marker = &marker\n\t\treturn res\n\tcase errors.Is(err, core.ErrTransactionEnded)", New: "\t\tres := x.applied(st, cur, began)\n\t\tres.marker = &marker\n\t\tif err := t.DeleteMarkers(ctx, []core.Marker{marker}); err != nil {\n\t\t\treturn res\n\t\t}\n\t\treturn res\n\tcase errors.Is(err, core.ErrTransactionEnded)", Suites: both,
		},
		{
			Rule: "the guard is asked right before COMMIT", File: tx,
			Old: "Settled: settled, Guard: x.h.guard,", New: "Settled: settled,", Suites: both,
		},
		{
			Rule: "resolve raises the fence and reads the marker", File: operator,
			Old: "\tif hasMarker(rec) {\n\t\tif err := r.agreeWithMarker", New: "\tif hasMarker(rec) && rec.Seq == 1<<62 {\n\t\tif err := r.agreeWithMarker", Suites: both,
		},
		{
			Rule: "resolve names the entry that the operator saw", File: operator,
			Old: "case res.Seq != 0 && rec.Seq != res.Seq:", New: "case res.Seq == 1<<62:", Suites: both,
		},
	}
}
