package dynamodb

import (
	"fmt"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// does says for people what the payload does, without its values.
func (p *tablePayload) does() string {
	what := "table " + core.Cap(p.table().Value, maxTold)
	switch {
	case p.Create != nil:
		c := p.Create
		with := awstarget.Declared(&c.Options)
		if names := c.indexes(); len(names) > 0 {
			with = append([]string{indexes(names)}, with...)
		}
		if len(with) == 0 {
			return "creates " + what
		}
		return "creates " + what + " with " + awstarget.Listed(with)
	case p.Update != nil:
		return "updates " + what + ": " + p.Update.does()
	case p.Delete.Unprotect:
		return "switches off the deletion protection of " + what + ", and deletes it with its items"
	}
	return "deletes " + what + " with its items"
}

func (c *createTable) indexes() []string {
	var names []string
	for i := range c.GlobalIndexes {
		names = append(names, c.GlobalIndexes[i].Name.Value)
	}
	for _, l := range c.LocalIndexes {
		names = append(names, l.Name.Value)
	}
	return names
}

func (u *updateTable) does() string {
	var parts, names []string
	for i := range u.AddIndexes {
		names = append(names, u.AddIndexes[i].Name.Value)
	}
	if len(names) > 0 {
		parts = append(parts, "adds "+indexes(names))
	}
	if len(u.RemoveIndexes) > 0 {
		parts = append(parts, "removes "+indexes(awstarget.Names(u.RemoveIndexes)))
	}
	if set := awstarget.Declared(&u.Options); len(set) > 0 {
		parts = append(parts, "sets "+awstarget.Listed(set))
	}
	if len(u.RemoveTags) > 0 {
		parts = append(parts, "removes tags "+awstarget.Listed(awstarget.Names(u.RemoveTags)))
	}
	return strings.Join(parts, ", ")
}

func indexes(names []string) string {
	if len(names) == 1 {
		return "index " + names[0]
	}
	return "indexes " + awstarget.Listed(names)
}

// maxTold bounds what is told of a table's name.
const maxTold = 80

// does says for people what the writes are, kind by kind and table by table: neither
// keys nor values.
func (b *batch) does() string {
	type group struct{ kind, table string }
	var order []group
	count := map[group]int{}
	for i := range b.writes {
		w := &b.writes[i]
		g := group{w.kind, core.Cap(w.table.Value, maxTold)}
		if count[g]++; count[g] == 1 {
			order = append(order, g)
		}
	}
	var parts []string
	for _, g := range order {
		parts = append(parts, fmt.Sprintf(writeWords[g.kind], plural(count[g], nouns[g.kind]), g.table))
	}
	text := strings.Join(parts, ", ")
	if b.inSequence && len(b.writes) > 1 {
		text += ", one by one"
	}
	return text
}

var (
	writeWords = map[string]string{
		"put": "puts %s into %s", "update": "updates %s of %s", "delete": "deletes %s from %s", "check": "checks %s of %s", "partiql": "runs %s%s",
	}
	nouns = map[string]string{"put": "item", "update": "item", "delete": "item", "check": "item", "partiql": "PartiQL statement"}
)

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
