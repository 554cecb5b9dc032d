package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/core/run"
)

// Schema names the form of Document. Within v1, keys are only added.
const Schema = "flamingock.notification/v1"

// Document is what is sent.
type Document struct {
	Schema string `json:"schema"`
	// ID is the same when the same is told twice.
	ID        string            `json:"id"`
	Time      string            `json:"time"`
	Occasions []config.Occasion `json:"occasions"`
	Ledger    string            `json:"ledger"`
	// Status is FAILED where no run was tried.
	Status      run.Status        `json:"status"`
	Summary     string            `json:"summary"`
	Code        core.Code         `json:"code,omitempty"`
	Message     string            `json:"message,omitempty"`
	Hint        string            `json:"hint,omitempty"`
	Next        []string          `json:"next"` // commands
	ExecutionID string            `json:"executionId,omitempty"`
	Trigger     core.Trigger      `json:"trigger,omitzero"`
	Source      map[string]string `json:"source,omitempty"`
	Counts      map[string]int    `json:"counts,omitempty"`
	Issues      []DocumentIssue   `json:"issues,omitempty"`
	// MoreIssues were left out for want of room.
	MoreIssues int `json:"moreIssues,omitempty"`
}

// DocumentIssue is an issue of a Document.
type DocumentIssue struct {
	ChangeID string     `json:"changeId"`
	State    core.State `json:"state"`
	Seq      uint64     `json:"seq,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Next     string     `json:"next"`
}

// The bounds of a document, in bytes where not said otherwise. SNS and EventBridge
// take 256 KB with everything around it; webhooks often less.
const (
	maxAWS     = 240 << 10
	maxWebhook = 64 << 10
	maxText    = 8 << 10
	maxReason  = 1 << 10
	maxIssues  = 100 // issues
	maxNext    = 5   // commands
	maxName    = 1 << 10
)

// document puts a notice into its form; redact removes secrets.
func (n *Notice) document(now time.Time, redact func(string) string) Document {
	text := func(s string, most int) string { return core.Cap(redact(s), most) }
	d := Document{
		Schema: Schema, Time: now.UTC().Format(time.RFC3339), Occasions: n.Occasions(), Ledger: n.Ledger, Status: run.Failed,
		Code: core.CodeOf(n.Err), Trigger: core.Trigger{Kind: text(n.Trigger.Kind, maxName), ID: text(n.Trigger.ID, maxName)}, Next: []string{},
	}
	if n.Err == nil {
		d.Status = run.NoChanges
	}
	if r := n.Report; r != nil {
		d.Status, d.ExecutionID, d.Counts = cmp.Or(r.Status, d.Status), r.ExecutionID, map[string]int{}
		for k, v := range r.Counts {
			d.Counts[string(k)] = v
		}
	}
	if n.Err != nil {
		d.Message, d.Hint = text(n.Err.Error(), maxText), text(core.Advice(n.Err), maxText)
	}
	if len(n.Source) > 0 {
		d.Source = map[string]string{}
		for k, v := range n.Source {
			d.Source[k] = text(v, maxName)
		}
	}
	for _, is := range n.Issues[:min(len(n.Issues), maxIssues)] {
		d.Issues = append(d.Issues, DocumentIssue{
			ChangeID: is.ChangeID, State: is.State, Seq: is.Seq, Reason: text(is.Reason, maxReason), Next: n.command("issue get " + core.ShellQuote(is.ChangeID)),
		})
	}
	d.MoreIssues = len(n.Issues) - len(d.Issues)
	d.Next = n.next(&d)
	d.Summary = n.summary(&d)
	d.ID = d.id()
	return d
}

// id names what is told, so that whoever is told twice can see it.
func (d *Document) id() string {
	h := sha256.New()
	for _, s := range []string{d.Ledger, d.ExecutionID, d.Trigger.Kind, d.Trigger.ID, string(d.Code), fmt.Sprint(d.Occasions)} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	if d.ExecutionID == "" && d.Trigger.ID == "" {
		fmt.Fprint(h, d.Time) // nothing else tells two of them apart
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (n *Notice) command(words string) string {
	begin := n.Command
	if begin == "" {
		begin = "flamingock"
		if n.Ledger != "" {
			begin += " --ledger " + core.ShellQuote(n.Ledger)
		}
	}
	return begin + " " + words
}

// next are the commands to go on with.
func (n *Notice) next(d *Document) []string {
	out := []string{}
	for _, is := range d.Issues[:min(len(d.Issues), maxNext)] {
		out = append(out, is.Next)
	}
	switch {
	case d.MoreIssues > 0 || len(d.Issues) > maxNext:
		return append(out, n.command("issue list"))
	case len(out) > 0 || n.Err == nil:
		return out
	}
	switch d.Code {
	case core.CodeManualIntervention:
		return []string{n.command("issue list")}
	case core.CodeChangeSetInvalid:
		return []string{n.command("validate")}
	case core.CodeDrift:
		return []string{n.command("drift list")}
	case core.CodeConfigInvalid:
		return []string{n.command("config show")}
	default:
		return []string{n.command("status")}
	}
}

// summary is one line for people.
func (n *Notice) summary(d *Document) string {
	s := "Flamingock: "
	if d.Ledger != "" {
		s += d.Ledger + ": "
	}
	switch count := len(n.Issues); {
	case count == 1:
		return s + "change " + n.Issues[0].ChangeID + " waits for a person"
	case count > 1:
		return s + fmt.Sprintf("%d changes wait for a person", count)
	case n.Err != nil:
		return s + "the run failed (" + string(d.Code) + ")"
	}
	return s + fmt.Sprintf("%d changes applied", d.Counts[string(run.ChangeApplied)]+d.Counts[string(run.ChangeReconciled)])
}

// encode returns at most most bytes: issues that do not fit are counted only, and
// then texts are shortened.
func (d Document) encode(most int) ([]byte, error) {
	for {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(d); err != nil {
			return nil, err
		}
		switch left := len(d.Issues); {
		case b.Len() <= most:
			return []byte(b.String()), nil
		case left > 0:
			d.Issues = d.Issues[:left/2]
			d.MoreIssues += left - left/2
		case d.Source != nil:
			d.Source = nil
		case len(d.Message) > maxReason:
			d.Message, d.Hint = core.Cap(d.Message, maxReason), core.Cap(d.Hint, maxReason)
		default:
			return nil, fmt.Errorf("the document has %d bytes, more than %d", b.Len(), most)
		}
	}
}
