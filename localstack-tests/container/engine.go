package container

import (
	"context"
	"os"
	"slices"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

const noEngine = "no Docker engine is found: start one, or set DOCKER_HOST"

const (
	healthTimeout = 10 * time.Second
	pullTimeout   = 10 * time.Minute
)

// engine looks for a Docker engine that answers and has, or can pull, the images.
func (r Route) engine(ctx context.Context) (err error) {
	defer func() {
		if recover() != nil { // that is how testcontainers says that it has found no socket
			err = route.Unavailable(noEngine)
		}
	}()
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return route.Unavailable(noEngine) // the error is about the last of many places
	}
	defer provider.Close() //nolint:errcheck // nothing is lost
	health, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := provider.Health(health); err != nil {
		return route.Unavailable("no Docker engine answers: %v", err)
	}
	if os.Getenv("TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX") != "" { //nolint:forbidigo // testcontainers reads it too
		return nil // it knows where the images are
	}
	if err := r.pull(ctx, provider, Image); err != nil {
		return route.Unavailable("%s cannot be pulled: %v", Image, err)
	}
	if provider.Config().Config.RyukDisabled {
		r.Say("TESTCONTAINERS_RYUK_DISABLED is set: if this is killed, remove the container yourself")
		return nil
	}
	// It removes the container when we do not.
	reaper := testcontainers.ReaperDefaultImage //nolint:staticcheck // deprecated, and there is no other way to the name
	if err := r.pull(ctx, provider, reaper); err != nil {
		return route.Unavailable("%s cannot be pulled; set TESTCONTAINERS_RYUK_DISABLED=true to do without: %v", reaper, err)
	}
	return nil
}

// pull gets an image unless it is here.
func (r Route) pull(ctx context.Context, provider *testcontainers.DockerProvider, image string) error {
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	images, err := provider.ListImages(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(images, func(i testcontainers.ImageInfo) bool { return i.Name == image }) {
		return nil
	}
	r.Say("pulling %s", image)
	return provider.PullImage(ctx, image)
}
