// Command aws is the Lambda function with the target systems of AWS only: a smaller
// zip, which starts faster. See docs/lambda.md.
package main

import (
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/lambda/handler"
	"github.com/flamingock/flamingock-go/targets/aws"
)

// version is set by the linker in releases.
var version string

func main() {
	handler.Main(core.Program{Version: version, Targets: aws.Types()})
}
