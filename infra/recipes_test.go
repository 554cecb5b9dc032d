package infra_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recipes has the examples of how the function is called, one directory a way in.
const recipes = "../examples/deploy"

// recipe returns one file of the recipes, with short tags in their long form.
func recipe(t *testing.T, path string) object {
	t.Helper()
	parsed, err := parse(text(t, filepath.Join(recipes, path)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return parsed
}

// rights are all that the recipes grant: file, then role or policy and statement. The
// function's own are in template.yaml.
var rights = map[string]map[string][]string{
	"cloudformation/service-role.yaml": {
		"Role Changes": {"lambda:InvokeFunction"},
		"Role Service": {"ecs:CreateService", "ecs:DeleteService", "ecs:DescribeServices", "ecs:UpdateService"},
		"Role Subnets": {"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"},
	},
	"codedeploy/deployment-group.yaml": {
		"Role Hook":     {"lambda:InvokeFunction"},
		"Role Alias":    {"lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"},
		"Role Revision": {"s3:GetObject", "s3:GetObjectVersion"},
	},
	"codepipeline/pipeline.yaml": {
		"Role Source":          {"codeconnections:UseConnection", "codestar-connections:UseConnection"},
		"Role Artifacts":       {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"},
		"Role ArtifactBucket":  {"s3:GetBucketVersioning"},
		"Role Changes":         {"lambda:InvokeFunction"},
		"Role Functions":       {"lambda:ListFunctions"},
		"Role Deploy":          {"cloudformation:CreateStack", "cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:UpdateStack"},
		"Role ApplicationRole": {"iam:PassRole"},
	},
	"eventbridge/rule.yaml": {
		"Permission":             {"lambda:InvokeFunction"},
		"UndeliveredPolicy Rule": {"sqs:SendMessage"},
	},
	"sqs/policies.yaml": {
		"Sender Send":      {"sqs:SendMessage"},
		"Operator Redrive": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ListMessageMoveTasks", "sqs:ReceiveMessage", "sqs:StartMessageMoveTask"},
		"Operator Again":   {"sqs:SendMessage"},
	},
	"stepfunctions/state-machine.yaml": {
		"Role Apply":     {"lambda:InvokeFunction"},
		"Role AskPerson": {"sns:Publish"},
	},
}

// withoutARN are actions that know no resources, so that they are granted on all.
var withoutARN = []string{"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "lambda:ListFunctions"}

func TestRecipeRights(t *testing.T) {
	for path, want := range rights {
		got, faults := granted(t, text(t, filepath.Join(recipes, path)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s grants something else (-want +got):\n%s", path, diff)
		}
		for _, f := range faults {
			t.Errorf("%s: %s", path, f)
		}
	}
	templates, err := filepath.Glob(recipes + "/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range templates {
		name, _ := filepath.Rel(recipes, path)
		if _, known := rights[name]; !known && strings.Contains(text(t, path), "sts:AssumeRole") {
			t.Errorf("%s has a role, and is not in this test", name)
		}
	}
}

// TestRecipeRules proves that the rules can fail.
func TestRecipeRules(t *testing.T) {
	for _, tt := range []struct{ path, from, to, want string }{
		{"codepipeline/pipeline.yaml", " # knows no resources; CodePipeline asks for it before it invokes", "", "Functions: no reason"},
		{"codepipeline/pipeline.yaml", "Resource: !Ref ConnectionArn", `Resource: "*"`, "Source: codeconnections:UseConnection may act on *"},
		{"codepipeline/pipeline.yaml", `"aws:SourceAccount": !Ref "AWS::AccountId"`, `"aws:SourceAccount": "1"`, "Role: anybody's codepipeline"},
		{"codedeploy/deployment-group.yaml", `["lambda:InvokeFunction"]`, `["lambda:*"]`, "Hook: lambda:* is more than one action"},
		{"eventbridge/rule.yaml", "      SourceArn: !GetAtt Rule.Arn\n", "", "Permission: any rule"},
		{"eventbridge/rule.yaml", "ArnEquals", "ArnLike", "UndeliveredPolicy: any rule"},
	} {
		source := text(t, filepath.Join(recipes, tt.path))
		if !strings.Contains(source, tt.from) {
			t.Errorf("%s has no %q", tt.path, tt.from)
			continue
		}
		_, faults := granted(t, strings.Replace(source, tt.from, tt.to, 1))
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, tt.want) }) {
			t.Errorf("%s with %q: want a fault that begins with %q, got %q", tt.path, tt.to, tt.want, faults)
		}
	}
}

var anything = regexp.MustCompile(`(?m)Sid: (\w+)\n(?:\s+\w+:.*\n)*?\s+Resource: "\*"(.*)$`)

// granted returns what a template grants, and what is wrong with how it does.
func granted(t *testing.T, source string) (all map[string][]string, faults []string) {
	t.Helper()
	template, err := parse(source)
	if err != nil {
		t.Fatal(err)
	}
	all = map[string][]string{}
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for name, resource := range at(template, "Resources").(object) {
		p := at(resource, "Properties")
		document := at(p, "PolicyDocument")
		switch at(resource, "Type") {
		case "AWS::IAM::Role":
			document = at(p, "Policies", 0, "PolicyDocument")
			trust := at(p, "AssumeRolePolicyDocument", "Statement", 0)
			if !cmp.Equal(at(trust, "Condition"), any(object{"StringEquals": object{"aws:SourceAccount": object{"Ref": "AWS::AccountId"}}})) {
				fault("%s: anybody's %v may use it", name, at(trust, "Principal", "Service"))
			}
		case "AWS::Lambda::Permission":
			all[name] = []string{fmt.Sprint(at(p, "Action"))}
			if at(p, "SourceArn", "Fn::GetAtt") == nil {
				fault("%s: any rule of anybody may invoke the function", name)
			}
		case "AWS::SQS::QueuePolicy":
			if at(document, "Statement", 0, "Condition", "ArnEquals", "aws:SourceArn") == nil {
				fault("%s: any rule of anybody may send", name)
			}
		}
		statements, _ := at(document, "Statement").([]any)
		for _, s := range statements {
			sid := fmt.Sprint(at(s, "Sid"))
			actions, _ := at(s, "Action").([]any)
			for _, a := range actions {
				action := fmt.Sprint(a)
				all[name+" "+sid] = append(all[name+" "+sid], action)
				if strings.Contains(action, "*") {
					fault("%s: %s is more than one action", sid, action)
				}
				if at(s, "Resource") == everything && !slices.Contains(withoutARN, action) {
					fault("%s: %s may act on %s", sid, action, everything)
				}
			}
		}
	}
	for _, m := range anything.FindAllStringSubmatch(source, -1) {
		if _, reason, _ := strings.Cut(m[2], " # "); len(reason) < 20 {
			fault("%s: no reason to grant it on everything", m[1])
		}
	}
	return all, faults
}

// TestRecipeReasons: a check that is left out has its reason beside it.
func TestRecipeReasons(t *testing.T) {
	for path := range rights {
		source := text(t, filepath.Join(recipes, path))
		template, err := parse(source)
		if err != nil {
			t.Fatal(err)
		}
		r := &rules{source: source, template: template}
		r.reasons()
		for _, f := range r.faults {
			t.Errorf("%s: %s", path, f)
		}
	}
}

// TestRecipesFitTheFunction: what the recipes ask of the function's stack is there.
func TestRecipesFitTheFunction(t *testing.T) {
	stack, err := parse(text(t, templateFile))
	if err != nil {
		t.Fatal(err)
	}
	outputs, _ := at(stack, "Outputs").(object)
	for path := range rights {
		parameters, _ := at(recipe(t, path), "Parameters").(object)
		for name, p := range parameters {
			description := fmt.Sprint(at(p, "Description"))
			if strings.HasPrefix(description, "The output of the same name") && outputs[name] == nil {
				t.Errorf("%s: the function's stack has no output %s", path, name)
			}
		}
	}
	hook := func(path, pattern string) {
		for _, name := range hooks(t, path) {
			if !regexp.MustCompile(pattern).MatchString(name) {
				t.Errorf("%s: the hook %s is none that CodeDeploy may invoke", path, name)
			}
		}
	}
	pattern := fmt.Sprint(at(recipe(t, "codedeploy/deployment-group.yaml"), "Parameters", "HookFunctionName", "AllowedPattern"))
	named := fmt.Sprint(at(stack, "Resources", "Function", "Properties", "FunctionName", "Fn::If", 1, "Fn::Sub"))
	if !strings.HasPrefix(named, "CodeDeployHook_") || !strings.HasPrefix(pattern, "^CodeDeployHook_") {
		t.Errorf("the function is called %s, the group takes %s", named, pattern)
	}
	for _, platform := range []string{"ecs", "lambda"} {
		hook("codedeploy/appspec-"+platform+".yaml", pattern)
	}
}

// hooks are the functions of an AppSpec file, which may be called by these hooks only.
func hooks(t *testing.T, path string) []string {
	t.Helper()
	known := map[string][]string{
		"AWS::Lambda::Function": {"BeforeAllowTraffic", "AfterAllowTraffic"},
		"AWS::ECS::Service":     {"BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"},
	}
	spec := recipe(t, path)
	kind := ""
	for _, r := range at(spec, "Resources", 0).(object) {
		kind = fmt.Sprint(at(r, "Type"))
	}
	var out []string
	for _, h := range at(spec, "Hooks").([]any) {
		for name, function := range h.(object) {
			if !slices.Contains(known[kind], name) {
				t.Errorf("%s: %q has no hook %s", path, kind, name)
			}
			out = append(out, fmt.Sprint(function))
		}
	}
	if len(out) == 0 {
		t.Errorf("%s has no hook", path)
	}
	return out
}

// TestCustomResource: the application waits for the resource, and what it reads of it
// is answered (TestRecipeAnswers has that).
func TestCustomResource(t *testing.T) {
	template := recipe(t, "cloudformation/application.yaml")
	resources := at(template, "Resources").(object)
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		if at(resources, name, "Type") != "Custom::Flamingock" && at(resources, name, "DependsOn") != "Changes" {
			t.Errorf("%s does not wait for the changes", name)
		}
	}
	// Lambda invokes twice more after a failure, one and two minutes later.
	const least, most = 3*900 + 60 + 120, 3600
	if timeout, _ := at(resources, "Changes", "Properties", "ServiceTimeout").(uint64); timeout < least || timeout > most {
		t.Errorf("ServiceTimeout is %d, want %d to %d", timeout, least, most)
	}
	if at(resources, "Changes", "Properties", "ChangesDigest", "Ref") != "ChangesDigest" {
		t.Error("nothing makes CloudFormation send an Update")
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
