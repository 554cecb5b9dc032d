package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/template"
)

func (c *command) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema [change|config]", Short: "Print the JSON Schema of change files or of the configuration, for editors",
		Long: `Schema prints the JSON Schema (draft 2020-12) of change files, or of flamingock.yaml, with the
templates and target systems of this binary; without an argument, one that takes either file.
Editors complete and check by it. What validate finds beyond it: duplicate ids and orders, target
systems that are not configured, and what the payloads mean.`,
		Example: `  flamingock schema change > changes/change.schema.json
  # and in the first line of a change file:
  # yaml-language-server: $schema=change.schema.json`,
		Args:      atMostOne,
		ValidArgs: []cobra.Completion{"change", "config"},
		RunE: c.do("schema", func(_ context.Context, args []string) error {
			text, err := c.schema(args)
			if err != nil {
				return err
			}
			c.result(json.RawMessage(text), func(out *printer) { out.linef("%s", text) })
			return nil
		}),
	}
}

func (c *command) schema(args []string) ([]byte, error) {
	change, configuration := trim(template.Schema(c.program.Targets)), trim(config.Schema(c.program.Targets))
	if len(args) == 0 {
		return json.MarshalIndent(map[string]any{
			"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flamingock file",
			"anyOf": []any{map[string]string{"$ref": "#/$defs/change"}, map[string]string{"$ref": "#/$defs/config"}},
			"$defs": map[string]json.RawMessage{"change": change, "config": configuration},
		}, "", "  ")
	}
	switch args[0] {
	case "change":
		return change, nil
	case "config":
		return configuration, nil
	}
	return nil, &core.UsageError{Reason: fmt.Sprintf("there is no schema %q%s", args[0], core.DidYouMean(args[0], []string{"change", "config"}))}
}

// trim removes the end of line, which the printer adds.
func trim(text []byte) json.RawMessage {
	if n := len(text); n > 0 && text[n-1] == '\n' {
		return text[:n-1]
	}
	return text
}
