package sqltarget

import (
	"context"
	"database/sql"
	"errors"

	"github.com/flamingock/flamingock-go/core"
)

func markerArgs(m core.Marker) []any {
	return []any{m.LedgerID, m.ChangeID, number(m.Seq)}
}

// Marked reports whether the marker is there.
func (t *Target) Marked(ctx context.Context, m core.Marker) (bool, error) {
	s, err := t.take(ctx, 0)
	if err != nil {
		return false, t.explain(ctx, err)
	}
	marked, err := s.marked(ctx, m)
	if err = t.finish(ctx, s, err); err != nil {
		return false, t.explain(ctx, err)
	}
	return marked, nil
}

// marked is false where there is no table: nothing was ever committed then.
func (s *session) marked(ctx context.Context, m core.Marker) (bool, error) {
	var one int
	err := s.row(ctx, readMarker, markerArgs(m), &one)
	if errors.Is(err, sql.ErrNoRows) || s.target.classify(err) == MissingTable {
		return false, nil
	}
	return err == nil, err
}

// PutMarker inserts the marker where it is missing.
func (t *Target) PutMarker(ctx context.Context, m core.Marker) error {
	for again := true; ; again = false {
		s, err := t.take(ctx, 0)
		if err != nil {
			return t.explain(ctx, err)
		}
		_, err = s.exec(ctx, insertMarker, markerArgs(m)...)
		err = t.finish(ctx, s, err)
		switch class := t.classify(err); {
		case err == nil, class == Duplicate:
			return nil
		case again && class == MissingTable:
			if err = t.createTables(ctx, core.Fence{}); err != nil {
				return t.explain(ctx, err)
			}
		default:
			return t.explain(ctx, err)
		}
	}
}

// DeleteMarkers deletes markers, all of them or none.
func (t *Target) DeleteMarkers(ctx context.Context, ms []core.Marker) error {
	if len(ms) == 0 {
		return nil
	}
	x, err := t.begin(ctx, 0)
	if err != nil {
		return t.explain(ctx, err)
	}
	err = x.deleteMarkers(ctx, ms)
	if err == nil {
		return t.explain(ctx, t.settle(ctx, x))
	}
	err = t.abandon(ctx, x, err)
	if t.classify(err) == MissingTable {
		return nil
	}
	return t.explain(ctx, err)
}

func (s *session) deleteMarkers(ctx context.Context, ms []core.Marker) error {
	for _, m := range ms {
		if _, err := s.exec(ctx, deleteMarker, markerArgs(m)...); err != nil {
			return err
		}
	}
	return nil
}
