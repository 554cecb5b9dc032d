package s3

import (
	"errors"
	"net/http"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// BucketError says that a bucket is not as a change needs it. What was refused was not
// done.
type BucketError struct {
	Bucket, Reason, Next string
	Err                  error
}

func (e *BucketError) Error() string { return withCause("bucket "+e.Bucket+" "+e.Reason, e.Err) }
func (e *BucketError) Unwrap() error { return e.Err }

// Code returns ChangeFailed, also where the change did not begin.
func (e *BucketError) Code() core.Code { return core.CodeChangeFailed }

// Hint says what to do.
func (e *BucketError) Hint() string { return e.Next }

// ObjectError says that an object is not as a change needs it. What was refused was
// not done.
type ObjectError struct {
	Bucket, Key, Reason, Next string
	Err                       error
}

func (e *ObjectError) Error() string {
	return withCause("object s3://"+e.Bucket+"/"+e.Key+" "+e.Reason, e.Err)
}
func (e *ObjectError) Unwrap() error { return e.Err }

// Code returns ChangeFailed, also where the change did not begin.
func (e *ObjectError) Code() core.Code { return core.CodeChangeFailed }

// Hint says what to do.
func (e *ObjectError) Hint() string { return e.Next }

func withCause(text string, err error) string {
	if err != nil {
		text += ": " + err.Error()
	}
	return text
}

// explain gives the error of a call its class.
func (t *Target) explain(err error) error {
	if err == nil {
		return nil
	}
	return awsclient.Explain(t.system(), err)
}

// about explains the error of a call about a bucket.
func (t *Target) about(bucket string, err error) error {
	var unknown *core.UnknownError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return core.Unknown(t.about(bucket, unknown.Err))
	}
	status, region := status(err), regionOf(err)
	switch awstarget.CodeOf(err) {
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect":
		return t.elsewhere(bucket, region, err)
	case "NoSuchBucket":
		return missingBucket(bucket)
	case "BucketAlreadyExists":
		return &BucketError{Bucket: bucket, Reason: "belongs to another account: names are unique over all of AWS", Next: "choose another name"}
	case "BucketNotEmpty":
		return &BucketError{Bucket: bucket, Reason: "is not empty, and only an empty one is deleted", Next: "move or delete what is in it, all versions too, then run again"}
	case "MalformedPolicy", "MalformedXML", "InvalidArgument", "InvalidRequest", "InvalidBucketName", "InvalidTag", "InvalidTagError", "InvalidStorageClass", "BadDigest", "KMS.NotFoundException", "InvalidBucketState":
		return &BucketError{Bucket: bucket, Reason: "is refused what the change declares", Next: "mend the change", Err: t.explain(err)}
	}
	switch {
	case status == http.StatusMovedPermanently, region != "" && status == http.StatusBadRequest:
		return t.elsewhere(bucket, region, err)
	case status == http.StatusForbidden && awsclient.KindOf(err) != awsclient.Rejected && awsclient.KindOf(err) != awsclient.Expired:
		if known := t.explain(err); core.CodeOf(known) == core.CodePermissionDenied {
			return known
		}
		return &core.PermissionError{System: t.system(), Right: "access to bucket " + bucket + ", or it belongs to another account"}
	}
	return t.explain(err)
}

func (t *Target) elsewhere(bucket, region string, err error) error {
	where := region
	if where == "" {
		where = "another region"
	}
	return &core.ConfigError{
		Key: "targetSystems." + t.id + ".region", Reason: "bucket " + bucket + " is in " + where,
		Next: "name the bucket's region, in a target system of its own if others are elsewhere", Err: t.explain(err),
	}
}

// regionOf is the region of the bucket that an answer names, if it does.
func regionOf(err error) string {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return ""
	}
	return response.Response.Header.Get("X-Amz-Bucket-Region")
}

func missingBucket(bucket string) error {
	return &BucketError{Bucket: bucket, Reason: "does not exist", Next: "create it in a change before this one, or mend the name"}
}

// absent reports whether err says that what was asked for is not there.
func absent(err error, codes ...string) bool {
	for _, c := range codes {
		if awstarget.CodeOf(err) == c {
			return true
		}
	}
	return false
}
