package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// work is one payload at work.
type work struct {
	payload  payload
	rollback bool
}

// do sends the request and judges the answer.
func (w *work) do(ctx context.Context, s *core.Session) error {
	c, err := clientOf(s)
	if err != nil {
		return err
	}
	target := c.conn.target
	if w.rollback && target.nothingDone(s) {
		target.didNothing(s, false)
		s.Progress(core.Progress{Text: "left out: the step's request did nothing that could be taken back"})
		return nil
	}
	t := &texts{s: s, client: c}
	r, err := w.request(ctx, t)
	if err != nil {
		return core.NothingDone(err)
	}
	if !w.rollback {
		target.begins(s)
	}
	if err := w.still(ctx, t, &r); err != nil {
		return core.NothingDone(err)
	}
	target.sees(s, r.where(), nil)
	s.Progress(core.Progress{Text: r.what()})
	resp, err := c.Send(ctx, r)
	if err != nil {
		return core.NothingDone(err) // unless its outcome is unknown
	}
	nothing, err := w.judge(ctx, t, &r, resp)
	if !w.rollback {
		target.didNothing(s, nothing && err == nil)
	}
	if x := w.payload.Capture; x != nil && err == nil {
		if now, where, err := x.lookAt(ctx, t, &w.payload); err == nil { // else its rollback knows less
			target.sees(s, where, now)
		}
	}
	if nothing {
		return core.NothingDone(err)
	}
	return err
}

// judge says what an answer means, and whether the request certainly did nothing.
func (w *work) judge(ctx context.Context, t *texts, r *Request, resp *Response) (nothing bool, err error) {
	p := &w.payload
	refused := !resp.Unanswered && resp.Status >= 400 && resp.Status < 500
	want := p.Expect.Status
	if w.rollback && len(want) == 0 && p.Method.Value == http.MethodDelete {
		want = statuses{"2xx", "404", "410"}
	}
	if x := p.Existing; x != nil && (x.refuses(resp.Status) || r.conditional && resp.Status == http.StatusPreconditionFailed) {
		return !resp.Unanswered, x.same(ctx, t, resp)
	}
	if r.conditional && refused && resp.Status == http.StatusPreconditionFailed {
		return true, &ChangedError{What: resp.what, Next: lookThenRun}
	}
	if err := resp.expect(want); err != nil {
		return refused, err
	}
	differs, err := p.Expect.content(ctx, t.resolve, resp)
	if err == nil && differs != nil {
		err = differs
	}
	return refused, err
}

// refuses reports whether a status says that something is there already.
func (x *existing) refuses(status int) bool {
	if len(x.Status) == 0 {
		return status == http.StatusConflict
	}
	return x.Status.has(status)
}

// same looks at what is there already; nil when it is what the change makes.
func (x *existing) same(ctx context.Context, t *texts, refusal *Response) error {
	r, err := x.Location.request(ctx, t, http.MethodGet)
	if err != nil {
		return err
	}
	resp, err := t.client.Send(ctx, r)
	if err != nil {
		return unknownIf(refusal.Unanswered, certain(err))
	}
	if err := resp.expect(x.Expect.Status); err != nil {
		return unknownIf(refusal.Unanswered, &ExistsError{What: refusal.what, Err: certain(err)})
	}
	differs, err := x.Expect.content(ctx, t.resolve, resp)
	if err != nil || differs == nil {
		return err
	}
	return &ExistsError{What: refusal.what, Err: differs}
}

// request makes the request, with references resolved.
func (w *work) request(ctx context.Context, t *texts) (Request, error) {
	p := &w.payload
	r, err := p.Location.request(ctx, t, p.Method.Value)
	if err != nil {
		return r, err
	}
	r.Attempts = p.Retry.Attempts
	contentType := ""
	switch {
	case p.JSON != nil:
		v, err := p.JSON.plain(ctx, t.resolve)
		if err != nil {
			return r, err
		}
		if r.Body, err = marshal(v); err != nil {
			return r, err
		}
		contentType = "application/json"
	case p.Form != nil:
		form, err := valuesOf(ctx, t, p.Form)
		if err != nil {
			return r, err
		}
		r.Body, contentType = []byte(form.Encode()), "application/x-www-form-urlencoded"
	case p.Body != nil:
		text, err := t.resolve(ctx, p.Body.Value)
		if err != nil {
			return r, err
		}
		r.Body, contentType = []byte(text), "text/plain; charset=utf-8"
	}
	if contentType != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r, nil
}

func (l *location) request(ctx context.Context, t *texts, method string) (r Request, err error) {
	r = Request{Method: method, Timeout: l.Timeout, label: l.label(), Header: http.Header{"Accept": {"application/json, */*;q=0.5"}}}
	if r.Path, err = escaped(ctx, t, l.Path.Value); err != nil {
		return r, err
	}
	if r.URL, err = whole(ctx, t, l.URL.Value); err != nil {
		return r, err
	}
	if r.Query, err = valuesOf(ctx, t, l.Query); err != nil {
		return r, err
	}
	for name, text := range l.Headers {
		value, err := t.header(ctx, name, text)
		if err != nil {
			return r, err
		}
		r.Header.Set(name, value)
	}
	return r, nil
}

func valuesOf(ctx context.Context, t *texts, in map[string]core.Text) (url.Values, error) {
	out := url.Values{}
	for name, text := range in {
		value, err := t.resolve(ctx, text.Value)
		if err != nil {
			return nil, err
		}
		out.Set(name, value)
	}
	return out, nil
}

// escaped resolves a path so that the value of a reference stays within its segment, or
// its parameter.
func escaped(ctx context.Context, t *texts, text string) (string, error) {
	path, query, has := strings.Cut(text, "?")
	replace := func(part string, escape func(string) string) (string, error) {
		before := part
		err := t.keep(ctx, before, func(reference, value string) { part = strings.ReplaceAll(part, reference, escape(value)) })
		if err != nil {
			return "", err
		}
		return t.resolve(ctx, part) // the key, and what is escaped as $${
	}
	out, err := replace(path, segment)
	if err != nil || !has {
		return out, err
	}
	query, err = replace(query, url.QueryEscape)
	return out + "?" + query, err
}

// segment escapes a value for a path. One of dots would be taken for a direction.
func segment(value string) string {
	if strings.Trim(value, ".") == "" {
		return strings.ReplaceAll(value, ".", "%2E")
	}
	return url.PathEscape(value)
}

// whole resolves a URL, of which a reference may be the beginning.
func whole(ctx context.Context, t *texts, text string) (string, error) {
	if strings.HasPrefix(text, "${") {
		refs := core.References(text)
		if len(refs) == 0 {
			return "", errors.New("url must begin with a reference, http:// or https://")
		}
		start := refs[0].String()
		first, err := t.resolve(ctx, start)
		if err != nil {
			return "", err
		}
		rest, err := escaped(ctx, t, strings.TrimPrefix(text, start))
		return first + rest, err
	}
	return escaped(ctx, t, text)
}
