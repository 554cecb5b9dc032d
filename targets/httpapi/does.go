package httpapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// does says for people what is sent where: no headers, no query, no content.
func (p *payload) does() string {
	text := strings.TrimSpace(p.Method.Value + " " + core.Cap(p.Location.label(), maxShown))
	var with []string
	switch {
	case p.JSON != nil:
		with = append(with, "JSON")
	case p.Form != nil:
		with = append(with, "a form")
	case p.Body != nil:
		with = append(with, "a body")
	}
	if p.hasKey() {
		with = append(with, "its idempotency key")
	}
	if len(with) > 0 {
		text += " with " + strings.Join(with, " and ")
	}
	if p.Existing != nil {
		text += ", unless the same is there already"
	}
	return text
}

// maxShown bounds what is told of a path or URL, in bytes.
const maxShown = 120

// hasKey reports whether the idempotency key is among the texts of the request.
func (p *payload) hasKey() bool {
	texts := []core.Text{p.Location.Path, p.Location.URL}
	for _, m := range []map[string]core.Text{p.Location.Query, p.Location.Headers, p.Form} {
		texts = slices.AppendSeq(texts, maps.Values(m))
	}
	if p.Body != nil {
		texts = append(texts, *p.Body)
	}
	return p.JSON.holds(keyPlaceholder) || slices.ContainsFunc(texts, func(t core.Text) bool { return strings.Contains(t.Value, keyPlaceholder) })
}

// holds reports whether a text within the value holds another one.
func (v *value) holds(text string) bool {
	if v == nil {
		return false
	}
	return strings.Contains(v.text, text) || slices.ContainsFunc(v.list, func(e *value) bool { return e.holds(text) }) ||
		slices.ContainsFunc(slices.Collect(maps.Values(v.m)), func(e *value) bool { return e.holds(text) })
}
