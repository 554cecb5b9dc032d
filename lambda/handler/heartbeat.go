package handler

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// beatEvery is between two signs of life. The state's HeartbeatSeconds is not known
// here: it has to be several times this.
const beatEvery = 10 * time.Second

// beat tells Step Functions that the task is under way, until stop is called: then no
// sign is on its way any more, and no goroutine is left. It may be called again. The
// work does not depend on any of it.
func (in *invocation) beat(ctx context.Context, token events.Secret) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	log, every := in.log, in.h.beatEvery
	var beating sync.WaitGroup
	beating.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := in.h.sendBeat(ctx, token)
			if err == nil || ctx.Err() != nil {
				continue
			}
			var api smithy.APIError
			if errors.As(err, &api) && slices.Contains(taskIsOver(), api.ErrorCode()) {
				log.WarnContext(ctx, "the task is over for Step Functions; the run goes on", "code", api.ErrorCode())
				return
			}
			if kind := awsclient.KindOf(err); kind == awsclient.Throttled || kind == awsclient.Transient {
				continue // the next one is not far
			}
			text := hide(awsclient.Explain("Step Functions", err).Error(), []events.Secret{token})
			log.WarnContext(ctx, "the task gets no heartbeat", "error", core.Cap(text, 4000))
			return
		}
	})
	return func() {
		cancel()
		beating.Wait()
	}
}

func (h *Handler) sendBeat(ctx context.Context, token events.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	cfg, err := h.clients.load(ctx)
	if err != nil {
		return err
	}
	t := token.Reveal()
	_, err = sfn.NewFromConfig(cfg).SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &t})
	return err
}
