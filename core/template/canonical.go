package template

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// checksum returns core.ChecksumOf the canonical form, version 1, of what a change
// does. The canonical form is one line of JSON-like UTF-8 text:
//
//	{"template":T,"configuration":C,"targetSystem":S,"transactional":X,"apply":A,"rollback":R,"steps":[{"apply":A,"rollback":R},…]}
//
// with these keys in this order, all of them always. T is the template's name, not
// the alias in the file. What is absent or has no value is null, steps too.
//
//   - mapping: {"key":value,…}, keys sorted by their bytes, nothing left out
//   - list: [value,…]
//   - text: in double quotes; \" and \\ for " and \, \u00XX (small hexadecimal
//     letters) for U+0000 to U+001F, everything else as it is; CR LF counts as LF
//   - whole number: decimal, without + and leading zeros; 0x1F is 31, 0o17 is 15,
//     -0 is 0. One written with a leading zero is text, as it was written
//   - other number: the shortest decimal that gives the same 64-bit float, as in
//     1.5e+00; +Inf, -Inf, NaN; as it was written when it exceeds the range
//   - true, false, null
//
// Keys are text whatever they look like. References count as written. Comments,
// quoting, indentation, line ends, a byte order mark and the order of keys do not
// count; author, description, labels, profiles, recovery, timeout, maxAttempts,
// allowOutOfOrder and probe are not part of it.
func checksum(template string, d *document) string {
	var b strings.Builder
	b.WriteString(`{"template":`)
	quote(&b, template)
	b.WriteString(`,"configuration":`)
	canonical(&b, d.Configuration)
	b.WriteString(`,"targetSystem":`)
	quote(&b, d.TargetSystem.value)
	b.WriteString(`,"transactional":`)
	if d.Transactional == nil {
		b.WriteString("null")
	} else {
		b.WriteString(strconv.FormatBool(*d.Transactional))
	}
	b.WriteString(`,"apply":`)
	canonical(&b, d.Apply)
	b.WriteString(`,"rollback":`)
	canonical(&b, d.Rollback)
	b.WriteString(`,"steps":`)
	if d.Steps == nil {
		b.WriteString("null")
	} else {
		b.WriteByte('[')
		for i, s := range d.Steps.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`{"apply":`)
			canonical(&b, s.Get("apply"))
			b.WriteString(`,"rollback":`)
			canonical(&b, s.Get("rollback"))
			b.WriteByte('}')
		}
		b.WriteByte(']')
	}
	b.WriteByte('}')
	return core.ChecksumOf([]byte(b.String()))
}

func canonical(b *strings.Builder, n *strictyaml.Node) {
	if n == nil {
		b.WriteString("null")
		return
	}
	switch n.Kind {
	case strictyaml.Null:
		b.WriteString("null")
	case strictyaml.Bool:
		b.WriteString(strings.ToLower(n.Text.Value))
	case strictyaml.Int:
		integer(b, n.Text.Value)
	case strictyaml.Float:
		float(b, n.Text.Value)
	case strictyaml.String:
		quote(b, n.Text.Value)
	case strictyaml.List:
		b.WriteByte('[')
		for i, it := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			canonical(b, it)
		}
		b.WriteByte(']')
	case strictyaml.Map:
		fields := slices.Clone(n.Fields)
		slices.SortFunc(fields, func(x, y strictyaml.Field) int { return strings.Compare(x.Key, y.Key) })
		b.WriteByte('{')
		for i, f := range fields {
			if i > 0 {
				b.WriteByte(',')
			}
			quote(b, f.Key)
			b.WriteByte(':')
			canonical(b, f.Value)
		}
		b.WriteByte('}')
	}
}

func integer(b *strings.Builder, text string) {
	if strictyaml.LeadingZero(text) {
		quote(b, text)
		return
	}
	base := 10
	digits := strings.TrimPrefix(text, "+")
	switch {
	case strings.HasPrefix(text, "0x"):
		base, digits = 16, text[2:]
	case strings.HasPrefix(text, "0o"):
		base, digits = 8, text[2:]
	}
	i, ok := new(big.Int).SetString(digits, base)
	if !ok {
		quote(b, text) // unreachable: the text was recognised as a number
		return
	}
	b.WriteString(i.String())
}

func float(b *strings.Builder, text string) {
	lower := strings.TrimPrefix(strings.ToLower(text), "+")
	switch lower {
	case ".inf":
		b.WriteString("+Inf")
		return
	case "-.inf":
		b.WriteString("-Inf")
		return
	case ".nan":
		b.WriteString("NaN")
		return
	}
	f, err := strconv.ParseFloat(lower, 64)
	if err != nil || strictyaml.LeadingZero(text) {
		quote(b, text)
		return
	}
	b.WriteString(strconv.FormatFloat(f, 'e', -1, 64))
}

func quote(b *strings.Builder, s string) {
	const hex = "0123456789abcdef"
	b.WriteByte('"')
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hex[r>>4])
			b.WriteByte(hex[r&0xF])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
