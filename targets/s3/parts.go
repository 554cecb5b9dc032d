package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// The parts of a bucket's configuration, as change files and audit entries name them.
const (
	partTags          = "tags"
	partVersioning    = "versioning"
	partEncryption    = "encryption"
	partPublicAccess  = "publicAccessBlock"
	partPolicy        = "policy"
	partLifecycle     = "lifecycle"
	partCORS          = "cors"
	partNotifications = "notifications"
)

// part is one document of a bucket's configuration. Documents are JSON, in the shape
// that aws s3api takes; "" is none.
type part struct {
	name string
	// none are the codes of answers that say that there is no document.
	none   []string
	read   func(ctx context.Context, c *sdk.Client, bucket *string) (string, error)
	write  func(ctx context.Context, c *sdk.Client, bucket *string, document string) error
	remove func(ctx context.Context, c *sdk.Client, bucket *string) error
	// plain brings documents that mean the same to one text. Nil: they are one already.
	plain func(document string) string
}

type (
	encryptionRules struct {
		Rules []types.ServerSideEncryptionRule
	}
	lifecycleRules struct {
		Rules                              []types.LifecycleRule
		TransitionDefaultMinimumObjectSize types.TransitionDefaultMinimumObjectSize
	}
	corsRules struct {
		CORSRules []types.CORSRule
	}
	versioning struct {
		Status types.BucketVersioningStatus
	}
	tagging struct {
		TagSet []types.Tag
	}
	notificationDocument struct {
		LambdaFunctionConfigurations []types.LambdaFunctionConfiguration
		QueueConfigurations          []types.QueueConfiguration
		TopicConfigurations          []types.TopicConfiguration
		EventBridge                  bool
	}
)

// parts lists them in the order in which they are written: a policy that is public needs
// public access not to be blocked.
func parts() []part {
	return []part{
		{
			name: partTags, none: []string{"NoSuchTagSet"}, read: readTags, plain: sortedTags,
			write: writer(func(ctx context.Context, c *sdk.Client, bucket *string, t tagging) error {
				_, err := c.PutBucketTagging(ctx, &sdk.PutBucketTaggingInput{Bucket: bucket, Tagging: &types.Tagging{TagSet: t.TagSet}}, ours)
				return err
			}),
			remove: func(ctx context.Context, c *sdk.Client, bucket *string) error {
				_, err := c.DeleteBucketTagging(ctx, &sdk.DeleteBucketTaggingInput{Bucket: bucket}, ours)
				return err
			},
		},
		{
			name: partVersioning, plain: func(d string) string {
				if d == `{"Status":"Suspended"}` { // the nearest to never enabled that there is
					return ""
				}
				return d
			},
			read: func(ctx context.Context, c *sdk.Client, bucket *string) (string, error) {
				out, err := c.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: bucket}, ours)
				if err != nil {
					return "", err
				}
				return canonical(versioning{out.Status})
			},
			write: writer(putVersioning),
			remove: func(ctx context.Context, c *sdk.Client, bucket *string) error {
				return putVersioning(ctx, c, bucket, versioning{types.BucketVersioningStatusSuspended})
			},
		},
		{
			name: partEncryption, none: []string{"ServerSideEncryptionConfigurationNotFoundError"}, plain: func(d string) string {
				if d == `{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}` { // what every bucket has
					return ""
				}
				return d
			},
			read: func(ctx context.Context, c *sdk.Client, bucket *string) (string, error) {
				out, err := c.GetBucketEncryption(ctx, &sdk.GetBucketEncryptionInput{Bucket: bucket}, ours)
				if err != nil {
					return "", err
				}
				return canonical(out.ServerSideEncryptionConfiguration)
			},
			write: writer(func(ctx context.Context, c *sdk.Client, bucket *string, r encryptionRules) error {
				_, err := c.PutBucketEncryption(ctx, &sdk.PutBucketEncryptionInput{Bucket: bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: r.Rules}}, ours)
				return err
			}),
			remove: func(ctx context.Context, c *sdk.Client, bucket *string) error {
				_, err := c.DeleteBucketEncryption(ctx, &sdk.DeleteBucketEncryptionInput{Bucket: bucket}, ours)
				return err
			},
		},
		{
			name: partPublicAccess, none: []string{"NoSuchPublicAccessBlockConfiguration"},
			read: func(ctx context.Context, c *sdk.Client, bucket *string) (string, error) {
				out, err := c.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: bucket}, ours)
				if err != nil {
					return "", err
				}
				return canonical(out.PublicAccessBlockConfiguration)
			},
			write: writer(func(ctx context.Context, c *sdk.Client, bucket *string, b types.PublicAccessBlockConfiguration) error {
				_, err := c.PutPublicAccessBlock(ctx, &sdk.PutPublicAccessBlockInput{Bucket: bucket, PublicAccessBlockConfiguration: &b}, ours)
				return err
			}),
			remove: func(ctx context.Context, c *sdk.Client, bucket *string) error {
				_, err := c.DeletePublicAccessBlock(ctx, &sdk.DeletePublicAccessBlockInput{Bucket: bucket}, ours)
				return err
			},
		},
		{
			name: partPolicy, none: []string{"NoSuchBucketPolicy"},
			read: func(ctx context.Context, c *sdk.Client, bucket *string) (string, error) {
				out, err := c.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: bucket}, ours)
				if err != nil {
					return "", err
				}
				return aws.ToString(out.Policy), nil
			},
			write: func(ctx context.Context, c *sdk.Client, bucket *string, document string) error {
				_, err := c.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: bucket, Policy: &document}, ours)
				return err
			},
			remove: func(ctx context.Context, c *sdk.Client, bucket *string) error {
				_, err := c.DeleteBucketPolicy(ctx, &sdk.DeleteBucketPolicyInput{Bucket: bucket}, ours)
				return err
			},
		},
		{
			name: partLifecycle, none: []string{"NoSuchLifecycleConfiguration"}, plain: sortedRules,
			read: func(ctx context.Context, c *sdk.Client, bucket *string) (string, error) {
				out, err := c.GetBucketLifecycleConfiguration(ctx, &sdk.GetBucketLifecycleConfigurationInput{Bucket: bucket}, ours)
				if err != nil {
					return "", err
				}
				return canonical(lifecycleRules{out.Rules, out.TransitionDefaultMinimumObjectSize})
			},
			write: writer(func(ctx context.Context, c *sdk.Client, bucket *string, l lifecycleRules) error {
				for i := range l.Rules {
					if r := &l.Rules[i]; r.Filter == nil && r.Prefix == nil { //nolint:staticcheck // old rules have it, and an empty filter, which says "all", was not kept
						r.Filter = &types.LifecycleRuleFilter{Prefix: aws.String("")}
					}
				}
				_, err := c.PutBucketLifecycleConfiguration(ctx, &sdk.PutBucketLifecycleConfigurationInput{
					Bucket: bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: l.Rules}, TransitionDefaultMinimumObjectSize: l.TransitionDefaultMinimumObjectSize,
				}, ours)
				return err
			}),
			remove: func(ctx context.Context, c *sdk.Client, bucket *string) error {
				_, err := c.DeleteBucketLifecycle(ctx, &sdk.DeleteBucketLifecycleInput{Bucket: bucket}, ours)
				return err
			},
		},
		{
			name: partCORS, none: []string{"NoSuchCORSConfiguration"},
			read: func(ctx context.Context, c *sdk.Client, bucket *string) (string, error) {
				out, err := c.GetBucketCors(ctx, &sdk.GetBucketCorsInput{Bucket: bucket}, ours)
				if err != nil {
					return "", err
				}
				return canonical(corsRules{out.CORSRules})
			},
			write: writer(func(ctx context.Context, c *sdk.Client, bucket *string, r corsRules) error {
				_, err := c.PutBucketCors(ctx, &sdk.PutBucketCorsInput{Bucket: bucket, CORSConfiguration: &types.CORSConfiguration{CORSRules: r.CORSRules}}, ours)
				return err
			}),
			remove: func(ctx context.Context, c *sdk.Client, bucket *string) error {
				_, err := c.DeleteBucketCors(ctx, &sdk.DeleteBucketCorsInput{Bucket: bucket}, ours)
				return err
			},
		},
		{
			name: partNotifications, plain: sortedNotifications,
			read: func(ctx context.Context, c *sdk.Client, bucket *string) (string, error) {
				out, err := c.GetBucketNotificationConfiguration(ctx, &sdk.GetBucketNotificationConfigurationInput{Bucket: bucket}, ours)
				if err != nil {
					return "", err
				}
				return canonical(notificationDocument{out.LambdaFunctionConfigurations, out.QueueConfigurations, out.TopicConfigurations, out.EventBridgeConfiguration != nil})
			},
			write: writer(putNotifications),
			remove: func(ctx context.Context, c *sdk.Client, bucket *string) error {
				return putNotifications(ctx, c, bucket, notificationDocument{})
			},
		},
	}
}

// writer decodes a document to what the API takes.
func writer[T any](put func(context.Context, *sdk.Client, *string, T) error) func(context.Context, *sdk.Client, *string, string) error {
	return func(ctx context.Context, c *sdk.Client, bucket *string, document string) error {
		var v T
		if err := json.Unmarshal([]byte(document), &v); err != nil {
			return &core.FaultError{Message: fmt.Sprintf("what was kept of bucket %s cannot be read: %v", *bucket, err)}
		}
		return put(ctx, c, bucket, v)
	}
}

func putVersioning(ctx context.Context, c *sdk.Client, bucket *string, v versioning) error {
	_, err := c.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: v.Status}}, ours)
	return err
}

func putNotifications(ctx context.Context, c *sdk.Client, bucket *string, d notificationDocument) error {
	in := &types.NotificationConfiguration{LambdaFunctionConfigurations: d.LambdaFunctionConfigurations, QueueConfigurations: d.QueueConfigurations, TopicConfigurations: d.TopicConfigurations}
	if d.EventBridge {
		in.EventBridgeConfiguration = &types.EventBridgeConfiguration{}
	}
	_, err := c.PutBucketNotificationConfiguration(ctx, &sdk.PutBucketNotificationConfigurationInput{Bucket: bucket, NotificationConfiguration: in}, ours)
	return err
}

func readTags(ctx context.Context, c *sdk.Client, bucket *string) (string, error) {
	out, err := c.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: bucket}, ours)
	if err != nil {
		return "", err
	}
	if len(out.TagSet) == 0 {
		return "", nil
	}
	return encode(tagging{out.TagSet}) // an empty value is one
}

func sortedTags(document string) string {
	return rewritten(document, func(t *tagging) {
		slices.SortFunc(t.TagSet, func(a, b types.Tag) int { return strings.Compare(aws.ToString(a.Key), aws.ToString(b.Key)) })
	})
}

// sortedRules leaves out S3's default for the size of what is moved.
func sortedRules(document string) string {
	return rewritten(document, func(l *lifecycleRules) {
		slices.SortFunc(l.Rules, func(a, b types.LifecycleRule) int { return strings.Compare(aws.ToString(a.ID), aws.ToString(b.ID)) })
		if l.TransitionDefaultMinimumObjectSize == types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k {
			l.TransitionDefaultMinimumObjectSize = ""
		}
	})
}

func sortedNotifications(document string) string {
	return rewritten(document, func(d *notificationDocument) {
		slices.SortFunc(d.QueueConfigurations, func(a, b types.QueueConfiguration) int {
			return strings.Compare(aws.ToString(a.Id), aws.ToString(b.Id))
		})
		slices.SortFunc(d.TopicConfigurations, func(a, b types.TopicConfiguration) int {
			return strings.Compare(aws.ToString(a.Id), aws.ToString(b.Id))
		})
		slices.SortFunc(d.LambdaFunctionConfigurations, func(a, b types.LambdaFunctionConfiguration) int {
			return strings.Compare(aws.ToString(a.Id), aws.ToString(b.Id))
		})
		for i := range d.QueueConfigurations {
			sortEvents(d.QueueConfigurations[i].Events, d.QueueConfigurations[i].Filter)
		}
		for i := range d.TopicConfigurations {
			sortEvents(d.TopicConfigurations[i].Events, d.TopicConfigurations[i].Filter)
		}
		for i := range d.LambdaFunctionConfigurations {
			sortEvents(d.LambdaFunctionConfigurations[i].Events, d.LambdaFunctionConfigurations[i].Filter)
		}
	})
}

// sortEvents also takes the names of filters for one: S3 answers Prefix to prefix.
func sortEvents(events []types.Event, filter *types.NotificationConfigurationFilter) {
	slices.Sort(events)
	if filter == nil || filter.Key == nil {
		return
	}
	for i := range filter.Key.FilterRules {
		r := &filter.Key.FilterRules[i]
		r.Name = types.FilterRuleName(strings.ToLower(string(r.Name)))
	}
	slices.SortFunc(filter.Key.FilterRules, func(a, b types.FilterRule) int { return strings.Compare(string(a.Name), string(b.Name)) })
}

// rewritten changes a document in the SDK's type.
func rewritten[T any](document string, change func(*T)) string {
	var v T
	if document == "" || json.Unmarshal([]byte(document), &v) != nil {
		return document
	}
	change(&v)
	out, err := canonical(v)
	if err != nil {
		return document
	}
	return out
}

// same reports whether two documents of the part mean the same.
func (p *part) same(a, b string) bool {
	switch {
	case p.name == partPolicy:
		return a == b || a != "" && b != "" && awstarget.SamePolicy(a, b)
	case p.plain != nil:
		return p.plain(a) == p.plain(b)
	}
	return a == b
}

// wanted returns the document that the payload declares, given the one that is there;
// ok is false for a part that it says nothing about.
func (p *bucketPayload) wanted(name, is string) (document string, ok bool, err error) {
	o, remove, removeTags := p.options()
	if slices.ContainsFunc(remove, func(t core.Text) bool { return t.Value == name }) {
		return "", true, nil
	}
	switch name {
	case partTags:
		if len(o.Tags) == 0 && len(removeTags) == 0 {
			return "", false, nil
		}
		document, err = tagsWith(is, o.Tags, removeTags)
		return document, true, err
	case partVersioning:
		if awstarget.Blank(o.Versioning) {
			return "", false, nil
		}
		status := types.BucketVersioningStatusEnabled
		if o.Versioning.Value == "suspended" {
			status = types.BucketVersioningStatusSuspended
		}
		document, err = canonical(versioning{status})
		return document, true, err
	case partEncryption:
		if o.Encryption != nil {
			document, err = canonical(o.Encryption.sdk())
		}
		return document, o.Encryption != nil, err
	case partPublicAccess:
		if b := o.PublicAccessBlock; b != nil {
			document, err = canonical(types.PublicAccessBlockConfiguration{BlockPublicAcls: b.BlockPublicAcls, IgnorePublicAcls: b.IgnorePublicAcls, BlockPublicPolicy: b.BlockPublicPolicy, RestrictPublicBuckets: b.RestrictPublicBuckets})
		}
		return document, o.PublicAccessBlock != nil, err
	case partPolicy:
		return o.Policy.JSON(), o.Policy != nil, nil
	case partLifecycle:
		var rules []types.LifecycleRule
		for i := range o.Lifecycle {
			rules = append(rules, o.Lifecycle[i].sdk())
		}
		document, err = canonical(lifecycleRules{Rules: rules})
		return document, len(rules) > 0, err
	case partCORS:
		var rules []types.CORSRule
		for i := range o.CORS {
			rules = append(rules, o.CORS[i].sdk())
		}
		document, err = canonical(corsRules{rules})
		return document, len(rules) > 0, err
	default:
		if o.Notifications != nil {
			document, err = canonical(o.Notifications.sdk())
		}
		return document, o.Notifications != nil, err
	}
}

// tagsWith returns the tags that are there with others, and without some.
func tagsWith(is string, set map[string]core.Text, remove []core.Text) (string, error) {
	var t tagging
	if is != "" {
		if err := json.Unmarshal([]byte(is), &t); err != nil {
			return "", err
		}
	}
	t.TagSet = slices.DeleteFunc(t.TagSet, func(tag types.Tag) bool {
		key := aws.ToString(tag.Key)
		_, again := set[key]
		return again || slices.ContainsFunc(remove, func(r core.Text) bool { return r.Value == key })
	})
	if t.TagSet = append(t.TagSet, tagSet(set)...); len(t.TagSet) == 0 {
		return "", nil
	}
	return encode(t)
}
