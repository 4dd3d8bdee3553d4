/*
 * Why: what Telegram, or a proxy in its place, answers decides whether a message is sent again, given up or
 * taken as sent. No answer may crash the sender, make it wait for a negative time, or pass for a success.
 * The first three bytes are the failure, whether the request was sent, and the status; the rest is the body.
 */
#include "fuzz.h"

#include <string.h>

#include "telegram.h"
#include "utf8.h"

const char *const fuzz_words[] = {"{\"ok\":true,\"result\":{}}", "\"ok\":false", "\"error_code\":429",
    "\"parameters\":{\"retry_after\":", "\"migrate_to_chat_id\":", "\"description\":\"",
    "9223372036854775807", "-1", "can't parse entities", "message is not modified",
    "PHOTO_INVALID_DIMENSIONS", "<html>", "\\u0000", "\xff", "null", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 400, 401, 403, 404, 409, 413, 429, 500, 502, 0, 302};
	struct http_answer answer = {.retry_after_s = -1};
	struct telegram_reply reply;

	if (size < 3)
		return 0;
	answer.failure = data[0] % 2 ? HTTP_ANSWERED : (enum http_failure)(data[0] % (HTTP_CANCELLED + 1));
	answer.request_sent = data[1] & 1;
	answer.retry_after_s = data[1] & 2 ? (int64_t)data[1] * 1000 : -1;
	answer.status =
	    answer.failure == HTTP_ANSWERED ? statuses[data[2] % (sizeof statuses / sizeof statuses[0])] : 0;
	buf_init(&answer.body, size);
	FUZZ_MUST(buf_add(&answer.body, data + 3, size - 3) == 0);
	telegram_read(&answer, &reply);
	FUZZ_MUST(reply.verdict <= TELEGRAM_BAD_TOKEN);
	FUZZ_MUST(reply.verdict != TELEGRAM_OK || answer.failure == HTTP_ANSWERED);
	FUZZ_MUST(reply.verdict != TELEGRAM_WAIT || reply.retry_after_s >= 1);
	FUZZ_MUST(reply.verdict != TELEGRAM_MIGRATED || reply.migrate_to != 0);
	FUZZ_MUST((reply.verdict == TELEGRAM_OK) || reply.result == NULL);
	FUZZ_MUST(utf8_is_valid(reply.description, strnlen(reply.description, sizeof reply.description)));
	for (const char *c = reply.description; *c != '\0'; c++)
		FUZZ_MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
	telegram_reply_free(&reply);
	buf_free(&answer.body);
	return 0;
}
