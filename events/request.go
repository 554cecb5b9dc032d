package events

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// marker is the key that makes a document ours. Its value is the version.
const (
	marker  = "flamingock"
	version = "v1"
)

// Operation is what a request asks for, in the words of the command line.
type Operation string

// The operations. All but apply are for direct requests and task tokens only.
const (
	OpApply        Operation = "apply"
	OpPlan         Operation = "plan"
	OpStatus       Operation = "status"
	OpValidate     Operation = "validate"
	OpAuditList    Operation = "audit list"
	OpIssueList    Operation = "issue list"
	OpIssueGet     Operation = "issue get"
	OpIssueResolve Operation = "issue resolve"
)

// Operations lists every operation.
func Operations() []Operation {
	return []Operation{OpApply, OpPlan, OpStatus, OpValidate, OpAuditList, OpIssueList, OpIssueGet, OpIssueResolve}
}

// Request is the request document: one for all triggers that can carry one. Its
// options are named after the command line's.
type Request struct {
	Operation Operation
	Ledger    string // "" for the configured one

	// apply and plan
	Stages           []string // none: all
	To               string   // up to and including this change
	Profiles, Labels []string
	AllowOutOfOrder  bool

	Applied bool // validate

	ChangeID string // issue get, issue resolve, audit list

	// issue resolve
	As     Resolution
	Reason string
	Seq    uint64 // the entry that the person saw; 0 when not said
	Force  bool

	// audit list
	History bool
	Since   time.Time
	State   string
	After   uint64
	Limit   int // 0 when not said
}

// Resolution is what a person says about an issue.
type Resolution string

// The resolutions.
const (
	AsApplied    Resolution = "applied"
	AsRolledBack Resolution = "rolled-back"
)

const nextRequest = `send a document such as {"flamingock":"v1","operation":"apply","ledger":"orders/prod"}`

// decodeDirect reads a request that is the event itself.
func decodeDirect(o object) (Trigger, *Error) {
	_, waits := o.keys[keyTaskToken]
	token := ""
	if waits {
		token = o.text(keyTaskToken, 2048)
		if err := o.failed(); err != nil {
			err.Kind, err.Next = KindStepFunctions, `pass the token in the state's Payload: "taskToken.$": "$$.Task.Token"`
			return Trigger{}, err
		}
	}
	r, err := readRequest(o, true)
	switch {
	case err != nil && waits:
		err.Kind = KindStepFunctions
		err.Answer = &Trigger{Kind: KindStepFunctions, StepFunctions: &StepFunctions{TaskToken: secret(token)}}
		return Trigger{}, err
	case err != nil:
		return Trigger{}, err
	case waits:
		return Trigger{Kind: KindStepFunctions, StepFunctions: &StepFunctions{TaskToken: secret(token), Request: *r}}, nil
	}
	return Trigger{Kind: KindDirect, Direct: &Direct{Request: *r}}, nil
}

// requestIn reads a request that came as text in something else; where names it.
func requestIn(where, text string) (*Request, *Error) {
	if err := check([]byte(text), maxRequest); err != nil {
		err.Reason, err.Next = where+" is no request document: "+err.Reason, nextRequest
		return nil, err
	}
	o, ok := parse([]byte(text))
	if !ok || !o.hasAll([]string{marker}) {
		return nil, refuse(nextRequest, "%s is no request document: it is not an object with the key %q", where, marker)
	}
	r, err := readRequest(o, false)
	if err != nil {
		err.Reason = where + ": " + err.Reason
	}
	return r, err
}

// readRequest reads a document that has the marker. Only direct ones may do more
// than apply.
func readRequest(o object, direct bool) (*Request, *Error) {
	if err := checkVersion(o); err != nil {
		return nil, err
	}
	r := &Request{Operation: Operation(o.text("operation", 64))}
	if err := o.failed(); err != nil {
		err.Next = nextRequest
		return nil, err
	}
	switch {
	case !slices.Contains(Operations(), r.Operation):
		return nil, refuse(nextRequest, "operation %s is not known%s", showWord(string(r.Operation)), didYouMean(string(r.Operation), names(Operations())))
	case !direct && r.Operation != OpApply:
		return nil, refuse("invoke the function directly, or with a task token, for anything but apply", "operation %q is not taken from here", r.Operation)
	}
	if err := r.read(o, direct); err != nil {
		return nil, err
	}
	return r, nil
}

func checkVersion(o object) *Error {
	v := o.text(marker, 64)
	if err := o.failed(); err != nil {
		err.Next = nextRequest
		return err
	}
	if v == version {
		return nil
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(v, "v")); err == nil && n > 1 && strings.HasPrefix(v, "v") {
		return refuse("deploy a newer version of the function, or send version v1", "flamingock is %s: that needs a newer version of Flamingock", showWord(v))
	}
	return refuse(nextRequest, "flamingock must be %q; it is %s", version, showWord(v))
}

func names[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
