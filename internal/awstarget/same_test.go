package awstarget

import "testing"

func TestSame(t *testing.T) {
	for about, tt := range map[string]struct {
		a, b         string
		json, policy bool
	}{
		"order and spaces":           {`{"a":1,"b":[1,2]}`, `{ "b": [1, 2], "a": 1 }`, true, true},
		"a number as text":           {`{"maxReceiveCount":"5"}`, `{"maxReceiveCount":5}`, true, true},
		"another number":             {`{"maxReceiveCount":5}`, `{"maxReceiveCount":50}`, false, false},
		"a list of one":              {`{"Action":["a"]}`, `{"Action":"a"}`, false, true},
		"a list in another order":    {`{"Action":["b","a"]}`, `{"Action":["a","b"]}`, false, true},
		"an account and its root":    {`{"AWS":"123456789012"}`, `{"AWS":"arn:aws:iam::123456789012:root"}`, false, true},
		"another account":            {`{"AWS":"123456789013"}`, `{"AWS":"arn:aws:iam::123456789012:root"}`, false, false},
		"a role is not its account":  {`{"AWS":"123456789012"}`, `{"AWS":"arn:aws:iam::123456789012:role/root"}`, false, false},
		"statements are not sorted":  {`{"S":[{"a":"1"},{"b":"2"}]}`, `{"S":[{"b":"2"},{"a":"1"}]}`, false, false},
		"no JSON":                    {"alias/a", "alias/b", false, false},
		"the same, though no JSON":   {"alias/a", "alias/a", true, true},
		"nothing and an empty one":   {"", "{}", false, false},
		"a value behind the first":   {`{} {}`, `{}`, false, false},
		"all digits of large ones":   {`{"a":12345678901234567890}`, `{"a":12345678901234567891}`, false, false},
		"a condition's truth":        {`{"Bool":{"aws:SecureTransport":true}}`, `{"Bool":{"aws:SecureTransport":"true"}}`, true, true},
		"an element is not its list": {`{"filter":["a"]}`, `{"filter":"a"}`, false, true},
	} {
		if got := SameJSON(tt.a, tt.b); got != tt.json {
			t.Errorf("%s: as JSON: %t, want %t", about, got, tt.json)
		}
		if got := SamePolicy(tt.a, tt.b); got != tt.policy {
			t.Errorf("%s: as policies: %t, want %t", about, got, tt.policy)
		}
	}
}
