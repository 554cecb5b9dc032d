package s3

import (
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
	"github.com/flamingock/flamingock-go/internal/badinput"
)

// stand is what the cases of bad input meet: a bucket that is there, one that is not, and
// LocalStack behind a gate.
type stand struct {
	*awstargettest.Gate
	client        *sdk.Client
	bucket, other string
}

func newStand(t *testing.T) *stand {
	t.Helper()
	client, _ := clientFor(t)
	return &stand{awstargettest.NewGate(t), client, newBucket(t, client), bucketFor(t, client)}
}

// holds checks what the object a.txt holds; "(none)": there is none.
func (s *stand) holds(want string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if got := read(t, s.client, s.bucket, "a.txt"); got != want {
			t.Errorf("the object holds %q, want %q", got, want)
		}
	}
}

func TestBadInput(t *testing.T) {
	var s *stand
	is := func(text string) func(t *testing.T) {
		return func(t *testing.T) { write(t, s.client, s.bucket, "a.txt", text) }
	}
	put := func(key string) string {
		return "{ put: { bucket: " + s.bucket + ", key: " + key + ", content: hello } }"
	}
	badinput.Run(t, badinput.Harness{
		Type: Type(),
		New: func(t *testing.T) badinput.System {
			s = newStand(t)
			return badinput.System{Settings: "endpoint: " + s.URL(), Wire: s.Wire, Good: "template: s3-object\napply: " + put("a.txt") + "\nrollback: auto"}
		},
		Cases: map[string]func(*testing.T, badinput.System) badinput.Scenario{
			badinput.AwayInMidChange: func(*testing.T, badinput.System) badinput.Scenario {
				var up func()
				return badinput.Scenario{Steps: []badinput.Step{
					{
						Before: func(*testing.T) { up = s.Wire.CutAt("PUT /" + s.bucket + "/a.txt") },
						Code:   core.CodeChangeFailed, Says: "outcome unknown", Ledger: "STARTED FAILED",
					},
					// The probe finds nothing, but the request may still arrive: a person has the word.
					{Before: func(*testing.T) { up() }, Code: core.CodeManualIntervention, Next: "issue get it", Ledger: "STARTED FAILED", After: s.holds("(none)")},
					{
						Args:   []string{"issue", "resolve", "it", "--as", "rolled-back", "--reason", "there is no such object", "--yes"},
						Ledger: "STARTED FAILED MANUAL_MARKED_AS_ROLLED_BACK",
					},
					{Ledger: "STARTED FAILED MANUAL_MARKED_AS_ROLLED_BACK STARTED APPLIED", After: s.holds("hello")},
				}}
			},
			badinput.WrongCredentials: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: func(*testing.T) {
						s.Answer(awstargettest.Refuse(true, "", "", http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."))
					},
					Code: core.CodePermissionDenied, Says: "credentials that AWS accepts: InvalidAccessKeyId", After: s.holds("(none)"),
				}}}
			},
			badinput.RefusedHalfWay: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: s3-object\nsteps:\n  - apply: " + put("a.txt") + "\n    rollback: auto\n  - apply: " + put("b.txt") + "\n    rollback: auto",
					Steps: []badinput.Step{{
						Before: func(*testing.T) {
							denied := awstargettest.Refuse(true, "", s.bucket+"/b.txt", http.StatusForbidden, "AccessDenied", "User: arn:aws:iam::1:user/ci is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::b/b.txt because no identity-based policy allows the s3:PutObject action")
							s.Answer(func(w http.ResponseWriter, r *http.Request, op string) bool {
								return r.Method == http.MethodPut && denied(w, r, op)
							})
						},
						Code: core.CodeChangeFailed, Says: "s3:PutObject on arn:aws:s3:::b/b.txt", Ledger: "STARTED FAILED ROLLED_BACK", After: s.holds("(none)"),
					}},
				}
			},
			badinput.ThereTheSame: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{Before: is("hello"), Ledger: "STARTED APPLIED", After: s.holds("hello")}}}
			},
			badinput.ThereAnother: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{Steps: []badinput.Step{{
					Before: is("theirs"), Code: core.CodeChangeFailed, Says: "is there already, and is not what the change declares", Next: "replace: true", Ledger: "STARTED FAILED ROLLED_BACK", After: s.holds("theirs"),
				}}}
			},
			// LocalStack serves every region's buckets: the answer is AWS's.
			badinput.AnotherRegion: func(*testing.T, badinput.System) badinput.Scenario {
				return badinput.Scenario{
					Change: "template: s3-bucket\napply: { update: { bucket: " + s.bucket + ", versioning: enabled } }",
					Steps: []badinput.Step{{
						Before: func(*testing.T) {
							s.Answer(func(w http.ResponseWriter, r *http.Request, _ string) bool {
								if !strings.HasPrefix(r.URL.Path, "/"+s.bucket) {
									return false
								}
								w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
								w.WriteHeader(http.StatusMovedPermanently)
								return true
							})
						},
						Code: core.CodeConfigInvalid, Says: "is in eu-west-1", Next: "region",
					}},
				}
			},
		},
		Payloads: map[string]string{
			badinput.WrongTypes:      "template: s3-bucket\napply: { update: { bucket: abc, versioning: [enabled], tags: [a] } }",
			badinput.UnknownFields:   "template: s3-bucket\napply: { update: { bucket: abc, versioning: enabled, replication: {} } }",
			badinput.ExclusiveFields: "template: s3-object\napply: { put: { bucket: abc, key: a, content: x, base64: eA== } }",
		},
		Idle: map[string]string{
			badinput.TooOld:          "S3 has one version of its API",
			badinput.DeletedRecently: "S3 gives the name of a deleted object free at once, and that of a bucket to anybody",
		},
	})
}
