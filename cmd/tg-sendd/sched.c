#include "sched.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

enum { GROUP_WINDOW_MS = 60000, TABLE_MIN = 64, NOT_IN_HEAP = -1 };

struct bucket {
	double tokens;
	int64_t at_ms;
};

enum place { PLACE_HEAP, PLACE_READY, PLACE_FLIGHT };

struct chat {
	int64_t id;
	int64_t count[SCHED_CLASSES];
	int64_t not_before_ms;
	struct bucket bucket;
	int64_t *sent_ms; /* groups: when the last group_per_minute messages left, a ring */
	int64_t sent_size, sent_next;
	enum place place;
	int64_t due_ms;		      /* in the heap: when to look again */
	int64_t heap_index;	      /* NOT_IN_HEAP elsewhere */
	int ready_class;	      /* in a ready list: which */
	struct chat *previous, *next; /* ready list */
	struct chat *chain;	      /* hash table */
};

struct list {
	struct chat *first, *last;
};

struct sched {
	struct sched_limits limits;
	struct bucket bucket;
	int64_t hold_until_ms;
	int64_t in_flight;
	struct list ready[SCHED_CLASSES];
	struct chat **heap; /* by due_ms */
	int64_t heap_len, heap_size;
	struct chat **table;
	int64_t table_len, table_size; /* size is a power of two */
};

/* ---- token buckets ---- */

static void bucket_fill(struct bucket *bucket, double per_second, double size, int64_t now_ms)
{
	bucket->tokens += (double)(now_ms - bucket->at_ms) * per_second / 1000;
	if (bucket->tokens > size)
		bucket->tokens = size;
	bucket->at_ms = now_ms;
}

/* When the bucket will hold so many tokens. */
static int64_t bucket_due(const struct bucket *bucket, double per_second, double tokens)
{
	double missing = tokens - bucket->tokens;

	if (missing <= 0)
		return bucket->at_ms;
	return bucket->at_ms + (int64_t)ceil(missing * 1000 / per_second);
}

/* A third of a second's worth at once: enough to keep several connections busy. */
static double overall_size(const struct sched *sched)
{
	return fmax(1, sched->limits.overall_per_second / 3);
}

/* ---- hash table ---- */

static uint64_t hash(int64_t id)
{
	uint64_t bits = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);

	return bits ^ bits >> 32;
}

static struct chat **slot(struct sched *sched, int64_t id)
{
	return &sched->table[hash(id) & (uint64_t)(sched->table_size - 1)];
}

static void table_resize(struct sched *sched, int64_t size)
{
	struct chat **old = sched->table;
	int64_t old_size = sched->table_size;

	sched->table = xcalloc((size_t)size, sizeof(struct chat *));
	sched->table_size = size;
	for (int64_t i = 0; i < old_size; i++) {
		for (struct chat *chat = old[i], *chain; chat != NULL; chat = chain) {
			struct chat **place = slot(sched, chat->id);

			chain = chat->chain;
			chat->chain = *place;
			*place = chat;
		}
	}
	free(old);
}

static struct chat *find(struct sched *sched, int64_t id)
{
	struct chat *chat = *slot(sched, id);

	while (chat != NULL && chat->id != id)
		chat = chat->chain;
	return chat;
}

static struct chat *find_or_add(struct sched *sched, int64_t id, int64_t now_ms)
{
	struct chat *chat = find(sched, id);
	struct chat **place;

	if (chat != NULL)
		return chat;
	if (sched->table_len >= sched->table_size)
		table_resize(sched, sched->table_size * 2);
	chat = xcalloc(1, sizeof *chat);
	chat->id = id;
	chat->bucket = (struct bucket){(double)sched->limits.chat_burst, now_ms};
	chat->heap_index = NOT_IN_HEAP;
	place = slot(sched, id);
	chat->chain = *place;
	*place = chat;
	sched->table_len++;
	return chat;
}

static void chat_free(struct chat *chat)
{
	free(chat->sent_ms);
	free(chat);
}

static void forget(struct sched *sched, struct chat *chat)
{
	struct chat **place = slot(sched, chat->id);

	while (*place != chat)
		place = &(*place)->chain;
	*place = chat->chain;
	sched->table_len--;
	chat_free(chat);
}

/* ---- heap of those who wait for a time ---- */

static void heap_set(struct sched *sched, int64_t index, struct chat *chat)
{
	sched->heap[index] = chat;
	chat->heap_index = index;
}

static void heap_up(struct sched *sched, int64_t index)
{
	struct chat *chat = sched->heap[index];

	while (index > 0 && sched->heap[(index - 1) / 2]->due_ms > chat->due_ms) {
		heap_set(sched, index, sched->heap[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	heap_set(sched, index, chat);
}

static void heap_down(struct sched *sched, int64_t index)
{
	struct chat *chat = sched->heap[index];

	for (;;) {
		int64_t child = 2 * index + 1;

		if (child >= sched->heap_len)
			break;
		if (child + 1 < sched->heap_len &&
		    sched->heap[child + 1]->due_ms < sched->heap[child]->due_ms)
			child++;
		if (sched->heap[child]->due_ms >= chat->due_ms)
			break;
		heap_set(sched, index, sched->heap[child]);
		index = child;
	}
	heap_set(sched, index, chat);
}

static void heap_push(struct sched *sched, struct chat *chat)
{
	if (sched->heap_len == sched->heap_size) {
		sched->heap_size = sched->heap_size ? sched->heap_size * 2 : TABLE_MIN;
		sched->heap = xreallocarray(sched->heap, (size_t)sched->heap_size, sizeof(struct chat *));
	}
	heap_set(sched, sched->heap_len++, chat);
	heap_up(sched, chat->heap_index);
}

static void heap_remove(struct sched *sched, struct chat *chat)
{
	int64_t index = chat->heap_index;
	struct chat *last = sched->heap[--sched->heap_len];

	chat->heap_index = NOT_IN_HEAP;
	if (last == chat)
		return;
	heap_set(sched, index, last);
	heap_up(sched, index);
	heap_down(sched, last->heap_index);
}

/* ---- lists of those who are ready ---- */

static void list_push(struct list *list, struct chat *chat)
{
	chat->previous = list->last;
	chat->next = NULL;
	if (list->last != NULL)
		list->last->next = chat;
	else
		list->first = chat;
	list->last = chat;
}

static void list_remove(struct list *list, struct chat *chat)
{
	if (chat->previous != NULL)
		chat->previous->next = chat->next;
	else
		list->first = chat->next;
	if (chat->next != NULL)
		chat->next->previous = chat->previous;
	else
		list->last = chat->previous;
}

/* ---- where a chat belongs ---- */

static int head_class(const struct chat *chat)
{
	for (int class = 0; class < SCHED_CLASSES; class ++) {
		if (chat->count[class] > 0)
			return class;
	}
	return -1;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool has_chat_pace(const struct sched *sched, const struct chat *chat)
{
	return chat->id != 0 && sched->limits.chat_per_second > 0;
}

static bool has_group_pace(const struct sched *sched, const struct chat *chat)
{
	return chat->id < 0 && sched->limits.group_per_minute > 0;
}

/* When the oldest message of a full window leaves it. */
static int64_t group_due(const struct chat *chat)
{
	if (chat->sent_ms == NULL || chat->sent_ms[chat->sent_next] == INT64_MIN)
		return INT64_MIN;
	return chat->sent_ms[chat->sent_next] + GROUP_WINDOW_MS;
}

/* When a message may leave. */
static int64_t send_due(const struct sched *sched, const struct chat *chat)
{
	int64_t due = chat->not_before_ms;

	if (has_chat_pace(sched, chat))
		due = later(due, bucket_due(&chat->bucket, sched->limits.chat_per_second, 1));
	if (has_group_pace(sched, chat))
		due = later(due, group_due(chat));
	return due;
}

/* When nothing about an idle chat matters any more. */
static int64_t idle_due(const struct sched *sched, const struct chat *chat, int64_t now_ms)
{
	int64_t due = later(chat->not_before_ms, now_ms);

	if (has_chat_pace(sched, chat))
		due = later(due, bucket_due(&chat->bucket, sched->limits.chat_per_second,
				     (double)sched->limits.chat_burst));
	if (chat->sent_ms != NULL)
		due = later(due, now_ms + GROUP_WINDOW_MS);
	return due;
}

static void unplace(struct sched *sched, struct chat *chat)
{
	if (chat->heap_index != NOT_IN_HEAP)
		heap_remove(sched, chat);
	else if (chat->place == PLACE_READY)
		list_remove(&sched->ready[chat->ready_class], chat);
}

static void place(struct sched *sched, struct chat *chat, int64_t now_ms)
{
	int class = head_class(chat);

	chat->due_ms = class >= 0 ? send_due(sched, chat) : idle_due(sched, chat, now_ms);
	if (class >= 0 && chat->due_ms <= now_ms) {
		chat->place = PLACE_READY;
		chat->ready_class = class;
		list_push(&sched->ready[class], chat);
		return;
	}
	chat->place = PLACE_HEAP;
	heap_push(sched, chat);
}

static void wake_due(struct sched *sched, int64_t now_ms)
{
	while (sched->heap_len > 0 && sched->heap[0]->due_ms <= now_ms) {
		struct chat *chat = sched->heap[0];

		heap_remove(sched, chat);
		if (head_class(chat) < 0)
			forget(sched, chat);
		else
			place(sched, chat, now_ms);
	}
}

/* ---- interface ---- */

struct sched *sched_new(const struct sched_limits *limits, int64_t now_ms)
{
	struct sched *sched = xcalloc(1, sizeof *sched);

	sched->limits = *limits;
	sched->bucket = (struct bucket){overall_size(sched), now_ms};
	table_resize(sched, TABLE_MIN);
	return sched;
}

void sched_free(struct sched *sched)
{
	if (sched == NULL)
		return;
	for (int64_t i = 0; i < sched->table_size; i++) {
		for (struct chat *chat = sched->table[i], *chain; chat != NULL; chat = chain) {
			chain = chat->chain;
			chat_free(chat);
		}
	}
	free(sched->table);
	free(sched->heap);
	free(sched);
}

void sched_set_limits(struct sched *sched, const struct sched_limits *limits)
{
	/* The rings have the size of the old limit; without them the windows start anew. */
	for (int64_t i = 0;
	     limits->group_per_minute != sched->limits.group_per_minute && i < sched->table_size; i++) {
		for (struct chat *chat = sched->table[i]; chat != NULL; chat = chat->chain) {
			free(chat->sent_ms);
			chat->sent_ms = NULL;
		}
	}
	sched->limits = *limits;
}

void sched_add(struct sched *sched, int64_t id, int class, int64_t count, int64_t now_ms)
{
	struct chat *chat = find_or_add(sched, id, now_ms);
	int before = head_class(chat);

	chat->count[class] += count;
	if (chat->place == PLACE_FLIGHT)
		return;
	/* A chat that is ready keeps its turn unless its next message is now of a better class. */
	if (chat->place == PLACE_READY && before == head_class(chat))
		return;
	unplace(sched, chat);
	place(sched, chat, now_ms);
}

static void spend(struct sched *sched, struct chat *chat, int64_t now_ms)
{
	const struct sched_limits *limits = &sched->limits;

	if (limits->overall_per_second > 0)
		sched->bucket.tokens -= 1;
	if (has_chat_pace(sched, chat)) {
		bucket_fill(&chat->bucket, limits->chat_per_second, (double)limits->chat_burst, now_ms);
		chat->bucket.tokens -= 1;
	}
	if (!has_group_pace(sched, chat))
		return;
	if (chat->sent_ms == NULL) {
		chat->sent_size = limits->group_per_minute;
		chat->sent_next = 0;
		chat->sent_ms = xreallocarray(NULL, (size_t)chat->sent_size, sizeof(int64_t));
		for (int64_t i = 0; i < chat->sent_size; i++)
			chat->sent_ms[i] = INT64_MIN;
	}
	chat->sent_ms[chat->sent_next] = now_ms;
	chat->sent_next = (chat->sent_next + 1) % chat->sent_size;
}

static bool may_send(struct sched *sched, int64_t now_ms)
{
	if (sched->in_flight >= sched->limits.parallel || sched->hold_until_ms > now_ms)
		return false;
	if (sched->limits.overall_per_second <= 0)
		return true;
	bucket_fill(&sched->bucket, sched->limits.overall_per_second, overall_size(sched), now_ms);
	return sched->bucket.tokens >= 1;
}

bool sched_next(struct sched *sched, int64_t now_ms, int64_t *id)
{
	wake_due(sched, now_ms);
	if (!may_send(sched, now_ms))
		return false;
	for (int class = 0; class < SCHED_CLASSES; class ++) {
		struct chat *chat = sched->ready[class].first;

		if (chat == NULL)
			continue;
		list_remove(&sched->ready[class], chat);
		chat->place = PLACE_FLIGHT;
		spend(sched, chat, now_ms);
		sched->in_flight++;
		*id = chat->id;
		return true;
	}
	return false;
}

void sched_done(struct sched *sched, int64_t id, int class, int64_t now_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL || chat->place != PLACE_FLIGHT)
		return;
	sched->in_flight--;
	if (class >= 0 && chat->count[class] > 0)
		chat->count[class]--;
	place(sched, chat, now_ms);
}

void sched_clear(struct sched *sched, int64_t id, int64_t now_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL)
		return;
	memset(chat->count, 0, sizeof chat->count);
	if (chat->place == PLACE_FLIGHT)
		sched_done(sched, id, -1, now_ms);
}

void sched_hold_chat(struct sched *sched, int64_t id, int64_t until_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL)
		return;
	chat->not_before_ms = later(chat->not_before_ms, until_ms);
	if (chat->place == PLACE_FLIGHT)
		return;
	unplace(sched, chat);
	chat->place = PLACE_HEAP;
	chat->due_ms = later(chat->due_ms, until_ms);
	heap_push(sched, chat);
}

void sched_hold_all(struct sched *sched, int64_t until_ms)
{
	sched->hold_until_ms = later(sched->hold_until_ms, until_ms);
}

static int64_t ready_due(const struct sched *sched)
{
	int64_t due = sched->hold_until_ms;

	if (sched->limits.overall_per_second > 0)
		due = later(due, bucket_due(&sched->bucket, sched->limits.overall_per_second, 1));
	return due;
}

int64_t sched_wait_ms(const struct sched *sched, int64_t now_ms)
{
	int64_t due = INT64_MAX;

	for (int class = 0; class < SCHED_CLASSES; class ++) {
		if (sched->ready[class].first != NULL && sched->in_flight < sched->limits.parallel)
			due = ready_due(sched);
	}
	if (sched->heap_len > 0 && sched->heap[0]->due_ms < due)
		due = sched->heap[0]->due_ms;
	if (due == INT64_MAX)
		return -1;
	return due > now_ms ? due - now_ms : 0;
}

int64_t sched_in_flight(const struct sched *sched)
{
	return sched->in_flight;
}
