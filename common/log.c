#include "log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "fd.h"
#include "utf8.h"

/* A pipe takes 4096 bytes at once, so lines of several processes do not mix. */
enum {
	LINE_MAX_BYTES = 4096,
	VALUE_MAX_BYTES = 1024,
	END_BYTES = 2,
	SECRET_MIN_BYTES = 8,
	SECOND_CHARACTERS = 19, /* of a time, before its fraction */
};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};

static struct {
	const char *program;
	const char *secret;
	bool json;
	enum log_level level;
	struct buf line, field; /* only used within log_event; they keep their memory */
	bool holds;
	char held[LINE_MAX_BYTES];
	size_t held_len;
	int64_t second; /* what stands in second_text */
	char second_text[CLOCK_TEXT_BYTES];
} state = {.program = "tgtools",
    .level = LOG_INFO,
    .line = {.max = LINE_MAX_BYTES},
    .field = {.max = LINE_MAX_BYTES},
    .second = -1};

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

/* How much at the start of text stands in the line as it is. */
static size_t plain_length(const char *text, size_t len, size_t max)
{
	size_t count = 0;

	while (count < len && count < max && text[count] >= 0x20 && text[count] < 0x7f &&
	       text[count] != '"' && text[count] != '\\')
		count++;
	return count;
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
		bytes = secret_len == 0
			    ? plain_length(text + i, len - i, VALUE_MAX_BYTES - (out->len - start))
			    : 0;
		if (bytes > 0) {
			buf_add(out, text + i, bytes);
			continue;
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
	buf_add_text(out, state.json ? ",\"" : " ");
	buf_add_text(out, field->key);
	buf_add_text(out, state.json ? "\":" : "=");
	if (field->text == NULL) {
		buf_add_int64(out, field->number);
		return;
	}
	buf_add_text(out, "\"");
	add_escaped(out, field->text);
	buf_add_text(out, "\"");
}

/* Adds the field where the line has room for it and for its end; a half one would break the line. */
static void add_field(struct buf *line, const struct log_field *field)
{
	struct buf *part = &state.field;

	buf_clear(part);
	format_field(part, field);
	if (line->len + part->len + END_BYTES <= LINE_MAX_BYTES)
		buf_add(line, part->data, part->len);
}

/* A second is put into words once. */
static void add_time(struct buf *line)
{
	int64_t now_ms = clock_wall_ms(), second = now_ms / 1000;
	char fraction[] = ".000Z";

	if (second != state.second)
		clock_format(second * 1000, state.second_text);
	state.second = second;
	for (int i = 3, rest = (int)(now_ms % 1000); i > 0; i--, rest /= 10)
		fraction[i] = (char)('0' + rest % 10);
	buf_add(line, state.second_text, SECOND_CHARACTERS);
	buf_add_text(line, fraction);
}

static void add_start(struct buf *line, enum log_level level)
{
	if (!state.json) {
		buf_add_format(line, "%s: %s: ", state.program, level_names[level]);
		return;
	}
	buf_add_text(line, "{\"time\":\"");
	add_time(line);
	buf_add_text(line, "\",\"level\":\"");
	buf_add_text(line, level_names[level]);
	buf_add_text(line, "\",\"program\":\"");
	buf_add_text(line, state.program);
	buf_add_text(line, "\",\"event\":\"");
}

void log_flush(void)
{
	size_t len = state.held_len;

	/* First, since this may be a signal that came in the middle of it. There is nowhere to report a
	 * failure. */
	state.held_len = 0;
	if (len > 0)
		(void)fd_write_all(STDERR_FILENO, state.held, len);
}

/* Whole lines, and no more of them at once than a pipe takes in one piece. */
static void write_line(enum log_level level, const struct buf *line)
{
	if (state.held_len + line->len > sizeof state.held)
		log_flush();
	memcpy(state.held + state.held_len, line->data, line->len);
	state.held_len += line->len;
	if (!state.holds || level >= LOG_WARNING)
		log_flush();
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, unsigned count)
{
	struct buf *line = &state.line;

	if (level < state.level)
		return;
	buf_clear(line);
	add_start(line, level);
	add_escaped(line, event);
	if (state.json)
		buf_add_text(line, "\"");
	for (unsigned i = 0; i < count; i++)
		add_field(line, &fields[i]);
	buf_add_text(line, state.json ? "}\n" : "\n");
	write_line(level, line);
}

/* ---- what is held when the process ends ---- */

static const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
static struct sigaction before[sizeof deadly / sizeof deadly[0]];

/* Then whoever was there before has it: a sanitizer, or the end that the signal means. */
static void on_deadly(int signo, siginfo_t *info, void *context)
{
	(void)context;
	log_flush();
	for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
		if (deadly[i] == signo)
			sigaction(signo, &before[i], NULL);
	}
	/* A fault comes again by itself where it happened, with all that is known of it; what was sent does
	 * not. */
	if (info->si_code <= 0)
		raise(signo);
}

void log_hold(void)
{
	struct sigaction action = {.sa_sigaction = on_deadly, .sa_flags = SA_SIGINFO};

	/* Where it could not be written at the end, it is not kept. */
	if (state.holds || atexit(log_flush) != 0 || at_quick_exit(log_flush) != 0)
		return;
	state.holds = true;
	for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
		sigaction(deadly[i], &action, &before[i]);
}
