package config

import (
	"cmp"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/core/internal/strictyaml"
)

// Source says where changes come from when it is not the configuration's directory.
// Exactly one of Dir, S3 and Artifact is set.
type Source struct {
	// Dir is ready to be opened: relative to the working directory, no longer to the
	// configuration file.
	Dir      string
	S3       *S3Source
	Artifact *ArtifactSource
	// Where is the place in the file, the environment variable or the flag.
	Where string
}

// S3Source is a zip in S3.
type S3Source struct {
	Bucket, Key string
	VersionID   string // "": the latest
	SHA256      string // of the zip, in hex and lower case; "": not compared
	Path        string // the directory in the zip that stands for its root; "": the root
	Region      string // the bucket's; "": the one of the environment
	MaxSize     int64  // of the zip, in bytes
}

// ArtifactSource is an input artifact of the CodePipeline job at work.
type ArtifactSource struct {
	Name    string // "": the only one
	Path    string
	MaxSize int64
}

const (
	// DefaultSourceSize bounds a zip where the configuration does not.
	DefaultSourceSize = 50 << 20
	maxSourceSize     = 250 << 20
	defaultSize       = "50MB"
)

// sourceKinds are the sections of source, of which one is set.
func sourceKinds() []string { return []string{"dir", "s3", "artifact"} }

func sourceKeys() []key {
	s3 := func(name string, check func(string) string, pattern string, field func(*S3Source) *string) key {
		return sourceText("source.s3."+name, check, pattern, func(c *Config) *string {
			if c.Source == nil || c.Source.S3 == nil {
				return nil
			}
			return field(c.Source.S3)
		})
	}
	artifact := func(name string, check func(string) string, pattern string, field func(*ArtifactSource) *string) key {
		return sourceText("source.artifact."+name, check, pattern, func(c *Config) *string {
			if c.Source == nil || c.Source.Artifact == nil {
				return nil
			}
			return field(c.Source.Artifact)
		})
	}
	return []key{
		sourceText("source.dir", nil, "", func(c *Config) *string {
			if c.Source == nil {
				return nil
			}
			return &c.Source.Dir
		}),
		s3("bucket", matches(bucketPattern, "must be the name of a bucket, or the ARN of an access point"), bucketPattern, func(s *S3Source) *string { return &s.Bucket }),
		s3("key", atMost(1024), "", func(s *S3Source) *string { return &s.Key }),
		s3("versionId", atMost(1024), "", func(s *S3Source) *string { return &s.VersionID }),
		s3("sha256", matches(sha256Pattern, "must be a SHA-256 as 64 hexadecimal digits"), sha256Pattern, func(s *S3Source) *string { return &s.SHA256 }),
		s3("path", insidePath, "", func(s *S3Source) *string { return &s.Path }),
		s3("region", matches(regionPattern, "must be the name of an AWS region, such as eu-west-1"), regionPattern, func(s *S3Source) *string { return &s.Region }),
		sourceSize("source.s3.maxSize", func(c *Config) *int64 {
			if c.Source == nil || c.Source.S3 == nil {
				return nil
			}
			return &c.Source.S3.MaxSize
		}),
		artifact("name", matches(artifactPattern, "must be the name of an artifact: letters, digits, _ and -, at most 100"), artifactPattern, func(a *ArtifactSource) *string { return &a.Name }),
		artifact("path", insidePath, "", func(a *ArtifactSource) *string { return &a.Path }),
		sourceSize("source.artifact.maxSize", func(c *Config) *int64 {
			if c.Source == nil || c.Source.Artifact == nil {
				return nil
			}
			return &c.Source.Artifact.MaxSize
		}),
	}
}

// The patterns go into the schema too; each accepts the empty text, which is no value.
const (
	bucketPattern   = `^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|arn:aws[a-z-]*:s3[a-z-]*:[a-z0-9-]*:[0-9]{12}:accesspoint[/:][A-Za-z0-9/:._-]{1,200})?$`
	sha256Pattern   = `^([0-9A-Fa-f]{64})?$`
	regionPattern   = `^([a-z0-9]+(-[a-z0-9]+)*)?$`
	artifactPattern = `^[A-Za-z0-9_-]{0,100}$`
	sizePattern     = `^[0-9]{1,9}(B|KB|MB)?$`
)

func matches(pattern, sentence string) func(string) string {
	return func(s string) string {
		if ok, err := regexp.MatchString(pattern, s); !ok || err != nil {
			return sentence
		}
		return ""
	}
}

func atMost(n int) func(string) string {
	return func(s string) string {
		if len(s) > n {
			return "must have at most " + strconv.Itoa(n) + " bytes"
		}
		return ""
	}
}

// insidePath checks a directory in a zip.
func insidePath(s string) string {
	if s = strings.TrimSuffix(s, "/"); s != "" && !fs.ValidPath(s) || strings.Contains(s, `\`) {
		return "must be a directory inside the zip, such as deploy/changes, without .. and a leading /"
	}
	return ""
}

// sourceText is a key of one of the sections, whose field exists once it is made.
func sourceText(path string, check func(string) string, pattern string, field func(*Config) *string) key {
	schema := strictyaml.TextSchema()
	if pattern != "" {
		schema = schema.With(strictyaml.Schema{"pattern": pattern})
	}
	return key{
		path: path, schema: schema,
		set: func(c *Config, s string) error {
			if check != nil {
				if wrong := check(s); wrong != "" {
					return sentence("%s", wrong)
				}
			}
			c.makeSource(path)
			*field(c) = s
			return nil
		},
		show: func(c *Config) string {
			if f := field(c); f != nil {
				return *f
			}
			return ""
		},
	}
}

func sourceSize(path string, field func(*Config) *int64) key {
	return key{
		path: path, schema: strictyaml.Schema{"type": []string{"string", "integer", "null"}, "pattern": sizePattern, "minimum": 1, "maximum": maxSourceSize},
		set: func(c *Config, s string) error {
			n, ok := parseSize(s)
			switch {
			case !ok:
				return sentence("must be a size such as 50MB or 800KB")
			case n < 1 || n > maxSourceSize:
				return sentence("must be at most %dMB, and not 0", maxSourceSize>>20)
			}
			c.makeSource(path)
			*field(c) = n
			return nil
		},
		show: func(c *Config) string {
			f := field(c)
			switch {
			case f == nil:
				return ""
			case *f == DefaultSourceSize:
				return defaultSize
			}
			return strconv.FormatInt(*f, 10)
		},
	}
}

func parseSize(s string) (int64, bool) {
	if ok, err := regexp.MatchString(sizePattern, s); !ok || err != nil {
		return 0, false
	}
	unit := int64(1)
	switch {
	case strings.HasSuffix(s, "MB"):
		unit = 1 << 20
	case strings.HasSuffix(s, "KB"):
		unit = 1 << 10
	}
	n, err := strconv.ParseInt(strings.TrimRight(s, "BKM"), 10, 64)
	return n * unit, err == nil
}

// makeSource makes the section that the key belongs to.
func (c *Config) makeSource(path string) {
	if c.Source == nil {
		c.Source = &Source{}
	}
	switch {
	case strings.HasPrefix(path, "source.s3") && c.Source.S3 == nil:
		c.Source.S3 = &S3Source{MaxSize: DefaultSourceSize}
	case strings.HasPrefix(path, "source.artifact") && c.Source.Artifact == nil:
		c.Source.Artifact = &ArtifactSource{MaxSize: DefaultSourceSize}
	}
}

// sourceFile is the section of the file.
type sourceFile struct {
	Dir *strictyaml.Node `yaml:"dir"`
	S3  *struct {
		Bucket    *strictyaml.Node `yaml:"bucket"`
		Key       *strictyaml.Node `yaml:"key"`
		VersionID *strictyaml.Node `yaml:"versionId"`
		SHA256    *strictyaml.Node `yaml:"sha256"`
		Path      *strictyaml.Node `yaml:"path"`
		Region    *strictyaml.Node `yaml:"region"`
		MaxSize   *strictyaml.Node `yaml:"maxSize"`
	} `yaml:"s3"`
	Artifact *struct {
		Name    *strictyaml.Node `yaml:"name"`
		Path    *strictyaml.Node `yaml:"path"`
		MaxSize *strictyaml.Node `yaml:"maxSize"`
	} `yaml:"artifact"`
}

// nodes adds the single values of the section.
func (f *sourceFile) nodes(m map[string]*strictyaml.Node) {
	m["source.dir"] = f.Dir
	if s := f.S3; s != nil {
		m["source.s3.bucket"], m["source.s3.key"], m["source.s3.versionId"] = s.Bucket, s.Key, s.VersionID
		m["source.s3.sha256"], m["source.s3.path"], m["source.s3.region"], m["source.s3.maxSize"] = s.SHA256, s.Path, s.Region, s.MaxSize
	}
	if a := f.Artifact; a != nil {
		m["source.artifact.name"], m["source.artifact.path"], m["source.artifact.maxSize"] = a.Name, a.Path, a.MaxSize
	}
}

// sections notes what is there without any value: `artifact: {}` is the only input.
func (f *sourceFile) sections(l *loader) {
	if f.S3 != nil {
		l.origins["source.s3"] = origin{fromFile, l.c.Path}
		l.c.makeSource("source.s3")
	}
	if f.Artifact != nil {
		l.origins["source.artifact"] = origin{fromFile, l.c.Path}
		l.c.makeSource("source.artifact")
	}
}

// source keeps the kind that the strongest origin names, and checks what it needs.
func (l *loader) source() {
	c := l.c
	strongest := map[string]origin{}
	for _, kind := range sourceKinds() {
		for _, k := range sourceKeys() {
			if o := l.origins[k.path]; strings.HasPrefix(k.path, "source."+kind) && o.level > strongest[kind].level {
				strongest[kind] = o
			}
		}
		if o := l.origins["source."+kind]; o.level > strongest[kind].level { // it has no values
			strongest[kind] = o
		}
	}
	chosen := ""
	for _, kind := range sourceKinds() {
		o := strongest[kind]
		switch {
		case o.level == fromDefault:
		case chosen == "" || o.level > strongest[chosen].level:
			chosen = kind
		case o.level == strongest[chosen].level:
			l.fault(o.where, "source has both "+chosen+" and "+kind+": choose one")
			return
		}
	}
	if chosen == "" || c.Source == nil {
		c.Source = nil
		return
	}
	s := *c.Source
	c.Source = &Source{Where: strongest[chosen].where}
	switch chosen {
	case "dir":
		c.Source.Dir = s.Dir
		if strongest[chosen].level == fromFile {
			c.Source.Dir = c.path(s.Dir)
		}
		if s.Dir == "" {
			c.Source = nil // `dir: ""` says nothing
		}
	case "s3":
		c.Source.S3 = s.S3
		s.S3.SHA256, s.S3.Path = strings.ToLower(s.S3.SHA256), strings.TrimSuffix(s.S3.Path, "/")
		for _, k := range []struct{ name, value string }{{"bucket", s.S3.Bucket}, {"key", s.S3.Key}} {
			if path := "source.s3." + k.name; k.value == "" && !l.refused[path] {
				l.fault(cmp.Or(strongest[chosen].where, c.Path), path+" is missing")
			}
		}
	case "artifact":
		c.Source.Artifact = s.Artifact
		s.Artifact.Path = strings.TrimSuffix(s.Artifact.Path, "/")
	}
}

// sourceSchema says that one section is enough.
func sourceSchema(s schema) schema {
	kinds := sourceKinds()
	var pairs []schema
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			pairs = append(pairs, schema{"required": []string{a, b}, "properties": schema{a: schema{}.NotNull(), b: schema{}.NotNull()}})
		}
	}
	return s.With(schema{"not": schema{"type": "object", "anyOf": pairs}})
}

func sourceDescriptions() map[string]string {
	return map[string]string{
		"source":                  "Where the stages' locations are read from: one of dir, s3 and artifact; absent: the directory of this file.",
		"source.dir":              "A directory, such as /opt/changes of a Lambda layer; relative to this file.",
		"source.s3":               "A zip in S3.",
		"source.s3.bucket":        "Required, here or in the environment.",
		"source.s3.key":           "Required, here or in the environment.",
		"source.s3.versionId":     "The version of the object; absent: the latest, and its id is recorded.",
		"source.s3.sha256":        "Of the zip, in hex; another zip is refused.",
		"source.s3.path":          "The directory in the zip that the locations are relative to.",
		"source.s3.region":        "The bucket's region; absent: the environment's.",
		"source.s3.maxSize":       "The largest zip that is read, such as 50MB, which is the default; at most 250MB.",
		"source.artifact":         "An input artifact of the CodePipeline job.",
		"source.artifact.name":    "Its name in the pipeline; absent: the only one.",
		"source.artifact.path":    "The directory in the zip that the locations are relative to.",
		"source.artifact.maxSize": "The largest zip that is read, such as 50MB, which is the default; at most 250MB.",
	}
}
