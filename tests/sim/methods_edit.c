/* editMessageText, editMessageMedia, editMessageReplyMarkup, deleteMessage, answerCallbackQuery */
#include "methods.h"
#include "send.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char not_modified[] =
    "message is not modified: specified new message content and reply markup are exactly "
    "the same as a current content and reply markup of the message";

/* The message that chat_id and message_id name, whosever it is. */
static struct message *target(struct call *c, struct chat **chat, const char *verb)
{
	int64_t id = args_int(&c->args, "message_id", 0);
	struct message *m = NULL;

	if (args_get(&c->args, "inline_message_id")) {
		(void)call_bad(c, "MESSAGE_ID_INVALID"); /* there are no inline messages here */
		return NULL;
	}
	if (id == 0) {
		(void)call_bad(c, "message identifier is not specified");
		return NULL;
	}
	*chat = call_chat(c);
	if (!*chat)
		return NULL;
	if (id > 0 && id <= INT32_MAX)
		m = chat_message(*chat, (int32_t)id);
	if (m && !m->deleted)
		return m;
	(void)call_fail(c, 400, "Bad Request: message to %s not found", verb);
	return NULL;
}

static struct message *target_of_edit(struct call *c, struct chat **chat)
{
	struct message *m = target(c, chat, "edit");

	if (m && (*chat)->blocked) {
		(void)call_fail(c, 403, "Forbidden: bot was blocked by the user");
		return NULL;
	}
	if (m && m->from) {
		(void)call_bad(c, "message can't be edited");
		return NULL;
	}
	return m;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void replace(char **old, char *text)
{
	free(*old);
	*old = text;
}

static int edited(struct call *c, struct chat *chat, struct message *m)
{
	struct sim *sim = c->sim;

	m->edits++;
	message_extra(m)->edit_date = (int64_t)time(NULL);
	chat->version++;
	write_message(c->out, chat, m);
	if (sim->watcher)
		sim->watcher->edited(sim->watcher, chat, m);
	sim_changed(sim);
	return 0;
}

static char *entities_text(struct call *c, const struct formatted *f)
{
	struct buf *b = &c->sim->scratch;

	if (f->count == 0)
		return NULL;
	buf_clear(b);
	format_entities(b, f, &c->sim->store);
	return xstrndup(b->data, b->len);
}

static int new_text(struct call *c, struct formatted *f)
{
	struct slice mode = args_text(&c->args, "parse_mode");

	if (!format_finish(f, mode.len ? NULL : args_json(&c->args, "entities"), &c->sim->why))
		return call_bad(c, buf_cstr(&c->sim->why));
	if (f->text.len == 0)
		return call_bad(c, "message text is empty");
	if (utf8_length(f->text.data, f->text.len) > TEXT_MAX)
		return call_bad(c, "message is too long");
	return 0;
}

int method_edit_message_text(struct call *c)
{
	struct formatted *f = &c->sim->formatted;
	struct slice text = args_text(&c->args, "text");
	char *markup = NULL, *entities;
	struct chat *chat = NULL;
	struct message *m;
	struct extra *e;

	if (args_get(&c->args, "rich_message"))
		return call_bad(c, "rich messages are not simulated");
	if (text.len == 0)
		return call_bad(c, "message text is empty");
	buf_clear(&c->sim->why);
	if (!format_parse(f, text, args_text(&c->args, "parse_mode"), &c->sim->why))
		return call_bad(c, buf_cstr(&c->sim->why));
	m = target_of_edit(c, &chat);
	if (!m || new_text(c, f) < 0)
		return -1;
	if (m->extra && m->extra->file)
		return call_bad(c, "there is no text in the message to edit");
	if (!call_markup(c, &markup))
		return -1;
	entities = entities_text(c, f);
	e = message_extra(m);
	if (same(m->text, buf_cstr(&f->text)) && same(e->entities, entities) && same(e->markup, markup)) {
		free(entities);
		free(markup);
		return call_bad(c, not_modified);
	}
	message_set_text(m, f->text.data, f->text.len);
	replace(&e->entities, entities);
	replace(&e->markup, markup); /* left out, it is taken away: so does Telegram */
	return edited(c, chat, m);
}

/* A text may become a picture or a file; that it is the same as before is not found out. */
int method_edit_message_media(struct call *c)
{
	struct formatted *f = &c->sim->formatted;
	struct json_object *item = args_json(&c->args, "media");
	struct chat *chat = NULL;
	struct media media;
	char *markup = NULL;
	struct message *m;
	struct extra *e;

	if (!item)
		return call_bad(c, "there is no media in the request");
	m = target_of_edit(c, &chat);
	if (!m || media_read(c, item, &media) < 0 || !call_markup(c, &markup))
		return -1;
	e = message_extra(m);
	e->file = send_keep_file(c, media.photo, &media.source);
	message_set_text(m, f->text.data, f->text.len);
	if (f->text.len == 0)
		replace(&m->text, NULL);
	replace(&e->entities, entities_text(c, f));
	replace(&e->markup, markup);
	return edited(c, chat, m);
}

int method_edit_message_reply_markup(struct call *c)
{
	struct chat *chat = NULL;
	struct message *m = target_of_edit(c, &chat);
	char *markup = NULL;
	struct extra *e;

	if (!m || !call_markup(c, &markup))
		return -1;
	e = message_extra(m);
	if (same(e->markup, markup)) {
		free(markup);
		return call_bad(c, not_modified);
	}
	replace(&e->markup, markup);
	return edited(c, chat, m);
}

int method_delete_message(struct call *c)
{
	struct chat *chat = NULL;
	struct message *m = target(c, &chat, "delete");

	if (!m)
		return -1;
	chat_delete_message(chat, m);
	if (c->sim->watcher)
		c->sim->watcher->deleted(c->sim->watcher, chat, m);
	sim_changed(c->sim);
	return call_true(c);
}

int method_answer_callback_query(struct call *c)
{
	struct slice id = args_text(&c->args, "callback_query_id"), text = args_text(&c->args, "text");
	struct press *p = NULL;
	int64_t number;

	if (slice_int(id, &number))
		p = store_press(&c->sim->store, number);
	if (!p || p->answered)
		return call_bad(c, "query is too old and response timeout expired or query ID is invalid");
	if (utf8_length(text.at, text.len) > 200)
		return call_bad(c, "MESSAGE_TOO_LONG");
	p->answered = true;
	p->alert = args_int(&c->args, "show_alert", 0);
	p->answer = text.len ? xstrndup(text.at, text.len) : NULL;
	p->chat->version++;
	if (c->sim->watcher)
		c->sim->watcher->answered(c->sim->watcher, p);
	sim_changed(c->sim);
	return call_true(c);
}
