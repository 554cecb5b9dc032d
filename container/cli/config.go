package cli

import (
	"context"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/internal/app"
)

func (c *command) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Show the configuration", Args: noArgs}
	cmd.AddCommand(&cobra.Command{
		Use: "show", Short: "Show every setting and where it comes from; secrets are left out", Args: noArgs,
		RunE: c.do("config show", func(context.Context, []string) error {
			if err := c.configure(); err != nil {
				return err
			}
			values := c.app().Config.Values()
			c.result(struct {
				Values any `json:"values"`
			}{values}, func(out *printer) {
				rows := [][]string{{"SETTING", "VALUE", "FROM"}}
				for _, v := range values {
					rows = append(rows, []string{v.Key, v.Value, v.Origin})
				}
				out.table(rows)
			})
			return nil
		}),
	})
	return groupOnly(cmd)
}

func (c *command) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: noArgs,
		RunE: c.do("version", func(context.Context, []string) error {
			v := app.Version(c.program)
			c.result(struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
			}{v, runtime.Version(), runtime.GOOS, runtime.GOARCH}, func(out *printer) {
				out.linef("%s %s (%s %s/%s)", c.name(), v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			})
			return nil
		}),
	}
}
