/* Reading one request out of a connection's buffer. */
#ifndef SIM_HTTP_PARSE_H
#define SIM_HTTP_PARSE_H

#include "http.h"

#define HTTP_HEAD_MAX ((size_t)64 << 10)

bool http_find_head(struct conn *c);   /* true: the head is there whole */
int http_parse_head(struct conn *c);   /* 0, or the status to refuse it with */
int http_take_body(struct conn *c);    /* 1: whole, 0: not yet, -1: too large or malformed */
void http_set_request(struct conn *c); /* points c->request into the buffer */

#endif
