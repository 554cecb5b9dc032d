package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	// connectTimeout bounds an attempt to connect where the DSN sets no timeout.
	connectTimeout = 10 * time.Second
	// cancelWait is how long the server may take to answer after KILL QUERY. After that
	// the connection is closed.
	cancelWait = 5 * time.Second
)

// connector makes connections whose statements are cancelled on the server.
type connector struct {
	id      string
	config  *mysql.Config
	inner   driver.Connector
	refused func(error) error // what the server's refusal of a login means; may be nil
}

func newConnector(id string, config *mysql.Config) (*connector, error) {
	inner, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fault(id, "the DSN cannot be used: "+reason(err), "see the parameters of go-sql-driver/mysql")
	}
	return &connector{id: id, config: config, inner: inner}, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.inner.Driver() }

// Connect connects, and asks who we are to the server. The timeout is for all of it:
// the driver's own ends when the server has accepted, although it may never speak.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	conn, err := c.dial(bounded)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, err
	case bounded.Err() != nil:
		return nil, &dialError{fmt.Sprintf("%s does not answer within %s", c.config.Addr, c.config.Timeout)}
	case errors.Is(err, driver.ErrBadConn):
		return nil, &dialError{c.config.Addr + " closed the connection at once"}
	case c.refused != nil:
		return nil, c.refused(err)
	}
	return nil, err
}

func (c *connector) dial(ctx context.Context) (*conn, error) {
	opened, err := c.inner.Connect(ctx)
	if err != nil {
		return nil, &loginError{err}
	}
	inner, ok := opened.(driverConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's connection is a %T", opened), opened.Close())
	}
	id, err := identify(ctx, inner)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return &conn{driverConn: inner, connector: c, identity: id}, nil
}

// identity is what a connection is called by its server.
type identity struct{ server, connection string }

func identify(ctx context.Context, c driver.QueryerContext) (identity, error) {
	rows, err := c.QueryContext(ctx, "SELECT CAST(CONCAT_WS(':', @@hostname, @@port) AS CHAR), CAST(CONNECTION_ID() AS CHAR)", nil)
	if err != nil {
		return identity{}, err
	}
	values := make([]driver.Value, 2)
	err = rows.Next(values)
	if err = errors.Join(err, rows.Close()); err != nil {
		if errors.Is(err, io.EOF) {
			err = &dialError{"the server does not say who it is"}
		}
		return identity{}, err
	}
	return identity{fmt.Sprintf("%s", values[0]), fmt.Sprintf("%s", values[1])}, nil
}

// kill ends the statement that a connection is at, if the server is still the same
// one: behind one address there may be another, where that number is somebody else's.
func (c *connector) kill(ctx context.Context, who identity) error {
	ctx, cancel := context.WithTimeout(ctx, cancelWait)
	defer cancel()
	other, err := c.dial(ctx)
	if err != nil {
		return err
	}
	if other.identity.server == who.server {
		_, err = other.driverConn.ExecContext(ctx, "KILL QUERY "+who.connection, nil)
	}
	return errors.Join(err, other.driverConn.Close())
}

// dialError is an attempt to connect that came to nothing.
type dialError struct{ text string }

func (e *dialError) Error() string { return e.text }

// loginError is what was wrong while a connection was made: with a parameter of the
// DSN, if it has no meaning of its own.
type loginError struct{ err error }

func (e *loginError) Error() string { return e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }
