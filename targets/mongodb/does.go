package mongodb

import (
	"fmt"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// Each operation says for people what it does, without values and filters.

func (createCollection) does(on string) string { return "creates collection " + on }

func (o *createIndex) does(on string) string {
	kind := "index"
	if o.Options.Unique != nil && *o.Options.Unique {
		kind = "unique index"
	}
	return fmt.Sprintf("creates %s %sof collection %s", kind, aboutIndex(o.Options.Name, o.Keys), on)
}

func (o *dropIndex) does(on string) string {
	return fmt.Sprintf("drops index %sof collection %s", aboutIndex(o.IndexName, o.Keys), on)
}

// aboutIndex is the name and the keys of an index, as far as they are given.
func aboutIndex(name core.Text, keys core.Ordered) string {
	text := ""
	if !blank(name) {
		text = name.Value + " "
	}
	var all []string
	for _, k := range keys {
		all = append(all, fmt.Sprintf("%s: %v", k.Key, k.Value))
	}
	if len(all) > 0 {
		text += "(" + strings.Join(all, ", ") + ") "
	}
	return core.Cap(text, maxIndex)
}

// What is told of a collection's name and of an index has so many bytes at most.
const (
	maxName  = 80
	maxIndex = 80
)

func (o *insert) does(on string) string {
	if len(o.Documents) == 1 {
		return "inserts 1 document into " + on
	}
	return fmt.Sprintf("inserts %d documents into %s", len(o.Documents), on)
}

func (o *update) does(on string) string {
	text := "updates " + which(o.Multi, o.Filter) + " of " + on
	if o.Options.Upsert {
		text += ", or inserts one where there is none"
	}
	return text
}

func (o *remove) does(on string) string { return "deletes " + which(o.Multi, o.Filter) + " of " + on }

func which(multi bool, filter core.Ordered) string {
	switch {
	case multi && len(filter) == 0:
		return "all documents"
	case multi:
		return "the documents that match its filter"
	case len(filter) == 0:
		return "one document"
	}
	return "one document that matches its filter"
}

func (o drop) does(on string) string {
	if o.viewOnly {
		return "drops view " + on
	}
	return "drops collection " + on + " with its documents"
}

func (o *rename) does(on string) string {
	text := "renames collection " + on + " to " + o.Target.Value
	if o.Options.DropTarget {
		text += ", dropping what has that name"
	}
	return text
}

func (o *modify) does(on string) string {
	var set []string
	if o.Validator != nil {
		set = append(set, "validator")
	}
	if !blank(o.ValidationLevel) {
		set = append(set, "validationLevel")
	}
	if !blank(o.ValidationAction) {
		set = append(set, "validationAction")
	}
	return "sets " + strings.Join(set, ", ") + " of collection " + on
}

func (o *createView) does(on string) string { return "creates view " + on + " of " + o.ViewOn.Value }
