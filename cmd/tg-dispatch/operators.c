/* What operators ask the bot: /users, /queue. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "num.h"
#include "reply.h"

enum { PAGE_ROWS = 20, NUMBER_BYTES = 24, DAY_BYTES = 10, LINES_MAX_BYTES = 32 << 10, DURATION_BYTES = 64 };

/* ---- /users ---- */

struct page {
	const struct request *request;
	struct buf lines;
	bool failed;
	struct error *error;
};

static bool add_user(void *context, const struct store_link *link)
{
	struct page *page = context;
	char name[STORE_USER_BYTES + 1], since[CLOCK_TEXT_BYTES];
	const struct text_value values[] = {
	    {"user", link->user}, {"name", name}, {"since", since}, {NULL, NULL}};
	enum text_id text = link->paused ? TEXT_USERS_LINE_PAUSED : TEXT_USERS_LINE;

	if (link->chat_name[0] != '\0')
		snprintf(name, sizeof name, "@%s", link->chat_name);
	else
		snprintf(name, sizeof name, "%lld", (long long)link->chat);
	(void)clock_format(link->linked_ms, since);
	since[DAY_BYTES] = '\0';
	if (page->lines.len > 0 && buf_add_text(&page->lines, "\n") != 0)
		error_set(page->error, ERROR_BUG, "the list of links is too long");
	else if (text_format(
		     text_get(page->request->config, text), values, &page->lines, NULL, page->error) == 0)
		return true;
	page->failed = true;
	return false;
}

static int show_page(struct request *request, int64_t page, int64_t count, struct error *error)
{
	int64_t pages = (count + PAGE_ROWS - 1) / PAGE_ROWS;
	struct page shown = {.request = request, .lines = BUF_INIT(LINES_MAX_BYTES), .error = error};
	struct json_object *keyboard = keyboard_new();
	char number[NUMBER_BYTES];
	struct text_value values[] = {{"count", number}, {"users", NULL}, {NULL, NULL}};
	bool is_edit = request->update->kind == UPDATE_TAP && request->update->message_id != 0;
	int result;

	page = page < pages ? page : pages - 1;
	result = store_links_page(request->txn, page * PAGE_ROWS, PAGE_ROWS, add_user, &shown, error);
	snprintf(number, sizeof number, "%lld", (long long)count);
	values[1].value = buf_text(&shown.lines);
	if (shown.failed)
		result = -1;
	if (result == 0)
		result = (is_edit ? reply_edit : reply_message)(
		    request->calls, request->update, text_get(request->config, TEXT_USERS), values, error);
	keyboard_add_pages(keyboard, "users", (size_t)page, (size_t)pages);
	if (result == 0)
		reply_keyboard(request->calls, keyboard);
	else
		json_object_put(keyboard);
	buf_free(&shown.lines);
	return result;
}

static int list_page(struct request *request, int64_t page, struct error *error)
{
	struct store_totals totals;

	if (store_totals(request->txn, &totals, error) != 0)
		return -1;
	request->outcome = "listed";
	if (totals.links == 0)
		return request_say(request, TEXT_USERS_NONE, NULL, error);
	return show_page(request, page, totals.links, error);
}

int operators_users(struct request *request, struct error *error)
{
	return list_page(request, 0, error);
}

int operators_users_page(struct request *request, struct error *error)
{
	int64_t page = 1;

	if (num_int64(request->target, 1, 1000000, &page) != 0)
		return request_answer(request, TEXT_BUTTON_GONE, NULL, error);
	return list_page(request, page - 1, error);
}

/* ---- /queue ---- */

/* Appends a line; what does not fit any more is left out. */
static int add_line(struct request *request, enum text_id text, const struct text_value *values,
    struct buf *more, struct error *error)
{
	const char *source = text_get(request->config, text);

	if (source[0] == '\0')
		return 0;
	if (buf_add_text(more, "\n") != 0)
		return error_set(error, ERROR_BUG, "the state of the queue is too long");
	return text_format(source, values, more, NULL, error);
}

static int add_duration(
    struct request *request, enum text_id text, int64_t duration_ms, struct buf *more, struct error *error)
{
	char duration[DURATION_BYTES];
	const struct text_value values[] = {{"duration", duration}, {NULL, NULL}};

	num_format_duration(duration_ms > 0 ? duration_ms : 0, duration, sizeof duration);
	return add_line(request, text, values, more, error);
}

struct holds {
	bool everything;
	struct buf users;
};

/* Some are enough to know it by. */
static void add_hold(void *context, const char *user)
{
	struct holds *holds = context;

	if (user[0] == '\0')
		holds->everything = true;
	else
		(void)buf_add_format(&holds->users, "%s%s", holds->users.len > 0 ? ", " : "", user);
}

static int add_holds(struct request *request, struct buf *more, struct error *error)
{
	struct holds holds = {.users = BUF_INIT(1024)};
	int result = store_holds_each(request->txn, add_hold, &holds, error);
	const struct text_value values[] = {{"users", buf_text(&holds.users)}, {NULL, NULL}};

	if (result == 0 && holds.everything)
		result = add_line(request, TEXT_QUEUE_HELD_ALL, NULL, more, error);
	if (result == 0 && holds.users.len > 0)
		result = add_line(request, TEXT_QUEUE_HELD, values, more, error);
	buf_free(&holds.users);
	return result;
}

static int add_broadcasts(struct request *request, struct buf *more, struct error *error)
{
	char delivered[NUMBER_BYTES], failed[NUMBER_BYTES], left[NUMBER_BYTES];
	struct store_broadcast broadcast = {.last_id = 0};
	const struct text_value values[] = {{"user", broadcast.user}, {"delivered", delivered},
	    {"failed", failed}, {"left", left}, {NULL, NULL}};
	int found;

	while ((found = store_broadcast_next(request->txn, broadcast.last_id, &broadcast, error)) == 1) {
		snprintf(delivered, sizeof delivered, "%lld", (long long)broadcast.delivered);
		snprintf(failed, sizeof failed, "%lld", (long long)broadcast.failed);
		snprintf(left, sizeof left, "%lld", (long long)store_broadcast_left(&broadcast));
		if (add_line(request, TEXT_QUEUE_BROADCAST, values, more, error) != 0)
			return -1;
	}
	return found;
}

static int add_broken(struct request *request, struct buf *more, struct error *error)
{
	char number[NUMBER_BYTES];
	const struct text_value values[] = {{"count", number}, {NULL, NULL}};
	int64_t count;

	if (store_broken_count(request->txn, &count, error) != 0)
		return -1;
	snprintf(number, sizeof number, "%lld", (long long)count);
	return count > 0 ? add_line(request, TEXT_QUEUE_BROKEN, values, more, error) : 0;
}

/* The lines that are there only where there is something to say. */
static int add_more(
    struct request *request, const struct store_totals *totals, struct buf *more, struct error *error)
{
	int64_t quiet_ms;

	if (store_quiet_get(request->txn, &quiet_ms, error) != 0)
		return -1;
	if (totals->oldest_ms > 0 &&
	    add_duration(request, TEXT_QUEUE_AGE, request->now_ms - totals->oldest_ms, more, error) != 0)
		return -1;
	if (quiet_ms > request->now_ms &&
	    add_duration(request, TEXT_QUEUE_QUIET, quiet_ms - request->now_ms, more, error) != 0)
		return -1;
	if (add_holds(request, more, error) != 0 || add_broadcasts(request, more, error) != 0)
		return -1;
	return add_broken(request, more, error);
}

int operators_queue(struct request *request, struct error *error)
{
	char waiting[NUMBER_BYTES], scheduled[NUMBER_BYTES], dead[NUMBER_BYTES], uncertain[NUMBER_BYTES],
	    updates[NUMBER_BYTES];
	struct buf more = BUF_INIT(LINES_MAX_BYTES);
	struct text_value values[] = {{"waiting", waiting}, {"scheduled", scheduled}, {"dead", dead},
	    {"uncertain", uncertain}, {"updates", updates}, {"more", NULL}, {NULL, NULL}};
	struct store_totals totals;
	int64_t uncertain_count;
	int result = -1;

	if (store_totals(request->txn, &totals, error) != 0 ||
	    store_dead_uncertain(request->txn, &uncertain_count, error) != 0 ||
	    add_more(request, &totals, &more, error) != 0)
		goto out;
	snprintf(waiting, sizeof waiting, "%lld", (long long)totals.queued);
	snprintf(scheduled, sizeof scheduled, "%lld", (long long)totals.scheduled);
	snprintf(dead, sizeof dead, "%lld", (long long)(totals.dead - uncertain_count));
	snprintf(uncertain, sizeof uncertain, "%lld", (long long)uncertain_count);
	/* This one is still there, too. */
	snprintf(updates, sizeof updates, "%lld", (long long)(totals.inbox > 0 ? totals.inbox - 1 : 0));
	values[5].value = buf_text(&more);
	result = request_say(request, TEXT_QUEUE, values, error);
out:
	buf_free(&more);
	return result;
}
