package mysqltest

import (
	"context"
	"database/sql"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// Own is a MySQL of one test's own, for what must not happen to others: it can be killed, and started again where it was.
type Own struct {
	server
	docker *testcontainers.DockerClient
}

// NewOwn starts one. It ends with the test.
func NewOwn(t testing.TB) *Own {
	t.Helper()
	start(t) // skips or fails where there is no Docker, as for all
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	o := new(Own)
	t.Cleanup(func() { o.end(t) })
	var err error
	if o.docker, err = testcontainers.NewDockerClientWithOpts(ctx); err != nil {
		t.Fatalf("find Docker: %v", err)
	}
	port, err := freePort(ctx)
	if err != nil {
		t.Fatalf("find a port: %v", err)
	}
	// A port that Docker chooses would be another one after each start.
	fixed := testcontainers.WithHostConfigModifier(func(c *container.HostConfig) {
		c.PortBindings = network.PortMap{network.MustParsePort("3306/tcp"): {{HostPort: strconv.Itoa(port)}}}
	})
	if err := o.run(ctx, fixed); err != nil {
		t.Fatalf("start MySQL: %v", err)
	}
	return o
}

func (o *Own) end(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if o.root != nil {
		_ = o.root.Close()
	}
	if o.container != nil {
		if err := o.container.Terminate(ctx); err != nil {
			t.Errorf("end the MySQL container: %v", err)
		}
	}
	if o.docker != nil {
		_ = o.docker.Close()
	}
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", ":0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// URL returns the DATABASE_URL of a fresh, empty database that its user owns.
func (o *Own) URL(t testing.TB) string {
	t.Helper()
	return o.fresh(t, appUser, appPassword)
}

// Root returns root's connections.
func (o *Own) Root() *sql.DB { return o.root }

// Kill ends it at once (SIGKILL): nothing is written that was not.
func (o *Own) Kill(ctx context.Context) error {
	_, err := o.docker.ContainerKill(ctx, o.container.GetContainerID(), client.ContainerKillOptions{Signal: "SIGKILL"})
	return err
}

// Start starts it again, and returns when it answers.
func (o *Own) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := o.container.Start(ctx); err != nil {
		return err
	}
	return o.await(ctx)
}
