package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/app/operation"
)

// result prints a command's result: the data as JSON, or text made by f.
func (c *command) result(data any, f func(p *printer)) {
	c.data = data
	if c.output == "json" {
		return // printed by finish, together with the error
	}
	p := &printer{color: c.color()}
	f(p)
	put(c.proc.Stdout, p.Bytes())
}

// put writes what people or programs read. When they are gone there is nobody to
// tell.
func put(w io.Writer, b []byte) {
	_, _ = w.Write(b) //nolint:errcheck // see above
}

func (c *command) since(t time.Time) time.Duration { return c.proc.Now().Sub(t) }

// finish prints the error, or the JSON document, and returns the exit code.
func (c *command) finish(err error) int {
	failure := operation.NewFailure(err, c.redact, c.ownCommands)
	if c.output == "json" && (c.started || err != nil) {
		put(c.proc.Stdout, operation.NewDocument(c.operation, c.began, c.since(c.began), c.data, failure).Encode())
	} else if failure != nil {
		p := &printer{color: !c.noColor && isTerminal(c.proc.Stderr)}
		p.linef("%s %s", p.paint(red, "error ("+string(failure.Code)+"):"), failure.Message)
		if failure.Hint != "" {
			p.linef("%s %s", p.paint(bold, "what to do:"), failure.Hint)
		}
		put(c.proc.Stderr, p.Bytes())
	}
	if c.started || err != nil {
		c.terminate(err, failure)
	}
	return core.CodeOf(err).Exit()
}

// ownCommands makes the commands in a hint ones that can be pasted: with this
// binary's name and the global flags that it was given.
func (c *command) ownCommands(hint string) string {
	return strings.ReplaceAll(hint, ": flamingock ", ": "+c.base()+" ")
}

func (c *command) redact(s string) string {
	if c.session == nil {
		return s
	}
	return c.session.Redact(s)
}

// warn warns of what may hold secrets.
func (c *command) warn(text string) { c.tell(c.redact(text)) }

// tell warns people on stderr, or the log when the output is for programs.
func (c *command) tell(text string) {
	if c.output == "json" {
		c.logger().WarnContext(context.Background(), text) //nolint:forbidigo,sloglint // a log line belongs to no call; the text is what is logged
		return
	}
	p := &printer{color: !c.noColor && isTerminal(c.proc.Stderr)}
	p.linef("%s %s", p.paint(yellow, "warning:"), text)
	put(c.proc.Stderr, p.Bytes())
}

// note tells people on stderr that something goes on.
func (c *command) note(format string, args ...any) {
	switch {
	case c.quiet:
	case c.output == "json":
		c.logger().InfoContext(context.Background(), fmt.Sprintf(format, args...)) //nolint:forbidigo,sloglint // a log line belongs to no call; the text is what is logged
	default:
		fmt.Fprintln(c.proc.Stderr, oneLine(fmt.Sprintf(format, args...)))
	}
}

// logger writes to stderr: JSON unless that is a terminal.
func (c *command) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.logLevel)) //nolint:errcheck // was checked
	if c.quiet {
		level = max(level, slog.LevelWarn)
	}
	o := &slog.HandlerOptions{Level: level}
	if isTerminal(c.proc.Stderr) {
		return slog.New(slog.NewTextHandler(c.proc.Stderr, o))
	}
	return slog.New(slog.NewJSONHandler(c.proc.Stderr, o))
}

func (c *command) color() bool { return !c.noColor && isTerminal(c.proc.Stdout) }

// printer collects text output.
type printer struct {
	bytes.Buffer
	color bool
}

type paint string

const (
	red    paint = "31"
	green  paint = "32"
	yellow paint = "33"
	cyan   paint = "36"
	bold   paint = "1"
	dim    paint = "2"
)

func (p *printer) paint(c paint, s string) string {
	if !p.color || c == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

func (p *printer) linef(format string, args ...any) {
	p.WriteString(clean(fmt.Sprintf(format, args...), p.color) + "\n")
}

// clean makes control characters visible, so that what comes from files and
// servers cannot steer a terminal or hide in a text. Line ends and tabs stay; so
// do our own colours.
func clean(s string, colored bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r == 0x1b && colored && ourColor.MatchString(s[i:]):
			b.WriteRune(r)
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var ourColor = regexp.MustCompile(`^\x1b\[\d{1,2}m`)

// table prints rows in aligned columns; the first row is the head.
func (p *printer) table(rows [][]string) { p.tableWith(rows, nil) }

// tableWith prints a table with lines of text under its rows.
func (p *printer) tableWith(rows, under [][]string) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, r := range rows {
		for i := range r {
			r[i] = oneLine(r[i])
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush() //nolint:errcheck // a buffer does not fail
	for i, line := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		line = strings.TrimRight(line, " ")
		if i == 0 {
			line = p.paint(bold, line)
		}
		p.linef("%s", line)
		if i < len(under) {
			for _, text := range under[i] {
				p.linef("%s", p.paint(dim, oneLine(text)))
			}
		}
	}
}

// oneLine puts a text into one line.
func oneLine(s string) string {
	return clean(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ", "\r", " ").Replace(s), false)
}

func short(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
