/* What the control API reads back. */
#include "control.h"
#include "methods.h"

#include <string.h>

static void show_file(struct buf *out, const struct file *f)
{
	char id[48];

	file_id(f, id);
	buf_printf(out, ",\"%s\":{\"file_id\":\"%s\"", f->photo ? "photo" : "document", id);
	buf_json_field(out, "file_name", f->name, JSON_UTF8);
	buf_json_field(out, "mime_type", f->mime, JSON_UTF8);
	buf_json_field(out, "url", f->url, JSON_UTF8);
	if (!f->url)
		buf_printf(out, ",\"file_size\":%llu,\"sha256\":\"%s\"", (unsigned long long)f->size_bytes,
		    f->sha256);
	if (f->photo && !f->url)
		buf_printf(out, ",\"width\":%u,\"height\":%u", f->width, f->height);
	buf_char(out, '}');
}

static void show_raw(struct buf *out, const char *name, const char *json)
{
	if (json)
		buf_printf(out, ",\"%s\":%s", name, json);
}

static void show_number(struct buf *out, const char *name, int64_t n)
{
	if (n)
		buf_printf(out, ",\"%s\":%lld", name, (long long)n);
}

static void show_extra(struct buf *out, const struct extra *e)
{
	show_raw(out, "entities", e->entities);
	show_raw(out, "reply_markup", e->markup);
	show_raw(out, "options", e->options);
	show_number(out, "reply_to", e->reply_to);
	show_number(out, "message_thread_id", e->thread_id);
	show_number(out, "edit_date", e->edit_date);
	show_number(out, "media_group_id", e->group);
	if (e->file)
		show_file(out, e->file);
	if (e->history_count == 0)
		return;
	buf_str(out, ",\"history\":[");
	for (size_t i = 0; i < e->history_count; i++) {
		if (i > 0)
			buf_char(out, ',');
		buf_json(out, e->history[i], strlen(e->history[i]), JSON_UTF8);
	}
	buf_char(out, ']');
}

static void show_message(struct buf *out, const struct message *m)
{
	buf_str(out, "{\"message_id\":");
	buf_int(out, m->id);
	buf_str(out, m->from ? ",\"from\":\"user\"" : ",\"from\":\"bot\"");
	if (m->from)
		show_number(out, "from_id", m->from->id);
	buf_str(out, ",\"date\":");
	buf_int(out, m->date);
	buf_json_field(out, m->extra && m->extra->file ? "caption" : "text", m->text, JSON_UTF8);
	buf_json_field(out, "method", m->method, JSON_UTF8);
	if (m->extra)
		show_extra(out, m->extra);
	buf_str(out, ",\"edits\":");
	buf_int(out, m->edits);
	buf_str(out, m->deleted ? ",\"deleted\":true" : ",\"deleted\":false");
	buf_str(out, m->silent ? ",\"silent\":true" : ",\"silent\":false");
	buf_str(out, m->protect ? ",\"protected\":true}" : ",\"protected\":false}");
}

static void show_press(struct buf *out, const struct press *p)
{
	buf_printf(out, "{\"message_id\":%d,\"from_id\":%lld", p->message_id, (long long)p->by->id);
	buf_json_field(out, "data", p->data, JSON_UTF8);
	buf_printf(out, ",\"answered\":%s", p->answered ? "true" : "false");
	buf_json_field(out, "answer_text", p->answer, JSON_UTF8);
	buf_str(out, p->alert ? ",\"show_alert\":true}" : "}");
}

/* Where the messages newer than `after` begin. */
static size_t first_after(const struct chat *c, int32_t after)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->messages[middle].id <= after)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void show_chat(struct buf *out, const struct chat *c, int32_t after)
{
	size_t first = first_after(c, after);

	buf_printf(out, "{\"chat_id\":%lld,\"type\":\"%s\",\"blocked\":%s,\"requests\":%llu",
	    (long long)c->id, chat_type_name(c->type), c->blocked ? "true" : "false",
	    (unsigned long long)c->requests);
	buf_json_field(out, "title", c->title, JSON_UTF8);
	buf_json_field(out, "username", c->user ? c->user->username : c->username, JSON_UTF8);
	if (c->user)
		buf_json_field(out, "first_name", c->user->first_name, JSON_UTF8);
	buf_str(out, ",\"messages\":[");
	for (size_t i = first; i < c->count; i++) {
		if (i > first)
			buf_char(out, ',');
		show_message(out, &c->messages[i]);
	}
	buf_str(out, "],\"actions\":[");
	for (size_t i = 0; i < c->action_count; i++)
		buf_printf(out, "%s\"%s\"", i ? "," : "", c->actions[i]);
	buf_str(out, "],\"pressed\":[");
	for (size_t i = 0; i < c->press_count; i++) {
		if (i > 0)
			buf_char(out, ',');
		show_press(out, c->presses[i]);
	}
	buf_str(out, "]}");
}

void show_chats(struct buf *out, const struct sim *sim)
{
	buf_char(out, '[');
	for (size_t i = 0; i < sim->store.chat_count; i++) {
		const struct chat *c = sim->store.chats[i];

		buf_printf(out, "%s{\"chat_id\":%lld,\"type\":\"%s\",\"messages\":%zu,\"shown\":%llu}",
		    i ? "," : "", (long long)c->id, chat_type_name(c->type), c->count,
		    (unsigned long long)c->shown);
	}
	buf_char(out, ']');
}

void show_stats(struct buf *out, const struct sim *sim)
{
	const char *comma = "";

	buf_printf(out, "{\"requests\":%llu,\"by_method\":{", (unsigned long long)sim->requests);
	for (size_t i = 0; i < method_count; i++)
		if (sim->by_method[i]) {
			buf_printf(out, "%s\"%s\":%llu", comma, methods[i].name,
			    (unsigned long long)sim->by_method[i]);
			comma = ",";
		}
	buf_printf(out, "},\"delivered\":%llu,\"rejected_429\":%llu,\"requests_per_chat\":{",
	    (unsigned long long)sim->store.delivered, (unsigned long long)sim->rejected);
	comma = "";
	for (size_t i = 0; i < sim->store.chat_count; i++) {
		buf_printf(out, "%s\"%lld\":%llu", comma, (long long)sim->store.chats[i]->id,
		    (unsigned long long)sim->store.chats[i]->requests);
		comma = ",";
	}
	buf_printf(out, "},\"connections\":%llu,\"open_connections\":%llu,\"updates_pending\":%zu",
	    (unsigned long long)sim->server.accepted, (unsigned long long)sim->server.open,
	    updates_pending(&sim->updates));
	buf_printf(out, ",\"updates_confirmed_through\":%lld}", (long long)sim->updates.confirmed_through);
}

void show_commands(struct buf *out, const struct sim *sim)
{
	buf_char(out, '[');
	for (size_t i = 0; i < sim->store.command_count; i++) {
		const struct commands *c = &sim->store.commands[i];

		buf_printf(out, "%s{\"scope\":\"%s\",\"language_code\":\"%s\",\"commands\":%s}", i ? "," : "",
		    c->scope, c->language, c->list);
	}
	buf_char(out, ']');
}
