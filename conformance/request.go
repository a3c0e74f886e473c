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

// Request makes the call's request to the target at base as a run makes it, with values for the words of its templates; what names a word
// without a value is left out. The cookie of a call that carries one is the caller's to add.
func (c Call) Request(ctx context.Context, base *url.URL, words map[string]string) (*http.Request, error) {
	e, v := &exchange{header: http.Header{}}, values{}
	for name, value := range words {
		if name != "access_token" || value != "" {
			v[name] = value
		}
	}
	c.fill(e, v)
	req, err := http.NewRequestWithContext(ctx, e.method, (&client{base: base}).url(e.path).String(), strings.NewReader(e.body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", c.Method, c.Path, err)
	}
	req.Header = e.header
	return req, nil
}
