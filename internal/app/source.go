package app

import (
	"context"
	"maps"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/source"
)

// OpenSource opens what `source:` of the configuration names: LoadChanges then reads
// the stages' locations from it, and every entry of the audit says what it was. Call
// it before LoadChanges. Without `source:` it does nothing.
//
// A Program that brings Files keeps them: then `source:` is a contradiction.
func (a *App) OpenSource(ctx context.Context) (source.Source, error) {
	spec := a.Config.Source
	if spec == nil {
		return source.Source{}, nil
	}
	if a.o.Program.Files != nil {
		return source.Source{}, &core.ConfigError{
			Where: spec.Where, Key: "source", Reason: "this binary brings its change files along, and would not read these",
			Next: "take source: out of the configuration, or Files out of the core.Program",
		}
	}
	s, err := source.Open(ctx, spec, source.Options{Load: a.o.AWS.load, Job: a.o.Job, DirVersion: a.o.DirVersion})
	if err != nil {
		return source.Source{}, err
	}
	a.o.Program.Files = s.FS
	metadata := map[string]string{}
	maps.Copy(metadata, a.Config.Metadata)
	maps.Copy(metadata, s.Metadata()) // what was read is a fact; it wins
	a.Config.Metadata = metadata
	return s, nil
}
