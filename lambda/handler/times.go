package handler

import (
	"context"
	"time"
)

// times are the moments that an invocation must keep. The zero value is no limit.
type times struct {
	// soft is when the work has to be over, with everything recorded and the lock
	// free. The Runner's own reserve lies before it.
	soft time.Time
	// hard is when the last call back has to be over, so that the answer still gets
	// out before Lambda ends the process: what is returned later is lost.
	hard time.Time
}

// share divides the time until Lambda kills: most of it is for the work. Answering
// gets 1.5 s, or a thirtieth of long invocations, or a quarter of short ones.
func share(now, kill time.Time) times {
	given := kill.Sub(now)
	margin := min(max(1500*time.Millisecond, given/30), 15*time.Second, given/4)
	return times{soft: kill.Add(-margin), hard: kill.Add(-margin / 5)}
}

// answerTime bounds call backs where nothing else does.
const answerTime = 30 * time.Second

// untilKilled ends before the process does.
func (in *invocation) untilKilled(ctx context.Context) (context.Context, context.CancelFunc) {
	if in.times.hard.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, in.times.hard)
}

// untilSoft ends when the work has to be over.
func (in *invocation) untilSoft(ctx context.Context) (context.Context, context.CancelFunc) {
	if in.times.soft.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, in.times.soft)
}

// left is the time for work; 0 when nothing limits it.
func (in *invocation) left() time.Duration {
	if in.times.soft.IsZero() {
		return 0
	}
	return max(in.times.soft.Sub(in.h.proc.Now()), time.Millisecond)
}
