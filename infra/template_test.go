// Package infra_test holds template.yaml against what no linter knows: the audit
// store's own policy and table, and AWS's rules that only a deployment would meet.
// The linters are in verify.
package infra_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// object is a mapping of the template. Short tags such as !Ref are in their long form.
type object = map[string]any

const templateFile = "template.yaml"

func text(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func parse(source string) (object, error) {
	file, err := parser.ParseBytes([]byte(source), 0)
	if err != nil {
		return nil, err
	}
	value, err := long(file.Docs[0].Body)
	if err != nil {
		return nil, err
	}
	template, ok := value.(object)
	if !ok {
		return nil, fmt.Errorf("the template is a %T", value)
	}
	return template, nil
}

func long(node ast.Node) (any, error) {
	switch n := node.(type) {
	case *ast.TagNode:
		return function(n)
	case *ast.MappingNode:
		return mapping(n.Values)
	case *ast.MappingValueNode:
		return mapping([]*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := []any{}
		for _, v := range n.Values {
			item, err := long(v)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		return list, nil
	case *ast.AnchorNode, *ast.AliasNode: // sam would write them out, the aws command would not
	case ast.ScalarNode:
		return n.GetValue(), nil
	}
	return nil, fmt.Errorf("CloudFormation knows no %s: %s", node.Type(), node)
}

func mapping(values []*ast.MappingValueNode) (any, error) {
	m := object{}
	for _, v := range values {
		value, err := long(v.Value)
		if err != nil {
			return nil, err
		}
		key, ok := v.Key.(ast.ScalarNode)
		if !ok {
			return nil, fmt.Errorf("CloudFormation knows no key like %s", v.Key)
		}
		m[fmt.Sprint(key.GetValue())] = value
	}
	return m, nil
}

func function(n *ast.TagNode) (any, error) {
	value, err := long(n.Value)
	if err != nil {
		return nil, err
	}
	switch name := strings.TrimPrefix(n.Start.Value, "!"); name {
	case "Ref", "Condition":
		return object{name: value}, nil
	case "GetAtt":
		resource, attribute, _ := strings.Cut(fmt.Sprint(value), ".")
		return object{"Fn::GetAtt": []any{resource, attribute}}, nil
	default:
		return object{"Fn::" + name: value}, nil
	}
}

// at returns what is at a path of keys, or nil. A number in it is an index.
func at(value any, path ...any) any {
	for _, step := range path {
		switch key := step.(type) {
		case string:
			m, _ := value.(object)
			value = m[key]
		case int:
			list, _ := value.([]any)
			if key >= len(list) {
				return nil
			}
			value = list[key]
		}
	}
	return value
}

// visit calls f for a value and all that is in it.
func visit(value any, f func(any)) {
	f(value)
	switch v := value.(type) {
	case object:
		for _, item := range v {
			visit(item, f)
		}
	case []any:
		for _, item := range v {
			visit(item, f)
		}
	}
}
