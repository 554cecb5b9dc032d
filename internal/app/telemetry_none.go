//go:build !otel

package app

import "github.com/flamingock/flamingock-go/core"

// startTelemetry starts nothing: this binary has no exporters.
func startTelemetry(func(string) (string, bool), core.Program) (telemetry, error) {
	return telemetry{}, nil
}
