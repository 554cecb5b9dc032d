package s3

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget"
)

// encryption is how S3 encrypts what it is given, of a bucket's objects or of one.
type encryption struct {
	Algorithm core.Text `yaml:"algorithm"` // AES256, aws:kms or aws:kms:dsse
	Key       core.Text `yaml:"key"`       // a KMS key: its ARN, id or alias; absent: AWS's own
	BucketKey bool      `yaml:"bucketKey"`
}

func (e *encryption) check(f *awstarget.Faults, at core.Position) {
	switch {
	case awstarget.Blank(e.Algorithm):
		f.At(awstarget.First(e.Key.Start, at), "encryption.algorithm is missing: AES256, aws:kms or aws:kms:dsse")
	case !awstarget.OneOf(e.Algorithm, "AES256", "aws:kms", "aws:kms:dsse"):
		f.At(e.Algorithm.Start, "encryption.algorithm must be AES256, aws:kms or aws:kms:dsse")
	case e.Algorithm.Value == "AES256" && (!awstarget.Blank(e.Key) || e.BucketKey):
		f.At(e.Algorithm.Start, "key and bucketKey are for aws:kms")
	}
}

func (e *encryption) sdk() encryptionRules {
	by := &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryption(e.Algorithm.Value)}
	if !awstarget.Blank(e.Key) {
		by.KMSMasterKeyID = aws.String(e.Key.Value)
	}
	return encryptionRules{Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: by, BucketKeyEnabled: aws.Bool(e.BucketKey)}}}
}

// publicAccessBlock is as in the API: what is absent is false.
type publicAccessBlock struct {
	BlockPublicAcls       *bool `yaml:"blockPublicAcls"`
	IgnorePublicAcls      *bool `yaml:"ignorePublicAcls"`
	BlockPublicPolicy     *bool `yaml:"blockPublicPolicy"`
	RestrictPublicBuckets *bool `yaml:"restrictPublicBuckets"`
}

func (b *publicAccessBlock) check(f *awstarget.Faults, at core.Position) {
	if b.BlockPublicAcls == nil || b.IgnorePublicAcls == nil || b.BlockPublicPolicy == nil || b.RestrictPublicBuckets == nil {
		f.At(at, "publicAccessBlock needs all of blockPublicAcls, ignorePublicAcls, blockPublicPolicy and restrictPublicBuckets: one that is not said would be off")
	}
}

type lifecycleRule struct {
	ID       core.Text `yaml:"id"`
	Disabled bool      `yaml:"disabled"`
	// What the rule is for; absent: everything.
	Prefix      core.Text            `yaml:"prefix"`
	Tags        map[string]core.Text `yaml:"tags"`
	LargerThan  *int64               `yaml:"largerThan"` // bytes
	SmallerThan *int64               `yaml:"smallerThan"`

	ExpireAfterDays       *int32       `yaml:"expireAfterDays"`
	ExpireOn              core.Text    `yaml:"expireOn"` // a date: 2027-01-31
	ExpireDeleteMarkers   bool         `yaml:"expireDeleteMarkers"`
	Transitions           []transition `yaml:"transitions"`
	Noncurrent            *noncurrent  `yaml:"noncurrent"`
	AbortUploadsAfterDays *int32       `yaml:"abortUploadsAfterDays"`
}

type transition struct {
	AfterDays    *int32    `yaml:"afterDays"`
	StorageClass core.Text `yaml:"storageClass"`
}

// noncurrent is about versions that others have replaced.
type noncurrent struct {
	ExpireAfterDays *int32       `yaml:"expireAfterDays"`
	Keep            *int32       `yaml:"keep"` // that many of them whatever their age
	Transitions     []transition `yaml:"transitions"`
}

func (r *lifecycleRule) check(f *awstarget.Faults, at core.Position, ids map[string]bool) {
	at = awstarget.First(r.ID.Start, at)
	switch {
	case awstarget.Blank(r.ID):
		f.At(at, "a lifecycle rule has no id")
	case len(r.ID.Value) > 255:
		f.At(at, "a lifecycle rule's id can have 255 characters")
	case ids[r.ID.Value]:
		f.At(at, "lifecycle rule %s is there twice", r.ID.Value)
	}
	ids[r.ID.Value] = true
	n := 0
	for _, there := range []bool{r.ExpireAfterDays != nil, !awstarget.Blank(r.ExpireOn), r.ExpireDeleteMarkers} {
		if there {
			n++
		}
	}
	if n > 1 {
		f.At(at, "expireAfterDays, expireOn and expireDeleteMarkers exclude each other")
	}
	if n == 0 && len(r.Transitions) == 0 && r.Noncurrent == nil && r.AbortUploadsAfterDays == nil {
		f.At(at, "the lifecycle rule does nothing: give expireAfterDays, expireOn, expireDeleteMarkers, transitions, noncurrent or abortUploadsAfterDays")
	}
	if _, err := time.Parse(time.DateOnly, r.ExpireOn.Value); err != nil && !awstarget.Blank(r.ExpireOn) && !awstarget.HasReference(r.ExpireOn.Value) {
		f.At(r.ExpireOn.Start, "expireOn must be a date such as 2027-01-31")
	}
	for _, d := range []*int32{r.ExpireAfterDays, r.AbortUploadsAfterDays} {
		if d != nil && *d < 1 {
			f.At(at, "a number of days must be at least 1")
		}
	}
	if (len(r.Tags) > 0 || r.LargerThan != nil || r.SmallerThan != nil) && (r.AbortUploadsAfterDays != nil || r.ExpireDeleteMarkers && len(r.Tags) > 0) {
		f.At(at, "abortUploadsAfterDays and expireDeleteMarkers are for a prefix, or for all: make a rule of their own")
	}
	checkTransitions(f, r.Transitions, at)
	if v := r.Noncurrent; v != nil {
		checkTransitions(f, v.Transitions, at)
		if v.ExpireAfterDays == nil && len(v.Transitions) == 0 || v.ExpireAfterDays != nil && *v.ExpireAfterDays < 1 {
			f.At(at, "noncurrent needs expireAfterDays, of at least 1, or transitions")
		}
		if v.Keep != nil && (*v.Keep < 1 || *v.Keep > 100 || v.ExpireAfterDays == nil) {
			f.At(at, "noncurrent.keep is from 1 to 100, and beside expireAfterDays")
		}
	}
}

func checkTransitions(f *awstarget.Faults, all []transition, at core.Position) {
	classes := []string{"STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}
	for _, t := range all {
		if t.AfterDays == nil || *t.AfterDays < 0 {
			f.At(awstarget.First(t.StorageClass.Start, at), "a transition needs afterDays, of at least 0")
		}
		if awstarget.Blank(t.StorageClass) || !awstarget.OneOf(t.StorageClass, classes...) {
			f.At(awstarget.First(t.StorageClass.Start, at), "a transition's storageClass must be one of %s", strings.Join(classes, ", "))
		}
	}
}

func (r *lifecycleRule) sdk() types.LifecycleRule {
	out := types.LifecycleRule{ID: aws.String(r.ID.Value), Status: types.ExpirationStatusEnabled, Filter: r.filter()}
	if r.Disabled {
		out.Status = types.ExpirationStatusDisabled
	}
	switch {
	case r.ExpireAfterDays != nil:
		out.Expiration = &types.LifecycleExpiration{Days: r.ExpireAfterDays}
	case r.ExpireDeleteMarkers:
		out.Expiration = &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)}
	case !awstarget.Blank(r.ExpireOn):
		day, _ := time.Parse(time.DateOnly, r.ExpireOn.Value) //nolint:errcheck // checked before
		out.Expiration = &types.LifecycleExpiration{Date: &day}
	}
	for _, t := range r.Transitions {
		out.Transitions = append(out.Transitions, types.Transition{Days: t.AfterDays, StorageClass: types.TransitionStorageClass(t.StorageClass.Value)})
	}
	if v := r.Noncurrent; v != nil {
		if v.ExpireAfterDays != nil {
			out.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: v.ExpireAfterDays, NewerNoncurrentVersions: v.Keep}
		}
		for _, t := range v.Transitions {
			out.NoncurrentVersionTransitions = append(out.NoncurrentVersionTransitions, types.NoncurrentVersionTransition{NoncurrentDays: t.AfterDays, StorageClass: types.TransitionStorageClass(t.StorageClass.Value)})
		}
	}
	if r.AbortUploadsAfterDays != nil {
		out.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: r.AbortUploadsAfterDays}
	}
	return out
}

// filter is in the one of its forms that the API takes: And is for two and more.
func (r *lifecycleRule) filter() *types.LifecycleRuleFilter {
	and := types.LifecycleRuleAndOperator{ObjectSizeGreaterThan: r.LargerThan, ObjectSizeLessThan: r.SmallerThan, Tags: tagSet(r.Tags)}
	n := len(and.Tags)
	if !awstarget.Blank(r.Prefix) {
		and.Prefix = aws.String(r.Prefix.Value)
		n++
	}
	for _, size := range []*int64{r.LargerThan, r.SmallerThan} {
		if size != nil {
			n++
		}
	}
	if n > 1 {
		return &types.LifecycleRuleFilter{And: &and}
	}
	out := &types.LifecycleRuleFilter{ObjectSizeGreaterThan: r.LargerThan, ObjectSizeLessThan: r.SmallerThan, Prefix: and.Prefix}
	if len(and.Tags) > 0 {
		out.Tag = &and.Tags[0]
	}
	if n == 0 {
		out.Prefix = aws.String("")
	}
	return out
}

func tagSet(tags map[string]core.Text) []types.Tag {
	var out []types.Tag
	for _, key := range sortedKeys(tags) {
		out = append(out, types.Tag{Key: aws.String(key), Value: aws.String(tags[key].Value)})
	}
	return out
}

type corsRule struct {
	ID      core.Text   `yaml:"id"`
	Origins []core.Text `yaml:"origins"`
	Methods []core.Text `yaml:"methods"`
	Headers []core.Text `yaml:"headers"`
	Expose  []core.Text `yaml:"expose"`
	MaxAge  *int32      `yaml:"maxAge"` // seconds
}

func (r *corsRule) check(f *awstarget.Faults, at core.Position) {
	if len(r.Origins) == 0 || len(r.Methods) == 0 {
		f.At(awstarget.First(r.ID.Start, at), "a rule of cors needs origins and methods")
	}
	for _, m := range r.Methods {
		if awstarget.Blank(m) || !awstarget.OneOf(m, "GET", "PUT", "HEAD", "POST", "DELETE") {
			f.At(m.Start, "a method of cors must be GET, PUT, HEAD, POST or DELETE")
		}
	}
	for _, o := range r.Origins {
		if strings.Count(o.Value, "*") > 1 {
			f.At(o.Start, "an origin can have one *")
		}
	}
	if r.MaxAge != nil && *r.MaxAge < 0 {
		f.At(awstarget.First(r.ID.Start, at), "maxAge must not be negative")
	}
}

func (r *corsRule) sdk() types.CORSRule {
	out := types.CORSRule{AllowedOrigins: awstarget.Names(r.Origins), AllowedMethods: awstarget.Names(r.Methods), AllowedHeaders: awstarget.Names(r.Headers), ExposeHeaders: awstarget.Names(r.Expose), MaxAgeSeconds: r.MaxAge}
	if !awstarget.Blank(r.ID) {
		out.ID = aws.String(r.ID.Value)
	}
	return out
}

type notifications struct {
	EventBridge bool           `yaml:"eventBridge"`
	Send        []notification `yaml:"send"`
}

// notification goes to one of a queue, a topic and a function, each by its ARN.
type notification struct {
	ID       core.Text   `yaml:"id"`
	Queue    core.Text   `yaml:"queue"`
	Topic    core.Text   `yaml:"topic"`
	Function core.Text   `yaml:"function"`
	Events   []core.Text `yaml:"events"`
	Prefix   core.Text   `yaml:"prefix"`
	Suffix   core.Text   `yaml:"suffix"`
}

func (n *notifications) check(f *awstarget.Faults, at core.Position) {
	if !n.EventBridge && len(n.Send) == 0 {
		f.At(at, "notifications say nothing: give eventBridge: true or send; or remove them")
	}
	ids := map[string]bool{}
	for _, s := range n.Send {
		at := awstarget.First(s.ID.Start, at)
		if awstarget.Blank(s.ID) || ids[s.ID.Value] {
			f.At(at, "each of notifications.send needs an id of its own")
		}
		ids[s.ID.Value] = true
		to := slices.DeleteFunc([]core.Text{s.Queue, s.Topic, s.Function}, awstarget.Blank)
		if len(to) != 1 {
			f.At(at, "a notification goes to one of queue, topic and function")
		} else if !awstarget.HasReference(to[0].Value) && !strings.HasPrefix(to[0].Value, "arn:") {
			f.At(to[0].Start, "a notification's queue, topic or function must be an ARN")
		}
		if len(s.Events) == 0 {
			f.At(at, "a notification needs events, such as s3:ObjectCreated:*")
		}
		for _, e := range s.Events {
			if !awstarget.HasReference(e.Value) && !strings.HasPrefix(e.Value, "s3:") {
				f.At(e.Start, "an event is named such as s3:ObjectCreated:*")
			}
		}
	}
}

func (n *notifications) sdk() notificationDocument {
	out := notificationDocument{EventBridge: n.EventBridge}
	for i := range n.Send {
		s := &n.Send[i]
		events := make([]types.Event, len(s.Events))
		for i, e := range s.Events {
			events[i] = types.Event(e.Value)
		}
		var filter *types.NotificationConfigurationFilter
		var rules []types.FilterRule
		if !awstarget.Blank(s.Prefix) {
			rules = append(rules, types.FilterRule{Name: types.FilterRuleNamePrefix, Value: aws.String(s.Prefix.Value)})
		}
		if !awstarget.Blank(s.Suffix) {
			rules = append(rules, types.FilterRule{Name: types.FilterRuleNameSuffix, Value: aws.String(s.Suffix.Value)})
		}
		if rules != nil {
			filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: rules}}
		}
		id := aws.String(s.ID.Value)
		switch {
		case !awstarget.Blank(s.Queue):
			out.QueueConfigurations = append(out.QueueConfigurations, types.QueueConfiguration{Id: id, QueueArn: aws.String(s.Queue.Value), Events: events, Filter: filter})
		case !awstarget.Blank(s.Topic):
			out.TopicConfigurations = append(out.TopicConfigurations, types.TopicConfiguration{Id: id, TopicArn: aws.String(s.Topic.Value), Events: events, Filter: filter})
		default:
			out.LambdaFunctionConfigurations = append(out.LambdaFunctionConfigurations, types.LambdaFunctionConfiguration{Id: id, LambdaFunctionArn: aws.String(s.Function.Value), Events: events, Filter: filter})
		}
	}
	return out
}
