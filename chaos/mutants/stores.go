package mutants

// inStores break rules 2 and 3, and what makes a load one state.
func inStores() []Mutant {
	const memory, file, dynamo = "core/memstore/memstore.go", "core/filestore/lease.go", "dynamo/lease.go"
	return []Mutant{
		{
			Rule: "acquire is conditional on the rvn of the load", File: memory,
			Old: "case l.head.RVN != a.RVN:", New: "case l.head.RVN != a.RVN && l.head.Seq == 1<<62:", Suites: []Suite{simulation, inMemory},
		},
		{
			Rule: "acquire is conditional on the rvn of the load", File: file,
			Old: "case a.RVN != h.RVN:", New: "case a.RVN > h.RVN:", Suites: []Suite{embedded, linear},
		},
		{
			Rule: "acquire is conditional on the rvn of the load", File: dynamo,
			Old: "\t\tw.must(name(attrRVN).Equal(value(a.RVN)))\n", New: "\t\tw.must(name(attrRVN).GreaterThanEqual(value(a.RVN)))\n", Suites: []Suite{onDynamoDB, linear},
		},
		{
			Rule: "a held head is not acquired without a takeover", File: memory,
			Old: "case l.head.Held() && !a.Takeover:", New: "case false:", Suites: []Suite{simulation, inMemory},
		},
		{
			Rule: "a held head is not acquired without a takeover", File: dynamo,
			Old: "if !a.Takeover {\n\t\t\tw.must", New: "if a.RVN == 1<<62 {\n\t\t\tw.must", Suites: []Suite{onDynamoDB, linear},
		},
		{
			Rule: "every append is fenced by owner and token", File: memory,
			Old: "return l.head.LedgerID != \"\" && l.head.Owner == lease.Owner && l.head.Token == lease.Token && !l.head.Released", New: "return l.head.LedgerID != \"\" && !l.head.Released",
			Suites: []Suite{simulation, inMemory},
		},
		{
			Rule: "every append is fenced by owner and token", File: dynamo,
			Old: "name(attrToken).Equal(value(l.Token)), name(attrReleased)", New: "name(attrToken).GreaterThanEqual(value(0)), name(attrReleased)", Suites: []Suite{onDynamoDB},
		},
		{
			Rule: "a released lease is no longer a lease", File: memory,
			Old: "l.head.Token == lease.Token && !l.head.Released\n", New: "l.head.Token == lease.Token\n", Suites: []Suite{simulation, inMemory},
		},
		{
			Rule: "a released lease is no longer a lease", File: "core/filestore/write.go",
			Old: "return t.owned(l) && !t.head.Released", New: "return t.owned(l)", Suites: []Suite{embedded},
		},
		{
			Rule: "an append names the seq that the head is at", File: "core/store.go",
			Old: "if e.Seq != seq+1 || e.PrevHash != hash {", New: "if e.Seq == 1<<62 {", Suites: []Suite{simulation, inMemory, embedded},
		},
		{
			Rule: "an append names the seq that its change is at", File: memory,
			Old: "if prev != e.PrevSeq {", New: "if prev > e.PrevSeq+1<<40 {", Suites: []Suite{inMemory, simulation},
		},
		{
			Rule: "our own write is recognised by the hash of its entry", File: memory,
			Old: "l.entries[n-1].Hash == entries[0].Hash", New: "l.head.Token == entries[0].Token", Suites: []Suite{simulation, inMemory},
		},
		{
			Rule: "our own write is recognised by the hash of its entry", File: "dynamo/write.go",
			Old: "return no.entryHash == w.entries[0].Hash || ", New: "return no.head != nil && no.head.Token == w.entries[0].Token || ", Suites: []Suite{onDynamoDB},
		},
		{
			Rule: "a late release cannot free a successor", File: memory,
			Old: "\tif !l.holds(lease) {\n\t\treturn core.ErrLeaseLost\n\t}\n\tl.head.Released = true\n", New: "\tl.head.Released = true\n", Suites: []Suite{simulation, inMemory},
		},
		{
			Rule: "a load that does not add up is read again", File: "dynamo/store.go",
			Old: "if sum != snap.Head.Sum {", New: "if sum > snap.Head.Sum+1<<40 {", Suites: []Suite{onDynamoDB, linear},
		},
		{
			Rule: "TX_SHARED: the change's writes commit with its APPLIED, or not at all", File: memory,
			Old: "\tif !l.holds(a.Lease) {\n\t\treturn core.ErrLeaseLost\n\t}\n\tif len(a.Entries) == 0 {", New: "\tif err := commit(); err != nil {\n\t\treturn &core.RefusedError{Reason: \"a condition was not met\", Err: err}\n\t}\n\tcommit = func() error { return nil }\n\tif !l.holds(a.Lease) {\n\t\treturn core.ErrLeaseLost\n\t}\n\tif len(a.Entries) == 0 {",
			Suites: []Suite{simulation, runner},
		},
		{
			Rule: "the token grows with every acquisition, also with a forced release", File: memory,
			Old: "l.head.Owner, l.head.Token, l.head.Holder = a.Owner, a.Token, a.Holder", New: "l.head.Owner, l.head.Holder = a.Owner, a.Holder\n\tif a.Owner != \"\" {\n\t\tl.head.Token = a.Token\n\t}",
			Suites: []Suite{inMemory, simulation},
		},
		{
			Rule: "history is hash-chained: an altered entry is found", File: "core/entry.go",
			Old: "case e.Hash != e.ComputeHash():", New: "case e.Hash == \"\":", Suites: []Suite{codec},
		},
		{
			Rule: "history is hash-chained: the hash covers the one before", File: "core/entry.go",
			Old: "o.text(\"prevHash\", e.PrevHash)", New: "o.text(\"prevHash\", \"\")", Suites: []Suite{codec},
		},
	}
}
