package core

import "context"

type taintKey struct{}

// WithTaint is the context of a step whose session is used again for other changes,
// unless the step calls Taint: then taint is called.
func WithTaint(ctx context.Context, taint func()) context.Context {
	return context.WithValue(ctx, taintKey{}, taint)
}

// Taint says that the step at work may leave something on its session: a setting, a
// temporary table, an attached file. The result of a change must not depend on which
// others ran in the same process.
func Taint(ctx context.Context) {
	if taint, ok := ctx.Value(taintKey{}).(func()); ok {
		taint()
	}
}
