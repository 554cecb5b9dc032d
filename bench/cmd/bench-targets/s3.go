package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// objectText is an object of 1 KB.
var objectText = strings.Repeat("0123456789abcde\n", 64)

func newS3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

func s3Object(tb server) *system {
	cfg, bucket := awstest.LocalStack(tb), ours()
	admin := newS3(cfg)
	_, err := admin.CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	must(tb, err)
	tb.Cleanup(func() { deleteBucket(tb, admin, bucket) })
	return &system{
		name: "s3", operation: "`s3-object`, an object of 1 KB", addr: hostOf(tb, cfg), speaks: overHTTP, keeps: true,
		extra:  "HeadObject and, since there is none, HeadBucket, twice: what is kept for rollback, and whether it is still so; the PutObject is conditional",
		config: awsConfig(tb, "s3", ""),
		change: func(n int) string {
			return fmt.Sprintf("template: s3-object\napply: { put: { bucket: %s, key: objects/%d, content: %q, contentType: text/plain } }\nrollback: auto\n", bucket, n, objectText)
		},
		client: func(_ context.Context, addr string) (bare, error) {
			b := &bareS3{newS3(awstest.Config("http://" + addr)), bucket}
			return bareAWS{b.same, b.plain}, nil
		},
	}
}

func deleteBucket(tb server, admin *s3.Client, bucket string) {
	pages := s3.NewListObjectsV2Paginator(admin, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(later(tb))
		must(tb, err)
		if len(page.Contents) == 0 {
			break
		}
		var ids []types.ObjectIdentifier
		for _, o := range page.Contents {
			ids = append(ids, types.ObjectIdentifier{Key: o.Key})
		}
		_, err = admin.DeleteObjects(later(tb), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: ids}})
		must(tb, err)
	}
	_, err := admin.DeleteBucket(later(tb), &s3.DeleteBucketInput{Bucket: &bucket})
	must(tb, err)
}

type bareS3 struct {
	client *s3.Client
	bucket string
}

func (b *bareS3) put(n int) *s3.PutObjectInput {
	return &s3.PutObjectInput{Bucket: &b.bucket, Key: key(n), Body: strings.NewReader(objectText), ContentType: aws.String("text/plain")}
}

func key(n int) *string { return aws.String(fmt.Sprintf("objects/%d", n)) }

// same does what targets/s3 does.
func (b *bareS3) same(ctx context.Context, n int) error {
	for range 2 {
		_, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: key(n), ChecksumMode: types.ChecksumModeEnabled})
		if err := expected(err, false, *key(n)); err != nil {
			return err
		}
		if _, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.bucket}); err != nil {
			return err
		}
	}
	in := b.put(n)
	sum := sha256.Sum256([]byte(objectText))
	in.IfNoneMatch, in.ChecksumSHA256, in.ContentLength = aws.String("*"), aws.String(base64.StdEncoding.EncodeToString(sum[:])), aws.Int64(int64(len(objectText)))
	_, err := b.client.PutObject(ctx, in)
	return err
}

func (b *bareS3) plain(ctx context.Context, n int) error {
	_, err := b.client.PutObject(ctx, b.put(n))
	return err
}
