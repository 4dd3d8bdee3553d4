#include "telegram.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "xalloc.h"

enum {
	CONNECT_TIMEOUT_MS = 10000,
	ANSWER_MAX_BYTES = 64 << 20, /* 100 updates of a getUpdates */
	RETRY_AFTER_MAX_S = 86400,
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_MAX_MS = 300000,
	PARTS_MAX = 64,
};

static int start_multipart(struct http_client *client, struct http_request *request,
    struct json_object *parameters, const struct telegram_file *files, size_t files_count, http_done_fn *done,
    void *context, struct http_transfer **transfer, struct error *error)
{
	struct http_part parts[PARTS_MAX];
	size_t count = 0;

	for (; count < files_count && count < PARTS_MAX; count++)
		parts[count] = (struct http_part){.name = files[count].parameter,
		    .path = files[count].path,
		    .file_name = files[count].file_name};
	if (parameters != NULL) {
		json_object_object_foreach(parameters, name, value)
		{
			const char *text = json_object_is_type(value, json_type_string)
					       ? json_object_get_string(value)
					       : json_line(value);

			if (count == PARTS_MAX)
				return error_set(error, ERROR_INPUT, "a call has too many parameters");
			if (value != NULL)
				parts[count++] =
				    (struct http_part){.name = name, .data = text, .len = strlen(text)};
		}
	}
	request->parts = parts;
	request->parts_count = count;
	return http_start(client, request, done, context, transfer, error);
}

static struct http_request request_to(const struct telegram *telegram, const char *url, int64_t timeout_ms)
{
	return (struct http_request){.method = "POST",
	    .url = url,
	    .proxy = telegram->proxy,
	    .timeout_ms = timeout_ms,
	    .connect_timeout_ms = timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS,
	    .max_answer_bytes = ANSWER_MAX_BYTES};
}

static char *method_url(const struct telegram *telegram, const char *method)
{
	return xasprintf("%s/bot%s/%s", telegram->api_url, telegram->token, method);
}

static void free_url(char *url)
{
	sodium_memzero(url, strlen(url));
	free(url);
}

int telegram_start_text(struct http_client *client, const struct telegram *telegram, const char *method,
    const char *body, size_t body_len, int64_t timeout_ms, http_done_fn *done, void *context,
    struct http_transfer **transfer, struct error *error)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	char *url = method_url(telegram, method);
	struct http_request request = request_to(telegram, url, timeout_ms);
	int result;

	request.headers = headers;
	request.body = body;
	request.body_len = body_len;
	result = http_start(client, &request, done, context, transfer, error);
	free_url(url);
	return result;
}

int telegram_start(struct http_client *client, const struct telegram *telegram, const char *method,
    struct json_object *parameters, const struct telegram_file *files, size_t files_count, int64_t timeout_ms,
    http_done_fn *done, void *context, struct http_transfer **transfer, struct error *error)
{
	const char *body = parameters != NULL ? json_line(parameters) : "{}";
	struct http_request request;
	char *url;
	int result;

	if (files_count == 0)
		return telegram_start_text(
		    client, telegram, method, body, strlen(body), timeout_ms, done, context, transfer, error);
	url = method_url(telegram, method);
	request = request_to(telegram, url, timeout_ms);
	result =
	    start_multipart(client, &request, parameters, files, files_count, done, context, transfer, error);
	free_url(url);
	return result;
}

/*
 * What Telegram's words mean; the first line that fits counts. Words are matched anywhere in the
 * description and without regard to case; "" fits every description. Origin: the texts that the official Bot
 * API server writes itself (telegram-bot-api/Client.cpp) and the errors it passes on from Telegram's API,
 * which are in capitals.
 */
static const struct {
	int code; /* 0: any */
	const char *words;
	enum telegram_verdict verdict;
} meanings[] = {
    {401, "", TELEGRAM_BAD_TOKEN},
    {404, "method not found", TELEGRAM_REFUSED},
    {404, "", TELEGRAM_BAD_TOKEN},
    {409, "", TELEGRAM_CONFLICT},
    {413, "", TELEGRAM_AS_DOCUMENT},
    {429, "", TELEGRAM_WAIT},
    {420, "", TELEGRAM_WAIT},
    {400, "too many requests", TELEGRAM_WAIT},

    /* What was asked for is already so. */
    {400, "message is not modified", TELEGRAM_OK},
    {400, "MESSAGE_NOT_MODIFIED", TELEGRAM_OK},
    {400, "message to delete not found", TELEGRAM_OK},
    /* Nobody waits for the answer to a tap any more. */
    {400, "query is too old", TELEGRAM_OK},

    {400, "can't parse", TELEGRAM_PLAIN_TEXT},
    {400, "unsupported parse_mode", TELEGRAM_PLAIN_TEXT},
    {400, "ENTITY_", TELEGRAM_PLAIN_TEXT},
    {400, "ENTITIES_TOO_LONG", TELEGRAM_PLAIN_TEXT},

    {400, "message is too long", TELEGRAM_AS_TEXT_FILE},
    {400, "caption is too long", TELEGRAM_AS_TEXT_FILE},
    {400, "MESSAGE_TOO_LONG", TELEGRAM_AS_TEXT_FILE},
    {400, "MEDIA_CAPTION_TOO_LONG", TELEGRAM_AS_TEXT_FILE},

    {400, "message thread not found", TELEGRAM_NO_THREAD},
    {400, "TOPIC_CLOSED", TELEGRAM_NO_THREAD},
    {400, "TOPIC_DELETED", TELEGRAM_NO_THREAD},
    {400, "TOPIC_ID_INVALID", TELEGRAM_NO_THREAD},

    {400, "message to be replied not found", TELEGRAM_NO_REPLY},
    {400, "message to reply not found", TELEGRAM_NO_REPLY},
    {400, "replied message not found", TELEGRAM_NO_REPLY},
    {400, "reply message not found", TELEGRAM_NO_REPLY},
    {400, "REPLY_MESSAGE_ID_INVALID", TELEGRAM_NO_REPLY},
    {400, "REPLY_TO_INVALID", TELEGRAM_NO_REPLY},

    {400, "message to edit not found", TELEGRAM_EDIT_GONE},
    {400, "message can't be edited", TELEGRAM_EDIT_GONE},
    {400, "there is no text in the message to edit", TELEGRAM_EDIT_GONE},
    {400, "there is no caption in the message to edit", TELEGRAM_EDIT_GONE},
    {400, "MESSAGE_ID_INVALID", TELEGRAM_EDIT_GONE},
    {400, "MESSAGE_EDIT_TIME_EXPIRED", TELEGRAM_EDIT_GONE},
    {400, "MESSAGE_AUTHOR_REQUIRED", TELEGRAM_EDIT_GONE},
    {403, "MESSAGE_AUTHOR_REQUIRED", TELEGRAM_EDIT_GONE},

    {400, "PHOTO_INVALID_DIMENSIONS", TELEGRAM_AS_DOCUMENT},
    {400, "PHOTO_SAVE_FILE_INVALID", TELEGRAM_AS_DOCUMENT},
    {400, "PHOTO_EXT_INVALID", TELEGRAM_AS_DOCUMENT},
    {400, "PHOTO_INVALID", TELEGRAM_AS_DOCUMENT},
    {400, "IMAGE_PROCESS_FAILED", TELEGRAM_AS_DOCUMENT},
    {400, "too big for a photo", TELEGRAM_AS_DOCUMENT},
    {400, "MEDIA_INVALID", TELEGRAM_AS_DOCUMENT}, /* of an album: one of its pictures */

    /* Not the chat refuses but what was asked for. */
    {403, "MESSAGE_DELETE_FORBIDDEN", TELEGRAM_REFUSED},
    {403, "message can't be deleted", TELEGRAM_REFUSED},
    {403, "CHAT_SEND_PLAIN_FORBIDDEN", TELEGRAM_UNREACHABLE},
    {403, "CHAT_SEND_", TELEGRAM_REFUSED},

    /* Written to a chat where the bot is not, is not any more, or may not write. */
    {403, "", TELEGRAM_UNREACHABLE},
    {400, "chat not found", TELEGRAM_UNREACHABLE},
    {400, "user is deactivated", TELEGRAM_UNREACHABLE},
    {400, "group chat was deactivated", TELEGRAM_UNREACHABLE},
    {400, "group chat was deleted", TELEGRAM_UNREACHABLE},
    {400, "group chat was upgraded to a supergroup", TELEGRAM_UNREACHABLE}, /* and nobody says where to */
    {400, "group is deactivated", TELEGRAM_UNREACHABLE},
    {400, "have no rights to send a message", TELEGRAM_UNREACHABLE},
    {400, "have no write access to the chat", TELEGRAM_UNREACHABLE},
    {400, "not enough rights to send text messages", TELEGRAM_UNREACHABLE},
    {400, "need administrator rights in the channel", TELEGRAM_UNREACHABLE},
    {400, "bot is not a member of the", TELEGRAM_UNREACHABLE},
    {400, "bot was kicked", TELEGRAM_UNREACHABLE},
    {400, "PEER_ID_INVALID", TELEGRAM_UNREACHABLE},
    {400, "CHAT_ID_INVALID", TELEGRAM_UNREACHABLE},
    {400, "CHAT_WRITE_FORBIDDEN", TELEGRAM_UNREACHABLE},
    {400, "CHAT_SEND_PLAIN_FORBIDDEN", TELEGRAM_UNREACHABLE},
    {400, "CHAT_RESTRICTED", TELEGRAM_UNREACHABLE},
    {400, "CHANNEL_PRIVATE", TELEGRAM_UNREACHABLE},
    {400, "INPUT_USER_DEACTIVATED", TELEGRAM_UNREACHABLE},
    {400, "USER_IS_BLOCKED", TELEGRAM_UNREACHABLE},
    {400, "YOU_BLOCKED_USER", TELEGRAM_UNREACHABLE},
    {400, "USER_IS_BOT", TELEGRAM_UNREACHABLE},
};

static enum telegram_verdict meaning_of(int code, const char *description)
{
	for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
		if (meanings[i].code == code && strcasestr(description, meanings[i].words) != NULL)
			return meanings[i].verdict;
	}
	return code >= 500 ? TELEGRAM_RETRY : TELEGRAM_REFUSED;
}

/*
 * An answer that is not Telegram's JSON comes from something before it: a proxy, a gateway that is
 * starting. Only what names the request itself (too large, no such path) is about us.
 */
static enum telegram_verdict meaning_of_status(int status)
{
	switch (status) {
	case 401:
	case 404:
		return TELEGRAM_BAD_TOKEN;
	case 413:
		return TELEGRAM_AS_DOCUMENT;
	case 429:
		return TELEGRAM_WAIT;
	default:
		/* After a 2xx that was cut short the call may have been carried out. */
		return status >= 200 && status < 300 ? TELEGRAM_UNCERTAIN : TELEGRAM_RETRY;
	}
}

static enum telegram_verdict meaning_of_failure(const struct http_answer *answer)
{
	if (answer->failure == HTTP_INVALID)
		return TELEGRAM_REFUSED;
	return answer->request_sent ? TELEGRAM_UNCERTAIN : TELEGRAM_RETRY;
}

/* The length of the character at text, or 0 where it is not valid UTF-8. */
static size_t character_len(const unsigned char *text)
{
	size_t len = text[0] < 0x80   ? 1
		     : text[0] < 0xc2 ? 0
		     : text[0] < 0xe0 ? 2
		     : text[0] < 0xf0 ? 3
		     : text[0] < 0xf5 ? 4
				      : 0;

	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* Copies what fits of the valid UTF-8 at the start of text, control characters as spaces. */
static void copy_printable(char *to, size_t size, const char *text)
{
	const unsigned char *from = (const unsigned char *)text;
	size_t used = 0, len;

	while (*from != '\0' && (len = character_len(from)) > 0 && used + len < size) {
		bool control = from[0] < 0x20 || from[0] == 0x7f || (from[0] == 0xc2 && from[1] < 0xa0);

		if (control)
			to[used++] = ' ';
		else
			memcpy(to + used, from, len);
		used += control ? 0 : len;
		from += len;
	}
	to[used] = '\0';
}

static int64_t retry_after(struct json_object *parameters, const struct http_answer *answer)
{
	int64_t seconds = parameters != NULL ? json_int64(parameters, "retry_after") : 0;

	if (seconds <= 0)
		seconds = answer->retry_after_s;
	if (seconds < 1)
		return 1;
	return seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S;
}

static void read_error(
    struct json_object *body, const struct http_answer *answer, struct telegram_reply *reply)
{
	struct json_object *parameters = NULL;
	const char *description = json_text(body, "description");
	int64_t code = json_int64(body, "error_code");

	if (code >= 100 && code <= 999)
		reply->error_code = (int)code;
	copy_printable(reply->description, sizeof reply->description,
	    description != NULL ? description : "an error without a description");
	json_object_object_get_ex(body, "parameters", &parameters);
	if (!json_object_is_type(parameters, json_type_object))
		parameters = NULL;
	reply->migrate_to = parameters != NULL ? json_int64(parameters, "migrate_to_chat_id") : 0;
	if (reply->migrate_to != 0)
		reply->verdict = TELEGRAM_MIGRATED;
	else if (reply->error_code < 300)
		reply->verdict = TELEGRAM_UNCERTAIN;
	else
		reply->verdict = meaning_of(reply->error_code, reply->description);
	if (reply->verdict == TELEGRAM_WAIT)
		reply->retry_after_s = retry_after(parameters, answer);
}

/* Telegram's answer is an object with a bool "ok", and a "result" where that is true. */
static void read_body(
    struct json_object *body, const struct http_answer *answer, struct telegram_reply *reply)
{
	struct json_object *ok, *result;

	if (!json_object_object_get_ex(body, "ok", &ok) || !json_object_is_type(ok, json_type_boolean))
		return;
	if (!json_object_get_boolean(ok)) {
		read_error(body, answer, reply);
	} else if (answer->status >= 200 && answer->status < 300) {
		json_object_object_get_ex(body, "result", &result);
		*reply = (struct telegram_reply){.verdict = TELEGRAM_OK, .result = json_object_get(result)};
	}
}

void telegram_read(const struct http_answer *answer, struct telegram_reply *reply)
{
	struct json_object *body = NULL;
	struct json_parser *parser;
	struct error error;

	*reply = (struct telegram_reply){.error_code = answer->status};
	if (answer->failure != HTTP_ANSWERED) {
		reply->failure = answer->failure;
		reply->error_code = 0;
		reply->verdict = meaning_of_failure(answer);
		copy_printable(reply->description, sizeof reply->description, answer->reason);
		return;
	}
	reply->verdict = meaning_of_status(answer->status);
	snprintf(reply->description, sizeof reply->description, "HTTP %d", answer->status);
	if (reply->verdict == TELEGRAM_WAIT)
		reply->retry_after_s = retry_after(NULL, answer);
	parser = json_parser_new(JSON_TELEGRAM_DEPTH);
	if (json_parser_object(parser, answer->body.data, answer->body.len, "the answer", &body, &error) == 0)
		read_body(body, answer, reply);
	json_object_put(body);
	json_parser_free(parser);
	if (reply->error_code == 413)
		snprintf(reply->description, sizeof reply->description,
		    "Request Entity Too Large: the file is larger than the Bot API server takes");
}

void telegram_reply_free(struct telegram_reply *reply)
{
	json_object_put(reply->result);
	reply->result = NULL;
}

int64_t telegram_backoff_ms(int64_t attempts, double jitter)
{
	int64_t wait = BACKOFF_FIRST_MS;

	for (int64_t i = 1; i < attempts && wait < BACKOFF_MAX_MS; i++)
		wait *= 2;
	if (wait > BACKOFF_MAX_MS)
		wait = BACKOFF_MAX_MS;
	return wait - (int64_t)((double)wait / 2 * jitter);
}
