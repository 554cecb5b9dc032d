package strictyaml

import (
	"regexp"
	"strconv"
	"strings"
)

// The plain scalars of the YAML 1.2 core schema.
var (
	intPattern   = regexp.MustCompile(`^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	floatPattern = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	infPattern   = regexp.MustCompile(`^([-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN)$`)
)

// kindOf returns what a plain scalar stands for.
func kindOf(text string) Kind {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return Null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return Bool
	}
	if c := text[0]; c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
		return String // what most texts are; the patterns are slow
	}
	switch {
	case intPattern.MatchString(text):
		return Int
	case floatPattern.MatchString(text), infPattern.MatchString(text):
		return Float
	}
	return String
}

// isTrue is the value of a Bool.
func isTrue(text string) bool { return strings.EqualFold(text, "true") }

// LeadingZero reports whether a number is written so that readers disagree about
// it: 010 is ten to YAML 1.2 and eight to YAML 1.1.
func LeadingZero(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
}

// number is the notation that strconv understands.
func number(text string) (digits string, base int) {
	switch {
	case strings.HasPrefix(text, "0x"):
		return text[2:], 16
	case strings.HasPrefix(text, "0o"):
		return text[2:], 8
	}
	return strings.TrimPrefix(text, "+"), 10
}

// float is the value of a Float or an Int.
func float(text string) (float64, error) {
	text = strings.TrimPrefix(strings.ToLower(text), "+")
	switch text {
	case ".inf":
		text = "+Inf"
	case "-.inf":
		text = "-Inf"
	case ".nan":
		text = "NaN"
	}
	if digits, base := number(text); base != 10 {
		u, err := strconv.ParseUint(digits, base, 64)
		return float64(u), err
	}
	return strconv.ParseFloat(text, 64)
}
