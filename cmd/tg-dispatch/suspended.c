#include "suspended.h"

#include <stdlib.h>

#include "xalloc.h"

struct entry {
	struct suspended_update update;
	bool waits;
	bool has_refused; /* one that would have come behind it */
	int64_t token, deadline_ms;
	struct entry *next;
};

/* In the order in which they came, so that the first of a chat is the one that goes on. */
struct suspended {
	struct entry *first;
	size_t count;
};

void suspended_update_free(struct suspended_update *update)
{
	json_object_put(update->object);
	json_object_put(update->answer);
	*update = (struct suspended_update){.object = NULL};
}

struct suspended *suspended_new(void)
{
	return xcalloc(1, sizeof(struct suspended));
}

void suspended_free(struct suspended *suspended)
{
	struct entry *entry = suspended != NULL ? suspended->first : NULL;

	while (entry != NULL) {
		struct entry *next = entry->next;

		suspended_update_free(&entry->update);
		free(entry);
		entry = next;
	}
	free(suspended);
}

size_t suspended_count(const struct suspended *suspended)
{
	return suspended->count;
}

bool suspended_has(const struct suspended *suspended, int64_t chat)
{
	for (const struct entry *entry = suspended->first; entry != NULL; entry = entry->next) {
		if (entry->update.chat == chat)
			return true;
	}
	return false;
}

bool suspended_is_full(struct suspended *suspended, int64_t chat, bool *is_first)
{
	struct entry *last = NULL;
	size_t count = 0;

	for (struct entry *entry = suspended->first; entry != NULL; entry = entry->next) {
		if (entry->update.chat != chat)
			continue;
		count++;
		last = entry;
	}
	if (count < SUSPENDED_CHAT_MAX)
		return false;
	*is_first = !last->has_refused;
	last->has_refused = true;
	return true;
}

static struct entry *new_entry(struct suspended *suspended, const struct suspended_update *update)
{
	struct entry *entry = xcalloc(1, sizeof *entry);

	entry->update = *update;
	suspended->count++;
	return entry;
}

/* One that was taken out and waits again stays before those of its chat. */
void suspended_wait(
    struct suspended *suspended, const struct suspended_update *update, int64_t token, int64_t deadline_ms)
{
	struct entry *entry = new_entry(suspended, update);

	entry->waits = true;
	entry->token = token;
	entry->deadline_ms = deadline_ms;
	entry->next = suspended->first;
	suspended->first = entry;
}

void suspended_queue(struct suspended *suspended, const struct suspended_update *update)
{
	struct entry **place = &suspended->first;

	while (*place != NULL)
		place = &(*place)->next;
	*place = new_entry(suspended, update);
}

static void end_wait(struct entry *entry, struct json_object *answer)
{
	entry->waits = false;
	entry->update.has_waited = true;
	entry->update.answer = answer;
}

void suspended_answer(
    struct suspended *suspended, int64_t token, struct json_object *answer, bool tap_answered)
{
	for (struct entry *entry = suspended->first; entry != NULL; entry = entry->next) {
		if (entry->waits && entry->token == token) {
			entry->update.tap_answered |= tap_answered;
			end_wait(entry, answer);
			return;
		}
	}
	json_object_put(answer);
}

void suspended_expire(struct suspended *suspended, int64_t now_ms)
{
	for (struct entry *entry = suspended->first; entry != NULL; entry = entry->next) {
		if (entry->waits && entry->deadline_ms <= now_ms)
			end_wait(entry, NULL);
	}
}

void suspended_give_up(struct suspended *suspended, int kind)
{
	for (struct entry *entry = suspended->first; entry != NULL; entry = entry->next) {
		if (entry->waits && entry->update.kind == kind)
			end_wait(entry, NULL);
	}
}

int64_t suspended_due_ms(const struct suspended *suspended)
{
	int64_t due_ms = INT64_MAX;

	for (const struct entry *entry = suspended->first; entry != NULL; entry = entry->next) {
		if (entry->waits && entry->deadline_ms < due_ms)
			due_ms = entry->deadline_ms;
	}
	return due_ms;
}

static bool is_first_of_chat(const struct suspended *suspended, const struct entry *entry)
{
	const struct entry *other = suspended->first;

	while (other->update.chat != entry->update.chat)
		other = other->next;
	return other == entry;
}

static bool is_ready(const struct suspended *suspended, const struct entry *entry)
{
	return !entry->waits && is_first_of_chat(suspended, entry);
}

bool suspended_is_ready(const struct suspended *suspended)
{
	for (const struct entry *entry = suspended->first; entry != NULL; entry = entry->next) {
		if (is_ready(suspended, entry))
			return true;
	}
	return false;
}

bool suspended_take(struct suspended *suspended, struct suspended_update *update)
{
	for (struct entry **place = &suspended->first; *place != NULL; place = &(*place)->next) {
		struct entry *entry = *place;

		if (!is_ready(suspended, entry))
			continue;
		*update = entry->update;
		*place = entry->next;
		suspended->count--;
		free(entry);
		return true;
	}
	return false;
}
