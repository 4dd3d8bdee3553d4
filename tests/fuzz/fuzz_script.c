/*
 * Why: a notification script is anybody's program and prints anything. Its output is a report that can be
 * sent, or that script's error; never a crash of the run that the other scripts wait in.
 */
#include "fuzz.h"

#include <string.h>

#include "script.h"
#include "utf8.h"

const char *const fuzz_words[] = {"{\"notify\":true,", "\"notify\":false", "\"title\":\"t\"",
    "\"message\":\"m\"", "\"image_path\":\"/tmp/a.png\"", "\"document_path\":\"\"", "\"cooldown\":\"1h\"",
    "\"cooldown\":30", "\"cooldown\":\" 1D \"", "99999999999d", "\"data\":{}", "\"silent\":1",
    "\"key\":\"k\"", "\xef\xbb\xbf", "\nlog line\n", "\\u0000", "null", "}{", "[]", NULL};

static void check_text(const char *text)
{
	FUZZ_MUST(text == NULL || utf8_is_valid(text, strlen(text)));
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
	FUZZ_MUST(!report.notify || report.message != NULL || report.image_path != NULL ||
		  report.document_path != NULL);
	FUZZ_MUST(report.cooldown_ms >= 0 && report.cooldown_ms <= SCRIPT_COOLDOWN_MAX_MS);
	FUZZ_MUST(memchr(report.warning, '\0', sizeof report.warning) != NULL);
	script_report_free(&report);
	return 0;
}
