/* sendMediaGroup, and the InputMedia that others take */
#include "methods.h"
#include "send.h"
#include "utf8.h"

#include <string.h>

#define ALBUM_MAX 10

static struct slice member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
		return (struct slice){NULL, 0};
	return (struct slice){
	    (char *)(uintptr_t)json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

static int read_caption(struct call *c, struct json_object *item)
{
	struct formatted *f = &c->sim->formatted;
	struct slice mode = member(item, "parse_mode");
	struct json_object *entities = NULL;

	buf_clear(&c->sim->why);
	if (mode.len == 0)
		json_object_object_get_ex(item, "caption_entities", &entities);
	if (!format_parse(f, member(item, "caption"), mode, &c->sim->why) ||
	    !format_finish(f, entities, &c->sim->why))
		return call_bad(c, buf_cstr(&c->sim->why));
	if (utf8_length(f->text.data, f->text.len) > CAPTION_MAX)
		return call_bad(c, "message caption is too long");
	return 0;
}

int media_read(struct call *c, struct json_object *item, struct media *media)
{
	struct slice type = member(item, "type");

	*media = (struct media){.photo = slice_is(type, "photo")};
	if (!media->photo && !slice_is(type, "document"))
		return call_bad(c, "only photos and documents are simulated");
	if (read_caption(c, item) < 0 ||
	    send_find_file(c, member(item, "media"), media->photo, &media->source) < 0)
		return -1;
	return send_check_file(c, media->photo, &media->source);
}

/* Nothing is sent before all of it is known to be good. */
static int check_all(struct call *c, struct json_object *list, struct media *album)
{
	size_t count = json_object_array_length(list);

	if (count < 2)
		return call_bad(c, "too few messages to send as an album");
	if (count > ALBUM_MAX)
		return call_bad(c, "too much messages to send as an album");
	for (size_t i = 0; i < count; i++) {
		if (media_read(c, json_object_array_get_idx(list, i), &album[i]) < 0)
			return -1;
		if (album[i].photo != album[0].photo)
			return call_bad(c, "document can't be mixed with other media types");
	}
	return 0;
}

int method_send_media_group(struct call *c)
{
	struct json_object *list = args_json(&c->args, "media");
	struct media album[ALBUM_MAX];
	struct draft d = {0};
	size_t count;

	if (!list)
		return call_bad(c, "there is no media in the request");
	d.chat = send_chat(c);
	if (!d.chat || check_all(c, list, album) < 0 || !send_prepare(c, &d))
		return -1;
	d.group = (int64_t)c->sim->store.file_count + 1;
	count = json_object_array_length(list);
	for (size_t i = 0; i < count; i++) {
		buf_char(c->out, i == 0 ? '[' : ',');
		if (read_caption(c, json_object_array_get_idx(list, i)) < 0)
			return -1;
		(void)send_deliver(
		    c, &d, &c->sim->formatted, send_keep_file(c, album[i].photo, &album[i].source));
	}
	buf_char(c->out, ']');
	return 0;
}
