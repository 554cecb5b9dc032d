package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxOverhead is what a run may take longer than its bare requests.
const maxOverhead = 1.3

// printTimes compares runs with their bare requests: what was on the wire is sent
// again for another ledger, with nothing in between. Beside them, one PutItem a
// change, which is what a tool without intent, fence and history would do.
func printTimes(ctx context.Context, w *world, o *options) (missed int, err error) {
	const n = 100
	var ours, bare, puts, idle []time.Duration
	for i := range o.runs {
		a, b := fmt.Sprintf("times/a%04d", i), fmt.Sprintf("times/b%04d", i)
		over := newWire()
		// Both ledgers exist, and are the same.
		if _, err := w.apply(ctx, newWire(), a, 1, nil); err != nil {
			return 0, err
		}
		if err := w.copy(ctx, a, b); err != nil {
			return 0, err
		}
		start := time.Now()
		if _, err := w.apply(ctx, over, a, n+1, nil); err != nil {
			return 0, err
		}
		ours = append(ours, time.Since(start))
		took, err := replay(ctx, over, a, b)
		if err != nil {
			return 0, err
		}
		bare = append(bare, took)
		if took, err = w.putItems(ctx, i, n); err != nil {
			return 0, err
		}
		puts = append(puts, took)
		start = time.Now()
		if _, err := w.apply(ctx, newWire(), a, n+1, nil); err != nil {
			return 0, err
		}
		idle = append(idle, time.Since(start))
	}
	ratio := float64(median(ours)) / float64(median(bare))
	verdict := "PASS"
	if ratio > maxOverhead {
		verdict, missed = "MISS", 1
	}
	per := func(d time.Duration) string { return (d / n).Round(10 * time.Microsecond).String() }
	fmt.Printf("Time on %s, runs of %d changes, medians of %d:\n\n", w.sim.name, n, o.runs)
	fmt.Println("| | time | per change |")
	fmt.Println("| --- | --- | --- |")
	fmt.Printf("| a run | %s | %s |\n", median(ours).Round(time.Millisecond), per(median(ours)))
	fmt.Printf("| its %d bare requests | %s | %s |\n", n+2, median(bare).Round(time.Millisecond), per(median(bare)))
	fmt.Printf("| ratio | %.2f, limit %.1f: %s | |\n", ratio, maxOverhead, verdict)
	fmt.Printf("| one PutItem a change | %s | %s |\n", median(puts).Round(time.Millisecond), per(median(puts)))
	fmt.Printf("| a run with nothing to do | %s | |\n\n", median(idle).Round(100*time.Microsecond))
	return missed, nil
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

// token is what the SDK adds to a transaction; a second use would be refused.
var token = regexp.MustCompile(`"ClientRequestToken":"[^"]*"`)

// replay sends what was sent for ledger a once more for ledger b, whose name is as
// long. The conditions hold there as they did.
func replay(ctx context.Context, over *wire, a, b string) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{}}
	start := time.Now()
	for i, body := range over.bodies {
		body = token.ReplaceAll(bytes.ReplaceAll(body, []byte(a), []byte(b)), fmt.Appendf(nil, `"ClientRequestToken":"%s-%d"`, b, i))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, over.requests[i].URL.String(), bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header = over.requests[i].Header.Clone()
		req.Header.Del("Content-Length")
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		answer, err := io.ReadAll(resp.Body)
		if err := errorsOf(resp, answer, err); err != nil {
			return 0, fmt.Errorf("bare request %d of %d: %w", i+1, len(over.bodies), err)
		}
	}
	return time.Since(start), nil
}

// copy makes ledger b what a is.
func (w *world) copy(ctx context.Context, a, b string) error {
	out, err := w.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &w.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :a"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":a": &types.AttributeValueMemberS{Value: a}},
	})
	if err != nil {
		return err
	}
	for _, it := range out.Items {
		it["pk"] = &types.AttributeValueMemberS{Value: b}
		if _, err := w.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &w.table, Item: it}); err != nil {
			return err
		}
	}
	return nil
}

func errorsOf(resp *http.Response, answer []byte, err error) error {
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(answer[:min(len(answer), 500)])))
	}
	return nil
}

func (w *world) putItems(ctx context.Context, round, n int) (time.Duration, error) {
	start := time.Now()
	for i := range n {
		_, err := w.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(w.table), Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("put/%d", round)}, "sk": &types.AttributeValueMemberS{Value: fmt.Sprintf("%d", i)},
			"state": &types.AttributeValueMemberS{Value: "APPLIED"},
		}})
		if err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
