package events

import (
	"encoding/json"
	"time"
)

func decodeEventBridge(o object) (Trigger, *Error) {
	e := &EventBridge{
		Source: o.id("source", 256), DetailType: o.id("detail-type", 256), ID: o.id("id", 255),
		Account: o.any("account", 64), Region: o.any("region", 64), Time: o.time("time"), Resources: o.texts("resources", 100, 2048),
	}
	o.object("detail")
	e.Detail = secret(o.document("detail"))
	return Trigger{Kind: KindEventBridge, ID: e.ID, EventBridge: e}, o.failed()
}

func (o object) time(key string) time.Time {
	if !o.has(key) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, o.any(key, 64))
	if err != nil {
		o.fail(key, "must be a time")
	}
	return t
}

// texts reads a list of texts that may be absent.
func (o object) texts(key string, most, limit int) []string {
	if !o.has(key) {
		return nil
	}
	var items []*string
	if json.Unmarshal(o.keys[key], &items) != nil || len(items) > most {
		o.fail(key, "must be a list of at most %d texts", most)
		return nil
	}
	out := make([]string, len(items))
	for i, s := range items {
		if s == nil || *s == "" || len(*s) > limit {
			o.fail(key, "must hold texts of 1 to %d bytes", limit)
			return nil
		}
		out[i] = *s
	}
	return out
}
