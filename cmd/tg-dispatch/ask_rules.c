#include "ask_rules.h"

#include <string.h>
#include <strings.h>

#include "json.h"
#include "utf8.h"

enum { PAUSE_MIN_MS = 100, PAUSE_MAX_MS = 300 };

/* ---- the request ---- */

static const struct ask_value *find_value(const struct ask_value *values, const char *name, size_t len)
{
	for (; values->name != NULL; values++) {
		if (strlen(values->name) == len && memcmp(values->name, name, len) == 0)
			return values;
	}
	return NULL;
}

static int add_encoded(struct buf *url, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	int failed = 0;

	for (; *value != '\0'; value++)
		failed |= strchr(plain, *value) != NULL
			      ? buf_add(url, value, 1)
			      : buf_add_format(url, "%%%02X", (unsigned char)*value);
	return failed;
}

int ask_fill_url(const char *source, const struct ask_value *values, struct buf *url, struct error *error)
{
	int failed = 0;

	while (*source != '\0') {
		size_t len = *source == '{' ? strcspn(source, "}") : 0;
		const struct ask_value *value =
		    len > 0 && source[len] == '}' ? find_value(values, source + 1, len - 1) : NULL;

		if (value != NULL) {
			failed |= add_encoded(url, value->value);
			source += len + 1;
		} else {
			failed |= buf_add(url, source++, 1);
		}
	}
	return failed == 0 ? 0 : error_set(error, ERROR_INPUT, "the address of a service is too long");
}

/* ---- the answer ---- */

static bool has_type(const struct http_answer *answer, const char *type)
{
	size_t len = strlen(type);

	return strncasecmp(answer->content_type, type, len) == 0 &&
	       strchr("; \t", answer->content_type[len]) != NULL;
}

/* "application/json", "application/problem+json". */
static bool says_json(const struct http_answer *answer)
{
	size_t len = strcspn(answer->content_type, "; \t");

	return has_type(answer, "application/json") ||
	       (len > 5 && strncasecmp(answer->content_type + len - 5, "+json", 5) == 0);
}

static bool looks_like_json(const struct http_answer *answer)
{
	size_t blank = answer->body.len > 0 ? strspn(answer->body.data, " \t\r\n") : 0;
	char first = blank < answer->body.len ? answer->body.data[blank] : '\0';

	return first == '{' || first == '[' || (first != '\0' && says_json(answer));
}

static bool is_text(const struct http_answer *answer)
{
	const struct buf *body = &answer->body;

	if (body->len == 0)
		return true;
	return (has_type(answer, "text/plain") ||
		   (answer->content_type[0] == '\0' && !looks_like_json(answer))) &&
	       memchr(body->data, '\0', body->len) == NULL && utf8_is_valid(body->data, body->len);
}

/* Objects and arrays: an empty one takes hundreds of bytes for the two that it has here. */
static size_t count_nodes(const struct buf *body)
{
	bool in_text = false;
	size_t count = 0;

	for (size_t i = 0; i < body->len; i++) {
		char c = body->data[i];

		if (c == '"')
			in_text = !in_text;
		else if (in_text && c == '\\')
			i++;
		else if (!in_text && (c == '{' || c == '['))
			count++;
	}
	return count;
}

static bool is_json(const struct http_answer *answer)
{
	struct error error;

	return looks_like_json(answer) &&
	       json_check(answer->body.data, answer->body.len, "the answer", &error) == 0;
}

static void put_string(struct json_object *read, const char *key, const struct buf *body)
{
	json_object_object_add(read, key, json_object_new_string_len(buf_text(body), (int)body->len));
}

static struct json_object *failure(const char *reason)
{
	struct json_object *read = json_object_new_object();

	json_put_text(read, "failure", reason);
	return read;
}

struct json_object *ask_read(const struct http_answer *answer)
{
	bool is_success = answer->status >= 200 && answer->status < 300, has_json;
	struct json_object *read;

	if (answer->failure != HTTP_ANSWERED)
		return failure(answer->reason);
	has_json = is_json(answer);
	if (has_json && count_nodes(&answer->body) > ASK_NODES_MAX)
		return failure("the answer has too many objects and arrays");
	if (is_success && !has_json && !is_text(answer))
		return failure("the answer is no JSON");
	read = json_object_new_object();
	json_put_int64(read, "status", answer->status);
	if (has_json || is_success)
		put_string(read, has_json ? "json" : "text", &answer->body);
	return read;
}

void ask_open(struct json_object *read)
{
	struct json_object *text, *body = NULL;
	struct error error;

	if (!json_object_object_get_ex(read, "json", &text))
		return;
	if (json_parse(json_object_get_string(text), (size_t)json_object_get_string_len(text), "the answer",
		&body, &error) == 0) {
		json_object_object_add(read, "body", body);
	} else {
		json_object_object_del(read, "status");
		json_put_text(read, "failure", error.text);
	}
	json_object_object_del(read, "json");
}

/* ---- once more ---- */

bool ask_is_safe_again(const struct http_answer *answer, struct json_object *read)
{
	switch (answer->failure) {
	case HTTP_ANSWERED:
		return answer->status >= 502 && answer->status <= 504 &&
		       !json_object_object_get_ex(read, "json", NULL) &&
		       !json_object_object_get_ex(read, "failure", NULL);
	case HTTP_NOT_RESOLVED:
	case HTTP_NOT_CONNECTED:
	case HTTP_TLS_FAILED:
		return true;
	case HTTP_BROKEN:
		return !answer->answer_begun;
	default:
		return false;
	}
}

int64_t ask_pause_ms(double jitter)
{
	return PAUSE_MIN_MS + (int64_t)((PAUSE_MAX_MS - PAUSE_MIN_MS) * jitter);
}
