package dynamodb

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	const prefix = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
	for name, good := range map[string]bool{
		"abc": true, "a.b_c-D9": true, strings.Repeat("x", 255): true,
		"": false, "ab": false, strings.Repeat("x", 256): false, "a b c": false, "abc\n": false, "tische-ä": false, "a/b": false,
	} {
		if isName(name) != good {
			t.Errorf("%.20q as a name: %t", name, !good)
		}
		if isTableARN(prefix+name) != good {
			t.Errorf("%.20q in an ARN: %t", name, !good)
		}
	}
	for _, arn := range []string{
		"", "orders", prefix, strings.TrimSuffix(prefix, "/"), "arn:aws:dynamodb:eu-west-1:12345678901:table/orders", "arn:aws:sqs:eu-west-1:123456789012:table/orders",
		prefix + "orders/index/by-date", " " + prefix + "orders", "arn:aws:dynamodb:eu-west-1:123456789012:tables/orders",
	} {
		if isTableARN(arn) {
			t.Errorf("%q is taken for the ARN of a table", arn)
		}
	}
	if !isTableARN("arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/orders") {
		t.Error("another partition's ARN is refused")
	}
}
