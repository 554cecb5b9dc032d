package dynamo

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// format is the version of the items that this code writes. A head with a higher
// one is refused.
const format = 1

// The key attributes, and the sort keys.
const (
	attrPK = "pk"
	attrSK = "sk"

	headKey     = "#HEAD"
	changeKey   = "CHANGE#"
	entryKey    = "ENTRY#"
	entryDigits = 20 // of the largest uint64
)

// Attributes that conditions and updates name.
const (
	attrFormat   = "format"
	attrLedgerID = "ledgerId"
	attrOwner    = "owner"
	attrToken    = "token"
	attrRVN      = "rvn"
	attrLeaseMs  = "leaseMs"
	attrReleased = "released"
	attrSeq      = "seq"
	attrSum      = "sum"
	attrHash     = "hash"
	attrHolder   = "holder"
	attrChangeID = "changeId"
)

type key struct {
	PK string `dynamodbav:"pk"`
	SK string `dynamodbav:"sk"`
}

func (k key) item() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrPK: &types.AttributeValueMemberS{Value: k.PK}, attrSK: &types.AttributeValueMemberS{Value: k.SK}}
}

func entryKeyOf(seq uint64) string { return fmt.Sprintf("%s%0*d", entryKey, entryDigits, seq) }

// headItem is the stored form of core.Head.
type headItem struct {
	Format   int        `dynamodbav:"format"`
	LedgerID string     `dynamodbav:"ledgerId"`
	Owner    string     `dynamodbav:"owner"`
	Token    uint64     `dynamodbav:"token"`
	RVN      uint64     `dynamodbav:"rvn"`
	LeaseMs  int64      `dynamodbav:"leaseMs"`
	Released bool       `dynamodbav:"released"`
	Seq      uint64     `dynamodbav:"seq"`
	Sum      uint64     `dynamodbav:"sum"`
	Hash     string     `dynamodbav:"hash"`
	Holder   holderItem `dynamodbav:"holder"`
}

type holderItem struct {
	Execution string    `dynamodbav:"execution,omitempty"`
	Host      string    `dynamodbav:"host,omitempty"`
	PID       int       `dynamodbav:"pid,omitempty"`
	Trigger   string    `dynamodbav:"trigger,omitempty"`
	Principal string    `dynamodbav:"principal,omitempty"`
	Since     time.Time `dynamodbav:"since,omitempty"`
}

func (h headItem) head() core.Head {
	return core.Head{
		LedgerID: h.LedgerID, Owner: h.Owner, Token: h.Token, RVN: h.RVN, Lease: time.Duration(h.LeaseMs) * time.Millisecond,
		Released: h.Released, Seq: h.Seq, Sum: h.Sum, Hash: h.Hash, Holder: core.Holder(h.Holder),
	}
}

// errNewer says that an item was written by a later version.
type errNewer struct{ format int }

func (e errNewer) Error() string {
	return fmt.Sprintf("its format is %d, this version knows %d", e.format, format)
}

// errForeign says that an item is not one of ours.
var errForeign = errors.New("the table holds an item that no audit store wrote")

func decodeHead(ledger string, item map[string]types.AttributeValue) (core.Head, error) {
	var h headItem
	switch err := attributevalue.UnmarshalMap(item, &h); {
	case item[attrFormat] == nil || item[attrLedgerID] == nil:
		return core.Head{}, fmt.Errorf("head of ledger %s: %w", ledger, errForeign)
	case err != nil:
		return core.Head{}, fmt.Errorf("head of ledger %s: %w", ledger, err)
	case h.Format > format:
		return core.Head{}, fmt.Errorf("head of ledger %s: %w", ledger, errNewer{h.Format})
	}
	for _, a := range []string{attrOwner, attrToken, attrRVN, attrLeaseMs, attrReleased, attrSeq, attrSum, attrHash} {
		if _, null := item[a].(*types.AttributeValueMemberNULL); null || item[a] == nil {
			return core.Head{}, fmt.Errorf("head of ledger %s: it has no %s", ledger, a)
		}
	}
	switch {
	case h.LedgerID == "" || h.RVN == 0 || h.Token == 0:
		return core.Head{}, fmt.Errorf("head of ledger %s: it has no id, version or token", ledger)
	case max(h.RVN, h.Token, h.Seq, h.Sum) > maxNumber:
		return core.Head{}, fmt.Errorf("head of ledger %s: a number in it is absurd", ledger)
	case h.LeaseMs < 0 || h.LeaseMs > maxLeaseMs:
		return core.Head{}, fmt.Errorf("head of ledger %s: a lease of %d ms is absurd", ledger, h.LeaseMs)
	case (h.Seq == 0) != (h.Hash == ""):
		return core.Head{}, fmt.Errorf("head of ledger %s: the history ends at entry %d with hash %q", ledger, h.Seq, core.Cap(h.Hash, 100))
	}
	return h.head(), nil
}

// What is beyond these was not counted by anybody, and must not overflow.
const (
	maxNumber  = math.MaxInt64
	maxLeaseMs = int64(math.MaxInt64 / time.Millisecond)
)

// recordItem is the stored form of core.Record. Its names are short and what is
// usual is left out: these items are what a load reads, 3 MB for 10,000 changes
// at most.
type recordItem struct {
	PK       string `dynamodbav:"pk"`
	SK       string `dynamodbav:"sk"`
	State    string `dynamodbav:"state"`
	Seq      uint64 `dynamodbav:"seq"`
	Started  uint64 `dynamodbav:"started,omitempty"` // left out of a STARTED: it is seq
	Op       string `dynamodbav:"op,omitempty"`      // left out: apply
	Unknown  bool   `dynamodbav:"unknown,omitempty"`
	Asked    bool   `dynamodbav:"asked,omitempty"` // reconciled
	Checksum string `dynamodbav:"sum,omitempty"`
	Order    string `dynamodbav:"ord,omitempty"`
	Stage    string `dynamodbav:"stage,omitempty"`
	Target   string `dynamodbav:"target,omitempty"`
	TxType   string `dynamodbav:"tx,omitempty"`
	Strategy string `dynamodbav:"strategy,omitempty"` // left out: MANUAL_INTERVENTION
	Attempt  *int   `dynamodbav:"try,omitempty"`      // left out: 1
	At       string `dynamodbav:"at,omitempty"`
}

// What absent attributes mean; what is really empty is written as "-" then.
const none = "-"

func usual(s, absent string) string {
	switch s {
	case absent:
		return ""
	case "":
		return none
	}
	return s
}

func orUsual(s, absent string) string {
	switch s {
	case "":
		return absent
	case none:
		return ""
	}
	return s
}

func encodeRecord(ledger string, r core.Record) (map[string]types.AttributeValue, error) {
	it := recordItem{
		PK: ledger, SK: changeKey + r.ChangeID, State: string(r.State), Seq: r.Seq, Op: usual(string(r.Operation), string(core.OpApply)), Unknown: r.Unknown, Asked: r.Reconciled,
		Checksum: r.Checksum, Order: r.Order, Stage: r.Stage, Target: r.TargetSystem, TxType: string(r.TxType),
		Strategy: usual(string(r.Strategy), string(core.ManualIntervention)),
	}
	if r.State != core.StateStarted {
		it.Started = r.StartedSeq
	}
	if r.Attempt != 1 {
		it.Attempt = &r.Attempt
	}
	if !r.At.IsZero() {
		it.At = r.At.UTC().Format(time.RFC3339Nano)
	}
	return attributevalue.MarshalMap(it)
}

func decodeRecord(ledger, id string, item map[string]types.AttributeValue) (core.Record, error) {
	var it recordItem
	if err := attributevalue.UnmarshalMap(item, &it); err != nil {
		return core.Record{}, fmt.Errorf("state of change %s in ledger %s: %w", id, ledger, err)
	}
	r := core.Record{
		ChangeID: id, State: core.State(it.State), Seq: it.Seq, StartedSeq: it.Started, Operation: core.Operation(orUsual(it.Op, string(core.OpApply))),
		Unknown: it.Unknown, Reconciled: it.Asked, Checksum: it.Checksum, Order: it.Order, Stage: it.Stage, TargetSystem: it.Target, TxType: core.TxType(it.TxType),
		Strategy: core.Strategy(orUsual(it.Strategy, string(core.ManualIntervention))), Attempt: 1,
	}
	if it.Attempt != nil {
		r.Attempt = *it.Attempt
	}
	if r.State == core.StateStarted {
		r.StartedSeq = r.Seq
	}
	switch {
	case r.Seq == 0:
		return core.Record{}, fmt.Errorf("state of change %s in ledger %s: it has no seq", id, ledger)
	case !r.State.Known():
		return core.Record{}, fmt.Errorf("state of change %s in ledger %s: unknown state %q", id, ledger, r.State)
	}
	if it.At != "" {
		at, err := time.Parse(time.RFC3339Nano, it.At)
		if err != nil {
			return core.Record{}, fmt.Errorf("state of change %s in ledger %s: %w", id, ledger, err)
		}
		r.At = at.UTC()
	}
	return r, nil
}

// addTo adds one item of a load.
func addTo(snap *core.Snapshot, ledger string, item map[string]types.AttributeValue) error {
	var k key
	if err := attributevalue.UnmarshalMap(item, &k); err != nil {
		return fmt.Errorf("ledger %s: %w", ledger, err)
	}
	if k.SK == headKey {
		h, err := decodeHead(ledger, item)
		snap.Head = h
		return err
	}
	id, ok := strings.CutPrefix(k.SK, changeKey)
	if !ok || id == "" {
		return fmt.Errorf("ledger %s: %w: %q", ledger, errForeign, core.Cap(k.SK, 80))
	}
	r, err := decodeRecord(ledger, id, item)
	snap.Records[id] = r
	return err
}

// entryItem is the stored form of core.Entry: its canonical encoding, which the
// hash is taken over, and the hash.
type entryItem struct {
	PK       string `dynamodbav:"pk"`
	SK       string `dynamodbav:"sk"`
	ChangeID string `dynamodbav:"changeId,omitempty"`
	Hash     string `dynamodbav:"hash"`
	Body     string `dynamodbav:"body"`
}

func encodeEntry(e core.Entry) (map[string]types.AttributeValue, error) {
	return attributevalue.MarshalMap(entryItem{PK: e.Ledger, SK: entryKeyOf(e.Seq), ChangeID: e.ChangeID, Hash: e.Hash, Body: string(e.Canonical())})
}

func decodeEntry(ledger string, item map[string]types.AttributeValue) (core.Entry, error) {
	var it entryItem
	if err := attributevalue.UnmarshalMap(item, &it); err != nil {
		return core.Entry{}, fmt.Errorf("an entry of ledger %s: %w", ledger, err)
	}
	e, err := core.DecodeEntry([]byte(it.Body))
	if err != nil {
		return core.Entry{}, fmt.Errorf("%s of ledger %s: %w", it.SK, ledger, err)
	}
	if e.Ledger != ledger || entryKeyOf(e.Seq) != it.SK || e.ChangeID != it.ChangeID {
		return core.Entry{}, fmt.Errorf("%s of ledger %s: its content is that of entry %d of ledger %s, of change %q", it.SK, ledger, e.Seq, e.Ledger, core.Cap(e.ChangeID, 80))
	}
	e.Hash = it.Hash
	return e, nil
}
