//go:build unix

package shop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/jackc/pgx/v5"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// systems looks into the six systems of one shop with their own clients.
type systems struct {
	name    string // of what belongs to the shop, in AWS
	dsn     string
	mongo   *mongo.Database
	aws     clients
	partner string
}

type clients struct {
	dynamodb *dynamodb.Client
	s3       *s3.Client
	sqs      *sqs.Client
}

func newClients(cfg aws.Config) clients {
	return clients{dynamodb.NewFromConfig(cfg), s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), sqs.NewFromConfig(cfg)}
}

// content lists what is in the six systems, a line each, in order.
func (s *systems) content(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, look := range []func(context.Context) ([]string, error){s.inPostgres, s.inMongoDB, s.inDynamoDB, s.inS3, s.inSQS, s.atPartner} {
		found, err := look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return all
}

func (s *systems) inPostgres(ctx context.Context) (found []string, err error) {
	c, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	list := func(query string) error {
		rows, err := c.Query(ctx, query)
		if err != nil {
			return err
		}
		more, err := pgx.CollectRows(rows, pgx.RowTo[string])
		found = append(found, more...)
		return err
	}
	if err := list(`SELECT 'orders-db table ' || tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'flamingock%'`); err != nil || len(found) == 0 {
		return found, err
	}
	return found, list(`SELECT 'orders-db product ' || name || ' ' || price FROM products`)
}

func (s *systems) inMongoDB(ctx context.Context) (found []string, err error) {
	names, err := s.mongo.ListCollectionNames(ctx, bson.D{})
	if err != nil || !slices.Contains(names, "carts") {
		return nil, err
	}
	found = []string{"carts-db collection carts"}
	carts := s.mongo.Collection("carts")
	indexes, err := carts.Indexes().ListSpecifications(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range indexes {
		if i.Name != "_id_" {
			found = append(found, "carts-db index "+i.Name)
		}
	}
	cursor, err := carts.Find(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	var docs []struct {
		ID       string `bson:"_id"`
		Customer string `bson:"customer"`
	}
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, err
	}
	for _, d := range docs {
		found = append(found, "carts-db cart "+d.ID+" "+d.Customer)
	}
	return found, nil
}

func (s *systems) inDynamoDB(ctx context.Context) (found []string, err error) {
	out, err := s.aws.dynamodb.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String(s.name + "-stock"), ConsistentRead: aws.Bool(true)})
	if missing := (*dynamotypes.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	found = []string{"stock table"}
	for _, item := range out.Items {
		var line strings.Builder
		line.WriteString("stock units")
		for _, name := range []string{"product", "warehouse", "units"} {
			switch v := item[name].(type) {
			case *dynamotypes.AttributeValueMemberS:
				line.WriteString(" " + v.Value)
			case *dynamotypes.AttributeValueMemberN:
				line.WriteString(" " + v.Value)
			default:
				return nil, fmt.Errorf("an item is %v", item)
			}
		}
		found = append(found, line.String())
	}
	return found, nil
}

func (s *systems) bucket() *string { return aws.String(s.name + "-assets") }

func (s *systems) inS3(ctx context.Context) (found []string, err error) {
	versioning, err := s.aws.s3.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: s.bucket()})
	if err != nil {
		var answer interface{ HTTPStatusCode() int }
		if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound {
			return nil, nil
		}
		return nil, err
	}
	found = []string{"assets bucket " + string(versioning.Status)}
	list, err := s.aws.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: s.bucket()})
	if err != nil {
		return nil, err
	}
	for _, o := range list.Contents {
		out, err := s.aws.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: s.bucket(), Key: o.Key})
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(out.Body)
		if err := errors.Join(err, out.Body.Close()); err != nil {
			return nil, err
		}
		found = append(found, fmt.Sprintf("assets object %s %q", *o.Key, text))
	}
	return found, nil
}

// put writes an object as somebody does who does not use Flamingock.
func (s *systems) put(t testing.TB, key, content string) {
	t.Helper()
	if _, err := s.aws.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: s.bucket(), Key: &key, Body: strings.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
}

// take removes an object likewise.
func (s *systems) take(t testing.TB, key string) {
	t.Helper()
	if _, err := s.aws.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: s.bucket(), Key: &key}); err != nil {
		t.Fatal(err)
	}
}

func (s *systems) inSQS(ctx context.Context) (found []string, err error) {
	list, err := s.aws.sqs.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String(s.name + "-")})
	if err != nil {
		return nil, err
	}
	for _, at := range list.QueueUrls {
		out, err := s.aws.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &at, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
		if err != nil {
			return nil, err
		}
		_, name, _ := strings.Cut(at, s.name+"-")
		line := "queues queue " + name
		var redrive struct {
			DeadLetterTargetArn string
			MaxReceiveCount     json.Number
		}
		if policy := out.Attributes["RedrivePolicy"]; policy != "" {
			if err := json.Unmarshal([]byte(policy), &redrive); err != nil {
				return nil, err
			}
			_, to, _ := strings.Cut(redrive.DeadLetterTargetArn, s.name+"-")
			line += " " + redrive.MaxReceiveCount.String() + " to " + to
		}
		found = append(found, line)
		for _, count := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
			if n := out.Attributes[count]; n != "0" {
				found = append(found, "queues messages "+name+" "+n)
			}
		}
	}
	return found, nil
}

// receive takes the messages out of the warehouse's queue, as the warehouse does.
func (s *systems) receive(t testing.TB) (bodies []string) {
	t.Helper()
	at, err := s.aws.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(s.name + "-warehouse")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.aws.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: at.QueueUrl, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Messages {
		bodies = append(bodies, *m.Body)
	}
	return bodies
}

func (s *systems) atPartner(ctx context.Context) (found []string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.partner+"/webhooks", http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var all struct {
		Webhooks []struct {
			Name, URL string
			Events    []string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the partner answers %s: %w", resp.Status, err)
	}
	for _, h := range all.Webhooks {
		found = append(found, "partner webhook "+h.Name+" "+h.URL+" "+strings.Join(h.Events, ","))
	}
	return found, nil
}

// remove takes away what is shared with other tests: PostgreSQL, MongoDB and the partner
// end by themselves.
func (s *systems) remove(t testing.TB) {
	ctx := context.Background()
	var errs []error
	note := func(err error) {
		var answer interface{ HTTPStatusCode() int }
		if err != nil && !(errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound) {
			errs = append(errs, err)
		}
	}
	_, err := s.aws.dynamodb.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(s.name + "-stock")})
	if missing := (*dynamotypes.ResourceNotFoundException)(nil); !errors.As(err, &missing) {
		note(err)
	}
	queues, err := s.aws.sqs.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String(s.name + "-")})
	note(err)
	if err == nil {
		for _, at := range queues.QueueUrls {
			_, err := s.aws.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &at})
			note(err)
		}
	}
	versions, err := s.aws.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: s.bucket()})
	note(err)
	if err == nil {
		var ids []s3types.ObjectIdentifier
		for _, v := range versions.Versions {
			ids = append(ids, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, v := range versions.DeleteMarkers {
			ids = append(ids, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		if len(ids) > 0 {
			_, err := s.aws.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: s.bucket(), Delete: &s3types.Delete{Objects: ids}})
			note(err)
		}
		_, err := s.aws.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: s.bucket()})
		note(err)
	}
	if len(errs) > 0 {
		t.Errorf("removing what the test has made: %v", errors.Join(errs...))
	}
}
