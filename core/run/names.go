package run

import "go.opentelemetry.io/otel/attribute"

// The names of everything that can be observed are here and nowhere else;
// docs/observability.md is their table. Dashboards and alerts hold on to them: a
// name is not changed, a new one is added beside it.

// TelemetryScope is the instrumentation scope of all spans and metrics.
const TelemetryScope = "github.com/flamingock/flamingock-go/core/run"

// The spans: a run holds its changes, and the wait for the lock if there was one;
// a change holds its steps.
const (
	SpanRun    = "flamingock.run"
	SpanWait   = "flamingock.lock.wait"
	SpanChange = "flamingock.change"
	SpanStep   = "flamingock.step"
)

// The metrics.
const (
	MetricRuns           = "flamingock.runs"
	MetricChanges        = "flamingock.changes"
	MetricChangeDuration = "flamingock.change.duration"
	MetricWaits          = "flamingock.lock.waits"
	MetricWaitDuration   = "flamingock.lock.wait.duration"
)

// The attributes of spans and metrics. None holds a payload, a secret, or the
// text of an error: texts come from servers, and nobody can know what is in them.
const (
	AttrLedger       = attribute.Key("flamingock.ledger")
	AttrExecution    = attribute.Key("flamingock.execution.id")
	AttrTrigger      = attribute.Key("flamingock.trigger")
	AttrStage        = attribute.Key("flamingock.stage")
	AttrChange       = attribute.Key("flamingock.change.id")
	AttrTargetSystem = attribute.Key("flamingock.target_system")
	AttrTxType       = attribute.Key("flamingock.tx_type")
	AttrAttempt      = attribute.Key("flamingock.attempt")
	AttrOperation    = attribute.Key("flamingock.operation")
	AttrStep         = attribute.Key("flamingock.step")
	AttrSteps        = attribute.Key("flamingock.steps")
	AttrStatus       = attribute.Key("flamingock.status")
	AttrHolder       = attribute.Key("flamingock.lock.holder.execution.id")
	// AttrErrorType is OpenTelemetry's own: of a run its error code, of a change or
	// a step the Go type of the error at the bottom.
	AttrErrorType = attribute.Key("error.type")
)

// The keys of log records, for whoever turns events into records.
const (
	LogExecution = "execution"
	LogHost      = "host"
	LogToken     = "token"
	LogTakeover  = "takeover"
	LogStage     = "stage"
	LogChange    = "change"
	LogStatus    = "status"
	LogDecision  = "decision"
	LogReason    = "reason"
	LogIndex     = "index"
	LogTotal     = "total"
	LogAttempt   = "attempt"
	LogDuration  = "durationMs"
	LogElapsed   = "elapsedMs"
	LogWaited    = "waitedMs"
)
