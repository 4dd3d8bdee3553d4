#include "http_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool http_find_head(struct conn *c)
{
	size_t from = c->scanned > 3 ? c->scanned - 3 : 0;
	const char *end;

	/* An empty line before a request is tolerated, as RFC 9112 asks. */
	while (c->in.len >= 2 && memcmp(c->in.data, "\r\n", 2) == 0)
		buf_drop(&c->in, 2);
	if (from >= c->in.len)
		from = 0;
	end = memmem(c->in.data + from, c->in.len - from, "\r\n\r\n", 4);
	c->scanned = c->in.len;
	if (!end)
		return false;
	c->head_len = (size_t)(end - c->in.data) + 4;
	return true;
}

static struct slice trimmed(char *at, size_t len)
{
	while (len > 0 && (*at == ' ' || *at == '\t')) {
		at++;
		len--;
	}
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	return (struct slice){at, len};
}

static bool number(struct slice s, int base, size_t *out)
{
	size_t n = 0;

	if (s.len == 0 || s.len > 15)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		size_t digit = c >= '0' && c <= '9'   ? (size_t)(c - '0')
			       : c >= 'a' && c <= 'f' ? (size_t)(c - 'a') + 10
			       : c >= 'A' && c <= 'F' ? (size_t)(c - 'A') + 10
						      : 99;

		if (digit >= (size_t)base)
			return false;
		n = n * (size_t)base + digit;
	}
	*out = n;
	return true;
}

static bool request_line(struct conn *c, char *line, size_t len)
{
	struct http_request *r = &c->request;
	char *target = memchr(line, ' ', len), *version, *query;

	if (!target)
		return false;
	r->method = (struct slice){line, (size_t)(target - line)};
	target++;
	version = memchr(target, ' ', len - (size_t)(target - line));
	if (!version || *target != '/')
		return false;
	r->path = (struct slice){target, (size_t)(version - target)};
	r->query = (struct slice){version, 0};
	query = memchr(target, '?', r->path.len);
	if (query) {
		r->path.len = (size_t)(query - target);
		r->query = (struct slice){query + 1, (size_t)(version - query) - 1};
	}
	version++;
	len -= (size_t)(version - line);
	if (len != 8 || memcmp(version, "HTTP/1.", 7) != 0)
		return false;
	c->keep_alive = version[7] == '1';
	return true;
}

struct framing {
	size_t length;
	bool has_length, expect;
};

static bool header(struct conn *c, char *line, size_t len, struct framing *f)
{
	char *colon = memchr(line, ':', len);
	struct slice name, value;

	if (!colon || colon == line)
		return false;
	name = (struct slice){line, (size_t)(colon - line)};
	value = trimmed(colon + 1, len - name.len - 1);
	if (slice_same(name, "content-length")) {
		if (f->has_length || !number(value, 10, &f->length))
			return false;
		f->has_length = true;
	} else if (slice_same(name, "transfer-encoding")) {
		if (c->chunked || !slice_same(value, "chunked"))
			return false;
		c->chunked = true;
	} else if (slice_same(name, "connection")) {
		if (slice_same(value, "close"))
			c->keep_alive = false;
		else if (slice_same(value, "keep-alive"))
			c->keep_alive = true;
	} else if (slice_same(name, "content-type")) {
		c->request.content_type = value;
	} else if (slice_same(name, "expect")) {
		f->expect = slice_same(value, "100-continue");
	}
	return true;
}

static bool head_lines(struct conn *c, struct framing *f)
{
	char *at = c->in.data, *end = c->in.data + c->head_len - 2;
	bool first = true;

	while (at < end) {
		char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);
		size_t len = eol ? (size_t)(eol - at) : (size_t)(end - at);

		if (first ? !request_line(c, at, len) : !header(c, at, len, f))
			return false;
		first = false;
		at += len + 2;
	}
	return !first;
}

/* While the body is read the buffer may move, so what must outlast that is kept as offsets. */
static void remember_offsets(struct conn *c)
{
	const struct slice *all[] = {
	    &c->request.method, &c->request.path, &c->request.query, &c->request.content_type};

	for (size_t i = 0; i < 4; i++)
		c->offsets[i] = all[i]->at ? (size_t)(all[i]->at - c->in.data) : 0;
}

void http_set_request(struct conn *c)
{
	struct slice *all[] = {
	    &c->request.method, &c->request.path, &c->request.query, &c->request.content_type};

	for (size_t i = 0; i < 4; i++)
		all[i]->at = c->in.data + c->offsets[i];
	c->request.body = (struct slice){c->in.data + c->head_len, c->body_len};
}

int http_parse_head(struct conn *c)
{
	struct framing f = {0, false, false};

	memset(&c->request, 0, sizeof(c->request));
	c->chunked = false;
	c->chunk = CHUNK_SIZE;
	c->chunk_left = c->body_len = 0;
	if (!head_lines(c, &f) || (c->chunked && f.has_length))
		return 400;
	if (f.length > HTTP_BODY_MAX)
		return 413;
	remember_offsets(c);
	c->have_head = true;
	c->raw = c->head_len;
	c->body_want = c->head_len + f.length;
	if (f.expect && (c->chunked || c->in.len < c->body_want))
		buf_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	return 0;
}

/* One line of the chunked framing from c->raw on: its length without the line end, or -1 while it is not
 * whole. */
static ssize_t framing_line(struct conn *c, char **line)
{
	char *start = c->in.data + c->raw, *eol;

	eol = memchr(start, '\n', c->in.len - c->raw);
	if (!eol)
		return -1;
	*line = start;
	c->raw += (size_t)(eol - start) + 1;
	if (eol > start && eol[-1] == '\r')
		eol--;
	return eol - start;
}

static int chunk_size_line(struct conn *c)
{
	char *line;
	ssize_t len = framing_line(c, &line);
	const char *extension;
	struct slice s;

	if (len < 0)
		return c->in.len - c->raw > 1024 ? -1 : 0;
	extension = memchr(line, ';', (size_t)len);
	s = trimmed(line, extension ? (size_t)(extension - line) : (size_t)len);
	if (!number(s, 16, &c->chunk_left) || c->chunk_left > HTTP_BODY_MAX - c->body_len)
		return -1;
	c->chunk = c->chunk_left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
	return 1;
}

/* Moves the bytes of a chunk up to the body that was decoded before. */
static int chunk_data(struct conn *c)
{
	size_t have = c->in.len - c->raw, take = have < c->chunk_left ? have : c->chunk_left;

	memmove(c->in.data + c->head_len + c->body_len, c->in.data + c->raw, take);
	c->body_len += take;
	c->raw += take;
	c->chunk_left -= take;
	if (c->chunk_left > 0)
		return 0;
	c->chunk = CHUNK_END;
	return 1;
}

static int chunk_line(struct conn *c)
{
	char *line;
	ssize_t len = framing_line(c, &line);

	if (len < 0)
		return c->in.len - c->raw > HTTP_HEAD_MAX ? -1 : 0;
	if (c->chunk == CHUNK_END) {
		c->chunk = CHUNK_SIZE;
		return len == 0 ? 1 : -1;
	}
	if (len == 0)
		c->chunk = CHUNK_DONE;
	return 1;
}

/* Forgets the framing that was read already: otherwise a body in small chunks would fill the buffer twice. */
static void close_gap(struct conn *c)
{
	size_t decoded_end = c->head_len + c->body_len, gap = c->raw - decoded_end;

	if (gap == 0)
		return;
	memmove(c->in.data + decoded_end, c->in.data + c->raw, c->in.len - c->raw);
	c->in.len -= gap;
	c->raw = decoded_end;
}

static int take_chunks(struct conn *c)
{
	while (c->chunk != CHUNK_DONE) {
		int got = c->chunk == CHUNK_SIZE   ? chunk_size_line(c)
			  : c->chunk == CHUNK_DATA ? chunk_data(c)
						   : chunk_line(c);

		if (got < 0)
			return -1;
		if (got == 0) {
			close_gap(c);
			return 0;
		}
	}
	return 1;
}

int http_take_body(struct conn *c)
{
	if (c->chunked)
		return take_chunks(c);
	if (c->in.len < c->body_want)
		return 0;
	c->body_len = c->body_want - c->head_len;
	c->raw = c->body_want;
	return 1;
}
