package mutants

// inPlanner break the decision table.
func inPlanner() []Mutant {
	const decide = "core/plan/decide.go"
	suites := []Suite{planner, simulation}
	return []Mutant{
		{
			Rule: "STARTED while the head is held is work in progress, not an issue", File: decide,
			Old: "if r.State == core.StateStarted && c.Held {", New: "if r.State == core.StateNone && c.Held {", Suites: suites,
		},
		{
			Rule: "a STARTED without a marker or probe is a person's", File: decide,
			Old: "return Verdict{Manual, what + \": the target system may hold all of it, part of it, or nothing\"}\n}\n\n// imported", New: "return Verdict{Apply, what + \": the target system may hold all of it, part of it, or nothing\"}\n}\n\n// imported", Suites: suites,
		},
		{
			Rule: "a FAILED with an unknown outcome is planned like STARTED", File: decide,
			Old: "case r.State == core.StateFailed && !r.Unknown:", New: "case r.State == core.StateFailed:", Suites: suites,
		},
		{
			Rule: "NOT_APPLIED applies again only if a late duplicate is harmless", File: decide,
			Old: "case a.Probe == core.ProbeNotApplied && lateSafe:", New: "case a.Probe == core.ProbeNotApplied:", Suites: suites,
		},
		{
			Rule: "STARTED with a marker is settled, not run again", File: decide,
			Old: "return Verdict{Settle, what + \"; the marker in the target system will tell\"}", New: "return Verdict{Apply, what + \"; the marker in the target system will tell\"}", Suites: suites,
		},
		{
			Rule: "ALWAYS_RETRY never covers a STARTED rollback or undo", File: decide,
			Old: "if r.Operation != core.OpApply && r.Operation != \"\" {", New: "if r.Operation != core.OpApply && r.Operation != \"\" && !retry {", Suites: suites,
		},
		{
			Rule: "a stage with one MANUAL_INTERVENTION change runs nothing", File: "core/plan/plan.go",
			Old: "\t\t\tst.Blocked = true\n", New: "\t\t\tst.Blocked = false\n", Suites: suites,
		},
	}
}
