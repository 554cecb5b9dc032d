package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// The bounds of the lease. Below a second renewals cannot keep up; above a quarter
// of an hour a dead holder blocks everybody for too long.
const (
	minLease = time.Second
	maxLease = 15 * time.Minute
)

// key is one setting that has a single value, wherever it comes from.
type key struct {
	path string
	def  string // as shown; "" for none
	// schema is what the file may hold.
	schema schema
	// set parses text into c. The error is a sentence that does not quote it.
	set func(c *Config, text string) error
	// show formats the effective value; "" for one that is not set.
	show func(c *Config) string
}

// env returns the name of the environment variable of a key.
func (k *key) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(k.path, ".", "_"))
}

const envPrefix = "FLAMINGOCK_"

// keys lists the settings in the order in which they are shown.
func keys() []key {
	return append([]key{
		text("ledger", "", func(c *Config) *string { return &c.Ledger }),
		text("auditStore.file", defaultStore, func(c *Config) *string { return &c.AuditStore.File }),
		text("auditStore.targetSystem", "", func(c *Config) *string { return &c.AuditStore.TargetSystem }),
		dynamo("table", func(d *DynamoDB) *string { return &d.Table }),
		dynamo("region", func(d *DynamoDB) *string { return &d.Region }),
		dynamo("endpoint", func(d *DynamoDB) *string { return &d.Endpoint }),
		allowGlobalTable(),
		duration("lock.lease", "30s", minLease, maxLease, func(c *Config) *time.Duration { return &c.Lock.Lease }),
		duration("lock.wait", "3m0s", 0, 0, func(c *Config) *time.Duration { return &c.Lock.Wait }),
		reserve(),
		duration("grace", "20s", 0, 0, func(c *Config) *time.Duration { return &c.Grace }),
		profiles(),
		drift("drift.edited", core.DriftFail, func(c *Config) *core.DriftAction { return &c.Drift.Edited }),
		drift("drift.lost", core.DriftWarn, func(c *Config) *core.DriftAction { return &c.Drift.Lost }),
		drift("drift.late", core.DriftFail, func(c *Config) *core.DriftAction { return &c.Drift.Late }),
		metadata(),
		boolean("enabled", "true", func(c *Config) *bool { return &c.Enabled }),
	}, sourceKeys()...)
}

const (
	keyAllowGlobal = "auditStore.dynamodb.allowGlobalTable"

	defaultStore  = ".flamingock/audit.db"
	defaultLedger = "default"
)

func sentence(format string, args ...any) error {
	return &core.FaultError{Message: fmt.Sprintf(format, args...)}
}

func text(path, def string, field func(*Config) *string) key {
	return key{
		path: path, def: def, schema: strictyaml.TextSchema(),
		set:  func(c *Config, s string) error { *field(c) = s; return nil },
		show: func(c *Config) string { return *field(c) },
	}
}

// dynamo is a key of the DynamoDB settings, which exist once one of them is set.
func dynamo(name string, field func(*DynamoDB) *string) key {
	return key{
		path: "auditStore.dynamodb." + name, schema: strictyaml.TextSchema(),
		set: func(c *Config, s string) error { *field(c.dynamo()) = s; return nil },
		show: func(c *Config) string {
			if c.AuditStore.DynamoDB == nil {
				return ""
			}
			return *field(c.AuditStore.DynamoDB)
		},
	}
}

func allowGlobalTable() key {
	k := boolean(keyAllowGlobal, "false", func(c *Config) *bool { return &c.dynamo().AllowGlobalTable })
	show := k.show
	k.show = func(c *Config) string {
		if c.AuditStore.DynamoDB == nil {
			return ""
		}
		return show(c)
	}
	return k
}

func duration(path, def string, low, high time.Duration, field func(*Config) *time.Duration) key {
	return key{
		path: path, def: def, schema: strictyaml.DurationSchema(),
		set: func(c *Config, s string) error {
			d, err := time.ParseDuration(s)
			switch {
			case err != nil:
				return sentence("must be a duration such as 30s or 5m")
			case d < low && low == 0:
				return sentence("must not be negative")
			case d < low:
				return sentence("must be at least %s", low)
			case high > 0 && d > high:
				return sentence("must be at most %s", high)
			}
			*field(c) = d
			return nil
		},
		show: func(c *Config) string { return field(c).String() },
	}
}

func reserve() key {
	k := duration("deadline.reserve", "", 0, 0, func(c *Config) *time.Duration { return &c.Deadline.Reserve })
	k.show = func(c *Config) string {
		if c.Deadline.Reserve == 0 {
			return "the smaller of 10s and a quarter of the time given"
		}
		return c.Deadline.Reserve.String()
	}
	return k
}

func profiles() key {
	return key{
		path: "profiles", schema: strictyaml.SchemaOf(reflect.TypeFor[[]string]()).With(schema{"items": strictyaml.TextSchema().NotNull().With(schema{"minLength": 1})}),
		set: func(c *Config, s string) error {
			c.Profiles = nil
			for _, p := range split(s) {
				if p == "" {
					return sentence("has an empty name in its list")
				}
				c.Profiles = append(c.Profiles, p)
			}
			return nil
		},
		show: func(c *Config) string { return strings.Join(c.Profiles, ",") },
	}
}

// split takes a list with commas apart; an empty text is an empty list.
func split(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func drift(path string, def core.DriftAction, field func(*Config) *core.DriftAction) key {
	return key{
		path: path, def: string(def), schema: schema{"enum": []any{core.DriftFail, core.DriftWarn, core.DriftAllow, nil}},
		set: func(c *Config, s string) error {
			switch a := core.DriftAction(s); a {
			case core.DriftFail, core.DriftWarn, core.DriftAllow:
				*field(c) = a
				return nil
			}
			return sentence("must be fail, warn or allow")
		},
		show: func(c *Config) string { return string(*field(c)) },
	}
}

func metadata() key {
	return key{
		path: "metadata", schema: strictyaml.SchemaOf(reflect.TypeFor[map[string]string]()),
		set: func(c *Config, s string) error {
			m := map[string]string{}
			for _, pair := range split(s) {
				k, v, ok := strings.Cut(pair, "=")
				if k = strings.TrimSpace(k); !ok || k == "" {
					return sentence("must be a list of key=value with commas")
				}
				m[k] = strings.TrimSpace(v)
			}
			c.Metadata = m
			return nil
		},
		show: func(c *Config) string {
			var out []string
			for _, k := range slices.Sorted(maps.Keys(c.Metadata)) {
				out = append(out, k+"="+redact(k, c.Metadata[k]))
			}
			return strings.Join(out, ",")
		},
	}
}

func boolean(path, def string, field func(*Config) *bool) key {
	return key{
		path: path, def: def, schema: strictyaml.SchemaOf(reflect.TypeFor[bool]()),
		set: func(c *Config, s string) error {
			b, err := strconv.ParseBool(s)
			if err != nil {
				return sentence("must be true or false")
			}
			*field(c) = b
			return nil
		},
		show: func(c *Config) string { return strconv.FormatBool(*field(c)) },
	}
}
