package source

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// Job is what a CodePipeline job brings along to read its artifacts with.
type Job struct {
	Inputs []Artifact
	// The keys are the job's own: the function's role needs no right on the artifacts.
	AccessKeyID, SecretAccessKey, SessionToken core.Secret
	Expires                                    time.Time // zero when the event does not say
	EncryptionKeyID                            string    // of KMS; "": the artifact store's default
}

// Artifact is an input artifact, a zip in S3.
type Artifact struct{ Name, Revision, Bucket, Key string }

func openArtifact(ctx context.Context, spec *config.Source, o Options) (Source, error) {
	a, err := o.Job.find(spec)
	if err != nil {
		return Source{}, err
	}
	if o.Job.AccessKeyID.Reveal() == "" || o.Job.SecretAccessKey.Reveal() == "" {
		return Source{}, &core.ConfigError{
			Where: spec.Where, Key: "source.artifact", Reason: "the job has no credentials for its artifacts",
			Next: "start the function by an Invoke action of CodePipeline, not by an event made by hand",
		}
	}
	if at := o.Job.Expires; !at.IsZero() && !o.Now().Before(at) {
		return Source{}, &ExpiredError{Artifact: a.Name, At: at}
	}
	cfg, err := o.load(ctx, spec, "source.artifact", awsclient.Settings{})
	if err != nil {
		return Source{}, err
	}
	cfg = cfg.Copy()
	cfg.Credentials = aws.CredentialsProvider(credentials.NewStaticCredentialsProvider(
		o.Job.AccessKeyID.Reveal(), o.Job.SecretAccessKey.Reveal(), o.Job.SessionToken.Reveal()))
	f := fetch{
		object: object{a.Bucket, a.Key, ""}, maxSize: spec.Artifact.MaxSize,
		key: "source.artifact", where: spec.Where, kmsKey: o.Job.EncryptionKeyID,
		artifact: a.Name, expires: o.Job.Expires,
	}
	got, err := f.get(ctx, newClient(cfg))
	if err != nil {
		return Source{}, err
	}
	name := "artifact:" + a.Name
	files, err := openZip(ctx, name+" ("+f.object.String()+")", got.data, spec.Artifact.Path, DefaultLimits(spec.Artifact.MaxSize))
	if err != nil {
		return Source{}, err
	}
	return Source{FS: files, Name: name, Version: cmp.Or(a.Revision, got.object.version, got.etag), SHA256: got.sha256}, nil
}

// find looks for the configured artifact among the job's.
func (j *Job) find(spec *config.Source) (Artifact, error) {
	refuse := func(reason, next string) (Artifact, error) {
		return Artifact{}, &core.ConfigError{Where: spec.Where, Key: "source.artifact", Reason: reason, Next: next}
	}
	if j == nil {
		return refuse("there is no CodePipeline job here to take the artifact from",
			"elsewhere, name the directory that the artifact is made of: FLAMINGOCK_SOURCE_DIR=.")
	}
	name := spec.Artifact.Name
	names := make([]string, 0, len(j.Inputs))
	for _, a := range j.Inputs {
		names = append(names, a.Name)
	}
	i := slices.Index(names, name)
	switch {
	case len(names) == 0:
		return refuse("the action has no input artifact", "add InputArtifacts to the pipeline's action")
	case name == "" && len(names) == 1:
		i = 0
	case name == "":
		return refuse("the action has several input artifacts: "+strings.Join(names, ", "), "name one of them in source.artifact.name")
	case i < 0:
		return refuse("the action has no input artifact "+name+core.DidYouMean(name, names), "correct source.artifact.name, or the InputArtifacts of the pipeline's action")
	}
	return j.Inputs[i], nil
}

// expired reports whether S3 refuses the keys because of their age. A job's keys are
// accepted from the beginning, so that unknown ones are old ones too.
func expired(err error) bool {
	var api interface{ ErrorCode() string }
	if !errors.As(err, &api) {
		return false
	}
	return slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "RequestExpired"}, api.ErrorCode())
}
