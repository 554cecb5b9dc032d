package main

import (
	"encoding/json"
	"strings"
)

// The simulators report capacity, but not as AWS bills it (transactions cost
// twice there). So the units are computed from what is on the wire, by the rules in
// the Amazon DynamoDB developer guide ("DynamoDB item sizes and formats", "read and
// write operations"): a write unit for each 1 KB of an item, two in a transaction;
// a strongly consistent read unit for each 4 KB of what a Query looked at.

// headSize bounds the head item from above: it is only seen as an update. It must
// stay within 1 KB for a write to cost what this says.
const headSize = 1024

type item map[string]map[string]json.RawMessage

// size is an item's, in bytes: names and values; numbers at about a byte for two
// digits and one more.
func (it item) size() int {
	n := 0
	for name, v := range it {
		n += len(name) + sizeOf(v)
	}
	return n
}

func sizeOf(v map[string]json.RawMessage) int {
	for typ, raw := range v {
		var s string
		switch typ {
		case "S":
			_ = json.Unmarshal(raw, &s) //nolint:errcheck // what was sent is valid
			return len(s)
		case "N":
			_ = json.Unmarshal(raw, &s) //nolint:errcheck // what was sent is valid
			return len(s)/2 + 2
		case "M":
			var m item
			_ = json.Unmarshal(raw, &m) //nolint:errcheck // what was sent is valid
			return 3 + len(m) + m.size()
		default:
			return 1
		}
	}
	return 0
}

func up(n, unit int) float64 { return float64((n + unit - 1) / unit) }

// units returns what a request costs.
func units(target string, request, answer []byte) (read, write float64) {
	var in struct {
		TransactItems []struct{ Put struct{ Item item } }
	}
	var out struct{ Items []item }
	switch op := target[strings.LastIndexByte(target, '.')+1:]; op {
	case "Query":
		if json.Unmarshal(answer, &out) != nil {
			return 0, 0
		}
		n := 0
		for _, it := range out.Items {
			n += it.size()
		}
		return max(up(n, 4096), 1), 0
	case "TransactWriteItems":
		if json.Unmarshal(request, &in) != nil {
			return 0, 0
		}
		for _, t := range in.TransactItems {
			n := t.Put.Item.size()
			if t.Put.Item == nil {
				n = headSize
			}
			write += 2 * up(n, 1024)
		}
		return 0, write
	case "UpdateItem":
		return 0, up(headSize, 1024)
	}
	return 0, 0
}
