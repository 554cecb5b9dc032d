// Package failpoint names the places at which a test may stop or kill the process.
// Only a build with the tag `failpoint` has them, on unix systems: in every other
// one Hit is empty and compiled to nothing, so that no release can be told to die.
//
// A binary with the tag reads three variables of the environment:
//
//	FLAMINGOCK_FAILPOINT        append.sending#3=kill,step.done=stop   at the third append; absent: the first
//	FLAMINGOCK_FAILPOINT_TRACE  a file that gets the name of each point as it is passed, a line each
//	FLAMINGOCK_CLOCK_OFFSET     1h or -1h: how far the Runner's wall clock is off; 1h@5s: from five seconds after the start on
//
// The actions are kill (SIGKILL to itself) and stop (SIGSTOP to itself). What a call
// answers is not changed here: that is for a proxy between the processes.
package failpoint

// Point is a place in the code.
type Point string

// The points, in the order in which a run meets them. A pair stands right before
// and right after one thing that others can see. The store's own pair is within
// that of the acquisition, append, renewal or release which it is part of.
const (
	Loaded           Point = "load.answered"
	Attended         Point = "presence.marked" // the embedded store's lock file is held
	Acquiring        Point = "acquire.sending"
	Acquired         Point = "acquire.answered"
	Appending        Point = "append.sending"
	Appended         Point = "append.answered"
	Renewing         Point = "renew.sending"
	Renewed          Point = "renew.answered"
	Releasing        Point = "release.sending" // a release without an entry
	Released         Point = "release.answered"
	StoreWriting     Point = "store.writing" // embedded: before COMMIT; DynamoDB: before the request
	StoreWritten     Point = "store.written"
	StepStarting     Point = "step.starting"
	StepDone         Point = "step.done"
	RollbackStarting Point = "rollback.starting"
	RollbackDone     Point = "rollback.done"
	FenceRaising     Point = "fence.raising"
	FenceRaised      Point = "fence.raised"
	FenceWritten     Point = "fence.written" // not committed yet
	MarkerAsked      Point = "marker.asked"
	ProbeAsked       Point = "probe.asked"
	TargetTable      Point = "target.table" // one of the tables for markers and fence was made
	TargetBegun      Point = "target.begun"
	TargetMarked     Point = "target.marked"
	TargetCommitting Point = "target.committing"
	TargetCommitted  Point = "target.committed"
	MarkersDeleted   Point = "markers.deleted"
)

// All is every point.
func All() []Point {
	return []Point{
		Loaded, Attended, Acquiring, Acquired, Appending, Appended, Renewing, Renewed, Releasing, Released, StoreWriting, StoreWritten,
		StepStarting, StepDone, RollbackStarting, RollbackDone, FenceRaising, FenceRaised, FenceWritten, MarkerAsked, ProbeAsked,
		TargetTable, TargetBegun, TargetMarked, TargetCommitting, TargetCommitted, MarkersDeleted,
	}
}
