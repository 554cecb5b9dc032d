package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// Load reads the configuration. Errors: *core.ConfigError when there is no file,
// *core.ConfigFaults with everything that is wrong with it.
func Load(o Options) (*Config, error) {
	name, named := o.path()
	dir, base := filepath.Dir(name), filepath.Base(name)
	data, err := strictyaml.ReadFile(os.DirFS(dir), base)
	switch {
	case err == nil:
		return load(o, name, data)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &core.ConfigError{Where: name, Reason: err.Error(), Next: "make the file readable, or name another one with --config or FLAMINGOCK_CONFIG"}
	case named:
		return nil, &core.ConfigError{Where: name, Reason: "the configuration file does not exist", Next: "correct --config or FLAMINGOCK_CONFIG, whichever named it"}
	case !o.Optional:
		return nil, &core.ConfigError{
			Reason: DefaultPath + " not found here",
			Next: "go to the directory that it is in, or name it with --config or FLAMINGOCK_CONFIG; a first one may hold just " +
				`{stages: [{location: changes}], targetSystems: {app-db: {type: sqlite, dsn: "file:app.db"}}}`,
		}
	}
	return load(o, "", nil)
}

func (o *Options) path() (name string, named bool) {
	if o.Path != "" {
		return o.Path, true
	}
	if p, ok := o.lookup("FLAMINGOCK_CONFIG"); ok && p != "" {
		return p, true
	}
	return DefaultPath, false
}

func (o *Options) lookup(name string) (string, bool) {
	if o.LookupEnv == nil {
		return "", false
	}
	return o.LookupEnv(name)
}

// level says how strong a source is.
type level int

const (
	fromDefault level = iota
	fromFile
	fromEnv
	fromFlag
)

// origin is where a value came from.
type origin struct {
	level level
	where string
}

// loader holds what is known while a configuration is put together.
type loader struct {
	o       Options
	c       *Config
	faults  strictyaml.Faults
	origins map[string]origin
	// refused are keys with a value that is at fault: no further complaints about it.
	refused map[string]bool
}

// load makes a configuration of the bytes of the file name; without a name there
// is no file.
func load(o Options, name string, data []byte) (*Config, error) {
	l := &loader{
		o: o, origins: map[string]origin{}, refused: map[string]bool{},
		c: &Config{Path: name, Dir: ".", lookup: o.lookup},
	}
	var f file
	if name != "" {
		l.c.Dir = filepath.Dir(name)
		root, faults := strictyaml.Parse(name, data)
		if root == nil {
			return nil, &core.ConfigFaults{Faults: faults}
		}
		l.faults.List = append(l.faults.List, strictyaml.Decode(root, &f)...)
	}
	l.layer(&f)
	l.store()
	l.events(&f.Events)
	l.stages(f.Stages)
	l.targets(f.TargetSystems)
	l.host(f.TargetSystems)
	l.source()
	l.notify(f.Notify)
	l.warn()
	if !l.faults.None() {
		return nil, &core.ConfigFaults{Faults: strictyaml.SortFaults(l.faults.List)}
	}
	l.c.values = append(l.values(f.TargetSystems), notifyValues(f.Notify)...)
	return l.c, nil
}

// file is the shape of flamingock.yaml.
type file struct {
	Ledger     *strictyaml.Node `yaml:"ledger"`
	AuditStore struct {
		File         *strictyaml.Node `yaml:"file"`
		TargetSystem *strictyaml.Node `yaml:"targetSystem"`
		DynamoDB     *struct {
			Table    *strictyaml.Node `yaml:"table"`
			Region   *strictyaml.Node `yaml:"region"`
			Endpoint *strictyaml.Node `yaml:"endpoint"`

			AllowGlobalTable *strictyaml.Node `yaml:"allowGlobalTable"`
		} `yaml:"dynamodb"`
	} `yaml:"auditStore"`
	Lock struct {
		Lease *strictyaml.Node `yaml:"lease"`
		Wait  *strictyaml.Node `yaml:"wait"`
	} `yaml:"lock"`
	Deadline struct {
		Reserve *strictyaml.Node `yaml:"reserve"`
	} `yaml:"deadline"`
	Grace    *strictyaml.Node `yaml:"grace"`
	Profiles *strictyaml.Node `yaml:"profiles"`
	Drift    struct {
		Edited *strictyaml.Node `yaml:"edited"`
		Lost   *strictyaml.Node `yaml:"lost"`
		Late   *strictyaml.Node `yaml:"late"`
	} `yaml:"drift"`
	Metadata      *strictyaml.Node `yaml:"metadata"`
	Enabled       *strictyaml.Node `yaml:"enabled"`
	Events        eventsFile       `yaml:"events"`
	Stages        *strictyaml.Node `yaml:"stages"`
	TargetSystems *strictyaml.Node `yaml:"targetSystems"`
	Source        *sourceFile      `yaml:"source"`
	Notify        *strictyaml.Node `yaml:"notify"`
}

// nodes returns the single values that are in the file, by key.
func (f *file) nodes() map[string]*strictyaml.Node {
	m := map[string]*strictyaml.Node{
		"ledger": f.Ledger, "auditStore.file": f.AuditStore.File, "auditStore.targetSystem": f.AuditStore.TargetSystem,
		"lock.lease": f.Lock.Lease, "lock.wait": f.Lock.Wait, "deadline.reserve": f.Deadline.Reserve,
		"grace": f.Grace, "profiles": f.Profiles,
		"drift.edited": f.Drift.Edited, "drift.lost": f.Drift.Lost, "drift.late": f.Drift.Late,
		"metadata": f.Metadata, "enabled": f.Enabled,
	}
	if d := f.AuditStore.DynamoDB; d != nil {
		m["auditStore.dynamodb.table"], m["auditStore.dynamodb.region"] = d.Table, d.Region
		m["auditStore.dynamodb.endpoint"], m[keyAllowGlobal] = d.Endpoint, d.AllowGlobalTable
	}
	if f.Source != nil {
		f.Source.nodes(m)
	}
	for k, n := range m {
		if n == nil || n.Kind == strictyaml.Null {
			delete(m, k)
		}
	}
	return m
}

// layer sets every single value from the strongest source that has it. The weaker
// sources are checked too, so that a fault does not hide until they are needed.
func (l *loader) layer(f *file) {
	nodes := f.nodes()
	if f.AuditStore.DynamoDB != nil {
		l.c.dynamo()
		l.origins["auditStore.dynamodb"] = origin{fromFile, l.c.Path}
	}
	if f.Source != nil {
		f.Source.sections(l)
	}
	known := map[string]bool{}
	for _, k := range keys() {
		known[k.path] = true
		l.origins[k.path] = origin{fromDefault, "default"}
		if k.def != "" {
			l.set(&k, k.def, l.origins[k.path])
		}
		if n := nodes[k.path]; n != nil {
			l.fromFile(&k, n)
		}
		if v, ok := l.o.lookup(k.env()); ok && v != "" {
			l.set(&k, v, origin{fromEnv, "environment variable " + k.env()})
		}
		if v, ok := l.o.Flags[k.path]; ok {
			l.set(&k, v, origin{fromFlag, "flag for " + k.path})
		}
	}
	var unknown []string
	for k := range l.o.Flags {
		if !known[k] {
			unknown = append(unknown, k)
		}
	}
	slices.Sort(unknown)
	for _, k := range unknown {
		l.fault("flag for "+k, "there is no such setting")
	}
}

func (l *loader) fault(where, message string) {
	l.faults.List = append(l.faults.List, core.Fault{Where: where, Message: message})
}

func (l *loader) set(k *key, value string, from origin) {
	if err := k.set(l.c, value); err != nil {
		l.refused[k.path] = true
		l.fault(from.where, k.path+" "+err.Error())
		return
	}
	l.origins[k.path] = from
}

func (l *loader) fromFile(k *key, n *strictyaml.Node) {
	var faults []core.Fault
	from := origin{fromFile, n.Pos.String()}
	switch k.path {
	case "profiles":
		faults = strictyaml.DecodeAt(n, &l.c.Profiles, k.path)
		if slices.Contains(l.c.Profiles, "") {
			faults = append(faults, core.Fault{Where: n.Pos.String(), Message: "profiles has an empty name in its list"})
		}
	case "metadata":
		faults = strictyaml.DecodeAt(n, &l.c.Metadata, k.path)
	case keyAllowGlobal:
		faults = strictyaml.DecodeAt(n, &l.c.dynamo().AllowGlobalTable, k.path)
	case "enabled":
		faults = strictyaml.DecodeAt(n, &l.c.Enabled, k.path)
	default:
		if n.IsScalar() {
			l.set(k, n.Text.Value, from)
			return
		}
		faults = []core.Fault{{Where: n.Pos.String(), Message: k.path + " must be one value, not " + n.Kind.String()}}
	}
	l.refused[k.path] = len(faults) > 0
	l.faults.List = append(l.faults.List, faults...)
	l.origins[k.path] = from
}

// Without {1,255}, which costs a millisecond when the process starts.
var tablePattern = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// dynamo returns the DynamoDB settings, which exist from now on.
func (c *Config) dynamo() *DynamoDB {
	if c.AuditStore.DynamoDB == nil {
		c.AuditStore.DynamoDB = &DynamoDB{}
	}
	return c.AuditStore.DynamoDB
}

// host checks that the target system is there whose database holds the audit store.
func (l *loader) host(targets *strictyaml.Node) {
	id := l.c.AuditStore.TargetSystem
	if id == "" {
		return
	}
	var ids []string
	if targets != nil {
		for _, f := range targets.Fields { // also one that is at fault for another reason
			if f.Key == id {
				return
			}
			ids = append(ids, f.Key)
		}
	}
	l.fault(l.origins["auditStore.targetSystem"].where, "auditStore.targetSystem: there is no target system "+id+core.DidYouMean(id, ids))
}

// store decides between the kinds of audit store and checks what they need.
func (l *loader) store() {
	c := l.c
	file, dynamo := l.origins["auditStore.file"], l.origins["auditStore.dynamodb"]
	for _, k := range []string{"table", "region", "endpoint", "allowGlobalTable"} {
		if o := l.origins["auditStore.dynamodb."+k]; o.level > dynamo.level {
			dynamo = o
		}
	}
	within := l.origins["auditStore.targetSystem"]
	if c.AuditStore.TargetSystem == "" {
		within.level = fromDefault
	}
	chosen := max(file.level, dynamo.level, within.level)
	type kind struct {
		name string
		from origin
		none func()
	}
	var kinds []kind
	for _, k := range []kind{
		{"file", file, func() { c.AuditStore.File = "" }},
		{"targetSystem", within, func() { c.AuditStore.TargetSystem = "" }},
		{"dynamodb", dynamo, func() { c.AuditStore.DynamoDB = nil }},
	} {
		switch {
		case k.from.level < chosen || chosen == fromDefault && k.name != "file":
			k.none()
		case chosen > fromDefault:
			kinds = append(kinds, k)
		}
	}
	if len(kinds) > 1 {
		l.fault(kinds[0].from.where, "auditStore has both "+kinds[0].name+" and "+kinds[1].name+": choose one")
		return
	}
	if d := c.AuditStore.DynamoDB; d != nil {
		if d.Table == "" && !l.refused["auditStore.dynamodb.table"] {
			l.fault(dynamo.where, "auditStore.dynamodb.table is missing")
		}
		if d.Table != "" && (len(d.Table) > 255 || !tablePattern.MatchString(d.Table)) {
			l.fault(dynamo.where, "auditStore.dynamodb.table must be the name of a table, not its ARN: 1 to 255 of the characters A-Z a-z 0-9 _ . -")
		}
		if c.Ledger == "" && !l.refused["ledger"] {
			l.fault(cmp.Or(c.Path, dynamo.where), "ledger is missing: with DynamoDB it names this history inside the table, such as orders/prod")
			return
		}
	} else if c.AuditStore.TargetSystem == "" && file.level <= fromFile {
		c.AuditStore.File = c.path(cmp.Or(c.AuditStore.File, defaultStore))
	}
	if c.Ledger == "" && !l.refused["ledger"] {
		c.Ledger = defaultLedger
	}
	if c.Ledger != "" {
		if err := core.CheckLedger(c.Ledger); err != nil {
			var e *core.ConfigError
			message := err.Error()
			if errors.As(err, &e) {
				message = e.Reason
			}
			l.fault(l.origins["ledger"].where, "ledger: "+message)
		}
	}
}

// path makes a path of the file relative to the working directory.
func (c *Config) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.Dir, p)
}

// warn notes variables that look like settings and are none.
func (l *loader) warn() {
	if l.o.Environ == nil {
		return
	}
	var known []string
	for _, k := range keys() {
		known = append(known, k.env())
	}
	for _, pair := range l.o.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, "FLAMINGOCK_TEST_") || slices.Contains(known, name) {
			continue
		}
		switch name {
		case "FLAMINGOCK_CONFIG", "FLAMINGOCK_LOG_LEVEL", "FLAMINGOCK_OUTPUT", "FLAMINGOCK_TERMINATION_LOG":
			continue
		}
		message := fmt.Sprintf("the environment variable %s is no setting and is ignored", core.Cap(name, 80))
		if hint := core.DidYouMean(name, known); strings.Contains(hint, "did you mean") {
			message += hint
		}
		l.c.Warnings = append(l.c.Warnings, message)
	}
	slices.Sort(l.c.Warnings)
}
