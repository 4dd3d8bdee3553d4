#include "updates.h"

#include <stdlib.h>
#include <string.h>

static const char *const types[] = {"message", "edited_message", "channel_post", "edited_channel_post",
    "business_connection", "business_message", "edited_business_message", "deleted_business_messages",
    "guest_message", "inline_query", "chosen_inline_result", "callback_query", "shipping_query",
    "pre_checkout_query", "purchased_paid_media", "poll", "poll_answer", "my_chat_member",
    "chat_join_request", "chat_boost", "removed_chat_boost", "managed_bot",
    /* these three must be asked for by name */
    "chat_member", "message_reaction", "message_reaction_count"};

#define TYPE_COUNT ((int)(sizeof(types) / sizeof(*types)))
#define USUAL ((1U << (TYPE_COUNT - 3)) - 1)

void updates_init(struct updates *u)
{
	memset(u, 0, sizeof(*u));
	u->last_id = u->confirmed_through = FIRST_UPDATE_ID - 1;
	u->allowed = USUAL;
}

void updates_free(struct updates *u)
{
	for (size_t i = u->first; i < u->end; i++)
		free(u->list[i].json);
	free(u->list);
	memset(u, 0, sizeof(*u));
}

int update_type(const char *name, size_t len)
{
	for (int i = 0; i < TYPE_COUNT; i++)
		if (strlen(types[i]) == len && memcmp(types[i], name, len) == 0)
			return i;
	return -1;
}

size_t updates_pending(const struct updates *u)
{
	return u->end - u->first;
}

int64_t updates_add(struct updates *u, int type, const char *object, size_t len)
{
	struct buf b = {0};

	if (!(u->allowed >> type & 1))
		return 0;
	if (u->end == u->cap && u->first > u->cap / 2) {
		memmove(u->list, u->list + u->first, updates_pending(u) * sizeof(*u->list));
		u->end -= u->first;
		u->first = 0;
	}
	u->list = grow(u->list, &u->cap, u->end + 1, sizeof(*u->list));
	buf_char(&b, '"');
	buf_str(&b, types[type]);
	buf_str(&b, "\":");
	buf_add(&b, object, len);
	buf_char(&b, '}');
	u->list[u->end++] = (struct update){.id = ++u->last_id, .json = xstrndup(b.data, b.len)};
	buf_free(&b);
	return u->last_id;
}

static void forget_first(struct updates *u)
{
	u->confirmed_through = u->list[u->first].id;
	free(u->list[u->first].json);
	u->first++;
}

void updates_confirm_below(struct updates *u, int64_t id)
{
	while (u->first < u->end && u->list[u->first].id < id)
		forget_first(u);
}

/* Those pushed at the same time may be done out of order; the queue is emptied from its front. */
void updates_confirm_one(struct updates *u, struct update *update)
{
	update->done = true;
	update->in_flight = false;
	while (u->first < u->end && u->list[u->first].done)
		forget_first(u);
}

void updates_keep_last(struct updates *u, size_t count)
{
	while (updates_pending(u) > count)
		forget_first(u);
}

void updates_write(const struct update *update, struct buf *out)
{
	buf_str(out, "{\"update_id\":");
	buf_int(out, update->id);
	buf_char(out, ',');
	buf_str(out, update->json);
}

void updates_allow(struct updates *u, struct json_object *names)
{
	uint32_t allowed = 0;

	for (size_t i = 0; i < json_object_array_length(names); i++) {
		struct json_object *name = json_object_array_get_idx(names, i);
		int type =
		    update_type(json_object_get_string(name), (size_t)json_object_get_string_len(name));

		if (type >= 0)
			allowed |= 1U << type;
	}
	u->allowed = allowed ? allowed : USUAL;
}

void updates_write_allowed(const struct updates *u, struct buf *out)
{
	char before = '[';

	if (u->allowed == USUAL)
		return;
	for (int i = 0; i < TYPE_COUNT; i++)
		if (u->allowed >> i & 1) {
			buf_char(out, before);
			buf_printf(out, "\"%s\"", types[i]);
			before = ',';
		}
	buf_char(out, ']');
}
