package mutants

// inTargets break fence and marker of the target systems.
func inTargets() []Mutant {
	const fence, transact = "targets/sqltarget/fence.go", "targets/sqltarget/transact.go"
	onSQL := []Suite{sqlite}
	return []Mutant{
		{
			Rule: "each change transaction writes the fence row", File: transact,
			Old: "if err := a.open.writeFence(ctx, a.Fence); err != nil {", New: "if err := a.open.writeFence(ctx, a.Fence); err != nil && err != core.ErrLeaseLost {", Suites: onSQL,
		},
		{
			Rule: "a fence is never lowered", File: fence,
			Old: "\treturn core.ErrLeaseLost\n}\n\n// number", New: "\treturn nil\n}\n\n// number", Suites: onSQL,
		},
		{
			Rule: "the marker is inserted with the change's effect", File: transact,
			Old: "if _, err := a.open.exec(ctx, insertMarker, markerArgs(a.Marker)...); err != nil {", New: "if _, err := a.open.exec(ctx, deleteMarker, markerArgs(a.Marker)...); err != nil {", Suites: onSQL,
		},
		{
			Rule: "a duplicate marker means already applied", File: transact,
			Old: "\t\t\treturn core.ErrMarked\n", New: "\t\t\treturn a.target.explain(ctx, a.open.deleteMarkers(ctx, nil))\n", Suites: onSQL,
		},
		{
			Rule: "a COMMIT without an answer is unknown", File: transact,
			Old: "\treturn core.Unknown(&CommitError{t.system(), err})\n", New: "\treturn &CommitError{t.system(), err}\n", Suites: []Suite{postgres},
		},
		{
			Rule: "a fence is never lowered", File: "targets/dynamodb/fence.go",
			Old: "Or(token.LessThan(expression.Value(f.Token)))", New: "Or(token.GreaterThan(expression.Value(0)))", Suites: []Suite{dynamoTable},
		},
		{
			Rule: "a duplicate marker means already applied", File: "targets/dynamodb/transact.go",
			Old: "Item: markerItem(c.Marker), ConditionExpression: aws.String(\"attribute_not_exists(\" + attrPK + \")\"),", New: "Item: markerItem(c.Marker), ConditionExpression: aws.String(\"attribute_not_exists(nothing)\"),", Suites: []Suite{dynamoTable},
		},
	}
}
