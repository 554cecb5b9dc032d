package events

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

const keyTaskToken = "taskToken"

const (
	maxName   = 255
	maxReason = 1024
	maxLimit  = 10_000
	maxNames  = 100
)

// option is one key of a request.
type option struct {
	key      string
	goesWith []Operation // nil: all
	required []Operation
	read     func(r *Request, o object, key string)
}

func options() []option {
	runs, resolve, list := []Operation{OpApply, OpPlan}, []Operation{OpIssueResolve}, []Operation{OpAuditList}
	return []option{
		{key: "ledger", read: func(r *Request, o object, k string) { r.Ledger = o.ledger(k) }},
		{key: "stages", goesWith: runs, read: func(r *Request, o object, k string) { r.Stages = o.nameList(k, "") }},
		{key: "to", goesWith: runs, read: func(r *Request, o object, k string) { r.To = o.id(k, maxName) }},
		// Configuration is a text to other readers, which split profiles at commas.
		{key: "profiles", goesWith: runs, read: func(r *Request, o object, k string) { r.Profiles = o.nameList(k, ",") }},
		{key: "labels", goesWith: runs, read: func(r *Request, o object, k string) { r.Labels = o.nameList(k, "") }},
		{key: "allowOutOfOrder", goesWith: runs, read: func(r *Request, o object, k string) { r.AllowOutOfOrder = o.flag(k) }},
		{key: "applied", goesWith: []Operation{OpValidate}, read: func(r *Request, o object, k string) { r.Applied = o.flag(k) }},
		{
			key: "changeId", goesWith: []Operation{OpIssueGet, OpIssueResolve, OpAuditList}, required: []Operation{OpIssueGet, OpIssueResolve},
			read: func(r *Request, o object, k string) { r.ChangeID = o.id(k, maxName) },
		},
		{key: "as", goesWith: resolve, required: resolve, read: func(r *Request, o object, k string) { r.As = o.resolution(k) }},
		{key: "reason", goesWith: resolve, required: resolve, read: func(r *Request, o object, k string) { r.Reason = o.id(k, maxReason) }},
		{key: "seq", goesWith: resolve, read: func(r *Request, o object, k string) { r.Seq = o.number(k, 1, 1<<63) }},
		{key: "force", goesWith: resolve, read: func(r *Request, o object, k string) { r.Force = o.flag(k) }},
		{key: "history", goesWith: list, read: func(r *Request, o object, k string) { r.History = o.flag(k) }},
		{key: "since", goesWith: list, read: func(r *Request, o object, k string) { r.Since = o.since(k) }},
		{key: "state", goesWith: list, read: func(r *Request, o object, k string) { r.State = o.state(k) }},
		{key: "after", goesWith: list, read: func(r *Request, o object, k string) { r.After = o.number(k, 0, 1<<63) }},
		{key: "limit", goesWith: list, read: func(r *Request, o object, k string) { r.Limit = int(o.number(k, 1, maxLimit)) }},
	}
}

// read takes every option of o, and refuses what does not belong there.
func (r *Request) read(o object, direct bool) *Error {
	known := map[string]option{}
	fits := []string{}
	for _, opt := range options() {
		known[opt.key] = opt
		if opt.goesWith == nil || slices.Contains(opt.goesWith, r.Operation) {
			fits = append(fits, opt.key)
		}
		if _, ok := o.keys[opt.key]; !ok && slices.Contains(opt.required, r.Operation) {
			return refuse("add it to the request", "%s needs %q", r.Operation, opt.key)
		}
	}
	for _, key := range o.names() {
		opt, ok := known[key]
		switch {
		case key == marker || key == "operation":
		case key == keyTaskToken && direct: // the caller's
		case key == keyTaskToken:
			return refuse("let the state invoke the function itself (lambda:invoke.waitForTaskToken), or leave the token out", "a task token is not taken from here")
		case !ok:
			return refuse("correct or remove it", "%s is not known%s", showKey(key), didYouMean(key, fits))
		case !slices.Contains(fits, key):
			return refuse("remove it: "+string(r.Operation)+" takes "+strings.Join(fits, ", "), "%q does not go with %s", key, r.Operation)
		default:
			opt.read(r, o, key)
		}
	}
	if !r.History && (r.After > 0 || r.Limit > 0) {
		o.fail("after and limit", `go with "history": true`)
	}
	if err := o.failed(); err != nil {
		err.Next = "correct it, or leave it out"
		return err
	}
	return nil
}

// ledgerShape is core's; a test holds them together.
const ledgerShape = `^[A-Za-z0-9._/-]{1,255}$`

func (o object) ledger(key string) string {
	s := o.text(key, maxName)
	if ok, err := regexp.MatchString(ledgerShape, s); !ok || err != nil {
		o.fail(key, "must be 1 to 255 of the characters A-Z a-z 0-9 . _ / -")
	}
	return s
}

// nameList reads a list of names without the characters in not; an empty list is
// as good as none.
func (o object) nameList(key, not string) []string {
	if !o.has(key) {
		o.fail(key, "must be a list of texts")
		return nil
	}
	out := o.texts(key, maxNames, maxName)
	for i, s := range out {
		if !printable(s) || strings.ContainsAny(s, not) || slices.Contains(out[:i], s) {
			o.fail(key, "must hold names that are printable, each once%s", without(not))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func without(characters string) string {
	if characters == "" {
		return ""
	}
	return ", without " + characters
}

func (o object) flag(key string) bool {
	switch string(o.keys[key]) {
	case "true":
		return true
	case "false":
	default:
		o.fail(key, "must be true or false")
	}
	return false
}

func (o object) number(key string, least, most uint64) uint64 {
	var n *uint64
	if json.Unmarshal(o.keys[key], &n) != nil || n == nil || *n < least || *n > most {
		o.fail(key, "must be a whole number from %d to %d", least, most)
		return 0
	}
	return *n
}

func (o object) resolution(key string) Resolution {
	as := Resolution(o.text(key, 64))
	if as != AsApplied && as != AsRolledBack {
		o.fail(key, "must be %q or %q", AsApplied, AsRolledBack)
	}
	return as
}

func (o object) since(key string) time.Time {
	text := o.text(key, 64)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t.UTC()
		}
	}
	o.fail(key, "must be a time: 2026-11-22, 2026-11-22T10:00:00 (UTC) or 2026-11-22T10:00:00+01:00")
	return time.Time{}
}

// states are core's stored states; a test holds them together.
func states() []string {
	return []string{
		"STARTED", "APPLIED", "FAILED", "ROLLED_BACK", "ROLLBACK_FAILED",
		"MANUAL_MARKED_AS_APPLIED", "MANUAL_MARKED_AS_ROLLED_BACK",
	}
}

func (o object) state(key string) string {
	s := o.text(key, 64)
	if !slices.Contains(states(), s) {
		o.fail(key, "must be one of %s", strings.Join(states(), ", "))
	}
	return s
}
