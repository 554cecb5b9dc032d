package mutants

// inOneTransaction break TX_SHARED in the embedded store: the change of a SQLite target
// system, and what is recorded of it, are one transaction of one file.
func inOneTransaction() []Mutant {
	const shared, keeper = "core/filestore/shared.go", "core/run/keeper.go"
	return []Mutant{
		{
			Rule: "TX_SHARED: an effect and its APPLIED are one COMMIT", File: shared,
			Old:    "\terr := w.commit(context.WithoutCancel(ctx), a, wait)\n\tw.end(err == nil)\n",
			New:    "\t_ = wait\n\tw.c.guard.allow()\n\terr := w.tx.Commit()\n\tw.end(err == nil)\n\tif err == nil {\n\t\terr = s.Append(ctx, a)\n\t}\n",
			Suites: []Suite{killed},
		},
		{
			Rule: "TX_SHARED: a step cannot commit by itself", File: shared,
			Old: "\t\treturn 1\n", New: "\t\treturn 0\n", Suites: []Suite{inOneFile},
		},
		{
			Rule: "TX_SHARED: a transaction that a step ended is not the change's any more", File: shared,
			Old: "g.rolledBack.Store(true)", New: "g.rolledBack.Store(false)", Suites: []Suite{inOneFile},
		},
		{
			Rule: "TX_SHARED: who does not hold the lease begins nothing", File: shared,
			Old: "if !w.ledger.holds(l) {", New: "if l.Owner == \"\" {", Suites: []Suite{inOneFile},
		},
		{
			Rule: "TX_SHARED: writes whose transaction has ended are not recorded again", File: shared,
			Old: "sent again\n\t\treturn s.landedShared(ctx, a)", New: "sent again\n\t\treturn s.Append(ctx, a)", Suites: []Suite{inOneFile},
		},
		{
			Rule: "TX_SHARED: our own write is recognised by the hash of its entry", File: shared,
			Old: "\t\tif err == nil && !landed {\n", New: "\t\tif landed = false; err == nil && !landed {\n", Suites: []Suite{inOneFile},
		},
		{
			Rule: "TX_SHARED: what a step leaves on its connection does not reach the next change", File: shared,
			Old: "if !sound || w.tainted.Load() {", New: "if !sound {", Suites: []Suite{inOneFile},
		},
		{
			Rule: "TX_SHARED: a change that takes longer than its lease keeps it, with the file's lock", File: keeper,
			Old: "\tk.setPinned(true)\n", New: "", Suites: []Suite{stopped},
		},
		{
			Rule: "TX_SHARED: after a change that was rolled back its lease is not trusted without a look", File: "core/run/execute_shared.go",
			Old: "\terr := open.Discard()\n\tx.h.unpin()\n", New: "\terr := open.Discard()\n", Suites: []Suite{runner},
		},
		{
			Rule: "who waits for the lease waits for a change that keeps the file locked", File: "core/run/acquire.go",
			Old: "locked := live && takeover && core.IsUnknown(err)", New: "locked := live && takeover && in.unlock && core.IsUnknown(err)", Suites: []Suite{stopped},
		},
	}
}
