#include "api.h"

#include <string.h>

void write_bot(struct buf *out)
{
	buf_printf(out, "{\"id\":%d,\"is_bot\":true,\"first_name\":\"%s\",\"username\":\"%s\"}", BOT_ID,
	    BOT_NAME, BOT_USERNAME);
}

void write_user(struct buf *out, const struct user *u)
{
	if (!u) {
		write_bot(out);
		return;
	}
	buf_str(out, "{\"id\":");
	buf_int(out, u->id);
	buf_str(out, ",\"is_bot\":false");
	buf_json_field(out, "first_name", u->first_name, JSON_ASCII);
	buf_json_field(out, "username", u->username, JSON_ASCII);
	buf_str(out, ",\"language_code\":\"en\"}");
}

void write_chat(struct buf *out, const struct chat *c)
{
	buf_str(out, "{\"id\":");
	buf_int(out, c->id);
	if (c->user) {
		buf_json_field(out, "first_name", c->user->first_name, JSON_ASCII);
		buf_json_field(out, "username", c->user->username, JSON_ASCII);
	} else {
		buf_json_field(out, "title", c->title, JSON_ASCII);
		buf_json_field(out, "username", c->username, JSON_ASCII);
	}
	buf_json_field(out, "type", chat_type_name(c->type), JSON_ASCII);
	buf_char(out, '}');
}

/* The sizes Telegram makes of a photo: each fits a box, and none is larger than what was sent. */
static void write_photo(struct buf *out, const struct file *f)
{
	static const uint32_t boxes[] = {90, 320, 800, 1280};
	uint32_t longer = f->width > f->height ? f->width : f->height;
	char id[48];
	bool last = false;

	file_id(f, id);
	buf_str(out, ",\"photo\":[");
	for (size_t i = 0; i < 4 && !last; i++) {
		uint32_t box = longer < boxes[i] ? longer : boxes[i];
		double scale = longer ? (double)box / longer : 1;
		uint32_t width = (uint32_t)(f->width * scale + 0.5),
			 height = (uint32_t)(f->height * scale + 0.5);

		last = longer <= boxes[i] || i == 3;
		buf_printf(out,
		    "%s{\"file_id\":\"%s\",\"file_unique_id\":\"AQAD%08zx%c\",\"file_size\":%llu,\"width\":%"
		    "u,"
		    "\"height\":%u}",
		    i ? "," : "", id, f->number, "smxy"[i],
		    (unsigned long long)((double)f->size_bytes * scale * scale), width ? width : 1,
		    height ? height : 1);
	}
	buf_char(out, ']');
}

static void write_document(struct buf *out, const struct file *f)
{
	char id[48];

	file_id(f, id);
	buf_str(out, ",\"document\":{\"file_id\":\"");
	buf_str(out, id);
	buf_printf(out, "\",\"file_unique_id\":\"AgAD%08zx\",\"file_size\":%llu", f->number,
	    (unsigned long long)f->size_bytes);
	buf_json_field(out, "file_name", f->name, JSON_ASCII);
	buf_json_field(out, "mime_type", f->mime, JSON_ASCII);
	buf_char(out, '}');
}

static void write_extra(struct buf *out, const struct chat *c, const struct extra *e)
{
	const struct message *replied = e->reply_to ? chat_message(c, e->reply_to) : NULL;

	if (e->edit_date) {
		buf_str(out, ",\"edit_date\":");
		buf_int(out, e->edit_date);
	}
	if (e->thread_id) {
		buf_str(out, ",\"message_thread_id\":");
		buf_int(out, e->thread_id);
	}
	if (e->group)
		buf_printf(out, ",\"media_group_id\":\"%lld\"", (long long)e->group);
	if (e->file && e->file->photo)
		write_photo(out, e->file);
	else if (e->file)
		write_document(out, e->file);
	if (e->entities) {
		buf_str(out, e->file ? ",\"caption_entities\":" : ",\"entities\":");
		buf_str(out, e->entities);
	}
	/* Only inline keyboards are part of a message; the others belong to the client. */
	if (e->markup && strncmp(e->markup, "{\"inline_keyboard\"", 18) == 0) {
		buf_str(out, ",\"reply_markup\":");
		buf_str(out, e->markup);
	}
	if (replied && !replied->deleted) {
		struct message bare = *replied;

		bare.extra = NULL; /* a quoted message quotes none itself */
		buf_str(out, ",\"reply_to_message\":");
		write_message(out, c, &bare);
	}
}

void write_message(struct buf *out, const struct chat *c, const struct message *m)
{
	buf_str(out, "{\"message_id\":");
	buf_int(out, m->id);
	buf_str(out, ",\"from\":");
	write_user(out, m->from);
	buf_str(out, ",\"chat\":");
	write_chat(out, c);
	buf_str(out, ",\"date\":");
	buf_int(out, m->date);
	if (m->text)
		buf_json_field(out, m->extra && m->extra->file ? "caption" : "text", m->text, JSON_ASCII);
	if (m->extra)
		write_extra(out, c, m->extra);
	if (m->protect)
		buf_str(out, ",\"has_protected_content\":true");
	buf_char(out, '}');
}
