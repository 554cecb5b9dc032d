package dynamo

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func pass(_ *wire, x *exchange) (*http.Response, error) { return x.send(x.req.Context()) }

// failBefore: the request never arrives.
func failBefore(*wire, *exchange) (*http.Response, error) { return nil, errReset }

// loseAnswer: it arrives, the answer does not.
func loseAnswer(_ *wire, x *exchange) (*http.Response, error) {
	x.arrive()
	return nil, errReset
}

// hangBefore and hangAfter: nothing comes back until the sender gives up.
func hangBefore(_ *wire, x *exchange) (*http.Response, error) {
	<-x.req.Context().Done()
	return nil, x.req.Context().Err()
}

func hangAfter(w *wire, x *exchange) (*http.Response, error) {
	x.arrive()
	return hangBefore(w, x)
}

// late: the connection breaks, and the request arrives when it was sent again.
func late(w *wire, x *exchange) (*http.Response, error) {
	w.park(&parked{x: x, until: x.n + 2})
	return nil, errReset
}

// lateDown: nothing gets through any more, and the request arrives when the
// process has given up.
func lateDown(w *wire, x *exchange) (*http.Response, error) {
	w.park(&parked{x: x})
	w.all(failBefore)
	return nil, errReset
}

func downBefore(w *wire, _ *exchange) (*http.Response, error) {
	w.all(failBefore)
	return nil, errReset
}

func downAfter(w *wire, x *exchange) (*http.Response, error) {
	w.all(failBefore)
	x.arrive()
	return nil, errReset
}

// dieBefore and dieAfter: the process ends.
func dieBefore(w *wire, _ *exchange) (*http.Response, error) {
	w.die()
	return nil, errReset
}

func dieAfter(w *wire, x *exchange) (*http.Response, error) {
	x.arrive()
	w.die()
	return nil, errReset
}

// times lets f happen to this request and the n-1 after it.
func times(n int, f fault) fault {
	return inTurn(slices.Repeat([]fault{f}, n)...)
}

// inTurn lets the first happen to this request, and the others to those after it.
func inTurn(fs ...fault) fault {
	return func(w *wire, x *exchange) (*http.Response, error) {
		w.next(fs[1:]...)
		return fs[0](w, x)
	}
}

const amzJSON = "application/x-amz-json-1.0"

// answersWith answers with an error of DynamoDB's, in the form that it has on the
// wire.
func answersWith(status int, typ, message string) fault {
	return func(_ *wire, x *exchange) (*http.Response, error) {
		return x.answer(status, amzJSON, fmt.Sprintf(`{"__type":%q,"message":%q}`, typ, message))
	}
}

var (
	throttled = answersWith(400, "com.amazonaws.dynamodb.v20120810#ThrottlingException", "Throughput exceeds the current capacity of your table or index.")
	fails500  = answersWith(500, "com.amazonaws.dynamodb.v20120810#InternalServerError", "The request processing has failed because of an unknown error, exception or failure.")
	expired   = answersWith(400, "com.amazon.coral.service#ExpiredTokenException", "The security token included in the request is expired")
	denied    = answersWith(400, "com.amazon.coral.service#AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: dynamodb:UpdateItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/t because no identity-based policy allows it")
	inFlight  = answersWith(400, "com.amazonaws.dynamodb.v20120810#TransactionInProgressException", "The transaction with the given request token is already in progress.")
)

func fails503(_ *wire, x *exchange) (*http.Response, error) {
	return x.answer(503, "text/html", "<html><body><h1>503 Service Unavailable</h1></body></html>")
}

// cancels answers a transaction with the reason for its first item, and the other
// writes and reads with the single item's form of it.
func cancels(reason, single string) fault {
	return func(w *wire, x *exchange) (*http.Response, error) {
		if x.call.op != "TransactWriteItems" {
			return answersWith(400, "com.amazonaws.dynamodb.v20120810#"+single, "Transaction is ongoing for the item")(w, x)
		}
		n := strings.Count(string(x.call.body), `"Put":`) + strings.Count(string(x.call.body), `"Update":`)
		reasons := fmt.Sprintf(`{"Code":%q,"Message":"Transaction is ongoing for the item"}`, reason) + strings.Repeat(`,{"Code":"None"}`, n-1)
		codes := "[" + reason + strings.Repeat(", None", n-1) + "]"
		return x.answer(400, amzJSON, fmt.Sprintf(
			`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[%s],"Message":"Transaction cancelled, please refer cancellation reasons for specific reasons %s"}`, reasons, codes))
	}
}

var (
	conflicts   = cancels("TransactionConflict", "TransactionConflictException")
	overloaded  = cancels("ThrottlingError", "ThrottlingException")
	outOfBounds = cancels("ProvisionedThroughputExceeded", "ProvisionedThroughputExceededException")
)

// pauseBefore and pauseAfter stop the whole process, and hand out what lets it go
// on.
func pauseBefore(paused chan<- func()) fault {
	return func(w *wire, x *exchange) (*http.Response, error) {
		paused <- w.pause()
		w.wait()
		return pass(w, x)
	}
}

func pauseAfter(paused chan<- func()) fault {
	return func(w *wire, x *exchange) (*http.Response, error) {
		resp, err := pass(w, x)
		paused <- w.pause()
		w.wait()
		return resp, err
	}
}

// onShared cancels a transaction because of its last item, the change's own.
func onShared(reason string) fault {
	return func(_ *wire, x *exchange) (*http.Response, error) {
		n := strings.Count(string(x.call.body), `"Put":`) + strings.Count(string(x.call.body), `"Update":`)
		return x.answer(400, amzJSON, fmt.Sprintf(
			`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[%s{"Code":%q,"Message":"wait"}],"Message":"Transaction cancelled"}`,
			strings.Repeat(`{"Code":"None"},`, n-1), reason))
	}
}
