package dynamodb

import (
	"regexp"
	"strconv"
	"strings"
)

var decimal = regexp.MustCompile(`^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?$`)

// wrongNumber says why DynamoDB would refuse a number, or change it: "" if it would not.
func wrongNumber(text string) string {
	m := decimal.FindStringSubmatch(text)
	if m == nil || m[2] == "" && m[3] == "" {
		return "is not a number in decimal"
	}
	digits := strings.TrimLeft(m[2]+m[3], "0")
	exponent := 0
	if m[4] != "" {
		exponent, _ = strconv.Atoi(m[4]) //nolint:errcheck // the pattern leaves six digits
	}
	if digits == "" {
		return ""
	}
	highest := exponent - len(m[3]) + len(digits) - 1 // the power of ten of the first digit
	significant := strings.TrimRight(digits, "0")
	switch {
	case len(significant) > 38:
		return "has more than the 38 significant digits that DynamoDB keeps"
	case highest > 125:
		return "is larger than DynamoDB's largest number, 9.99…E+125"
	case highest < -130:
		return "is smaller than DynamoDB's smallest number, 1E-130"
	}
	return ""
}

// numberSize is about what DynamoDB counts for a number.
func numberSize(text string) int {
	return (len(strings.Trim(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text), "0"))+1)/2 + 1
}
