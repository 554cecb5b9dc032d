package events

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

func decodeCloudFormation(o object) (Trigger, *Error) {
	c := &CloudFormation{
		RequestType: RequestType(o.text("RequestType", 64)),
		StackID:     o.id("StackId", 1024), RequestID: o.id("RequestId", 255), LogicalID: o.id("LogicalResourceId", 255),
		PhysicalID: o.any("PhysicalResourceId", 1024), ResourceType: o.any("ResourceType", 255),
	}
	signed := o.text("ResponseURL", 8<<10)
	if err := o.failed(); err != nil {
		return Trigger{}, err
	}
	if reason := checkResponseURL(signed); reason != "" {
		// Nobody is told: that URL may be anybody's.
		return Trigger{}, refuse("let CloudFormation invoke the function: it signs a URL on a host of S3's", "ResponseURL is refused: %s", reason)
	}
	c.ResponseURL = secret(signed)
	t := Trigger{Kind: KindCloudFormation, ID: c.StackID + " " + c.RequestID, CloudFormation: c}
	answer := *c
	if err := c.readRest(o); err != nil {
		err.Answer = &Trigger{Kind: t.Kind, ID: t.ID, CloudFormation: &answer}
		return Trigger{}, err
	}
	return t, nil
}

// readRest reads what is not needed to answer.
func (c *CloudFormation) readRest(o object) *Error {
	switch c.RequestType {
	case RequestCreate:
	case RequestUpdate, RequestDelete:
		if c.PhysicalID == "" {
			o.fail("PhysicalResourceId", "must be there on %s", c.RequestType)
		}
	default:
		o.fail("RequestType", "must be Create, Update or Delete; it is %s", showWord(string(c.RequestType)))
	}
	in := o.optional("ResourceProperties")
	for _, key := range in.names() {
		if key == "ServiceToken" || key == "ServiceTimeout" { // CloudFormation's own
			continue
		}
		var value any
		if json.Unmarshal(in.keys[key], &value) != nil {
			value = nil
		}
		switch v := value.(type) {
		case string:
			c.set(key, v)
		case bool, float64:
			c.set(key, string(in.keys[key]))
		default:
			// A list that is left out could narrow what is meant. A Delete does nothing, and
			// refusing it would leave a stack that nobody can delete.
			if c.RequestType != RequestDelete {
				o.fail("ResourceProperties", "holds %s, which is not a plain value", showKey(key))
			}
		}
	}
	return o.failed()
}

func (c *CloudFormation) set(key, value string) {
	if c.Properties == nil {
		c.Properties = map[string]string{}
	}
	c.Properties[key] = value
}

// s3Host is what S3's hosts look like: virtual-hosted or path style, with or
// without a region, the older s3-region, dual stack and FIPS.
const s3Host = `^([a-z0-9][a-z0-9.-]{1,62}\.)?s3` +
	`(-external-1|-fips)?(\.dualstack)?([.-][a-z]{2,4}(-[a-z]+)+-[0-9]{1,2})?\.amazonaws\.com(\.cn)?$`

// checkResponseURL says what is wrong with a URL that an answer would be sent to;
// "" when nothing is. Whoever invokes the function chooses it.
func checkResponseURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "it is not a URL"
	}
	host, err := regexp.MatchString(s3Host, strings.ToLower(u.Host))
	switch {
	case u.Scheme != "https" || u.Opaque != "":
		return "it is not https"
	case u.User != nil:
		return "it names a user"
	case u.Port() != "" || strings.Contains(u.Host, ":"):
		return "it names a port"
	case !host || err != nil:
		return "its host is not one of S3's under amazonaws.com"
	case u.Fragment != "":
		return "it has a fragment"
	}
	return ""
}
