// Command flamingock applies versioned, audited changes to the systems that an
// application depends on. See docs/design.md, or flamingock --help.
package main

import (
	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/all"
)

// version is set by the linker in releases.
var version string

func main() {
	cli.Main(core.Program{Version: version, Targets: all.Types()})
}
