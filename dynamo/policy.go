package dynamo

import "strings"

// Role is what somebody does with an audit store.
type Role string

// The roles. A person who also resolves issues or releases locks is a runner.
const (
	RoleRunner Role = "runner" // apply, and every other command that writes
	RoleReader Role = "reader" // plan, status, audit, issue list: nothing is written
	RoleAdmin  Role = "admin"  // store create and store check
)

// Roles lists the roles.
func Roles() []Role { return []Role{RoleRunner, RoleReader, RoleAdmin} }

// PolicyScope is what a policy is for.
type PolicyScope struct {
	Table, Region string
	// Account is the number of the AWS account; "" is any.
	Account string
	// Ledgers are those that may be used; none: all.
	Ledgers []string
}

// PolicyDocument is an IAM policy, as JSON has it.
type PolicyDocument struct {
	Version   string            `json:"Version"`
	Statement []PolicyStatement `json:"Statement"`
}

// PolicyStatement is one statement of a policy.
type PolicyStatement struct {
	Sid       string                         `json:"Sid"`
	Effect    string                         `json:"Effect"`
	Action    []string                       `json:"Action"`
	Resource  string                         `json:"Resource"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// rights are the actions of a role: on the items of a ledger, and on the table.
// Transactions are authorised by the actions that they are made of. A test holds
// this against what is really called.
func rights(r Role) (ledger, table []string) {
	switch r {
	case RoleRunner:
		return []string{"GetItem", "PutItem", "Query", "UpdateItem"}, []string{"DescribeTable"}
	case RoleReader:
		return []string{"Query"}, []string{"DescribeTable"}
	case RoleAdmin:
		return []string{"Query"}, []string{
			"CreateTable", "DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "ListTagsOfResource", "TagResource",
			"UpdateContinuousBackups", "UpdateTable",
		}
	}
	return nil, nil
}

// Policy returns the IAM policy with the rights that a role needs, and no others:
// no Scan, and nothing that deletes. DescribeTable is called when a ledger is made,
// and to find out more when the table itself seems to be the reason of an error.
//
// The items of a ledger and the table as a whole have a statement each:
// ForAllValues is true also where a request has no leading key, so that beside
// Scan or an action on the table the condition would hold for nothing.
func Policy(r Role, scope PolicyScope) PolicyDocument {
	account := scope.Account
	if account == "" {
		account = "*"
	}
	arn := "arn:" + partition(scope.Region) + ":dynamodb:" + scope.Region + ":" + account + ":table/" + scope.Table
	ledger, table := rights(r)
	items := allow("Ledger", arn, ledger)
	if len(scope.Ledgers) > 0 {
		items.Condition = map[string]map[string][]string{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": scope.Ledgers}}
	}
	return PolicyDocument{Version: "2012-10-17", Statement: []PolicyStatement{items, allow("Table", arn, table)}}
}

func allow(sid, arn string, actions []string) PolicyStatement {
	s := PolicyStatement{Sid: sid, Effect: "Allow", Resource: arn}
	for _, a := range actions {
		s.Action = append(s.Action, "dynamodb:"+a)
	}
	return s
}

// partition is the part of AWS that a region is in.
func partition(region string) string {
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"us-iso-", "aws-iso"},
		{"us-isob-", "aws-iso-b"},
		{"us-isof-", "aws-iso-f"},
		{"eu-isoe-", "aws-iso-e"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}
