package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app"
)

// manCommand writes the man pages. It is for those who make packages.
func (c *command) manCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "man DIR", Short: "Write the man pages of all commands into a directory", Hidden: true,
		Long: `Man writes one man page for every command into an existing directory. The pages have the date of
SOURCE_DATE_EPOCH, if that is set.`,
		Args: exactlyOne("the directory"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	cmd.RunE = c.do("man", func(_ context.Context, args []string) error {
		root := cmd.Root()
		root.DisableAutoGenTag = true // it has a date of its own
		header := &doc.GenManHeader{
			Section: "1", Source: c.name() + " " + app.Version(c.program), Manual: strings.ToUpper(c.name()[:1]) + c.name()[1:] + " Manual",
		}
		err := doc.GenManTree(root, header, args[0])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &core.UsageError{Reason: "the directory " + args[0] + " does not exist"}
		case err != nil:
			return &core.PermissionError{System: args[0], Err: err}
		}
		pages, err := fs.Glob(os.DirFS(args[0]), "*.1")
		c.result(struct {
			Dir   string `json:"dir"`
			Pages int    `json:"pages"`
		}{args[0], len(pages)}, func(out *printer) { out.linef("%s in %s", plural(len(pages), "page"), args[0]) })
		return err
	})
	return cmd
}
