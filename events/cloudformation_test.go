package events

import (
	"strings"
	"testing"
)

func TestResponseURL(t *testing.T) {
	for _, tt := range []struct {
		url  string
		good bool
	}{
		{"https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/key?X-Amz-Signature=0", true},
		{"https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/key", true},
		{"https://cloudformation-custom-resource-response-apsoutheast4.s3.ap-southeast-4.amazonaws.com/key", true},
		{"https://cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn/key", true},
		{"https://cloudformation-custom-resource-response-usgovwest1.s3-us-gov-west-1.amazonaws.com/key", true},
		{"https://bucket.s3.dualstack.eu-central-1.amazonaws.com/key", true},
		{"https://bucket.s3-fips.us-gov-east-1.amazonaws.com/key", true},
		{"https://s3.eu-west-1.amazonaws.com/bucket/key", true},
		{"https://s3-eu-west-1.amazonaws.com/bucket/key", true},
		{"https://s3.amazonaws.com/bucket/key", true},
		{"https://Bucket.S3.AmazonAWS.com/key", true},

		{"http://bucket.s3.amazonaws.com/key", false},
		{"//bucket.s3.amazonaws.com/key", false},
		{"https:bucket.s3.amazonaws.com/key", false},
		{"ftp://bucket.s3.amazonaws.com/key", false},
		{"https://bucket.s3.amazonaws.com:443/key", false},
		{"https://bucket.s3.amazonaws.com:/key", false},
		{"https://bucket.s3.amazonaws.com:8443/key", false},
		{"https://user@bucket.s3.amazonaws.com/key", false},
		{"https://bucket.s3.amazonaws.com@evil.example/key", false},
		{"https://bucket.s3.amazonaws.com.evil.example/key", false},
		{"https://evil.example/bucket.s3.amazonaws.com", false},
		{"https://evil.example?bucket.s3.amazonaws.com", false},
		{"https://evil.example#bucket.s3.amazonaws.com", false},
		{`https://evil.example\@bucket.s3.amazonaws.com/key`, false},
		{"https://evil.example%2fbucket.s3.amazonaws.com/key", false},
		{"https://evils3.amazonaws.com/key", false},
		{"https://s3.amazonaws.com.cn.evil.example/key", false},
		{"https://bucket.s3.amazonaws.com.de/key", false},
		{"https://bucket.s3.amazonaws.com./key", false},
		{"https://x.execute-api.eu-west-1.amazonaws.com/key", false},
		{"https://bucket.s3-website-eu-west-1.amazonaws.com/key", false},
		{"https://169.254.169.254/latest/meta-data", false},
		{"https://[::1]/key", false},
		{"https://bucket.s3.amazonaws.com/key#x", false},
		{"https://bücket.s3.amazonaws.com/key", false},
		{"https://\x00", false},
		{"key", false},
	} {
		if reason := checkResponseURL(tt.url); (reason == "") != tt.good {
			t.Errorf("%q: %q", tt.url, reason)
		}
	}
}

func TestCloudFormation(t *testing.T) {
	create, del := sample(t, "cloudformation-create"), sample(t, "cloudformation-delete")
	// Nobody is told at a host that may be anybody's.
	e := refused(t, strings.Replace(create, "s3-eu-west-1.amazonaws.com", "evil.example", 1))
	if e.Answer != nil || !strings.Contains(e.Reason, "not one of S3's") || strings.Contains(e.Error()+e.Next, "evil") {
		t.Errorf("got %v, %v", e, e.Answer)
	}
	for _, tt := range []struct{ raw, want string }{
		{strings.Replace(create, `"Create"`, `"Destroy"`, 1), `it is "Destroy"`},
		{strings.Replace(create, `"Create"`, `"create"`, 1), "must be Create, Update or Delete"},
		{strings.Replace(create, `"Create"`, `"Update"`, 1), "PhysicalResourceId must be there on Update"},
		{strings.Replace(create, `"sha256:1111"`, `["a"]`, 1), `holds "ChangesDigest", which is not a plain value`},
		{strings.Replace(create, `"ResourceProperties": {`, `"ResourceProperties": 1, "x": {`, 1), "ResourceProperties must be an object"},
	} {
		e := refused(t, tt.raw)
		if e.Kind != KindCloudFormation || !strings.Contains(e.Reason, tt.want) {
			t.Errorf("got %v, want %q", e, tt.want)
		}
		if e.Answer == nil || e.Answer.CloudFormation.ResponseURL.IsZero() || e.Answer.CloudFormation.LogicalID != "Changes" || e.Answer.ID == "" {
			t.Errorf("%s: the stack is not told", tt.want)
		}
	}
	for _, key := range []string{"RequestId", "StackId", "LogicalResourceId"} {
		if e := refused(t, strings.Replace(create, `"`+key+`"`, `"`+key+`X"`, 1)); e.Answer != nil {
			t.Errorf("without %s: %v", key, e.Answer)
		}
	}
	if got := decoded(t, strings.Replace(create, `"ResourceProperties"`, `"x"`, 1)).CloudFormation; len(got.Properties) != 0 {
		t.Errorf("got %v", got.Properties)
	}
	// A Delete that is refused would leave a stack that nobody can delete.
	got := decoded(t, strings.Replace(del, `"sha256:2222"`, `["a"], "On": true, "N": 3`, 1)).CloudFormation
	if len(got.Properties) != 2 || got.Properties["On"] != "true" || got.Properties["N"] != "3" {
		t.Errorf("got %v", got.Properties)
	}
}
