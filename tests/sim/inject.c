/* What people do in their chats: write, press buttons, block the bot. */
#include "api.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct message *inject_message(struct sim *sim, struct chat *c, struct user *from, const char *text,
    int32_t reply_to, int64_t *update_id)
{
	struct message *m = chat_new_message(&sim->store, c, text, strlen(text));
	struct formatted found = {0};
	struct buf b = {0};

	m->from = from;
	format_detect(&found, text);
	if (found.count > 0) {
		format_entities(&b, &found, &sim->store);
		message_extra(m)->entities = xstrndup(b.data, b.len);
		buf_clear(&b);
	}
	if (reply_to)
		message_extra(m)->reply_to = reply_to;
	write_message(&b, c, m);
	*update_id = sim_update(sim, update_type("message", 7), &b);
	buf_free(&b);
	formatted_free(&found);
	return m;
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string)
		   ? json_object_get_string(value)
		   : NULL;
}

static bool wanted(struct json_object *item, const char *button, const char *data)
{
	const char *text = text_of(item, "text"), *own = text_of(item, "callback_data");

	/* KeyboardButton may be just a string. */
	if (json_object_is_type(item, json_type_string))
		text = json_object_get_string(item);
	if (data)
		return own && strcmp(own, data) == 0;
	return button && text && strcmp(text, button) == 0;
}

/* The button in the rows of a keyboard; NULL if it is not there. */
static struct json_object *find_button(
    struct json_object *markup, const char *key, const char *button, const char *data)
{
	struct json_object *rows = NULL;

	if (!json_object_object_get_ex(markup, key, &rows))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		for (size_t j = 0; j < json_object_array_length(row); j++)
			if (wanted(json_object_array_get_idx(row, j), button, data))
				return json_object_array_get_idx(row, j);
	}
	return NULL;
}

static void send_query(struct sim *sim, struct chat *c, struct user *from, const struct message *m,
    const char *data, struct press_result *result)
{
	struct buf b = {0};

	(void)store_new_press(&sim->store, c, from, m->id, data);
	result->query_id = PRESS_FIRST + (int64_t)sim->store.press_count - 1;
	buf_printf(&b, "{\"id\":\"%lld\",\"from\":", (long long)result->query_id);
	write_user(&b, from);
	buf_str(&b, ",\"message\":");
	write_message(&b, c, m);
	buf_printf(&b, ",\"chat_instance\":\"%lld\"", (long long)(c->id ^ 0x5deece66d));
	buf_json_field(&b, "data", data, JSON_ASCII);
	buf_char(&b, '}');
	result->update_id = sim_update(sim, update_type("callback_query", 14), &b);
	buf_free(&b);
}

bool inject_tap(struct sim *sim, struct chat *c, struct user *from, int32_t message_id, const char *button,
    const char *data, struct press_result *result)
{
	const struct message *m = chat_message(c, message_id);
	struct json_object *markup, *found;
	bool ok = true;

	memset(result, 0, sizeof(*result));
	if (!m || m->deleted || m->from || !m->extra || !m->extra->markup)
		return false;
	markup = json_tokener_parse(m->extra->markup);
	found = find_button(markup, "inline_keyboard", button, data);
	if (found && text_of(found, "callback_data")) {
		send_query(sim, c, from, m, text_of(found, "callback_data"), result);
	} else if (!found && !data && find_button(markup, "keyboard", button, NULL)) {
		result->as_message = true;
		result->message_id = inject_message(sim, c, from, button, 0, &result->update_id)->id;
	} else {
		ok = false; /* a button with a URL tells the bot nothing */
	}
	json_object_put(markup);
	return ok;
}

static void write_member(struct buf *b, const char *key, bool private_chat, bool out)
{
	const char *status = private_chat ? (out ? "kicked" : "member") : (out ? "left" : "member");

	buf_printf(b, ",\"%s\":{\"user\":", key);
	write_bot(b);
	buf_printf(b, ",\"status\":\"%s\"%s}", status, private_chat && out ? ",\"until_date\":0" : "");
}

void inject_block(struct sim *sim, struct chat *c, bool blocked)
{
	bool private_chat = c->type == CHAT_PRIVATE;
	struct buf b = {0};

	if (c->blocked == blocked)
		return;
	c->blocked = blocked;
	c->version++;
	buf_str(&b, "{\"chat\":");
	write_chat(&b, c);
	buf_str(&b, ",\"from\":");
	write_user(&b, c->user ? c->user : store_user(&sim->store, 4242));
	buf_printf(&b, ",\"date\":%lld", (long long)time(NULL));
	write_member(&b, "old_chat_member", private_chat, !blocked);
	write_member(&b, "new_chat_member", private_chat, blocked);
	buf_char(&b, '}');
	(void)sim_update(sim, update_type("my_chat_member", 14), &b);
	buf_free(&b);
}
