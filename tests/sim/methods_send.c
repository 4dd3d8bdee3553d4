/* sendMessage, sendPhoto, sendDocument, sendChatAction */
#include "methods.h"
#include "send.h"
#include "sha256.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define PHOTO_BYTES_MAX ((size_t)10 << 20)
#define FILE_BYTES_MAX ((size_t)50 << 20)

static bool find_reply(struct call *c, struct draft *d)
{
	struct json_object *reply = args_json(&c->args, "reply_parameters"), *value = NULL;
	int64_t id;

	if (!reply || !json_object_object_get_ex(reply, "message_id", &value))
		return true;
	id = json_object_get_int64(value);
	if (id > 0 && id <= INT32_MAX) {
		const struct message *m = chat_message(d->chat, (int32_t)id);

		if (m && !m->deleted) {
			d->reply_to = m->id;
			return true;
		}
	}
	if (json_object_object_get_ex(reply, "allow_sending_without_reply", &value) &&
	    json_object_get_boolean(value))
		return true;
	(void)call_bad(c, "message to be replied not found");
	return false;
}

/* All that can go wrong besides text and file; the pace comes last, so that only what would be sent counts.
 */
bool send_prepare(struct call *c, struct draft *d)
{
	int64_t wait;

	if (!find_reply(c, d) || !call_markup(c, &d->markup))
		return false;
	wait = limits_take(&c->sim->limits, d->chat);
	if (wait == 0)
		return true;
	c->sim->rejected++;
	free(d->markup);
	c->retry_after = wait;
	(void)call_fail(c, 429, "Too Many Requests: retry after %lld", (long long)wait);
	buf_printf(c->out, ",\"parameters\":{\"retry_after\":%lld}", (long long)wait);
	return false;
}

/* The chat must exist and must want to hear from the bot. */
struct chat *send_chat(struct call *c)
{
	struct chat *chat = call_chat(c);

	if (!chat || !chat->blocked)
		return chat;
	if (chat->type == CHAT_PRIVATE)
		(void)call_fail(c, 403, "Forbidden: bot was blocked by the user");
	else
		(void)call_fail(
		    c, 403, "Forbidden: bot was kicked from the %s chat", chat_type_name(chat->type));
	return NULL;
}

/* Parameters that change how a message looks and that nothing here depends on: kept to be read back. */
static char *options(const struct call *c)
{
	static const char *const kept[] = {"link_preview_options", "show_caption_above_media", "has_spoiler",
	    "message_effect_id", "allow_paid_broadcast", "disable_content_type_detection"};
	struct buf b = {0};
	char *text = NULL;

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		const struct arg *arg = args_get(&c->args, kept[i]);

		if (!arg)
			continue;
		buf_printf(&b, "%c\"%s\":", b.len ? ',' : '{', kept[i]);
		if (arg->has_number)
			buf_str(&b, arg->number ? "true" : "false");
		else if (arg->json && !json_object_is_type(arg->json, json_type_string))
			buf_str(&b, json_object_to_json_string_ext(arg->json, JSON_C_TO_STRING_PLAIN));
		else
			buf_json(&b, arg->text.at, arg->text.len, JSON_ASCII);
	}
	if (b.len > 0) {
		buf_char(&b, '}');
		text = xstrndup(b.data, b.len);
	}
	buf_free(&b);
	return text;
}

static void set_extras(
    struct call *c, struct message *m, struct draft *d, const struct formatted *f, struct file *file)
{
	int64_t thread = args_int(&c->args, "message_thread_id", 0);
	char *kept = options(c);
	struct extra *e;

	if (!kept && !d->markup && !d->reply_to && !d->group && f->count == 0 && !file && thread == 0)
		return;
	e = message_extra(m);
	e->options = kept;
	e->markup = d->markup;
	e->reply_to = d->reply_to;
	e->file = file;
	e->group = d->group;
	e->thread_id = (int32_t)thread;
	if (f->count > 0) {
		buf_clear(&c->sim->scratch);
		format_entities(&c->sim->scratch, f, &c->sim->store);
		e->entities = xstrndup(c->sim->scratch.data, c->sim->scratch.len);
	}
}

int send_deliver(struct call *c, struct draft *d, const struct formatted *f, struct file *file)
{
	struct sim *sim = c->sim;
	const char *text = file && f->text.len == 0 ? NULL : f->text.data;
	struct message *m = chat_new_message(&sim->store, d->chat, text, f->text.len);

	m->method = c->method->name;
	m->silent = args_int(&c->args, "disable_notification", 0);
	m->protect = args_int(&c->args, "protect_content", 0);
	set_extras(c, m, d, f, file);
	d->chat->shown++;
	sim->store.delivered++;
	write_message(c->out, d->chat, m);
	if (sim->watcher)
		sim->watcher->sent(sim->watcher, d->chat, m);
	sim_changed(sim);
	return 0;
}

int method_send_message(struct call *c)
{
	struct formatted *f = &c->sim->formatted;
	struct slice text = args_text(&c->args, "text");
	struct draft d = {0};

	if (text.len == 0)
		return call_bad(c, "message text is empty");
	buf_clear(&c->sim->why);
	if (!format_parse(f, text, args_text(&c->args, "parse_mode"), &c->sim->why))
		return call_bad(c, buf_cstr(&c->sim->why));
	d.chat = send_chat(c);
	if (!d.chat)
		return -1;
	if (!format_finish(f, args_text(&c->args, "parse_mode").len ? NULL : args_json(&c->args, "entities"),
		&c->sim->why))
		return call_bad(c, buf_cstr(&c->sim->why));
	if (f->text.len == 0)
		return call_bad(c, "message text is empty");
	if (utf8_length(f->text.data, f->text.len) > TEXT_MAX)
		return call_bad(c, "message is too long");
	if (!send_prepare(c, &d))
		return -1;
	return send_deliver(c, &d, f, NULL);
}

int send_find_file(struct call *c, struct slice text, bool photo, struct source_file *s)
{
	const char *kind = photo ? "Photo" : "Document";

	if (slice_starts(text, "attach://")) {
		s->upload = args_get_slice(&c->args, (struct slice){text.at + 9, text.len - 9});
		return s->upload && s->upload->is_file
			   ? 0
			   : call_bad(c, "wrong file identifier/HTTP URL specified");
	}
	if (slice_starts(text, "http://") || slice_starts(text, "https://")) {
		s->url = text;
		return url_plausible(text.at, text.len) ? 0 : call_bad(c, "invalid file HTTP URL specified");
	}
	if (text.len > 0 && memmem(text.at, text.len, "://", 3))
		return call_bad(c, "invalid file HTTP URL specified: Unsupported URL protocol");
	s->known = store_file(&c->sim->store, text.at, text.len);
	if (!s->known)
		return call_bad(c, "wrong file identifier/HTTP URL specified");
	if (s->known->photo != photo)
		return call_fail(c, 400, "Bad Request: can't use file of type %s as %s",
		    photo ? "Document" : "Photo", kind);
	return 0;
}

static int find_file(struct call *c, const char *parameter, bool photo, struct source_file *s)
{
	const struct arg *arg = args_get(&c->args, parameter);

	if (!arg || (!arg->is_file && arg->text.len == 0))
		return call_fail(c, 400, "Bad Request: there is no %s in the request", parameter);
	if (arg->is_file)
		s->upload = arg;
	else
		return send_find_file(c, arg->text, photo, s);
	return 0;
}

int send_check_file(struct call *c, bool photo, struct source_file *s)
{
	size_t len = s->upload ? s->upload->text.len : 0;
	const char *wrong = NULL;

	if (!s->upload)
		return 0;
	if (len == 0)
		return call_bad(c, "file must be non-empty");
	if (len > FILE_BYTES_MAX)
		return call_fail(c, 413, "Request Entity Too Large");
	if (photo && len > PHOTO_BYTES_MAX)
		return call_fail(c, 400,
		    "Bad Request: file of size %zu bytes is too big for a photo; the maximum size is %zu "
		    "bytes",
		    len, PHOTO_BYTES_MAX);
	if (photo)
		wrong = image_check(s->upload->text.at, len, &s->image);
	return wrong ? call_bad(c, wrong) : 0;
}

static char *slice_copy(struct slice s)
{
	return s.len > 0 ? xstrndup(s.at, s.len) : NULL;
}

struct file *send_keep_file(struct call *c, bool photo, const struct source_file *s)
{
	struct file *f;

	if (s->known)
		return s->known;
	f = store_new_file(&c->sim->store, photo);
	if (!s->upload) {
		f->url = slice_copy(s->url);
		return f;
	}
	f->name = slice_copy(s->upload->file_name);
	f->mime = photo ? xstrdup(s->image.mime) : slice_copy(s->upload->mime);
	f->size_bytes = s->upload->text.len;
	f->width = s->image.width;
	f->height = s->image.height;
	sha256_hex(s->upload->text.at, s->upload->text.len, f->sha256);
	return f;
}

static int send_file(struct call *c, const char *parameter, bool photo)
{
	struct formatted *f = &c->sim->formatted;
	struct slice mode = args_text(&c->args, "parse_mode");
	struct source_file s = {0};
	struct draft d = {0};

	if (find_file(c, parameter, photo, &s) < 0)
		return -1;
	buf_clear(&c->sim->why);
	if (!format_parse(f, args_text(&c->args, "caption"), mode, &c->sim->why))
		return call_bad(c, buf_cstr(&c->sim->why));
	d.chat = send_chat(c);
	if (!d.chat)
		return -1;
	if (!format_finish(f, mode.len ? NULL : args_json(&c->args, "caption_entities"), &c->sim->why))
		return call_bad(c, buf_cstr(&c->sim->why));
	if (utf8_length(f->text.data, f->text.len) > CAPTION_MAX)
		return call_bad(c, "message caption is too long");
	if (send_check_file(c, photo, &s) < 0 || !send_prepare(c, &d))
		return -1;
	return send_deliver(c, &d, f, send_keep_file(c, photo, &s));
}

int method_send_photo(struct call *c)
{
	return send_file(c, "photo", true);
}

int method_send_document(struct call *c)
{
	return send_file(c, "document", false);
}

int method_send_chat_action(struct call *c)
{
	static const char *const known[] = {"typing", "upload_photo", "record_video", "upload_video",
	    "record_voice", "upload_voice", "upload_document", "choose_sticker", "find_location",
	    "record_video_note", "upload_video_note"};
	struct slice action = args_text(&c->args, "action");
	struct chat *chat;
	size_t i = 0;

	while (i < sizeof(known) / sizeof(*known) && !slice_same(action, known[i]))
		i++;
	if (i == sizeof(known) / sizeof(*known))
		return call_bad(c, "wrong parameter action in request");
	chat = send_chat(c);
	if (!chat)
		return -1;
	chat->actions =
	    grow(chat->actions, &chat->action_cap, chat->action_count + 1, sizeof(*chat->actions));
	chat->actions[chat->action_count++] = known[i];
	chat->version++;
	sim_changed(c->sim);
	return call_true(c);
}
