package sqs

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

// What can be found by reading is found when the files are loaded, at its place.
func TestFaults(t *testing.T) {
	awstargettest.Faults(t, Type(), New("queues", sdk.New(sdk.Options{Region: "eu-west-1"})))
}

// What the page shows can be used as it is.
func TestDocs(t *testing.T) {
	if n := awstargettest.Docs(t, Type(), New("queues", sdk.New(sdk.Options{Region: "eu-west-1"})), "../../docs/targets/sqs.md"); n != 2 {
		t.Errorf("the page has %d changes, want 2", n)
	}
}
