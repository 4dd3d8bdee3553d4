#include "limits.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "xalloc.h"

enum {
	MINUTE_MS = 60000,
	HOUR_MS = 3600000,
	US = 1000,	  /* in a millisecond */
	CHAINS = 16384,	  /* a power of two */
	CHATS_FIRST = 64, /* room for so many at first */
	TIMES_FIRST = 4,  /* the same for the times of a chat */
	PROBES = 8,	  /* of limited chats, for one that is no longer limited */
	NONE = -1,
};

/* Times beyond are no times of messages; within it no sum overflows. */
#define TIME_MAX_MS (INT64_C(1) << 45)

/* Keeps a million of them within int64. */
static const double interval_max_us = 86400e6;

enum list_name { LIST_QUIET, LIST_LIMITED, LISTS };

struct chat {
	int64_t chat;
	int64_t last_ms; /* its own time, which never goes back */
	int64_t full_us; /* when its bucket will be full */
	int64_t free_ms; /* from then on it is not refused */
	int64_t told_ms;
	int64_t *times_ms; /* a ring of what was allowed within the window, oldest first */
	int32_t first, count, capacity;
	int32_t chain; /* the next with the same hash */
	int32_t newer, older;
	enum list_name list;
};

struct list {
	int32_t newest, oldest;
};

/* Chats by their id, in one of two lists each. */
struct table {
	struct chat *chats;
	int32_t count, capacity;
	int32_t chains[CHAINS];
	struct list lists[LISTS];
};

struct limits {
	struct table chats;
	struct table strangers; /* in LIST_QUIET, in the order in which they were told */
	struct chat spare;	/* of all for which there is no room */
};

/* ---- the table ---- */

static void table_init(struct table *table)
{
	for (size_t i = 0; i < CHAINS; i++)
		table->chains[i] = NONE;
	for (size_t i = 0; i < LISTS; i++)
		table->lists[i] = (struct list){NONE, NONE};
}

static void table_free(struct table *table)
{
	for (int32_t i = 0; i < table->count; i++)
		free(table->chats[i].times_ms);
	free(table->chats);
}

/* Ids are given by Telegram, one after the other, and are not chosen by anybody. */
static int32_t *chain_of(struct table *table, int64_t chat)
{
	uint64_t hash = (uint64_t)chat * UINT64_C(0x9e3779b97f4a7c15);

	return &table->chains[(hash >> 32) % CHAINS];
}

static int32_t find(struct table *table, int64_t chat)
{
	int32_t at = *chain_of(table, chat);

	while (at != NONE && table->chats[at].chat != chat)
		at = table->chats[at].chain;
	return at;
}

static void list_remove(struct table *table, int32_t at)
{
	struct chat *chat = &table->chats[at];
	struct list *list = &table->lists[chat->list];

	if (chat->newer != NONE)
		table->chats[chat->newer].older = chat->older;
	else
		list->newest = chat->older;
	if (chat->older != NONE)
		table->chats[chat->older].newer = chat->newer;
	else
		list->oldest = chat->newer;
}

static void list_add(struct table *table, int32_t at, enum list_name name)
{
	struct chat *chat = &table->chats[at];
	struct list *list = &table->lists[name];

	chat->list = name;
	chat->newer = NONE;
	chat->older = list->newest;
	if (list->newest != NONE)
		table->chats[list->newest].newer = at;
	else
		list->oldest = at;
	list->newest = at;
}

static void list_move(struct table *table, int32_t at, enum list_name name)
{
	list_remove(table, at);
	list_add(table, at, name);
}

/* Starts anew for a chat; the memory for its times stays. */
static void reset(struct chat *chat, int64_t id, int64_t now_ms)
{
	*chat = (struct chat){.chat = id,
	    .last_ms = now_ms,
	    .full_us = now_ms * US,
	    .free_ms = now_ms,
	    .told_ms = now_ms - MINUTE_MS,
	    .times_ms = chat->times_ms,
	    .capacity = chat->capacity};
}

static void put(struct table *table, int32_t at, int64_t id, int64_t now_ms)
{
	int32_t *chain = chain_of(table, id);

	reset(&table->chats[at], id, now_ms);
	table->chats[at].chain = *chain;
	*chain = at;
	list_add(table, at, LIST_QUIET);
}

static void take_out(struct table *table, int32_t at)
{
	int32_t *link = chain_of(table, table->chats[at].chat);

	while (*link != at)
		link = &table->chats[*link].chain;
	*link = table->chats[at].chain;
	list_remove(table, at);
}

static int32_t grow(struct table *table)
{
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : CHATS_FIRST;
		if (table->capacity > LIMITS_CHATS)
			table->capacity = LIMITS_CHATS;
		table->chats = xreallocarray(table->chats, (size_t)table->capacity, sizeof table->chats[0]);
	}
	table->chats[table->count] = (struct chat){.times_ms = NULL};
	return table->count++;
}

/* The age of a chat counts from the end of its limit. Looks at few, the others come later. */
static void release_limited(struct table *table, int64_t now_ms)
{
	for (int i = 0; i < PROBES && table->lists[LIST_LIMITED].oldest != NONE; i++) {
		int32_t at = table->lists[LIST_LIMITED].oldest;

		list_move(table, at, table->chats[at].free_ms <= now_ms ? LIST_QUIET : LIST_LIMITED);
	}
}

/* A place for a chat that is not in the table; NONE: there is no room. */
static int32_t find_place(struct table *table, int64_t now_ms)
{
	int32_t at;

	if (table->count < LIMITS_CHATS)
		return grow(table);
	release_limited(table, now_ms);
	at = table->lists[LIST_QUIET].oldest;
	if (at != NONE)
		take_out(table, at);
	return at;
}

/* ---- one chat ---- */

static int64_t within(int64_t now_ms)
{
	if (now_ms < 0)
		return 0;
	return now_ms < TIME_MAX_MS ? now_ms : TIME_MAX_MS;
}

static int64_t *time_at(const struct chat *chat, int32_t i)
{
	return &chat->times_ms[(chat->first + i) % chat->capacity];
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* What was used moves with the clock. */
static void move_back(struct chat *chat, int64_t by_ms)
{
	chat->told_ms = most(chat->told_ms, chat->last_ms - MINUTE_MS) - by_ms;
	chat->full_us = most(chat->full_us, chat->last_ms * US) - by_ms * US;
	for (int32_t i = 0; i < chat->count; i++)
		*time_at(chat, i) = most(*time_at(chat, i), chat->last_ms - MINUTE_MS) - by_ms;
	chat->last_ms -= by_ms;
}

static int64_t advance(struct chat *chat, int64_t now_ms)
{
	if (chat->last_ms - now_ms >= MINUTE_MS)
		move_back(chat, chat->last_ms - now_ms);
	chat->last_ms = most(chat->last_ms, now_ms);
	return chat->last_ms;
}

static void note_time(struct chat *chat, int64_t now_ms)
{
	if (chat->count == chat->capacity) {
		int32_t capacity = chat->capacity ? 2 * chat->capacity : TIMES_FIRST;
		int64_t *times_ms = xreallocarray(NULL, (size_t)capacity, sizeof *times_ms);

		for (int32_t i = 0; i < chat->count; i++)
			times_ms[i] = *time_at(chat, i);
		free(chat->times_ms);
		chat->times_ms = times_ms;
		chat->first = 0;
		chat->capacity = capacity;
	}
	chat->count++;
	*time_at(chat, chat->count - 1) = now_ms;
}

/* The window in which so many are allowed: the minute, or a part of it. */
static int64_t window_size(const struct limits_rate *rate)
{
	return least(rate->per_minute, LIMITS_WINDOW);
}

static int64_t window_ms(const struct limits_rate *rate)
{
	return (window_size(rate) * MINUTE_MS + rate->per_minute - 1) / rate->per_minute;
}

/* When the window has room for the next one. */
static int64_t window_due_ms(struct chat *chat, const struct limits_rate *rate)
{
	if (rate->per_minute <= 0)
		return 0;
	while (chat->count > 0 && *time_at(chat, 0) <= chat->last_ms - window_ms(rate)) {
		chat->first = (chat->first + 1) % chat->capacity;
		chat->count--;
	}
	if (chat->count < window_size(rate))
		return 0;
	return *time_at(chat, (int32_t)(chat->count - window_size(rate))) + window_ms(rate);
}

static int64_t interval_us(const struct limits_rate *rate)
{
	return (int64_t)fmin(ceil(1e6 / rate->per_second), interval_max_us);
}

/* When the bucket has a token. It is never more than full, and never emptier than empty. */
static int64_t bucket_due_ms(struct chat *chat, const struct limits_rate *rate)
{
	int64_t now_us = chat->last_ms * US, interval, due_us;

	if (!(rate->per_second > 0))
		return 0;
	interval = interval_us(rate);
	chat->full_us = most(least(chat->full_us, now_us + rate->burst * interval), now_us);
	due_us = chat->full_us - (rate->burst - 1) * interval;
	return due_us <= 0 ? 0 : (due_us + US - 1) / US;
}

static int64_t due_ms(struct chat *chat, const struct limits_rate *rate)
{
	return most(window_due_ms(chat, rate), bucket_due_ms(chat, rate));
}

static void use(struct chat *chat, const struct limits_rate *rate)
{
	if (rate->per_minute > 0)
		note_time(chat, chat->last_ms);
	if (rate->per_second > 0)
		chat->full_us += interval_us(rate);
}

static enum limits_verdict check(struct chat *chat, const struct limits_rate *rate, int64_t at_ms)
{
	int64_t now_ms = advance(chat, at_ms);

	chat->free_ms = due_ms(chat, rate);
	if (chat->free_ms <= now_ms) {
		use(chat, rate);
		chat->free_ms = due_ms(chat, rate);
		return LIMITS_ALLOWED;
	}
	if (now_ms - chat->told_ms < MINUTE_MS)
		return LIMITS_REFUSED;
	chat->told_ms = now_ms;
	return LIMITS_REFUSED_TELL;
}

/* ---- the limits ---- */

struct limits *limits_new(void)
{
	struct limits *limits = xcalloc(1, sizeof *limits);

	table_init(&limits->chats);
	table_init(&limits->strangers);
	reset(&limits->spare, 0, 0);
	return limits;
}

void limits_free(struct limits *limits)
{
	if (limits == NULL)
		return;
	table_free(&limits->chats);
	table_free(&limits->strangers);
	free(limits->spare.times_ms);
	free(limits);
}

static bool is_off(const struct limits_rate *rate)
{
	return rate->per_minute <= 0 && !(rate->per_second > 0);
}

enum limits_verdict limits_check(
    struct limits *limits, const struct limits_rate *rate, int64_t chat, int64_t now_ms)
{
	struct table *table = &limits->chats;
	int64_t at_ms = within(now_ms);
	enum limits_verdict verdict;
	int32_t at;

	if (is_off(rate))
		return LIMITS_ALLOWED;
	at = find(table, chat);
	if (at == NONE) {
		at = find_place(table, at_ms);
		if (at == NONE)
			return check(&limits->spare, rate, at_ms) == LIMITS_ALLOWED ? LIMITS_ALLOWED
										    : LIMITS_REFUSED;
		put(table, at, chat, at_ms);
	}
	verdict = check(&table->chats[at], rate, at_ms);
	list_move(table, at, table->chats[at].free_ms > table->chats[at].last_ms ? LIST_LIMITED : LIST_QUIET);
	return verdict;
}

/* An hour in either direction: a clock that was set back must not silence the bot for long. */
static bool is_hour_apart(int64_t told_ms, int64_t now_ms)
{
	return now_ms - told_ms >= HOUR_MS || told_ms - now_ms >= HOUR_MS;
}

bool limits_may_refuse_stranger(struct limits *limits, int64_t chat, int64_t now_ms)
{
	struct table *table = &limits->strangers;
	int64_t at_ms = within(now_ms);
	int32_t at = find(table, chat);

	if (at == NONE && table->count == LIMITS_CHATS)
		at = table->lists[LIST_QUIET].oldest;
	if (at != NONE) {
		if (!is_hour_apart(table->chats[at].told_ms, at_ms))
			return false;
		take_out(table, at);
	} else {
		at = grow(table);
	}
	put(table, at, chat, at_ms);
	table->chats[at].told_ms = at_ms;
	return true;
}
