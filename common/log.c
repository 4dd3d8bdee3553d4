#include "log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "fd.h"

enum { LINE_MAX_BYTES = 4096, VALUE_MAX_BYTES = 512, SECRET_MIN_BYTES = 8 };

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};

static struct {
	const char *program;
	const char *secret;
	bool json;
	enum log_level level;
} state = {.program = "tgtools", .level = LOG_INFO};

void log_open(const char *program, bool json, enum log_level level)
{
	state.program = program;
	state.json = json;
	state.level = level;
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

void log_secret(const char *secret)
{
	state.secret = secret != NULL && strlen(secret) >= SECRET_MIN_BYTES ? secret : NULL;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* A value as a JSON string; what is not printable ASCII becomes \u00XX, so a line is always one line. */
static void add_quoted(struct buf *line, const char *text)
{
	size_t secret_len = state.secret ? strlen(state.secret) : 0;
	size_t end = strnlen(text, VALUE_MAX_BYTES);

	buf_add_text(line, "\"");
	for (size_t i = 0; i < end; i++) {
		if (secret_len > 0 && strncmp(text + i, state.secret, secret_len) == 0) {
			buf_add_text(line, "[secret]");
			i += secret_len - 1;
		} else if (is_plain((unsigned char)text[i])) {
			buf_add(line, text + i, 1);
		} else if (text[i] == '"' || text[i] == '\\') {
			buf_add_format(line, "\\%c", text[i]);
		} else {
			buf_add_format(line, "\\u%04x", (unsigned char)text[i]);
		}
	}
	buf_add_text(line, text[end] == '\0' ? "\"" : "...\"");
}

static void add_field(struct buf *line, const struct log_field *field)
{
	buf_add_format(line, state.json ? ",\"%s\":" : " %s=", field->key);
	if (field->text != NULL)
		add_quoted(line, field->text);
	else
		buf_add_format(line, "%lld", (long long)field->number);
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, unsigned count)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES);
	char time[CLOCK_TEXT_BYTES];

	if (level < state.level)
		return;
	if (state.json) {
		buf_add_format(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":",
		    clock_format_ms(clock_wall_ms(), time), level_names[level], state.program);
		add_quoted(&line, event);
	} else {
		buf_add_format(&line, "%s: %s: %s", state.program, level_names[level], event);
	}
	for (unsigned i = 0; i < count; i++)
		add_field(&line, &fields[i]);
	buf_add_text(&line, state.json ? "}\n" : "\n");
	/* Whole lines, so that those of several processes do not mix. There is nowhere to report a failure.
	 */
	(void)fd_write_all(STDERR_FILENO, line.data, line.len);
	buf_free(&line);
}
