package source

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// Source is where changes are read from.
type Source struct {
	// FS is for core.Program.Files; nil: the configuration's directory.
	FS fs.FS
	// Name is for people: /opt/changes, s3://bucket/key?versionId=…, artifact:Name.
	// There is no credential or signed URL in it.
	Name string
	// Version is the object's version id or ETag, or the artifact's revision; for a
	// directory what Options say. "" where nobody knows.
	Version string
	SHA256  string // of the zip
}

// Metadata is what the audit entries of a run should say of its source. Entries that
// would be empty are left out.
func (s Source) Metadata() map[string]string {
	m := map[string]string{}
	for k, v := range map[string]string{"source": s.Name, "sourceVersion": s.Version, "sourceSha256": s.SHA256} {
		if v != "" {
			m[k] = core.Cap(v, maxMetadata)
		}
	}
	return m
}

// maxMetadata keeps the longest key and version id of S3 from filling every entry.
const maxMetadata = 2048

// Options say what Open works with.
type Options struct {
	// Load makes the configuration of an AWS client; nil: awsclient.Load.
	Load func(context.Context, awsclient.Settings) (aws.Config, error)
	// Job is the CodePipeline job at work; nil: there is none.
	Job *Job
	// DirVersion is recorded as the version of a directory: in Lambda the function's,
	// which names bundle and layers.
	DirVersion string
	// Now is the clock that a job's credentials are compared with; nil: time.Now.
	Now func() time.Time
}

// Open makes what the configuration names ready to be read; a nil spec gives the zero
// Source. Nothing has to be closed.
//
// Errors: *core.ConfigError for what is not there or not as configured, *ZipError for
// a zip that is refused, *ExpiredError for a job's credentials, *core.PermissionError
// and *core.UnavailableError.
func Open(ctx context.Context, spec *config.Source, o Options) (Source, error) {
	if o.Load == nil {
		o.Load = awsclient.Load
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default of the injected clock
	}
	switch {
	case spec == nil:
		return Source{}, nil
	case spec.S3 != nil:
		return openS3(ctx, spec, o)
	case spec.Artifact != nil:
		return openArtifact(ctx, spec, o)
	}
	return openDir(spec, o)
}

// load says to which key of the configuration a fault of an AWS client belongs.
func (o *Options) load(ctx context.Context, spec *config.Source, key string, s awsclient.Settings) (aws.Config, error) {
	cfg, err := o.Load(ctx, s)
	var ce *core.ConfigError
	if errors.As(err, &ce) && ce.Where == "" {
		if ce.Key != "" {
			key += "." + ce.Key
		}
		ce.Key, ce.Where = key, spec.Where
	}
	return cfg, err
}

func openDir(spec *config.Source, o Options) (Source, error) {
	info, err := os.Stat(spec.Dir)
	if err == nil && info.IsDir() {
		return Source{FS: os.DirFS(spec.Dir), Name: spec.Dir, Version: o.DirVersion}, nil
	}
	e := &core.ConfigError{Where: spec.Where, Key: "source.dir", Err: err, Reason: spec.Dir + " cannot be read"}
	e.Next = "name a directory that is in the function's bundle (/var/task), in a layer (/opt) or in the image"
	if err == nil {
		e.Reason = spec.Dir + " is a file, not a directory"
	}
	return Source{}, e
}

func openS3(ctx context.Context, spec *config.Source, o Options) (Source, error) {
	s := spec.S3
	cfg, err := o.load(ctx, spec, "source.s3", awsclient.Settings{Region: s.Region})
	if err != nil {
		return Source{}, err
	}
	f := fetch{
		object: object{s.Bucket, s.Key, s.VersionID}, maxSize: s.MaxSize,
		key: "source.s3", where: spec.Where, sha256: s.SHA256,
	}
	got, err := f.get(ctx, newClient(cfg))
	if err != nil {
		return Source{}, err
	}
	files, err := openZip(ctx, f.object.String(), got.data, s.Path, DefaultLimits(s.MaxSize))
	if err != nil {
		return Source{}, err
	}
	return Source{FS: files, Name: got.object.String(), Version: cmp.Or(got.object.version, got.etag), SHA256: got.sha256}, nil
}
