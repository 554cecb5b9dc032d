package infra_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// cloud speaks AWS's query protocol with LocalStack: a client of each service would
// be a module more for a handful of calls.
type cloud struct {
	aws.Config
}

// call sends one request, and returns what it is answered. LocalStack finds the
// service in the signature, which it does not look at otherwise.
func (c cloud) call(ctx context.Context, service, version, action string, parameters url.Values) ([]byte, error) {
	form := url.Values{"Action": {action}, "Version": {version}}
	for k, v := range parameters {
		form[k] = v
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, *c.BaseEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return c.send(req, service)
}

func (c cloud) send(req *http.Request, service string) ([]byte, error) {
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=test/20260101/%s/%s/aws4_request, SignedHeaders=host, Signature=0", c.Region, service))
	req.Header.Set("Accept", "text/xml")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", service, resp.Status, body)
	}
	return body, nil
}

// ask is a call that must not fail, with its answer.
func ask[T any](t *testing.T, c cloud, service, version, action string, parameters url.Values) T {
	t.Helper()
	body, err := c.call(t.Context(), service, version, action, parameters)
	if err != nil {
		t.Fatal(err)
	}
	var answer T
	if err := xml.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v in %s", action, err, body)
	}
	return answer
}

const formation, formationVersion = "cloudformation", "2010-05-15"

// stack is one that was created, whether or not that went well.
type stack struct {
	Status    string                                    `xml:"StackStatus"`
	Reason    string                                    `xml:"StackStatusReason"`
	Output    []struct{ OutputKey, OutputValue string } `xml:"Outputs>member"`
	resources []resource
}

type resource struct {
	ID       string `xml:"LogicalResourceId"`
	Physical string `xml:"PhysicalResourceId"`
	Type     string `xml:"ResourceType"`
	Status   string `xml:"ResourceStatus"`
	Reason   string `xml:"ResourceStatusReason"`
}

func (s *stack) output(name string) string {
	for _, o := range s.Output {
		if o.OutputKey == name {
			return o.OutputValue
		}
	}
	return ""
}

// physical returns the name or address of a resource.
func (s *stack) physical(t *testing.T, id string) string {
	t.Helper()
	i := slices.IndexFunc(s.resources, func(r resource) bool { return r.ID == id })
	if i < 0 || s.resources[i].Physical == "" {
		t.Fatalf("the stack has no %s: %+v", id, s.resources)
	}
	return s.resources[i].Physical
}

// create creates a stack and waits for its end. It is deleted after the test.
func (c cloud) create(t *testing.T, name, template string, parameters map[string]string) *stack {
	t.Helper()
	form := url.Values{"StackName": {name}, "TemplateBody": {template}, "Capabilities.member.1": {"CAPABILITY_IAM"}, "OnFailure": {"DO_NOTHING"}}
	n := 0
	for k, v := range parameters {
		n++
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterKey", n), k)
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterValue", n), v)
	}
	named := url.Values{"StackName": {name}}
	if _, err := c.call(t.Context(), formation, formationVersion, "CreateStack", form); err != nil {
		return &stack{Status: "REFUSED", Reason: err.Error()}
	}
	t.Cleanup(func() { // else its alarms go on; the table stays, as it is to. LocalStack fails with lists among the parameters
		if _, err := c.call(context.WithoutCancel(t.Context()), formation, formationVersion, "DeleteStack", named); err != nil {
			t.Logf("the stack stays: %.300v", err)
		}
	})
	for {
		s := ask[struct {
			Stack stack `xml:"DescribeStacksResult>Stacks>member"`
		}](t, c, formation, formationVersion, "DescribeStacks", named).Stack
		if strings.HasSuffix(s.Status, "_IN_PROGRESS") {
			time.Sleep(200 * time.Millisecond)
			continue
		}
		s.resources = ask[struct {
			List []resource `xml:"DescribeStackResourcesResult>StackResources>member"`
		}](t, c, formation, formationVersion, "DescribeStackResources", named).List
		return &s
	}
}

// localStack returns the simulator, and a name that nothing else in it has.
func localStack(t *testing.T) (cloud, string) {
	t.Helper()
	c := cloud{awstest.LocalStack(t)}
	return c, fmt.Sprintf("%s-%x", strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), time.Now().UnixNano())
}
