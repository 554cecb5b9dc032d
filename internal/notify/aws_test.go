package notify

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/core/config"
	"github.com/flamingock/flamingock-go/internal/awsclient"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// What LocalStack never answers: a missing right names itself, a refused event is
// not taken for a sent one, and a FIFO topic gets what it needs.
func TestAWSFaults(t *testing.T) {
	const topic = "arn:aws:sns:eu-west-1:123456789012:changes"
	toTopic := config.Notification{Name: "n", On: []config.Occasion{config.OnFailed}, SNS: &config.SNSTopic{TopicARN: topic}}
	toBus := config.Notification{Name: "n", On: []config.Occasion{config.OnFailed}, EventBridge: &config.EventBus{Bus: "default", Source: "flamingock"}}
	for name, c := range map[string]struct {
		to     config.Notification
		status int
		answer string
		want   string
	}{
		"SNS denies": {toTopic, 403, `<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>`, "grant whoever runs Flamingock sns:Publish on " + topic},
		"SNS is ill": {toTopic, 500, `<ErrorResponse><Error><Code>InternalError</Code><Message>no</Message></Error></ErrorResponse>`, topic + " is not available"},
		"bus denies": {toBus, 400, `{"__type":"AccessDeniedException","message":"no"}`, "grant whoever runs Flamingock events:PutEvents on the event bus default"},
		"bus refuses": {
			toBus, 200, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"NotAuthorizedForSourceException","ErrorMessage":"not yours"}]}`,
			"event bus default: NotAuthorizedForSourceException: not yours",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.answer)
			}))
			defer s.Close()
			errs := Send(t.Context(), []config.Notification{c.to}, failedRun(), Options{Load: func(_ context.Context, set awsclient.Settings) (aws.Config, error) {
				if c.to.SNS != nil && set.Region != "eu-west-1" {
					t.Errorf("region %q", set.Region)
				}
				cfg := awstest.Config(s.URL)
				cfg.RetryMaxAttempts = 1
				return cfg, nil
			}})
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), c.want) {
				t.Errorf("got %v, want %s", errs, c.want)
			}
		})
	}
}
