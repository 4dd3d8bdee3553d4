#include "health.h"

#include <stdio.h>
#include <string.h>

#include "text.h"
#include "texts.h"

enum { LINE_MAX_BYTES = 400 };

enum health_word health_after(
    struct script_state_entry *entry, bool failed, int64_t warn_failures, const char *incident)
{
	if (!failed) {
		bool told = entry->told;

		entry->failures = 0;
		entry->told = false;
		return told && warn_failures > 0 ? HEALTH_WELL : HEALTH_SILENT;
	}
	if (entry->failures++ == 0)
		snprintf(entry->incident, sizeof entry->incident, "%s", incident);
	return !entry->told && warn_failures > 0 && entry->failures >= warn_failures ? HEALTH_FAILING
										     : HEALTH_SILENT;
}

/* The last line that is not blank: where interpreters say what is wrong. */
static void add_last_line(struct buf *text, const struct buf *errors)
{
	const char *start = buf_text(errors), *end = start + errors->len;
	const char *line;

	while (end > start && text_is_blank(end - 1, 1))
		end--;
	line = end > start ? memrchr(start, '\n', (size_t)(end - start)) : NULL;
	line = line != NULL ? line + 1 : start;
	if (line == end)
		return;
	(void)buf_add_text(text, "\n");
	(void)text_add_clean(text, line, end - line > LINE_MAX_BYTES ? LINE_MAX_BYTES : (size_t)(end - line));
}

void health_notice(struct notice *notice, enum health_word word, const struct config *config,
    const char *script, const struct script_state_entry *entry, const char *why, const struct buf *errors,
    int64_t now_ms)
{
	bool failing = word == HEALTH_FAILING;
	struct buf text = BUF_INIT(TEXT_MAX_BYTES), reason = BUF_INIT(TEXT_MAX_BYTES);
	char count[32], key[NOTICE_KEY_BYTES];
	struct error ignored;

	snprintf(count, sizeof count, "%lld", (long long)entry->failures);
	snprintf(key, sizeof key, "%s-%s", entry->incident, failing ? "failing" : "well");
	if (failing) {
		(void)buf_add_text(&reason, why);
		add_last_line(&reason, errors);
	}
	/* Where a text of the configuration becomes too long, its start is said. */
	(void)text_format(text_get(config, failing ? TEXT_SCRIPT_FAILING : TEXT_SCRIPT_WELL),
	    (const struct text_value[]){
		{"script", script}, {"count", count}, {"error", buf_text(&reason)}, {NULL, NULL}},
	    &text, NULL, &ignored);
	notice_make_text(notice, script, NULL, buf_text(&text), key, now_ms);
	buf_free(&text);
	buf_free(&reason);
}
