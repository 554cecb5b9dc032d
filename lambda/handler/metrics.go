package handler

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// The metrics of a run, in CloudWatch's embedded format. The alarms of
// infra/template.yaml hold on to these names.
const (
	metricNamespace = "Flamingock"
	metricDimension = "Ledger"
	metricApplied   = "ChangesApplied"
	metricFailed    = "ChangesFailed"
	metricContended = "LockContended"
	metricDuration  = "RunDurationMs"
)

// metrics writes them, a line for each run.
type metrics struct {
	mu  sync.Mutex
	out io.Writer
}

type metricUnit struct{ Name, Unit string }

type metricDirective struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metricUnit
}

// write tells of one run of a known ledger.
func (m *metrics) write(o *outcome, request string, now time.Time, contended bool) {
	waited := 0
	if contended {
		waited = 1
	}
	line, err := json.Marshal(map[string]any{
		"_aws": map[string]any{
			"Timestamp": now.UnixMilli(),
			"CloudWatchMetrics": []metricDirective{{
				Namespace: metricNamespace, Dimensions: [][]string{{metricDimension}},
				Metrics: []metricUnit{{metricApplied, "Count"}, {metricFailed, "Count"}, {metricContended, "Count"}, {metricDuration, "Milliseconds"}},
			}},
		},
		metricDimension: o.ledger, metricApplied: o.applied(), metricFailed: o.failures(), metricContended: waited, metricDuration: o.doc.DurationMs,
		"requestId": request, "execution": o.execution(),
	})
	if err != nil {
		return // texts and numbers only
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.out.Write(append(line, '\n')) //nolint:errcheck // there is nowhere else to say that it failed
}
