package awstarget

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/flamingock/flamingock-go/core"
)

// State is what is known of a thing that has attributes and tags, such as a queue. As
// JSON it is what a change keeps before it changes the thing.
type State struct {
	// Name is the thing's, as the change names it.
	Name   string `json:"name"`
	Exists bool   `json:"exists"`
	// Attributes by the service's names. "": it has none of that name.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Tags: nil for one that is not there.
	Tags map[string]*string `json:"tags,omitempty"`
}

// Wanted is what a change declares of a thing: attributes and tags that it has to have,
// or not to have (Attributes: "", Tags: nil). What is not named is not looked at.
type Wanted struct {
	Attributes map[string]string
	Tags       map[string]*string
}

// Before is the part of s that w changes.
func (w Wanted) Before(s State) State {
	out := State{Name: s.Name, Exists: s.Exists}
	if !s.Exists {
		return out
	}
	for name := range w.Attributes {
		if out.Attributes == nil {
			out.Attributes = map[string]string{}
		}
		out.Attributes[name] = s.Attributes[name]
	}
	for key := range w.Tags {
		if out.Tags == nil {
			out.Tags = map[string]*string{}
		}
		out.Tags[key] = s.Tags[key]
	}
	return out
}

// Same compares the values of one attribute.
type Same func(name, a, b string) bool

// Difference is one thing in which a state is not as it is wanted.
type Difference struct{ What, Is, Want string }

func (d Difference) String() string {
	if d.Want == "" {
		return fmt.Sprintf("%s is %s, and must not be set", d.What, words(d.Is))
	}
	return fmt.Sprintf("%s is %s, not %s", d.What, words(d.Is), words(d.Want))
}

func words(value string) string {
	if value == "" {
		return "not set"
	}
	return core.Cap(value, 200)
}

// Differences lists in what s is not as w wants it, by name.
func (w Wanted) Differences(s State, same Same) []Difference {
	var out []Difference
	for _, name := range slices.Sorted(maps.Keys(w.Attributes)) {
		if want, is := w.Attributes[name], s.Attributes[name]; is != want && !same(name, is, want) {
			out = append(out, Difference{name, is, want})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.Tags)) {
		is, want := s.Tags[key], w.Tags[key]
		if (is == nil) != (want == nil) || is != nil && *is != *want {
			out = append(out, Difference{"tag " + key, tagText(is), tagText(want)})
		}
	}
	return out
}

func tagText(t *string) string {
	switch {
	case t == nil:
		return ""
	case *t == "":
		return "empty"
	}
	return *t
}

// SetTags are the tags to be set, and RemovedTags the keys of those to be taken away.
func (w Wanted) SetTags() map[string]string {
	out := map[string]string{}
	for key, value := range w.Tags {
		if value != nil {
			out[key] = *value
		}
	}
	return out
}

// RemovedTags are the keys of the tags that are not to be there.
func (w Wanted) RemovedTags() []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(w.Tags)) {
		if w.Tags[key] == nil {
			out = append(out, key)
		}
	}
	return out
}

// Kept is the text that a change's capture gives.
func (s State) Kept() (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}

// Captured reads what the step's capture kept; nil when nothing is known.
func Captured(s *core.Session) (*State, error) {
	if s.Captured == "" {
		return nil, nil
	}
	out := new(State)
	if err := json.Unmarshal([]byte(s.Captured), out); err != nil {
		return nil, fmt.Errorf("what was kept before the change cannot be read: %w", err)
	}
	return out, nil
}

// NotCapturedError says that a rollback has nothing to put back.
type NotCapturedError struct{ Name string }

func (e *NotCapturedError) Error() string {
	return "it is not known how " + e.Name + " was before the change"
}

// Hint says what to do.
func (e *NotCapturedError) Hint() string {
	return "put it back by hand, then: flamingock issue resolve"
}

// CheckTags finds tags that AWS does not take.
func CheckTags(f *Faults, tags map[string]core.Text, remove []core.Text, at core.Position) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		switch v := tags[key]; {
		case len(key) >= 4 && (key[:4] == "aws:" || key[:4] == "AWS:"):
			f.At(v.Start, "tags that begin with aws: are AWS's own")
		case key == "" || len([]rune(key)) > 128 || len([]rune(v.Value)) > 256:
			f.At(v.Start, "a tag has a key of 1 to 128 characters and a value of at most 256")
		}
	}
	for _, r := range remove {
		if Blank(r) {
			f.At(First(r.Start, at), "a tag to remove has no name")
		} else if _, both := tags[r.Value]; both {
			f.At(r.Start, "tag %s is both set and removed", r.Value)
		}
	}
}

// WantedTags joins the tags that are set and those that are removed.
func WantedTags(set map[string]core.Text, remove []core.Text) map[string]*string {
	out := map[string]*string{}
	for key, v := range set {
		out[key] = &v.Value
	}
	for _, r := range remove {
		out[r.Value] = nil
	}
	return out
}
