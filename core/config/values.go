package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// Values returns every effective setting with where it came from: the single
// values, then the stages, then the target systems, each in file order. Secrets
// are redacted; references are shown as they are written.
func (c *Config) Values() []Value { return slices.Clone(c.values) }

func (l *loader) values(targets *strictyaml.Node) []Value {
	var out []Value
	for _, k := range keys() {
		shown := k.show(l.c)
		from := l.origins[k.path]
		if shown == "" && from.level == fromDefault {
			continue
		}
		if k.path == "auditStore.file" && l.c.AuditStore.File == "" || k.path == "auditStore.targetSystem" && shown == "" ||
			strings.HasPrefix(k.path, "auditStore.dynamodb.") && l.c.AuditStore.DynamoDB == nil {
			continue // the store that was not chosen
		}
		if k.path != "metadata" { // redacts its own
			shown = redact(k.path, shown)
		}
		out = append(out, Value{k.path, shown, from.where})
	}
	for _, s := range l.c.Stages {
		at := "stages." + s.Name
		from := s.Source.String()
		for _, v := range []Value{
			{at + ".description", s.Description, from},
			{at + ".location", s.Location, from},
			{at + ".dependsOn", strings.Join(s.DependsOn, ","), from},
		} {
			if v.Value != "" {
				out = append(out, v)
			}
		}
	}
	if targets != nil {
		for _, f := range targets.Fields {
			out = append(out, flatten("targetSystems."+f.Key, f.Key, f.Value)...)
		}
	}
	return out
}

// flatten shows every scalar under a node. Name is the last key on the way.
func flatten(path, name string, n *strictyaml.Node) []Value {
	var out []Value
	switch n.Kind {
	case strictyaml.Map:
		for _, f := range n.Fields {
			key := f.Key
			if secretName.MatchString(name) {
				key = name // everything under a key that names a secret is one
			}
			out = append(out, flatten(path+"."+f.Key, key, f.Value)...)
		}
	case strictyaml.List:
		for i, it := range n.Items {
			out = append(out, flatten(path+"["+strconv.Itoa(i)+"]", name, it)...)
		}
	default:
		out = append(out, Value{path, redact(name, n.Text.Value), n.Pos.String()})
	}
	return out
}

const redacted = "[redacted]"

var (
	secretName = regexp.MustCompile(`(?i)(passw|passphrase|\bpwd\b|token|secret|credential|api_?-?key|private_?-?key|access_?-?key|account_?-?key|sas$|auth$)`)
	// scheme://user:password@host. The password reaches to the last @, whatever is
	// in it, since people forget to escape it.
	urlPassword = regexp.MustCompile(`(://[^:/?#@\s]*:)([^\s]+)(@)`)
	// scheme://token@host, where the user is the secret.
	urlToken = regexp.MustCompile(`(://)([^:/?#@\s]{12,})(@)`)
	// user:password@tcp(host), as MySQL's driver has it.
	dsnPassword = regexp.MustCompile(`^([^:/@\s]+:)(.+)(@(?:[a-z0-9]+\(|/))`)
	// password=…, as key and value or as a parameter of a URL.
	parameter = regexp.MustCompile(`(?i)((?:passw(?:or)?d|pwd|token|secret|access_?key|api_?key|sig|accountkey|sharedaccesskey)[a-z_]*(?:=|\s*=\s*))('[^']*'|"[^"]*"|[^\s&;'"]+)`)
	// Password = two words; as ODBC has it, up to the next semicolon.
	spaced    = regexp.MustCompile(`(?i)((?:passw(?:or)?d|pwd)\s+=\s+)([^;]+)`)
	reference = regexp.MustCompile(`\$\{(?:env|secretsmanager|ssm|vault):[^}\s]*\}`)
)

// redact hides what looks like a secret in the value of a key.
func redact(name, value string) string {
	if value == "" || isReference(value) {
		return value
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if secretName.MatchString(last) {
		return redacted
	}
	// References may hold any character, so they step aside while the patterns look
	// at the rest. Those inside a literal secret vanish with it.
	refs := reference.FindAllString(value, -1)
	i := -1
	value = reference.ReplaceAllStringFunc(value, func(string) string {
		i++
		return stand(i)
	})
	for _, p := range []*regexp.Regexp{urlPassword, urlToken, dsnPassword, spaced, parameter} {
		value = p.ReplaceAllStringFunc(value, func(m string) string {
			g := p.FindStringSubmatch(m)
			if onlyStands.MatchString(g[2]) {
				return m
			}
			return g[1] + redacted + strings.Join(g[3:], "")
		})
	}
	for i, r := range refs {
		value = strings.ReplaceAll(value, stand(i), r)
	}
	return value
}

// stand stands for the reference number i.
func stand(i int) string { return "\x00" + strconv.Itoa(i) + "\x00" }

var onlyStands = regexp.MustCompile(`^(?:\x00[0-9]+\x00)+$`)

// isReference reports whether a value is nothing but references.
func isReference(value string) bool {
	return len(core.References(value)) > 0 && reference.ReplaceAllString(value, "") == ""
}
