/*
 * What an answer of Telegram means decides whether a message is sent again, dropped, or its link paused:
 * every answer that is known stands here, with the broken ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "telegram.h"

static const char too_large[] = "Request Entity Too Large: the file is larger than the Bot API server takes";

static struct telegram_reply read_answer(int status, const char *body, int64_t retry_after_s)
{
	struct http_answer answer = {.status = status, .request_sent = true, .retry_after_s = retry_after_s};
	struct telegram_reply reply;

	buf_init(&answer.body, 1 << 20);
	assert_int_equal(buf_add_text(&answer.body, body), 0);
	telegram_read(&answer, &reply);
	buf_free(&answer.body);
	return reply;
}

static void errors(void **state)
{
	static const struct {
		int code;
		const char *description;
		enum telegram_verdict verdict;
	} table[] = {
	    {401, "Unauthorized", TELEGRAM_BAD_TOKEN},
	    {401, "Unauthorized: invalid token specified", TELEGRAM_BAD_TOKEN},
	    {404, "Not Found", TELEGRAM_BAD_TOKEN},
	    {404, "Not Found: method not found", TELEGRAM_REFUSED},
	    {409,
		"Conflict: terminated by other getUpdates request; make sure that only one bot instance is "
		"running",
		TELEGRAM_CONFLICT},
	    {409,
		"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete "
		"the webhook first",
		TELEGRAM_CONFLICT},
	    {429, "Too Many Requests: retry after 3", TELEGRAM_WAIT},
	    {420, "FLOOD_WAIT_3", TELEGRAM_WAIT},
	    {400, "Bad Request: Too Many Requests: retry after 8", TELEGRAM_WAIT},
	    {500, "Internal Server Error: restart", TELEGRAM_RETRY},
	    {502, "Bad Gateway", TELEGRAM_RETRY},
	    {503, "Service Unavailable", TELEGRAM_RETRY},
	    {400, "Bad Request: message text is empty", TELEGRAM_REFUSED},
	    {400, "Bad Request: BUTTON_DATA_INVALID", TELEGRAM_REFUSED},
	    {400, "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 4",
		TELEGRAM_PLAIN_TEXT},
	    {400, "Bad Request: ENTITY_BOUNDS_INVALID", TELEGRAM_PLAIN_TEXT},
	    {400, "Bad Request: ENTITIES_TOO_LONG", TELEGRAM_PLAIN_TEXT},
	    {400, "Bad Request: unsupported parse_mode", TELEGRAM_PLAIN_TEXT},
	    {400, "Bad Request: message is too long", TELEGRAM_AS_TEXT_FILE},
	    {400, "Bad Request: message caption is too long", TELEGRAM_AS_TEXT_FILE},
	    {400, "Bad Request: MESSAGE_TOO_LONG", TELEGRAM_AS_TEXT_FILE},
	    {400, "Bad Request: MEDIA_CAPTION_TOO_LONG", TELEGRAM_AS_TEXT_FILE},
	    {400, "Bad Request: message thread not found", TELEGRAM_NO_THREAD},
	    {400, "Bad Request: TOPIC_CLOSED", TELEGRAM_NO_THREAD},
	    {400, "Bad Request: TOPIC_DELETED", TELEGRAM_NO_THREAD},
	    {400, "Bad Request: TOPIC_ID_INVALID", TELEGRAM_NO_THREAD},
	    {400, "Bad Request: message to be replied not found", TELEGRAM_NO_REPLY},
	    {400, "Bad Request: message to reply not found", TELEGRAM_NO_REPLY},
	    {400, "Bad Request: replied message not found", TELEGRAM_NO_REPLY},
	    {400, "Bad Request: reply message not found", TELEGRAM_NO_REPLY},
	    {400, "Bad Request: REPLY_MESSAGE_ID_INVALID", TELEGRAM_NO_REPLY},
	    {400, "Bad Request: REPLY_TO_INVALID", TELEGRAM_NO_REPLY},
	    {400, "Bad Request: message to edit not found", TELEGRAM_EDIT_GONE},
	    {400, "Bad Request: message can't be edited", TELEGRAM_EDIT_GONE},
	    {400, "Bad Request: there is no text in the message to edit", TELEGRAM_EDIT_GONE},
	    {400, "Bad Request: there is no caption in the message to edit", TELEGRAM_EDIT_GONE},
	    {400, "Bad Request: MESSAGE_ID_INVALID", TELEGRAM_EDIT_GONE},
	    {400, "Bad Request: MESSAGE_EDIT_TIME_EXPIRED", TELEGRAM_EDIT_GONE},
	    {400, "Bad Request: MESSAGE_AUTHOR_REQUIRED", TELEGRAM_EDIT_GONE},
	    {403, "Forbidden: MESSAGE_AUTHOR_REQUIRED", TELEGRAM_EDIT_GONE},
	    {400, "Bad Request: message can't be deleted for everyone", TELEGRAM_REFUSED},
	    {403, "Forbidden: MESSAGE_DELETE_FORBIDDEN", TELEGRAM_REFUSED},
	    {403, "Forbidden: message can't be deleted", TELEGRAM_REFUSED},
	    {400, "Bad Request: PHOTO_INVALID_DIMENSIONS", TELEGRAM_AS_DOCUMENT},
	    {400, "Bad Request: PHOTO_SAVE_FILE_INVALID", TELEGRAM_AS_DOCUMENT},
	    {400, "Bad Request: PHOTO_EXT_INVALID", TELEGRAM_AS_DOCUMENT},
	    {400, "Bad Request: PHOTO_INVALID", TELEGRAM_AS_DOCUMENT},
	    {400, "Bad Request: IMAGE_PROCESS_FAILED", TELEGRAM_AS_DOCUMENT},
	    {400,
		"Bad Request: file of size 13160455 bytes is too big for a photo; the maximum size is "
		"10485760 bytes",
		TELEGRAM_AS_DOCUMENT},
	    {400, "Bad Request: group send failed: message #2: PHOTO_INVALID_DIMENSIONS",
		TELEGRAM_AS_DOCUMENT},
	    {400, "Bad Request: GROUPED_MEDIA_INVALID", TELEGRAM_AS_DOCUMENT},
	    {400, "Bad Request: chat not found", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: user is deactivated", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: group chat was deactivated", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: group chat was deleted", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: group chat was upgraded to a supergroup chat", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: group is deactivated", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: have no rights to send a message", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: have no write access to the chat", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: not enough rights to send text messages to the chat", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: not enough rights to send photos to the chat", TELEGRAM_REFUSED},
	    {400, "Bad Request: need administrator rights in the channel chat", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: bot is not a member of the channel chat", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: bot was kicked from the supergroup chat", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: PEER_ID_INVALID", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: CHAT_ID_INVALID", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: CHAT_WRITE_FORBIDDEN", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: CHAT_SEND_PLAIN_FORBIDDEN", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN", TELEGRAM_REFUSED},
	    {400, "Bad Request: CHAT_RESTRICTED", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: CHANNEL_PRIVATE", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: INPUT_USER_DEACTIVATED", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: USER_IS_BLOCKED", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: YOU_BLOCKED_USER", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: USER_IS_BOT", TELEGRAM_UNREACHABLE},
	    {403, "Forbidden: bot was blocked by the user", TELEGRAM_UNREACHABLE},
	    {403, "Forbidden: user is deactivated", TELEGRAM_UNREACHABLE},
	    {403, "Forbidden: bot was kicked from the group chat", TELEGRAM_UNREACHABLE},
	    {403, "Forbidden: bot can't initiate conversation with a user", TELEGRAM_UNREACHABLE},
	    {403, "Forbidden: CHAT_SEND_PLAIN_FORBIDDEN", TELEGRAM_UNREACHABLE},
	    {403, "Forbidden: CHAT_SEND_PHOTOS_FORBIDDEN", TELEGRAM_REFUSED},
	    {403, "Forbidden: words of next year", TELEGRAM_UNREACHABLE},
	    {400, "Bad Request: query is too old and response timeout expired or query ID is invalid",
		TELEGRAM_OK},
	    {418, "Something new", TELEGRAM_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct telegram_reply reply;
		char body[512];

		snprintf(body, sizeof body, "{\"ok\":false,\"error_code\":%d,\"description\":\"%s\"}",
		    table[i].code, table[i].description);
		reply = read_answer(table[i].code, body, -1);
		if (reply.verdict != table[i].verdict)
			fail_msg("%d %s: verdict %d", table[i].code, table[i].description, reply.verdict);
		assert_int_equal(reply.error_code, table[i].code);
		assert_string_equal(reply.description, table[i].description);
		assert_null(reply.result);
		assert_false(reply.whole_bot);
		telegram_reply_free(&reply);
	}
}

static void success(void **state)
{
	struct telegram_reply reply =
	    read_answer(200, "{\"ok\":true,\"result\":{\"message_id\":4503599627370497}}", -1);

	(void)state;
	assert_int_equal(reply.verdict, TELEGRAM_OK);
	assert_int_equal(json_int64(reply.result, "message_id"), 4503599627370497);
	assert_string_equal(reply.description, "");
	assert_int_equal(reply.error_code, 0);
	telegram_reply_free(&reply);
	telegram_reply_free(&reply);

	reply = read_answer(200, "{\"ok\":true,\"result\":true}", -1);
	assert_int_equal(reply.verdict, TELEGRAM_OK);
	assert_true(json_object_get_boolean(reply.result));
	telegram_reply_free(&reply);
}

/* What was asked for is so already: that it was refused is nobody's concern. */
static void nothing_to_do_is_success(void **state)
{
	static const char *const descriptions[] = {
	    "message is not modified: specified new message content is the same", "MESSAGE_NOT_MODIFIED",
	    "message to delete not found"};

	(void)state;
	for (size_t i = 0; i < sizeof descriptions / sizeof descriptions[0]; i++) {
		struct telegram_reply reply;
		char body[256];

		snprintf(body, sizeof body,
		    "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: %s\"}", descriptions[i]);
		reply = read_answer(400, body, -1);
		assert_int_equal(reply.verdict, TELEGRAM_OK);
		assert_null(reply.result);
		telegram_reply_free(&reply);
	}
}

static void migration(void **state)
{
	struct telegram_reply reply = read_answer(400,
	    "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: group chat was upgraded to a "
	    "supergroup chat\",\"parameters\":{\"migrate_to_chat_id\":-1001234567890}}",
	    -1);

	(void)state;
	assert_int_equal(reply.verdict, TELEGRAM_MIGRATED);
	assert_int_equal(reply.migrate_to, -1001234567890);
}

static void waits(void **state)
{
	static const struct {
		int status;
		const char *body;
		int64_t header, expected;
	} table[] = {
	    {429,
		"{\"ok\":false,\"error_code\":429,\"description\":\"x\",\"parameters\":{\"retry_after\":35}}",
		7, 35},
	    {429, "{\"ok\":false,\"error_code\":429,\"description\":\"x\"}", 7, 7},
	    {429, "{\"ok\":false,\"error_code\":429,\"description\":\"x\"}", -1, 1},
	    {429,
		"{\"ok\":false,\"error_code\":429,\"description\":\"x\",\"parameters\":{\"retry_after\":-5}}",
		-1, 1},
	    {429, "{\"ok\":false,\"error_code\":429,\"description\":\"x\",\"parameters\":[]}", -1, 1},
	    {429,
		"{\"ok\":false,\"error_code\":429,\"description\":\"x\",\"parameters\":{\"retry_after\":"
		"99999999999}}",
		-1, 86400},
	    {429, "<html>", 9, 9},
	    {429, "", -1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct telegram_reply reply = read_answer(table[i].status, table[i].body, table[i].header);

		assert_int_equal(reply.verdict, TELEGRAM_WAIT);
		assert_int_equal(reply.retry_after_s, table[i].expected);
	}
}

static void not_telegrams_json(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum telegram_verdict verdict;
		const char *description;
	} table[] = {
	    {502, "<html><head><title>502 Bad Gateway</title>", TELEGRAM_RETRY, "HTTP 502"},
	    {413, "<html><title>413 Request Entity Too Large</title>", TELEGRAM_AS_DOCUMENT, too_large},
	    {413, "{\"ok\":false,\"error_code\":413,\"description\":\"Request Entity Too Large\"}",
		TELEGRAM_AS_DOCUMENT, too_large},
	    {403, "<html>a proxy's words", TELEGRAM_RETRY, "HTTP 403"},
	    {400, "<html>plain HTTP to an HTTPS port", TELEGRAM_RETRY, "HTTP 400"},
	    {302, "", TELEGRAM_RETRY, "HTTP 302"},
	    {401, "", TELEGRAM_BAD_TOKEN, "HTTP 401"},
	    {404, "<html>", TELEGRAM_BAD_TOKEN, "HTTP 404"},
	    {200, "", TELEGRAM_UNCERTAIN, "HTTP 200"},
	    {200, "{\"ok\":true,\"result\":{\"mess", TELEGRAM_UNCERTAIN, "HTTP 200"},
	    {200, "[]", TELEGRAM_UNCERTAIN, "HTTP 200"},
	    {200, "{}", TELEGRAM_UNCERTAIN, "HTTP 200"},
	    {200, "{\"ok\":\"true\"}", TELEGRAM_UNCERTAIN, "HTTP 200"},
	    {200, "{\"ok\":false}", TELEGRAM_UNCERTAIN, "an error without a description"},
	    {400, "{\"ok\":true,\"result\":true}", TELEGRAM_RETRY, "HTTP 400"},
	    {400, "{\"ok\":false,\"description\":7}", TELEGRAM_REFUSED, "an error without a description"},
	    {200, "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden\"}", TELEGRAM_UNREACHABLE,
		"Forbidden"},
	    {500, "{\"ok\":false,\"error_code\":123456,\"description\":\"x\"}", TELEGRAM_RETRY, "x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct telegram_reply reply = read_answer(table[i].status, table[i].body, -1);

		if (reply.verdict != table[i].verdict)
			fail_msg("%d %s: verdict %d", table[i].status, table[i].body, reply.verdict);
		assert_string_equal(reply.description, table[i].description);
		assert_null(reply.result);
	}
}

static void no_answer(void **state)
{
	static const struct {
		enum http_failure failure;
		bool sent;
		enum telegram_verdict verdict;
	} table[] = {
	    {HTTP_NOT_RESOLVED, false, TELEGRAM_RETRY},
	    {HTTP_NOT_CONNECTED, false, TELEGRAM_RETRY},
	    {HTTP_TLS_FAILED, false, TELEGRAM_RETRY},
	    {HTTP_BROKEN, false, TELEGRAM_RETRY},
	    {HTTP_BROKEN, true, TELEGRAM_UNCERTAIN},
	    {HTTP_TIMED_OUT, false, TELEGRAM_RETRY},
	    {HTTP_TIMED_OUT, true, TELEGRAM_UNCERTAIN},
	    {HTTP_TOO_LARGE, true, TELEGRAM_UNCERTAIN},
	    {HTTP_INVALID, false, TELEGRAM_REFUSED},
	    {HTTP_CANCELLED, true, TELEGRAM_UNCERTAIN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct http_answer answer = {
		    .failure = table[i].failure, .request_sent = table[i].sent, .reason = "why"};
		struct telegram_reply reply;

		telegram_read(&answer, &reply);
		assert_int_equal(reply.verdict, table[i].verdict);
		assert_int_equal(reply.error_code, 0);
		assert_int_equal(reply.failure, table[i].failure);
		assert_string_equal(reply.description, "why");
	}
}

static void descriptions_are_printable(void **state)
{
	char body[1200], expected[256];
	struct telegram_reply reply = read_answer(400,
	    "{\"ok\":false,\"error_code\":400,\"description\":\"a\\nb\\u001b[1m\\u007f\\u009bc \\u00e4\"}",
	    -1);

	(void)state;
	assert_string_equal(reply.description, "a b [1m  c \xc3\xa4");
	/* Cut between characters. */
	strcpy(body, "{\"ok\":false,\"error_code\":400,\"description\":\"");
	for (int i = 0; i < 300; i++)
		strcat(body, "\xe2\x82\xac");
	strcat(body, "\"}");
	for (size_t i = 0; i < 255; i++)
		expected[i] = "\xe2\x82\xac"[i % 3];
	expected[255] = '\0';
	reply = read_answer(400, body, -1);
	assert_string_equal(reply.description, expected);
	reply = read_answer(400, "{\"ok\":false,\"error_code\":400,\"description\":\"\xff\"}", -1);
	assert_string_equal(reply.description, "HTTP 400");
}

static void backoff(void **state)
{
	static const struct {
		int64_t attempts;
		double jitter;
		int64_t expected_ms;
	} table[] = {
	    {1, 0, 1000},
	    {2, 0, 2000},
	    {3, 0, 4000},
	    {9, 0, 256000},
	    {10, 0, 300000},
	    {1000000000000, 0, 300000},
	    {1, 0.5, 750},
	    {10, 0.999, 150150},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_int_equal(
		    telegram_backoff_ms(table[i].attempts, table[i].jitter), table[i].expected_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(errors),
	    cmocka_unit_test(success),
	    cmocka_unit_test(nothing_to_do_is_success),
	    cmocka_unit_test(migration),
	    cmocka_unit_test(waits),
	    cmocka_unit_test(not_telegrams_json),
	    cmocka_unit_test(no_answer),
	    cmocka_unit_test(descriptions_are_printable),
	    cmocka_unit_test(backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
