package dynamodb

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// settings are the target's entry in the configuration.
type settings struct {
	Region      string `yaml:"region"`
	Endpoint    string `yaml:"endpoint"`
	Profile     string `yaml:"profile"`
	RoleARN     string `yaml:"roleArn"`
	MarkerTable string `yaml:"markerTable"`
	// Share: absent, wherever it is possible; true: an error where it is not.
	Share *bool `yaml:"share"`
}

func fromSettings(id string, s core.Settings, configs *awsclient.Configs) (core.Target, error) {
	var c settings
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	t := &Target{id: id, hasMarkers: c.MarkerTable != ""}
	t.connect = func(ctx context.Context) (*sdk.Client, string, error) {
		at, table, err := c.resolve(ctx, s.Resolver())
		if err != nil {
			return nil, "", err
		}
		cfg, err := configs.Load(ctx, at)
		if err != nil {
			return nil, "", under(id, err)
		}
		return sdk.NewFromConfig(cfg, func(o *sdk.Options) { o.APIOptions = append(o.APIOptions, awsclient.Genuine) }), table, nil
	}
	if c.Share == nil || *c.Share {
		t.domain = c.domain(s)
	}
	if c.Share != nil && *c.Share && t.domain == "" {
		return nil, &core.ConfigError{
			Key: "targetSystems." + id + ".share", Reason: "cannot share the audit store's transactions: that is not on DynamoDB with the same region, endpoint, profile and role",
			Next: "give both the same settings, or take share away and name a markerTable",
		}
	}
	return t, nil
}

// domain is the audit store's, if these settings lead to where it is. Only
// references to the environment are looked at: to find the values of others would
// contact somebody.
func (c settings) domain(s core.Settings) string {
	store := s.StoreDomain()
	if store == "" {
		return ""
	}
	for _, text := range []string{c.Region, c.Endpoint, c.Profile, c.RoleARN} {
		for _, r := range core.References(text) {
			if r.Scheme != "env" {
				return ""
			}
		}
	}
	at, _, err := settings{Region: c.Region, Endpoint: c.Endpoint, Profile: c.Profile, RoleARN: c.RoleARN}.
		resolve(context.Background(), s.Resolver()) //nolint:forbidigo // the environment is read: nothing to wait for
	if err != nil || awsclient.Domain(at) != store {
		return "" // a reference without a value is reported when it is used
	}
	return store
}

func (c settings) resolve(ctx context.Context, r core.Resolver) (at awsclient.Settings, markerTable string, err error) {
	for _, p := range []struct {
		from string
		to   *string
	}{{c.Region, &at.Region}, {c.Endpoint, &at.Endpoint}, {c.Profile, &at.Profile}, {c.RoleARN, &at.RoleARN}, {c.MarkerTable, &markerTable}} {
		if *p.to, err = core.Expand(ctx, r, p.from); err != nil {
			return at, "", err
		}
	}
	return at, markerTable, nil
}

// under says to which key of the configuration a fault of the client belongs.
func under(id string, err error) error {
	key := "targetSystems." + id
	if ce, ok := err.(*core.ConfigError); ok { //nolint:errorlint // awsclient's own, never wrapped
		if ce.Key != "" {
			key += "." + ce.Key
		}
		ce.Key = key
	}
	return err
}
