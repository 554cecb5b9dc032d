package strictyaml

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// Unmarshaler is a type that decodes itself from one of several shapes. The
// function that it is given decodes the value into anything; its error may be
// returned as it is.
type Unmarshaler interface {
	UnmarshalYAML(decode func(into any) error) error
}

// faultList carries faults through an Unmarshaler.
type faultList struct{ faults []core.Fault }

func (e *faultList) Error() string {
	lines := make([]string, len(e.faults))
	for i, f := range e.faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Decode decodes n strictly into what the pointer into points to and returns
// every fault. Keys of structs are those of their yaml tags, or the field's name
// in small letters; `yaml:"-"` has none and `yaml:",inline"` lifts the keys of a
// struct. A key without a value is the same as a missing key. Text may be given
// as a number or as true and false, and is then taken as written.
//
// Besides the kinds of Go it knows [time.Duration] ("30s"), [core.Text],
// [core.Secret], [core.Ordered], *Node, [encoding.TextUnmarshaler] and
// [Unmarshaler]. Into an empty interface go nil, bool, int64, uint64, float64,
// string, []any and map[string]any.
func Decode(n *Node, into any) []core.Fault { return DecodeAt(n, into, "") }

// DecodeAt is Decode for the value of a key, which its messages then name.
func DecodeAt(n *Node, into any, path string) []core.Fault {
	d := &decoder{}
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		d.Add(n.Pos, fmt.Sprintf("cannot be decoded into %T: a pointer is needed", into))
		return d.List
	}
	d.value(n, v.Elem(), path)
	return d.List
}

type decoder struct{ Faults }

// subject names what a message is about.
func subject(path string) string {
	if path == "" {
		return "this"
	}
	return path
}

func (d *decoder) want(n *Node, path, what string) {
	d.Add(n.Pos, subject(path)+" must be "+what+", not "+n.Kind.String())
}

func (d *decoder) value(n *Node, v reflect.Value, path string) {
	if d.special(n, v, path) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if n.Kind == Null {
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), path)
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Interface:
		if v.NumMethod() > 0 {
			d.Add(n.Pos, subject(path)+" cannot be decoded into "+v.Type().String())
			return
		}
		if x := d.plain(n, path, false); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	default:
		d.scalar(n, v, path)
	}
}

// special decodes the types that have a meaning of their own.
func (d *decoder) special(n *Node, v reflect.Value, path string) bool {
	if v.CanAddr() && v.Addr().CanInterface() {
		switch u := v.Addr().Interface().(type) {
		case Unmarshaler:
			if n.Kind != Null {
				d.custom(n, path, u.UnmarshalYAML(func(into any) error {
					if faults := DecodeAt(n, into, path); len(faults) > 0 {
						return &faultList{faults}
					}
					return nil
				}))
			}
			return true
		case encoding.TextUnmarshaler:
			if d.text(n, path) {
				d.custom(n, path, u.UnmarshalText([]byte(n.Text.Value)))
			}
			return true
		}
	}
	switch v.Interface().(type) {
	case *Node:
		v.Set(reflect.ValueOf(n))
	case time.Duration:
		d.duration(n, v, path)
	case core.Text:
		if d.text(n, path) {
			v.Set(reflect.ValueOf(n.Text))
		}
	case core.Secret:
		if d.text(n, path) {
			v.Set(reflect.ValueOf(core.NewSecret(n.Text.Value)))
		}
	case core.Ordered:
		if n.Kind != Null && n.Kind != Map {
			d.want(n, path, "a mapping")
		} else if x, ok := d.plain(n, path, true).(core.Ordered); ok {
			v.Set(reflect.ValueOf(x))
		}
	default:
		return false
	}
	return true
}

// custom adds the error of a type that decodes itself. Only sentences that were
// meant for people are shown: others may quote the value.
func (d *decoder) custom(n *Node, path string, err error) {
	var (
		list  *faultList
		fault *core.FaultError
	)
	switch {
	case err == nil:
	case errors.As(err, &list):
		d.List = append(d.List, list.faults...)
	case errors.As(err, &fault):
		d.Add(n.Pos, subject(path)+": "+fault.Message)
	default:
		d.Add(n.Pos, subject(path)+" is not valid")
	}
}

// text reports whether n is text that is there.
func (d *decoder) text(n *Node, path string) bool {
	if !n.IsScalar() {
		d.want(n, path, "text")
		return false
	}
	return n.Kind != Null
}

func (d *decoder) duration(n *Node, v reflect.Value, path string) {
	if n.Kind == Null {
		return
	}
	if !n.IsScalar() {
		d.want(n, path, "a duration such as 30s or 5m")
		return
	}
	t, err := time.ParseDuration(n.Text.Value)
	if err != nil {
		d.Add(n.Pos, subject(path)+" must be a duration such as 30s or 5m")
		return
	}
	v.SetInt(int64(t))
}

func (d *decoder) structure(n *Node, v reflect.Value, path string) {
	if n.Kind == Null {
		return
	}
	if n.Kind != Map {
		d.want(n, path, "a mapping")
		return
	}
	fields := fieldsOf(v.Type())
	for _, f := range n.Fields {
		index, ok := fields.byName[f.Key]
		if !ok {
			d.Add(f.KeyPos, UnknownKey(f.Key, fields.names))
			continue
		}
		d.value(f.Value, v.FieldByIndex(index), join(path, f.Key))
	}
}

// UnknownKey says that a key is not known, and which are.
func UnknownKey(key string, known []string) string {
	return fmt.Sprintf("unknown key %q%s", core.Cap(key, 80), core.DidYouMean(key, known))
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// structFields are the keys that a struct type takes.
type structFields struct {
	byName map[string][]int // index paths for FieldByIndex
	names  []string
}

// fieldCache remembers the fields of types, as encoding/json does: there are few types
// and thousands of files.
var fieldCache sync.Map // reflect.Type -> *structFields

func fieldsOf(t reflect.Type) *structFields {
	if v, ok := fieldCache.Load(t); ok {
		if f, ok := v.(*structFields); ok {
			return f
		}
	}
	f := &structFields{byName: map[string][]int{}}
	f.collect(t, nil)
	fieldCache.Store(t, f)
	return f
}

func (s *structFields) collect(t reflect.Type, path []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(path), i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case opts == "inline" && f.Type.Kind() == reflect.Struct:
			s.collect(f.Type, index)
			continue
		case !f.IsExported(), name == "-":
			continue
		case name == "":
			name = strings.ToLower(f.Name)
		}
		s.byName[name] = index
		s.names = append(s.names, name)
	}
}

func (d *decoder) mapping(n *Node, v reflect.Value, path string) {
	switch {
	case n.Kind == Null:
		return
	case n.Kind != Map:
		d.want(n, path, "a mapping")
		return
	case v.Type().Key().Kind() != reflect.String:
		d.Add(n.Pos, subject(path)+" cannot be decoded into "+v.Type().String())
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.Fields))
	for _, f := range n.Fields {
		e := reflect.New(v.Type().Elem()).Elem()
		d.element(f.Value, e, join(path, f.Key))
		m.SetMapIndex(reflect.ValueOf(f.Key).Convert(v.Type().Key()), e)
	}
	v.Set(m)
}

func (d *decoder) list(n *Node, v reflect.Value, path string) {
	if n.Kind == Null {
		return
	}
	if n.Kind != List {
		d.want(n, path, "a list")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, it := range n.Items {
		d.element(it, out.Index(i), path+"["+strconv.Itoa(i)+"]")
	}
	v.Set(out)
}

// element decodes a member of a list or mapping, where a missing value is no
// missing key: only what can be nil may have none.
func (d *decoder) element(n *Node, v reflect.Value, path string) {
	if n.Kind == Null {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		default:
			d.Add(n.Pos, subject(path)+" has no value")
			return
		}
	}
	d.value(n, v, path)
}

func (d *decoder) scalar(n *Node, v reflect.Value, path string) {
	if n.Kind == Null {
		return
	}
	switch v.Kind() {
	case reflect.String:
		if d.text(n, path) {
			v.SetString(n.Text.Value)
		}
	case reflect.Bool:
		if n.Kind != Bool {
			d.Add(n.Pos, subject(path)+" must be true or false")
			return
		}
		v.SetBool(isTrue(n.Text.Value))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if !d.whole(n, path) {
			return
		}
		text, sign := n.Text.Value, ""
		if strings.HasPrefix(text, "-") {
			text, sign = text[1:], "-"
		}
		digits, base := number(text)
		i, err := strconv.ParseInt(sign+digits, base, v.Type().Bits())
		if err != nil {
			d.Add(n.Pos, subject(path)+" is out of range")
			return
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if !d.whole(n, path) {
			return
		}
		digits, base := number(n.Text.Value)
		u, err := strconv.ParseUint(digits, base, v.Type().Bits())
		if err != nil {
			d.Add(n.Pos, subject(path)+" is out of range")
			return
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		if n.Kind != Int && n.Kind != Float {
			d.want(n, path, "a number")
			return
		}
		if f, ok := d.float(n, path); ok {
			v.SetFloat(f)
		}
	default:
		d.Add(n.Pos, subject(path)+" cannot be decoded into "+v.Type().String())
	}
}

func (d *decoder) whole(n *Node, path string) bool {
	if n.Kind != Int {
		d.want(n, path, "a whole number")
		return false
	}
	return d.unambiguous(n, path)
}

func (d *decoder) unambiguous(n *Node, path string) bool {
	if LeadingZero(n.Text.Value) {
		d.Add(n.Pos, subject(path)+" is a number with a leading zero: put it in quotes if it is text, and remove the zero if it is not")
		return false
	}
	return true
}

func (d *decoder) float(n *Node, path string) (float64, bool) {
	if !d.unambiguous(n, path) {
		return 0, false
	}
	f, err := float(n.Text.Value)
	if err != nil {
		d.Add(n.Pos, subject(path)+" is out of range")
		return 0, false
	}
	return f, true
}
