#include "chat.h"
#include "utf8.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 << 10)
/* After the end of piped input the bot may still be at work: wait until it was silent for so long, but no
 * longer. */
#define SILENCE_US ((int64_t)300000)
#define AFTER_END_US ((int64_t)3000000)

static void prompt(const struct terminal *t)
{
	if (t->is_tty && !t->ended)
		printf("%s> ", t->username);
	fflush(stdout);
}

/* What the bot says comes from elsewhere: nothing of it may steer the terminal. */
static void print_safe(const char *s, const char *indent)
{
	size_t len = strlen(s), i = 0;

	while (i < len) {
		uint32_t code;
		size_t used = utf8_decode(s + i, len - i, &code);

		if (code == '\n')
			printf("\n%s", indent);
		else if (code < 0x20 || code == 0x7f)
			printf("\\x%02x", code);
		else if ((code >= 0x80 && code < 0xa0) || (code >= 0x200e && code <= 0x200f) ||
			 (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
			printf("\\u%04x", code);
		else
			printf("%.*s", (int)used, s + i);
		i += used;
	}
}

static void print_size(uint64_t bytes)
{
	if (bytes < 1024)
		printf("%llu bytes", (unsigned long long)bytes);
	else if (bytes < 1024 * 1024)
		printf("%llu KB", (unsigned long long)(bytes + 512) / 1024);
	else
		printf("%.1f MB", (double)bytes / (1024 * 1024));
}

static void print_file(const struct file *f)
{
	printf("[%s ", f->photo ? "photo" : "document");
	print_safe(f->url ? f->url : f->name ? f->name : "unnamed", "");
	if (f->photo && !f->url)
		printf(" %ux%u", f->width, f->height);
	if (!f->url) {
		printf(", ");
		print_size(f->size_bytes);
	}
	printf("] ");
}

static struct json_object *keyboard_rows(const struct message *m, struct json_object **markup)
{
	struct json_object *rows = NULL;

	*markup = m->extra && m->extra->markup ? json_tokener_parse(m->extra->markup) : NULL;
	if (!*markup)
		return NULL;
	if (!json_object_object_get_ex(*markup, "inline_keyboard", &rows))
		json_object_object_get_ex(*markup, "keyboard", &rows);
	return rows;
}

static const char *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : NULL;
}

static const char *button_text(struct json_object *button)
{
	const char *text = json_object_is_type(button, json_type_string) ? json_object_get_string(button)
									 : member(button, "text");

	return text ? text : "";
}

static void print_buttons(const struct message *m)
{
	struct json_object *markup, *rows = keyboard_rows(m, &markup);
	size_t number = 0;

	for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		for (size_t j = 0; j < json_object_array_length(row); j++) {
			printf("  [%zu] ", ++number);
			print_safe(button_text(json_object_array_get_idx(row, j)), "");
		}
		printf("\n");
	}
	json_object_put(markup);
}

/* Each picture of the conversation begins on a line of its own, over the prompt. */
static struct terminal *begin(struct watcher *w, const struct chat *c)
{
	struct terminal *t = container_of(w, struct terminal, watcher);

	if (c->id != t->user_id)
		return NULL;
	t->last_heard_us = loop_now_us();
	if (t->is_tty)
		printf("\r\033[K");
	return t;
}

static void show(struct watcher *w, const struct chat *c, const struct message *m, const char *label)
{
	struct terminal *t = begin(w, c);

	if (!t)
		return;
	printf("%s> ", label);
	if (m->extra && m->extra->file)
		print_file(m->extra->file);
	if (m->text)
		print_safe(m->text, "         ");
	printf("\n");
	print_buttons(m);
	prompt(t);
}

static void sent(struct watcher *w, struct chat *c, struct message *m)
{
	show(w, c, m, BOT_NAME);
}

static void edited(struct watcher *w, struct chat *c, struct message *m)
{
	show(w, c, m, BOT_NAME " (edited)");
}

static void deleted(struct watcher *w, struct chat *c, struct message *m)
{
	struct terminal *t = begin(w, c);

	if (!t)
		return;
	printf(BOT_NAME " (deleted)> message %d\n", m->id);
	prompt(t);
}

static void answered(struct watcher *w, struct press *p)
{
	struct terminal *t = p->answer ? begin(w, p->chat) : NULL;

	if (!t)
		return;
	printf(BOT_NAME " (notice)> ");
	print_safe(p->answer, "         ");
	printf("\n");
	prompt(t);
}

static struct chat *own_chat(struct terminal *t)
{
	struct chat *c = store_chat(&t->sim->store, t->user_id);

	if (!c)
		c = store_new_chat(&t->sim->store, t->user_id, CHAT_PRIVATE);
	user_rename(c->user, t->username, t->first_name);
	return c;
}

/* The newest message with buttons is the one whose numbers count. */
static const struct message *newest_keyboard(const struct chat *c)
{
	for (size_t i = c->count; i-- > 0;) {
		const struct message *m = &c->messages[i];

		if (!m->from && !m->deleted && m->extra && m->extra->markup)
			return m;
	}
	return NULL;
}

static struct json_object *numbered_button(struct json_object *rows, size_t number)
{
	for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (number <= json_object_array_length(row))
			return json_object_array_get_idx(row, number - 1);
		number -= json_object_array_length(row);
	}
	return NULL;
}

static bool press_numbered(struct terminal *t, struct chat *c, const struct message *m, size_t number)
{
	struct json_object *markup, *rows = keyboard_rows(m, &markup);
	struct json_object *button = number > 0 ? numbered_button(rows, number) : NULL;
	struct press_result result;
	bool ok = false;

	if (button) {
		const char *data =
		    json_object_is_type(button, json_type_string) ? NULL : member(button, "callback_data");

		ok = inject_tap(t->sim, c, c->user, m->id, button_text(button), data, &result);
	}
	json_object_put(markup);
	return ok;
}

static bool press(struct terminal *t, size_t number)
{
	struct chat *c = own_chat(t);
	const struct message *m = newest_keyboard(c);

	return m && press_numbered(t, c, m, number);
}

static void take_line(struct terminal *t, char *line)
{
	int64_t update_id;
	char *end;

	if (!t->is_tty)
		printf("%s> %s\n", t->username, line);
	if (strcmp(line, "/quit") == 0) {
		t->sim->loop.stop = true;
	} else if (line[0] == '!' && line[1] >= '0' && line[1] <= '9') {
		if (!press(t, strtoul(line + 1, &end, 10)) || *end != '\0')
			printf("(there is no such button)\n");
	} else if (!utf8_valid(line, strlen(line))) {
		printf("(that is not UTF-8)\n");
	} else if (line[strspn(line, " \t\r")] != '\0') {
		struct chat *c = own_chat(t);

		(void)inject_message(t->sim, c, c->user, line, 0, &update_id);
	}
	prompt(t);
}

static void take_lines(struct terminal *t)
{
	char *at = t->line.data, *eol;
	size_t left = t->line.len;

	while (left > 0 && (eol = memchr(at, '\n', left)) && !t->sim->loop.stop) {
		*eol = '\0';
		take_line(t, at);
		left -= (size_t)(eol - at) + 1;
		at = eol + 1;
	}
	buf_drop(&t->line, t->line.len - left);
	if (t->line.len > LINE_MAX_BYTES)
		buf_clear(&t->line);
}

static void end_of_input(struct terminal *t)
{
	if (t->line.len > 0) {
		buf_char(&t->line, '\n');
		take_lines(t);
	}
	t->ended = true;
	t->ended_us = loop_now_us();
	if (t->is_tty)
		printf("\n");
	loop_set_timer(&t->sim->loop, &t->timer, 0);
}

/* False at the end. */
static bool read_some(struct terminal *t)
{
	ssize_t n;

	buf_reserve(&t->line, 4096);
	n = read(STDIN_FILENO, t->line.data + t->line.len, t->line.cap - t->line.len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	t->line.len += (size_t)n;
	take_lines(t);
	return true;
}

static void input_ready(struct source *s, uint32_t events)
{
	struct terminal *t = container_of(s, struct terminal, input);

	(void)events;
	if (read_some(t))
		return;
	loop_remove(&t->sim->loop, s);
	s->fd = -1;
	end_of_input(t);
}

static bool bot_is_done(const struct terminal *t)
{
	int64_t now_us = loop_now_us();
	bool bot_lives = t->sim->poller.has_last || t->sim->webhook.url;

	if (t->is_tty || !bot_lives || now_us - t->ended_us > AFTER_END_US)
		return true;
	return updates_pending(&t->sim->updates) == 0 && now_us - t->last_heard_us > SILENCE_US &&
	       now_us - t->ended_us > SILENCE_US;
}

static void tick(struct timer *timer)
{
	struct terminal *t = container_of(timer, struct terminal, timer);

	if (!t->ended) {
		if (read_some(t))
			loop_set_timer(&t->sim->loop, timer, 0);
		else
			end_of_input(t);
	} else if (bot_is_done(t)) {
		t->sim->loop.stop = true;
	} else {
		loop_set_timer(&t->sim->loop, timer, 20000);
	}
}

static bool read_user(struct terminal *t, char *user)
{
	char *name = strchr(user, ':'), *first = name ? strchr(name + 1, ':') : NULL;
	struct slice id = {user, name ? (size_t)(name - user) : 0};

	if (!first || !slice_int(id, &t->user_id) || t->user_id <= 0 || first == name + 1 ||
	    first[1] == '\0' || !utf8_valid(user, strlen(user)))
		return false;
	*first = '\0';
	t->username = name + 1;
	t->first_name = first + 1;
	return true;
}

bool terminal_start(struct terminal *t, struct sim *sim, char *user)
{
	struct stat st;

	memset(t, 0, sizeof(*t));
	t->sim = sim;
	t->input.fd = -1;
	if (!read_user(t, user))
		return false;
	t->watcher = (struct watcher){sent, edited, deleted, answered};
	sim->watcher = &t->watcher;
	t->is_tty = isatty(STDIN_FILENO);
	t->timer.fire = tick;
	if (fstat(STDIN_FILENO, &st) < 0)
		err(66, "standard input");
	if (t->is_tty || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) {
		t->input = (struct source){STDIN_FILENO, input_ready};
		loop_add(&sim->loop, &t->input, EPOLLIN);
	} else {
		loop_set_timer(&sim->loop, &t->timer, 0); /* epoll takes no files */
	}
	prompt(t);
	return true;
}

void terminal_stop(struct terminal *t)
{
	if (t->input.fd >= 0)
		loop_remove(&t->sim->loop, &t->input);
	loop_clear_timer(&t->sim->loop, &t->timer);
	buf_free(&t->line);
}
