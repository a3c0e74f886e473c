package conformance

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Check says everything that is wrong with the options, as [Run] does before it sends anything; the error wraps [ErrUsage].
func (o Options) Check() error {
	_, _, err := o.complete()
	return err
}

// Request makes the call's request to the target at base as a run makes it, with values for the words of its templates. The cookie of
// a call that carries one is the caller's to add.
func (c Call) Request(ctx context.Context, base *url.URL, values map[string]string) (*http.Request, error) {
	e := &exchange{header: http.Header{}}
	c.fill(e, values)
	req, err := http.NewRequestWithContext(ctx, e.method, (&client{base: base}).url(e.path).String(), strings.NewReader(e.body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", c.Method, c.Path, err)
	}
	req.Header = e.header
	if access := values["access_token"]; c.Bearer && access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	return req, nil
}
