package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// object names an object and a version of it.
type object struct{ bucket, key, version string }

func (o object) String() string {
	u := "s3://" + o.bucket + "/" + o.key
	if o.version != "" {
		u += "?versionId=" + url.QueryEscape(o.version)
	}
	return u
}

// fetch reads one object whole.
type fetch struct {
	object     object
	maxSize    int64
	sha256     string // "": not compared
	key, where string // of the configuration, for errors
	kmsKey     string
	// artifact is set for a job's: then the keys are the job's own.
	artifact string
	expires  time.Time
}

type fetched struct {
	data   []byte
	object object // with the version that was read
	etag   string
	sha256 string
}

// newClient makes the client. Every request is signed with SigV4, which objects
// under a KMS key need.
func newClient(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		// Other addresses than AWS's have no name for every bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
	})
}

// attempts is how often a body that breaks off is read. Before the body the SDK
// tries again by itself.
const attempts = 3

func (f *fetch) get(ctx context.Context, c *s3.Client) (fetched, error) {
	var last error
	for range attempts {
		got, torn, err := f.once(ctx, c)
		if err == nil {
			return got, f.compare(got)
		}
		if !torn || ctx.Err() != nil {
			return fetched{}, err
		}
		last = err
	}
	return fetched{}, last
}

// once reads the object; torn says that the body broke off.
func (f *fetch) once(ctx context.Context, c *s3.Client) (got fetched, torn bool, err error) {
	in := &s3.GetObjectInput{Bucket: aws.String(f.object.bucket), Key: aws.String(f.object.key)}
	if f.object.version != "" {
		in.VersionId = aws.String(f.object.version)
	}
	out, err := c.GetObject(ctx, in)
	if err != nil {
		return fetched{}, false, f.explain(err)
	}
	defer out.Body.Close() //nolint:errcheck // it was read, or is given up
	if n := aws.ToInt64(out.ContentLength); n > f.maxSize {
		return fetched{}, false, f.tooBig()
	}
	data, err := io.ReadAll(io.LimitReader(out.Body, f.maxSize+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return fetched{}, false, context.Cause(ctx)
	case err != nil:
		return fetched{}, true, &core.UnavailableError{System: f.object.String(), Err: err}
	case int64(len(data)) > f.maxSize:
		return fetched{}, false, f.tooBig()
	}
	sum := sha256.Sum256(data)
	got = fetched{data: data, object: f.object, etag: strings.Trim(aws.ToString(out.ETag), `"`), sha256: hex.EncodeToString(sum[:])}
	if v := aws.ToString(out.VersionId); v != "" && v != "null" { // "null": written before the bucket kept versions
		got.object.version = v
	}
	return got, false, nil
}

func (f *fetch) tooBig() error {
	return &ZipError{Zip: f.object.String(), Reason: fmt.Sprintf("has more than %d bytes", f.maxSize), Next: "leave out what is no change file, or raise " + f.key + ".maxSize"}
}

func (f *fetch) compare(got fetched) error {
	if f.sha256 == "" || f.sha256 == got.sha256 {
		return nil
	}
	return &core.ConfigError{
		Where: f.where, Key: f.key + ".sha256", Reason: "the SHA-256 of " + got.object.String() + " is " + got.sha256 + ", not the configured one: nothing of it is used",
		Next: "find out who wrote the object; when it is the right one, correct sha256",
	}
}

// explain turns S3's answers into words.
func (f *fetch) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if f.artifact != "" && (expired(err) || awsclient.KindOf(err) == awsclient.Expired) {
		return &ExpiredError{Artifact: f.artifact, At: f.expires, Err: awsclient.Explain(f.object.String(), err)}
	}
	status, region := answer(err)
	var api interface{ ErrorCode() string }
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	if region != "" && (code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" || code == "IllegalLocationConstraintException" || status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect) {
		return f.refuse("", "the bucket "+f.object.bucket+" is in "+region, f.inRegion(region), nil)
	}
	switch code {
	case "NoSuchKey", "NotFound":
		return f.refuse("key", f.object.String()+" does not exist", f.correct("upload the zip, or correct bucket and key"), nil)
	case "NoSuchVersion":
		return f.refuse("versionId", f.object.String()+" does not exist", f.correct("take a version id that aws s3api list-object-versions shows, or leave it out for the latest"), nil)
	case "NoSuchBucket":
		return f.refuse("bucket", "the bucket "+f.object.bucket+" does not exist", f.correct("correct the bucket's name, and look whether account and region are the right ones"), nil)
	case "MethodNotAllowed":
		return f.refuse("versionId", f.object.String()+" is a delete marker: the object was deleted by that version", f.correct("take the version id of the zip itself"), nil)
	case "InvalidArgument":
		if f.object.version != "" {
			return f.refuse("versionId", "S3 does not accept the version id", f.correct("take a version id that aws s3api list-object-versions shows"), awsclient.Explain(f.object.String(), err))
		}
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect":
		return f.refuse("", "the bucket "+f.object.bucket+" is in another region", f.inRegion("the bucket's region"), awsclient.Explain(f.object.String(), err))
	case "InvalidObjectState":
		return f.refuse("", f.object.String()+" is archived and cannot be read now", "restore the object, or copy it to a storage class that can be read at once", nil)
	}
	if strings.HasPrefix(code, "KMS.") || strings.HasPrefix(code, "Kms") {
		return f.refuse("", f.object.String()+" cannot be decrypted", "look at the KMS key"+f.named()+": it must be enabled, and whoever reads needs kms:Decrypt", awsclient.Explain(f.object.String(), err))
	}
	if awsclient.KindOf(err) == awsclient.Denied {
		return f.denied(err)
	}
	return awsclient.Explain(f.object.String(), err)
}

// correct is a next step for a person who wrote the configuration; for an artifact
// nobody did.
func (f *fetch) correct(next string) string {
	if f.artifact != "" {
		return "retry the pipeline from its source stage: artifacts are removed after a time"
	}
	return next
}

func (f *fetch) inRegion(region string) string {
	if f.artifact != "" {
		return "run the function in the region of the artifact store: " + region
	}
	return "set source.s3.region: " + region
}

func (f *fetch) named() string {
	if f.kmsKey == "" {
		return ""
	}
	return " " + f.kmsKey
}

func (f *fetch) refuse(key, reason, next string, err error) error {
	at := f.key
	if key != "" && f.artifact == "" {
		at += "." + key
	}
	return &core.ConfigError{Where: f.where, Key: at, Reason: reason, Next: next, Err: err}
}

// denied names every right that reading may need: S3's answer names one at most.
func (f *fetch) denied(err error) error {
	arn := "arn:aws:s3:::" + f.object.bucket + "/" + f.object.key
	if strings.HasPrefix(f.object.bucket, "arn:") {
		arn = f.object.bucket + "/object/" + f.object.key
	}
	action := "s3:GetObject"
	if f.object.version != "" {
		action = "s3:GetObjectVersion"
	}
	var pe *core.PermissionError
	cause := err
	if errors.As(awsclient.Explain(f.object.String(), err), &pe) {
		cause = pe.Err
	}
	who := "the role that Flamingock runs with"
	if f.artifact != "" {
		who = "the pipeline's role, whose rights the job's credentials have,"
	}
	return &DeniedError{
		PermissionError: &core.PermissionError{System: f.object.String(), Right: action + " on " + arn, Err: cause},
		Next: "grant " + who + " " + action + " on " + arn + ", and kms:Decrypt on the key" + f.named() +
			" where the object is encrypted with one; without s3:ListBucket this is also S3's answer when the object does not exist",
	}
}

// answer is the status, and the region that S3 names for the bucket.
func answer(err error) (status int, region string) {
	var r *smithyhttp.ResponseError
	if !errors.As(err, &r) || r.Response == nil || r.Response.Response == nil {
		return 0, ""
	}
	region = r.Response.Header.Get("X-Amz-Bucket-Region")
	if strings.ContainsFunc(region, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }) {
		region = ""
	}
	return r.HTTPStatusCode(), region
}
