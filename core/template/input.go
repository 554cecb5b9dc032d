package template

import (
	"io/fs"

	"github.com/flamingock/flamingock-go/core"
)

// Input is what Load loads from. Nothing in it is changed, the changes of Code
// aside: they come back as part of the result.
type Input struct {
	// Files is where the locations of Stages are read from; they must then be paths
	// inside it. Nil: the disk, where a relative location starts at DisplayRoot and
	// absolute ones and those that climb with ../ are fine.
	Files fs.FS
	// Stages are the configured stages, in the order in which they come back.
	Stages []StageDir
	// Code is the stages in Go. One with the name of a configured stage is merged
	// with it; the others follow the configured ones.
	Code []core.Stage
	// Targets are the target systems by id. A nil value is one that is configured,
	// but faulty.
	Targets map[string]core.Target
	// Types are the kinds of target systems, with their templates.
	Types []core.TargetType
	// DisplayRoot is put before the locations in messages and in Change.Source, so
	// that people can click on them. Usually Dir of the configuration.
	DisplayRoot string
}

// StageDir is one configured stage.
type StageDir struct {
	Name        string
	Description string
	// Location is the directory with the change files; "" for a stage that is in
	// Code only.
	Location  string
	DependsOn []string
	// Source is where the stage is configured.
	Source core.Position
}
