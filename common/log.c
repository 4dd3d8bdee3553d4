#include "log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "fd.h"
#include "utf8.h"

/* A pipe takes 4096 bytes at once, so lines of several processes do not mix. */
enum { LINE_MAX_BYTES = 4096, VALUE_MAX_BYTES = 1024, END_BYTES = 2, SECRET_MIN_BYTES = 8 };

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};

static struct {
	const char *program;
	const char *secret;
	bool json;
	enum log_level level;
} state = {.program = "tgtools", .level = LOG_INFO};

void log_set(bool json, enum log_level level)
{
	state.json = json;
	state.level = level;
}

void log_open(const char *program, bool json, enum log_level level)
{
	state.program = program;
	log_set(json, level);
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

/* One character as JSON has it in pure ASCII; what is no character becomes U+FFFD. */
static void add_character(struct buf *out, const char *text, size_t bytes, uint32_t code)
{
	if (bytes == 0)
		buf_add_text(out, "\\ufffd");
	else if (code == '"' || code == '\\')
		buf_add_format(out, "\\%c", (char)code);
	else if (code >= 0x20 && code < 0x7f)
		buf_add(out, text, 1);
	else if (code < 0x10000)
		buf_add_format(out, "\\u%04x", (unsigned)code);
	else
		buf_add_format(out, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (code >> 10)),
		    (unsigned)(0xdc00 + (code & 0x3ff)));
}

/* A value, printable, bounded and without the secret, so that a line is always one line. */
static void add_escaped(struct buf *out, const char *text)
{
	size_t secret_len = state.secret ? strlen(state.secret) : 0;
	size_t len = strlen(text), start = out->len, bytes;
	uint32_t code;

	for (size_t i = 0; i < len; i += bytes) {
		if (out->len - start >= VALUE_MAX_BYTES) {
			buf_add_text(out, "...");
			return;
		}
		if (secret_len > 0 && strncmp(text + i, state.secret, secret_len) == 0) {
			buf_add_text(out, "[secret]");
			bytes = secret_len;
			continue;
		}
		bytes = utf8_decode(text + i, len - i, &code);
		add_character(out, text + i, bytes, code);
		bytes += bytes == 0;
	}
}

static void format_field(struct buf *out, const struct log_field *field)
{
	buf_add_format(out, state.json ? ",\"%s\":" : " %s=", field->key);
	if (field->text == NULL) {
		buf_add_format(out, "%lld", (long long)field->number);
		return;
	}
	buf_add_text(out, "\"");
	add_escaped(out, field->text);
	buf_add_text(out, "\"");
}

/* Adds the field where the line has room for it and for its end; a half one would break the line. */
static void add_field(struct buf *line, const struct log_field *field)
{
	struct buf part = BUF_INIT(LINE_MAX_BYTES);

	format_field(&part, field);
	if (line->len + part.len + END_BYTES <= LINE_MAX_BYTES)
		buf_add(line, part.data, part.len);
	buf_free(&part);
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, unsigned count)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES);
	char time[CLOCK_TEXT_BYTES];

	if (level < state.level)
		return;
	if (state.json) {
		buf_add_format(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":\"",
		    clock_format_ms(clock_wall_ms(), time), level_names[level], state.program);
	} else {
		buf_add_format(&line, "%s: %s: ", state.program, level_names[level]);
	}
	add_escaped(&line, event);
	if (state.json)
		buf_add_text(&line, "\"");
	for (unsigned i = 0; i < count; i++)
		add_field(&line, &fields[i]);
	buf_add_text(&line, state.json ? "}\n" : "\n");
	/* There is nowhere to report a failure. */
	(void)fd_write_all(STDERR_FILENO, line.data, line.len);
	buf_free(&line);
}
