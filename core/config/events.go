package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// Events says which of a function's triggers may apply changes, where the trigger
// itself does not say that it is meant to.
type Events struct {
	// Allow lists the EventBridge events. Absent: none.
	Allow []AllowedEvent
	// ECS lists the deployment stages. Nil: DefaultECSStage.
	ECS []string
}

// AllowedEvent is an EventBridge event by its source and detail-type.
type AllowedEvent struct{ Source, DetailType string }

// Allows reports whether an event of EventBridge may apply changes.
func (e *Events) Allows(source, detailType string) bool {
	return slices.Contains(e.Allow, AllowedEvent{source, detailType})
}

// AppliesIn reports whether changes are applied in a stage of an ECS deployment.
func (e *Events) AppliesIn(stage string) bool {
	if e.ECS == nil {
		return stage == DefaultECSStage
	}
	return slices.Contains(e.ECS, stage)
}

// DefaultECSStage is the stage of an ECS deployment in which changes are applied
// when the configuration does not say: before any new task starts.
const DefaultECSStage = "PRE_SCALE_UP"

// ECSStages are the stages of an ECS deployment that events.ecs may name.
func ECSStages() []string {
	return []string{
		"RECONCILE_SERVICE", DefaultECSStage, "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT",
		"PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT",
	}
}

// eventsFile is the section of the file.
type eventsFile struct {
	Allow *strictyaml.Node `yaml:"allow"`
	ECS   *strictyaml.Node `yaml:"ecs"`
}

// allowFile is an item of events.allow.
type allowFile struct {
	Source     string `yaml:"source"`
	DetailType string `yaml:"detailType"`
}

// events decodes the section of the file. The environment cannot set it: who may
// start a run belongs under the same review as the changes.
func (l *loader) events(f *eventsFile) {
	if f.ECS != nil && f.ECS.Kind != strictyaml.Null {
		faults := strictyaml.DecodeAt(f.ECS, &l.c.Events.ECS, "events.ecs")
		l.faults.List = append(l.faults.List, faults...)
		for _, s := range l.c.Events.ECS {
			if len(faults) == 0 && !slices.Contains(ECSStages(), s) {
				l.faults.Add(f.ECS.Pos, "events.ecs holds what is no stage of an ECS deployment"+core.DidYouMean(s, ECSStages()))
			}
		}
	}
	if f.Allow == nil || f.Allow.Kind == strictyaml.Null {
		return
	}
	if f.Allow.Kind != strictyaml.List {
		l.faults.Add(f.Allow.Pos, "events.allow must be a list, not "+f.Allow.Kind.String())
		return
	}
	for i, item := range f.Allow.Items {
		l.allow(fmt.Sprintf("events.allow[%d]", i), item)
	}
}

func (l *loader) allow(at string, item *strictyaml.Node) {
	if item.Kind != strictyaml.Map {
		l.faults.Add(item.Pos, at+" must be a mapping with source and detailType, not "+item.Kind.String())
		return
	}
	var a allowFile
	faults := strictyaml.DecodeAt(item, &a, at)
	l.faults.List = append(l.faults.List, faults...)
	switch {
	case len(faults) > 0:
	case strings.TrimSpace(a.Source) == "" || strings.TrimSpace(a.DetailType) == "":
		l.faults.Add(item.Pos, at+" needs source and detailType, as they are in the event: there are no patterns")
	default:
		l.c.Events.Allow = append(l.c.Events.Allow, AllowedEvent(a))
	}
}
