// Command lambda is the Lambda function that applies versioned, audited changes,
// with every target system of this module. See docs/lambda.md.
package main

import (
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/lambda/handler"
	"github.com/flamingock/flamingock-go/targets/all"
)

// version is set by the linker in releases.
var version string

func main() {
	handler.Main(core.Program{Version: version, Targets: all.Types()})
}
