package events

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Kind is the kind of a trigger. The strings go into audit entries.
type Kind string

// The kinds.
const (
	KindCodePipeline   Kind = "codepipeline"
	KindCodeDeploy     Kind = "codedeploy"
	KindECS            Kind = "ecs"
	KindCloudFormation Kind = "cloudformation"
	KindEventBridge    Kind = "eventbridge"
	KindSQS            Kind = "sqs"
	KindSNS            Kind = "sns"
	KindStepFunctions  Kind = "stepfunctions" // with a task token; without one it is direct
	KindDirect         Kind = "direct"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		KindCodePipeline, KindCodeDeploy, KindECS, KindCloudFormation, KindEventBridge,
		KindSQS, KindSNS, KindStepFunctions, KindDirect,
	}
}

// Trigger is an event that was understood. Exactly the detail that Kind names is
// not nil.
type Trigger struct {
	Kind Kind
	// ID is what the audit entry keeps: the job's, deployment's or message's id (a
	// batch's first), at most 512 bytes. Direct requests and task tokens bring none.
	ID string

	CodePipeline   *CodePipeline
	CodeDeploy     *CodeDeploy
	ECS            *ECS
	CloudFormation *CloudFormation
	EventBridge    *EventBridge
	SQS            *SQS
	SNS            *SNS
	StepFunctions  *StepFunctions
	Direct         *Direct
}

// String returns kind and id: the details are nobody's to log.
func (t Trigger) String() string {
	if t.ID == "" {
		return string(t.Kind)
	}
	return string(t.Kind) + " " + t.ID
}

// GoString is String.
func (t Trigger) GoString() string { return t.String() }

// Format prints String whatever the verb.
func (t Trigger) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.String()) }

// LogValue returns kind and id.
func (t Trigger) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(t.Kind)), slog.String("id", t.ID))
}

// MarshalJSON returns kind and id.
func (t Trigger) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind Kind   `json:"kind"`
		ID   string `json:"id"`
	}{t.Kind, t.ID})
}

// CodePipeline is a job of an Invoke action. Somebody has to call back with JobID,
// or the action hangs.
type CodePipeline struct {
	JobID, AccountID string
	// ContinuationToken is what an earlier call back of ours left for this one.
	ContinuationToken string
	// Request is nil when the action has no UserParameters: then the configured
	// ledger is applied.
	Request       *Request
	Inputs        []Artifact
	Credentials   Credentials    // for the artifacts only
	EncryptionKey *EncryptionKey // nil: the artifact store's default
}

// Artifact is an input artifact, a zip in S3.
type Artifact struct{ Name, Revision, Bucket, Key string }

// Credentials are the keys that a job brings along. They are live.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken Secret
	Expires                                    time.Time // zero when the event does not say
}

// EncryptionKey is the KMS key of the artifact store.
type EncryptionKey struct{ ID, Type string }

// CodeDeploy is a lifecycle hook. It does not say which one.
type CodeDeploy struct{ DeploymentID, HookExecutionID string }

// CloudFormation is a request of a custom resource.
type CloudFormation struct {
	RequestType RequestType
	// ResponseURL is where the answer is PUT: https, on a host of S3's.
	ResponseURL Secret
	// StackID, RequestID and LogicalID go back with the answer as they are.
	StackID, RequestID, LogicalID string
	PhysicalID                    string // "" on Create
	ResourceType                  string
	// Properties are the resource's own, without ServiceToken and ServiceTimeout.
	// On Delete those that are no plain values are left out.
	Properties map[string]string
}

// RequestType says what CloudFormation is doing with the resource.
type RequestType string

// The request types.
const (
	RequestCreate RequestType = "Create"
	RequestUpdate RequestType = "Update"
	RequestDelete RequestType = "Delete"
)

// EventBridge is an event of a rule. Which ones may do anything is for the
// configuration to say.
type EventBridge struct {
	Source, DetailType, ID, Account, Region string
	Time                                    time.Time // zero when the event does not say
	Resources                               []string
	Detail                                  Secret // a JSON object
}

// SQS is a batch of a queue.
type SQS struct {
	QueueARN string
	FIFO     bool
	Messages []Message
}

// SNS is a notification. All its messages are good.
type SNS struct{ Messages []Message }

// Message is one message of a queue or topic: Request or Err is set.
type Message struct {
	ID           string
	GroupID      string // SQS
	ReceiveCount int    // SQS; 0 when the event does not say
	Receipt      Secret // SQS: the handle of this delivery; zero when the event does not say
	TopicARN     string // SNS, also in the body of an SQS message
	Request      *Request
	// Err is an *Error. It is this message's alone: the others are not spoiled.
	Err error
}

// StepFunctions is a request that is answered with the token, not by returning.
type StepFunctions struct {
	TaskToken Secret
	Request   Request
}

// Direct is a request whose answer is what the function returns.
type Direct struct{ Request Request }
