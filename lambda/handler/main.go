package handler

import (
	"log"
	"os"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/flamingock/flamingock-go/core"
)

// Main serves the invocations of this process: it is the main of a function. On
// SIGTERM, half a second before the end, no new change starts and the running one is
// cancelled.
func Main(p core.Program) {
	log.SetFlags(0) // the runtime library logs a failed invocation: as JSON, without a time before it
	stop := make(chan struct{})
	var once sync.Once
	h := New(p, Process{
		Logs: os.Stderr, Metrics: os.Stdout, Stop: stop,
		LookupEnv: os.LookupEnv, Environ: os.Environ, //nolint:forbidigo // handed to core/config, which reads it
	})
	lambda.StartWithOptions(h, lambda.WithEnableSIGTERM(func() { once.Do(func() { close(stop) }) }))
}
