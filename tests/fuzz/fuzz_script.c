/*
 * Why: a notification script is anybody's program and prints anything. Its output is a report that can be
 * sent, or that script's error; never a crash of the run that the other scripts wait in.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"
#include "utf8.h"

const char *const fuzz_words[] = {"{\"notify\":true,", "\"notify\":false", "\"title\":\"t\"",
    "\"message\":\"m\"", "\"image_path\":\"/tmp/a.png\"", "\"document_path\":\"\"", "\"cooldown\":\"1h\"",
    "\"cooldown\":30", "\"cooldown\":\" 1D \"", "99999999999d", "\"data\":{}", "\"silent\":1",
    "\"key\":\"k\"", "\xef\xbb\xbf", "\nlog line\n", "\\u0000", "null", "}{", "[]", "}\n{",
    "{\"level\":\"info\"}\n", "NaN", "1e999", "18446744073709551616", NULL};

static void check_text(const char *text)
{
	FUZZ_MUST(text == NULL || utf8_is_valid(text, strlen(text)));
}

static bool same(const char *left, const char *right)
{
	return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

static int parse_joined(
    const void *left, size_t left_size, const void *right, size_t right_size, struct script_report *report)
{
	char *joined = malloc(left_size + right_size + 1);
	struct error error = {0};
	int result;

	FUZZ_MUST(joined != NULL);
	memcpy(joined, left, left_size);
	joined[left_size] = '\n';
	memcpy(joined + left_size + 1, right, right_size);
	result = script_parse(joined, left_size + right_size + 1, report, &error);
	free(joined);
	return result;
}

/* A log before a report changes nothing in it; text behind it, or a second report, is never passed over. */
static void check_surroundings(const uint8_t *data, size_t size, const struct script_report *report)
{
	static const char log[] = "[INFO] {\"notify\":false}";
	struct script_report other = {0};

	FUZZ_MUST(parse_joined(log, sizeof log - 1, data, size, &other) == 0);
	FUZZ_MUST(other.notify == report->notify && other.cooldown_ms == report->cooldown_ms);
	FUZZ_MUST(same(other.message, report->message) && same(other.title, report->title));
	FUZZ_MUST(same(other.image_path, report->image_path) && same(other.key, report->key));
	FUZZ_MUST(strstr(other.warning, "are ignored") != NULL);
	script_report_free(&other);
	FUZZ_MUST(parse_joined(data, size, log, sizeof log - 1, &other) != 0);
	FUZZ_MUST(parse_joined(data, size, data, size, &other) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script_report report = {0};
	struct error error = {0};

	if (script_parse((const char *)data, size, &report, &error) != 0) {
		FUZZ_MUST(error.kind == ERROR_INPUT && error.text[0] != '\0');
		return 0;
	}
	check_text(report.title);
	check_text(report.message);
	check_text(report.image_path);
	check_text(report.document_path);
	check_text(report.key);
	check_text(report.warning);
	FUZZ_MUST(!report.notify || report.message != NULL || report.image_path != NULL ||
		  report.document_path != NULL);
	FUZZ_MUST(report.cooldown_ms >= 0 && report.cooldown_ms <= SCRIPT_COOLDOWN_MAX_MS);
	FUZZ_MUST(memchr(report.warning, '\0', sizeof report.warning) != NULL);
	check_surroundings(data, size, &report);
	script_report_free(&report);
	return 0;
}
