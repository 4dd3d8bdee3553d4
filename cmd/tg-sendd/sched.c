#include "sched.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pace.h"
#include "xalloc.h"

enum { IDLE_MS = 60000, TABLE_MIN = 64, AT_ONCE = 28 };

/* What stands in a hash table, by id, and in one list. */
struct item {
	int64_t id;
	struct item *chain;
	struct item *previous, *next;
};

struct list {
	struct item *first, *last;
};

struct table {
	struct item **slots;
	int64_t len, size; /* size is a power of two */
};

enum place {
	PLACE_IDLE,    /* in the heap of those without mail, until nothing about them matters */
	PLACE_WAITING, /* in the heap of those that must wait */
	PLACE_READY,   /* in the list of its flow */
	PLACE_FLIGHT,
};

struct chat {
	struct item item; /* first; in the list of its flow, or of those that sched_wake ends */
	int64_t flow[SCHED_CLASSES];
	struct sched_memo memo;
	int64_t full_ns; /* its bucket */
	int64_t hold_ms;
	int64_t back_off_ms;
	int64_t due_ms; /* in a heap: when to look again */
	struct pace_window *window;
	int32_t count[SCHED_CLASSES];
	int32_t heap_index;
	uint8_t place;
	uint8_t ready_class;
	bool answered; /* in flight, but no longer under way */
	bool wakeable; /* in the list of those that sched_wake ends */
	bool woken;    /* and has not succeeded since */
	bool firm;     /* its back-off is not ended by sched_wake */
};

/* Those of a user's chats that may be written to and whose next message is of a class. */
struct flow {
	struct item item; /* first; in the turn of its class */
	struct list chats;
	bool paused; /* not in the turn */
};

struct heap {
	struct chat **chats; /* by due_ms */
	int64_t len, size;
};

/* What was sent before a restart. */
struct sent {
	int64_t chat, at_ms;
};

struct sched {
	struct sched_limits limits;
	int64_t start_full_ns, answer_full_ns; /* the buckets of all chats, see gate_due */
	int64_t hold_until_ms;
	int64_t in_flight, under_way;
	int64_t passing; /* see sched_pass */
	bool paused;
	struct table chats, flows[SCHED_CLASSES];
	struct list turn[SCHED_CLASSES]; /* flows that have a chat and are not paused */
	struct list wakeable;
	struct heap waiting, idle;
	struct sent *sent; /* not counted yet */
	size_t sent_count, sent_size;
};

/* ---- hash tables ---- */

static struct item **slot(const struct table *table, int64_t id)
{
	uint64_t bits = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);

	return &table->slots[(bits ^ bits >> 32) & (uint64_t)(table->size - 1)];
}

static void table_resize(struct table *table, int64_t size)
{
	struct table old = *table;

	table->slots = xcalloc((size_t)size, sizeof *table->slots);
	table->size = size;
	for (int64_t i = 0; i < old.size; i++) {
		for (struct item *item = old.slots[i], *chain; item != NULL; item = chain) {
			struct item **place = slot(table, item->id);

			chain = item->chain;
			item->chain = *place;
			*place = item;
		}
	}
	free(old.slots);
}

static struct item *table_find(const struct table *table, int64_t id)
{
	struct item *item = *slot(table, id);

	while (item != NULL && item->id != id)
		item = item->chain;
	return item;
}

static void *table_add(struct table *table, int64_t id, size_t size)
{
	struct item *item = xcalloc(1, size);
	struct item **place;

	if (table->len >= table->size)
		table_resize(table, table->size * 2);
	place = slot(table, id);
	item->id = id;
	item->chain = *place;
	*place = item;
	table->len++;
	return item;
}

static void table_remove(struct table *table, struct item *item)
{
	struct item **place = slot(table, item->id);

	while (*place != item)
		place = &(*place)->chain;
	*place = item->chain;
	table->len--;
	free(item);
}

static void table_free(struct table *table)
{
	for (int64_t i = 0; i < table->size; i++) {
		for (struct item *item = table->slots[i], *chain; item != NULL; item = chain) {
			chain = item->chain;
			free(item);
		}
	}
	free(table->slots);
}

/* ---- lists ---- */

static void list_push(struct list *list, struct item *item)
{
	item->previous = list->last;
	item->next = NULL;
	if (list->last != NULL)
		list->last->next = item;
	else
		list->first = item;
	list->last = item;
}

static void list_remove(struct list *list, struct item *item)
{
	if (item->previous != NULL)
		item->previous->next = item->next;
	else
		list->first = item->next;
	if (item->next != NULL)
		item->next->previous = item->previous;
	else
		list->last = item->previous;
}

/* ---- heaps of those who wait for a time ---- */

static void heap_set(struct heap *heap, int64_t index, struct chat *chat)
{
	heap->chats[index] = chat;
	chat->heap_index = (int32_t)index;
}

static void heap_up(struct heap *heap, int64_t index)
{
	struct chat *chat = heap->chats[index];

	while (index > 0 && heap->chats[(index - 1) / 2]->due_ms > chat->due_ms) {
		heap_set(heap, index, heap->chats[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	heap_set(heap, index, chat);
}

static void heap_down(struct heap *heap, int64_t index)
{
	struct chat *chat = heap->chats[index];

	for (;;) {
		int64_t child = 2 * index + 1;

		if (child >= heap->len)
			break;
		if (child + 1 < heap->len && heap->chats[child + 1]->due_ms < heap->chats[child]->due_ms)
			child++;
		if (heap->chats[child]->due_ms >= chat->due_ms)
			break;
		heap_set(heap, index, heap->chats[child]);
		index = child;
	}
	heap_set(heap, index, chat);
}

static void heap_push(struct heap *heap, struct chat *chat)
{
	if (heap->len == heap->size) {
		heap->size = heap->size ? heap->size * 2 : TABLE_MIN;
		heap->chats = xreallocarray(heap->chats, (size_t)heap->size, sizeof(struct chat *));
	}
	heap_set(heap, heap->len++, chat);
	heap_up(heap, chat->heap_index);
}

static void heap_remove(struct heap *heap, struct chat *chat)
{
	int64_t index = chat->heap_index;
	struct chat *last = heap->chats[--heap->len];

	if (last == chat)
		return;
	heap_set(heap, index, last);
	heap_up(heap, index);
	heap_down(heap, last->heap_index);
}

/* The first one if it is due. */
static struct chat *heap_due(const struct heap *heap, int64_t now_ms)
{
	return heap->len > 0 && heap->chats[0]->due_ms <= now_ms ? heap->chats[0] : NULL;
}

/* ---- flows ---- */

static struct flow *flow_find_or_add(struct sched *sched, int class, int64_t id)
{
	struct flow *flow = (struct flow *)table_find(&sched->flows[class], id);

	return flow != NULL ? flow : table_add(&sched->flows[class], id, sizeof *flow);
}

/* Takes its turn where it has a chat, and is forgotten where nothing about it matters. */
static void flow_settle(struct sched *sched, int class, struct flow *flow)
{
	if (flow->paused)
		return;
	if (flow->chats.first != NULL)
		list_push(&sched->turn[class], &flow->item);
	else
		table_remove(&sched->flows[class], &flow->item);
}

static void flow_push(struct sched *sched, struct chat *chat, int class)
{
	struct flow *flow = flow_find_or_add(sched, class, chat->flow[class]);
	bool had = flow->chats.first != NULL;

	chat->ready_class = (uint8_t) class;
	list_push(&flow->chats, &chat->item);
	if (!had)
		flow_settle(sched, class, flow);
}

static void flow_remove(struct sched *sched, struct chat *chat)
{
	int class = chat->ready_class;
	struct flow *flow = flow_find_or_add(sched, class, chat->flow[class]);

	list_remove(&flow->chats, &chat->item);
	if (flow->chats.first != NULL || flow->paused)
		return;
	list_remove(&sched->turn[class], &flow->item);
	flow_settle(sched, class, flow);
}

/* The next chat of the flow whose turn it is; NULL: no flow has one. */
static struct chat *flow_take(struct sched *sched, int class)
{
	struct flow *flow = (struct flow *)sched->turn[class].first;
	struct chat *chat;

	if (flow == NULL)
		return NULL;
	chat = (struct chat *)flow->chats.first;
	list_remove(&flow->chats, &chat->item);
	list_remove(&sched->turn[class], &flow->item);
	flow_settle(sched, class, flow);
	return chat;
}

/* ---- when a chat may be written to ---- */

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

#define LANE_FIRST (INT64_C(1) << 62)

int64_t sched_lane(uint32_t number)
{
	return LANE_FIRST + number;
}

bool sched_is_lane(int64_t chat)
{
	return chat == 0 || chat >= LANE_FIRST;
}

static bool has_chat_pace(const struct sched *sched, const struct chat *chat)
{
	return !sched_is_lane(chat->item.id) && sched->limits.chat_per_second > 0;
}

static bool has_group_pace(const struct sched *sched, const struct chat *chat)
{
	return chat->item.id < 0 && sched->limits.group_per_minute > 0;
}

/* When its bucket holds so many tokens. */
static int64_t bucket_due(const struct sched *sched, const struct chat *chat, int64_t tokens)
{
	return pace_due_ms(
	    chat->full_ns, pace_interval_ns(sched->limits.chat_per_second), sched->limits.chat_burst, tokens);
}

static int64_t send_due(const struct sched *sched, const struct chat *chat)
{
	int64_t due = later(chat->hold_ms, chat->back_off_ms);

	if (has_chat_pace(sched, chat))
		due = later(due, bucket_due(sched, chat, 1));
	if (has_group_pace(sched, chat) && chat->window != NULL)
		due = later(due, pace_window_due_ms(chat->window, sched->limits.group_per_minute));
	return due;
}

/* When nothing about a chat without mail matters any more. */
static int64_t idle_due(const struct sched *sched, const struct chat *chat, int64_t now_ms)
{
	int64_t due = later(chat->hold_ms, now_ms);

	if (has_chat_pace(sched, chat))
		due = later(due, bucket_due(sched, chat, sched->limits.chat_burst));
	if (chat->window != NULL)
		due = later(due, now_ms + IDLE_MS);
	return due;
}

/* An attempt reached Telegram at at_ms at the latest. */
static void count_sent(struct sched *sched, struct chat *chat, int64_t at_ms)
{
	const struct sched_limits *limits = &sched->limits;

	if (limits->overall_per_second > 0)
		pace_take(&sched->answer_full_ns, pace_interval_ns(limits->overall_per_second), at_ms);
	if (has_chat_pace(sched, chat))
		pace_take(&chat->full_ns, pace_interval_ns(limits->chat_per_second), at_ms);
	if (!has_group_pace(sched, chat))
		return;
	if (chat->window == NULL)
		chat->window = pace_window_new();
	pace_window_note(chat->window, at_ms);
}

static int64_t all_at_once(const struct sched *sched)
{
	return later(AT_ONCE, sched->limits.parallel);
}

/* Whether the second bucket would have so many tokens beside all that is under way, were it full. */
static bool has_room(const struct sched *sched, int64_t tokens)
{
	return sched->limits.overall_per_second <= 0 ||
	       sched->under_way + sched->passing + tokens <= all_at_once(sched);
}

/* When so many tokens are left of the second bucket, once all that is under way is counted. */
static int64_t left_due(const struct sched *sched, int64_t tokens)
{
	return pace_due_ms(sched->answer_full_ns, pace_interval_ns(sched->limits.overall_per_second),
	    all_at_once(sched), sched->under_way + sched->passing + tokens);
}

/*
 * When one more may leave for any chat. Two buckets: one counts starts and spreads them, a third of a
 * second's worth at once, to keep several connections busy. The other one counts answers, and what is under
 * way, and is what keeps the limit: a little less than Telegram's own bucket is said to hold, which is 30,
 * also after a turn of the loop that came late.
 */
static int64_t gate_due(const struct sched *sched)
{
	int64_t due = sched->hold_until_ms, interval_ns, burst;

	if (sched->limits.overall_per_second <= 0)
		return due;
	interval_ns = pace_interval_ns(sched->limits.overall_per_second);
	burst = (int64_t)fmax(1, sched->limits.overall_per_second / 3);
	due = later(due, pace_due_ms(sched->start_full_ns, interval_ns, burst, 1));
	return later(due, left_due(sched, 1));
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

static struct chat *find(const struct sched *sched, int64_t id)
{
	return (struct chat *)table_find(&sched->chats, id);
}

static void make_wakeable(struct sched *sched, struct chat *chat, bool wakeable)
{
	if (chat->wakeable == wakeable)
		return;
	chat->wakeable = wakeable;
	if (wakeable)
		list_push(&sched->wakeable, &chat->item);
	else
		list_remove(&sched->wakeable, &chat->item);
}

static void unplace(struct sched *sched, struct chat *chat)
{
	switch ((enum place)chat->place) {
	case PLACE_IDLE:
		heap_remove(&sched->idle, chat);
		break;
	case PLACE_WAITING:
		heap_remove(&sched->waiting, chat);
		make_wakeable(sched, chat, false);
		break;
	case PLACE_READY:
		flow_remove(sched, chat);
		break;
	case PLACE_FLIGHT:
		break;
	}
}

static void place_idle(struct sched *sched, struct chat *chat, int64_t due_ms)
{
	chat->place = PLACE_IDLE;
	chat->due_ms = due_ms;
	heap_push(&sched->idle, chat);
}

static void place_waiting(struct sched *sched, struct chat *chat, int64_t due_ms)
{
	chat->place = PLACE_WAITING;
	chat->due_ms = due_ms;
	heap_push(&sched->waiting, chat);
	make_wakeable(sched, chat, chat->back_off_ms == due_ms && !chat->firm);
}

static void place(struct sched *sched, struct chat *chat, int64_t now_ms)
{
	int class = head_class(chat);
	int64_t due = class >= 0 ? send_due(sched, chat) : idle_due(sched, chat, now_ms);

	if (class < 0) {
		place_idle(sched, chat, due);
	} else if (due > now_ms) {
		place_waiting(sched, chat, due);
	} else {
		chat->place = PLACE_READY;
		flow_push(sched, chat, class);
	}
}

/* Takes a chat out so that it can be changed; put_back places it anew unless it is in flight. */
static void put_back(struct sched *sched, struct chat *chat, int64_t now_ms)
{
	if (chat->place != PLACE_FLIGHT)
		place(sched, chat, now_ms);
}

static void forget(struct sched *sched, struct chat *chat)
{
	free(chat->window);
	table_remove(&sched->chats, &chat->item);
}

static struct chat *chat_new(struct sched *sched, int64_t id, int64_t now_ms)
{
	struct chat *chat = table_add(&sched->chats, id, sizeof *chat);

	chat->full_ns = PACE_FULL;
	chat->hold_ms = INT64_MIN;
	chat->back_off_ms = INT64_MIN;
	place_idle(sched, chat, now_ms);
	return chat;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = ((const struct sent *)a)->at_ms, y = ((const struct sent *)b)->at_ms;

	return (x > y) - (x < y);
}

/* In the order in which they left: a bucket and a window that saw them in another one would hold less. */
static void count_all_sent(struct sched *sched, int64_t now_ms)
{
	if (sched->sent_count > 0)
		qsort(sched->sent, sched->sent_count, sizeof *sched->sent, by_time);
	for (size_t i = 0; i < sched->sent_count; i++) {
		struct chat *chat = find(sched, sched->sent[i].chat);

		if (chat == NULL)
			chat = chat_new(sched, sched->sent[i].chat, now_ms);
		unplace(sched, chat);
		count_sent(sched, chat, sched->sent[i].at_ms);
		put_back(sched, chat, now_ms);
	}
	free(sched->sent);
	sched->sent = NULL;
	sched->sent_count = 0;
	sched->sent_size = 0;
}

static void catch_up(struct sched *sched, int64_t now_ms)
{
	count_all_sent(sched, now_ms);
	for (struct chat *chat; (chat = heap_due(&sched->idle, now_ms)) != NULL;) {
		heap_remove(&sched->idle, chat);
		forget(sched, chat);
	}
}

static struct chat *find_or_add(struct sched *sched, int64_t id, int64_t now_ms)
{
	struct chat *chat;

	catch_up(sched, now_ms);
	chat = find(sched, id);
	return chat != NULL ? chat : chat_new(sched, id, now_ms);
}

/* ---- interface ---- */

int64_t sched_flow_of(const char *account, int64_t chat)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	/* FNV-1a */
	for (const unsigned char *byte = (const unsigned char *)account; *byte != '\0'; byte++)
		hash = (hash ^ *byte) * UINT64_C(0x100000001b3);
	return account[0] != '\0' ? (int64_t)hash : chat;
}

struct sched *sched_new(const struct sched_limits *limits, int64_t now_ms)
{
	struct sched *sched = xcalloc(1, sizeof *sched);

	sched->limits = *limits;
	sched->start_full_ns = PACE_FULL;
	sched->answer_full_ns = PACE_FULL;
	sched->hold_until_ms = now_ms;
	table_resize(&sched->chats, TABLE_MIN);
	for (int class = 0; class < SCHED_CLASSES; class ++)
		table_resize(&sched->flows[class], TABLE_MIN);
	return sched;
}

void sched_free(struct sched *sched)
{
	if (sched == NULL)
		return;
	for (int64_t i = 0; i < sched->chats.size; i++) {
		for (struct item *item = sched->chats.slots[i]; item != NULL; item = item->chain)
			free(((struct chat *)item)->window);
	}
	table_free(&sched->chats);
	for (int class = 0; class < SCHED_CLASSES; class ++)
		table_free(&sched->flows[class]);
	free(sched->sent);
	free(sched->waiting.chats);
	free(sched->idle.chats);
	free(sched);
}

void sched_set_limits(struct sched *sched, const struct sched_limits *limits)
{
	/* The debt of a slow bucket would hold up a fast one for long. */
	if (limits->overall_per_second > sched->limits.overall_per_second) {
		sched->start_full_ns = PACE_FULL;
		sched->answer_full_ns = PACE_FULL;
	}
	sched->limits = *limits;
}

void sched_add(struct sched *sched, int64_t id, int class, int64_t flow, int64_t count, int64_t now_ms)
{
	struct chat *chat = find_or_add(sched, id, now_ms);
	int before = head_class(chat);

	if (chat->count[class] == 0)
		chat->flow[class] = flow;
	/* A chat keeps its turn and its wait unless its next message is now of a better class. */
	if (before >= 0 && before <= class) {
		chat->count[class] += (int32_t)count;
		return;
	}
	unplace(sched, chat);
	chat->count[class] += (int32_t)count;
	put_back(sched, chat, now_ms);
}

bool sched_flow(struct sched *sched, int64_t id, int class, int64_t flow_id, int64_t now_ms)
{
	const struct flow *flow = (struct flow *)table_find(&sched->flows[class], flow_id);
	bool paused = flow != NULL && flow->paused;
	struct chat *chat = find(sched, id);

	if (chat == NULL || chat->count[class] == 0 || chat->flow[class] == flow_id)
		return !paused;
	unplace(sched, chat);
	chat->flow[class] = flow_id;
	put_back(sched, chat, now_ms);
	return !paused;
}

void sched_remove(struct sched *sched, int64_t id, int class, int64_t count, int64_t now_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL)
		return;
	if (chat->count[class] > count) {
		chat->count[class] -= (int32_t)count;
		return;
	}
	unplace(sched, chat);
	chat->count[class] = 0;
	put_back(sched, chat, now_ms);
}

static void take_over(struct chat *to, struct chat *from)
{
	for (int class = 0; class < SCHED_CLASSES; class ++) {
		int64_t flow = from->flow[class];

		if (to->count[class] == 0)
			to->flow[class] = flow == from->item.id ? to->item.id : flow;
		to->count[class] += from->count[class];
		from->count[class] = 0;
	}
	/* It is the same people's limit. */
	to->full_ns = later(to->full_ns, from->full_ns);
	if (to->window == NULL) {
		to->window = from->window;
		from->window = NULL;
	}
}

void sched_move(struct sched *sched, int64_t from_id, int64_t to_id, int64_t now_ms)
{
	struct chat *to = find_or_add(sched, to_id, now_ms);
	struct chat *from = find(sched, from_id);

	if (from == NULL || from == to)
		return;
	unplace(sched, from);
	unplace(sched, to);
	take_over(to, from);
	put_back(sched, from, now_ms);
	put_back(sched, to, now_ms);
}

static bool may_send(const struct sched *sched)
{
	return !sched->paused && sched->under_way < sched->limits.parallel && has_room(sched, 1);
}

static struct chat *take_ready(struct sched *sched)
{
	struct chat *chat = NULL;

	for (int class = 0; class < SCHED_CLASSES && chat == NULL; class ++)
		chat = flow_take(sched, class);
	return chat;
}

bool sched_next(struct sched *sched, int64_t now_ms, int64_t *id)
{
	struct chat *chat;

	catch_up(sched, now_ms);
	while ((chat = heap_due(&sched->waiting, now_ms)) != NULL) {
		unplace(sched, chat);
		place(sched, chat, now_ms);
	}
	if (!may_send(sched) || gate_due(sched) > now_ms)
		return false;
	chat = take_ready(sched);
	if (chat == NULL)
		return false;
	if (sched->limits.overall_per_second > 0)
		pace_take(&sched->start_full_ns, pace_interval_ns(sched->limits.overall_per_second), now_ms);
	chat->place = PLACE_FLIGHT;
	chat->answered = false;
	sched->in_flight++;
	sched->under_way++;
	*id = chat->item.id;
	return true;
}

void sched_answered(struct sched *sched, int64_t id, int64_t now_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL || chat->place != PLACE_FLIGHT || chat->answered)
		return;
	chat->answered = true;
	sched->under_way--;
	count_sent(sched, chat, now_ms);
}

/* What was to start was not sent. */
static void take_back_start(struct sched *sched)
{
	if (sched->limits.overall_per_second > 0)
		sched->start_full_ns -= pace_interval_ns(sched->limits.overall_per_second);
}

bool sched_pass(struct sched *sched, int64_t id, int64_t now_ms)
{
	const struct chat *chat = find(sched, id);
	int64_t half = all_at_once(sched) / 2;

	if (sched->paused || sched->hold_until_ms > now_ms)
		return false;
	if (chat != NULL && (head_class(chat) >= 0 || later(chat->hold_ms, chat->back_off_ms) > now_ms))
		return false;
	if (!has_room(sched, half) ||
	    (sched->limits.overall_per_second > 0 && left_due(sched, half) > now_ms))
		return false;
	sched->passing++;
	return true;
}

void sched_passed(struct sched *sched, int64_t now_ms)
{
	sched->passing--;
	if (sched->limits.overall_per_second > 0)
		pace_take(&sched->answer_full_ns, pace_interval_ns(sched->limits.overall_per_second), now_ms);
}

void sched_done(struct sched *sched, int64_t id, int class, int64_t now_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL || chat->place != PLACE_FLIGHT)
		return;
	if (!chat->answered) {
		sched->under_way--;
		take_back_start(sched);
	}
	sched->in_flight--;
	if (class >= 0) {
		chat->count[class] -= chat->count[class] > 0;
		chat->woken = false;
		chat->firm = false;
	}
	place(sched, chat, now_ms);
}

void sched_sent(struct sched *sched, int64_t id, int64_t at_ms, int64_t now_ms)
{
	if (sched->sent_count == sched->sent_size) {
		sched->sent_size = sched->sent_size > 0 ? sched->sent_size * 2 : TABLE_MIN;
		sched->sent = xreallocarray(sched->sent, sched->sent_size, sizeof *sched->sent);
	}
	sched->sent[sched->sent_count++] = (struct sent){id, at_ms < now_ms ? at_ms : now_ms};
}

void sched_clear(struct sched *sched, int64_t id, int64_t now_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL)
		return;
	unplace(sched, chat);
	memset(chat->count, 0, sizeof chat->count);
	put_back(sched, chat, now_ms);
	sched_done(sched, id, -1, now_ms);
}

/* The chat, which is not in flight, is not looked at before. */
static void postpone(struct sched *sched, struct chat *chat, int64_t until_ms)
{
	unplace(sched, chat);
	if (chat->place == PLACE_IDLE)
		place_idle(sched, chat, later(chat->due_ms, until_ms));
	else if (chat->place != PLACE_FLIGHT)
		place_waiting(sched, chat, later(send_due(sched, chat), until_ms));
}

void sched_hold_chat(struct sched *sched, int64_t id, int64_t until_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL)
		return;
	chat->hold_ms = later(chat->hold_ms, until_ms);
	postpone(sched, chat, until_ms);
}

void sched_hold_all(struct sched *sched, int64_t until_ms)
{
	sched->hold_until_ms = later(sched->hold_until_ms, until_ms);
}

void sched_back_off(struct sched *sched, int64_t id, int64_t until_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL)
		return;
	chat->back_off_ms = until_ms;
	chat->firm = chat->woken;
	chat->woken = false;
	postpone(sched, chat, until_ms);
}

void sched_wake(struct sched *sched, int64_t now_ms)
{
	while (sched->wakeable.first != NULL) {
		struct chat *chat = (struct chat *)sched->wakeable.first;

		unplace(sched, chat);
		chat->back_off_ms = INT64_MIN;
		chat->woken = true;
		place(sched, chat, now_ms);
	}
}

void sched_retry(struct sched *sched, int64_t id, int64_t now_ms)
{
	struct chat *chat = find(sched, id);

	if (chat == NULL || chat->place == PLACE_FLIGHT)
		return;
	unplace(sched, chat);
	chat->back_off_ms = INT64_MIN;
	place(sched, chat, now_ms);
}

void sched_pause(struct sched *sched, bool paused)
{
	sched->paused = paused;
}

void sched_pause_flow(struct sched *sched, int64_t id, bool paused)
{
	for (int class = 0; class < SCHED_CLASSES; class ++) {
		struct flow *flow = flow_find_or_add(sched, class, id);

		if (!flow->paused && flow->chats.first != NULL)
			list_remove(&sched->turn[class], &flow->item);
		flow->paused = paused;
		flow_settle(sched, class, flow);
	}
}

int64_t sched_wait_ms(const struct sched *sched, int64_t now_ms)
{
	int64_t due = INT64_MAX;

	if (!may_send(sched))
		return -1;
	if (sched->waiting.len > 0)
		due = sched->waiting.chats[0]->due_ms;
	for (int class = 0; class < SCHED_CLASSES; class ++) {
		if (sched->turn[class].first != NULL)
			due = INT64_MIN;
	}
	if (due == INT64_MAX)
		return -1;
	due = later(due, gate_due(sched));
	return due > now_ms ? due - now_ms : 0;
}

int64_t sched_in_flight(const struct sched *sched)
{
	return sched->in_flight;
}

struct sched_memo *sched_memo(struct sched *sched, int64_t id)
{
	struct chat *chat = find(sched, id);

	return chat != NULL ? &chat->memo : NULL;
}

int64_t sched_waiting(const struct sched *sched, int64_t id)
{
	const struct chat *chat = find(sched, id);
	int64_t waiting = 0;

	for (int class = 0; chat != NULL && class < SCHED_CLASSES; class ++)
		waiting += chat->count[class];
	return waiting;
}
