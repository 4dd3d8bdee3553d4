/* A picture: an address that Telegram fetches, or its bytes in base64, which become a file for tg-sendd. */
#include "answer_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "document.h"
#include "json.h"
#include "reply.h"
#include "xalloc.h"

static const char *const picture_keys[] = {"photo", "url", "base64", "data", NULL};
static const char *const caption_keys[] = {"caption", "content", "text", NULL};

static bool is_web_address(const char *text)
{
	static const char *const schemes[] = {"https://", "http://", NULL};

	return answer_is_url(text, schemes);
}

/* How the name of a file of these bytes ends; NULL: they are no picture that Telegram shows. */
static const char *picture_suffix(const unsigned char *data, size_t len)
{
	static const struct {
		const char *suffix;
		size_t at, len;
		const char *magic;
	} kinds[] = {
	    {"png", 0, 8, "\x89PNG\r\n\x1a\n"},
	    {"jpg", 0, 3, "\xff\xd8\xff"},
	    {"gif", 0, 6, "GIF87a"},
	    {"gif", 0, 6, "GIF89a"},
	    {"webp", 8, 4, "WEBP"},
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (len >= kinds[i].at + kinds[i].len &&
		    memcmp(data + kinds[i].at, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].suffix;
	}
	return NULL;
}

/* Either alphabet, with or without padding and white space; *data is owned. */
static int decode(const char *text, int64_t max_bytes, unsigned char **data, size_t *len, struct error *error)
{
	size_t length = strlen(text), max = length / 4 * 3 + 3;
	int variant = strpbrk(text, "-_") != NULL ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
						  : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
	const char *end;

	if ((int64_t)(length / 4 * 3) > max_bytes + max_bytes / 8)
		return error_set(error, ERROR_INPUT, "the picture is larger than delivery.picture_max");
	while (length > 0 && strchr("= \t\r\n", text[length - 1]) != NULL)
		length--;
	*data = xmalloc(max);
	if (sodium_base642bin(*data, max, text, length, " \t\r\n", len, &end, variant) != 0 ||
	    end != text + length) {
		free(*data);
		return error_set(error, ERROR_INPUT, "the picture is neither an address nor base64");
	}
	return 0;
}

/* Writes the picture of a base64 text; *url is its name for tg-sendd. */
static int keep(struct answer *answer, const char *text, char **url, struct error *error)
{
	const struct request *request = answer->request;
	const char *comma = strncasecmp(text, "data:", strlen("data:")) == 0 ? strchr(text, ',') : NULL,
		   *suffix;
	unsigned char *data = NULL;
	char *name, *path = NULL;
	size_t len;
	int result;

	if (request->txn == NULL)
		return error_set(error, ERROR_INPUT, "a picture in base64 needs the store");
	if (decode(comma != NULL ? comma + 1 : text, request->config->delivery.picture_max_bytes, &data, &len,
		error) != 0)
		return -1;
	suffix = picture_suffix(data, len);
	name = xasprintf("answer-%lld-%zu.%s", (long long)request->update->update_id, ++answer->files,
	    suffix != NULL ? suffix : "");
	if (suffix == NULL)
		result = error_set(error, ERROR_INPUT, "the picture is no PNG, JPEG, GIF or WebP");
	else if ((int64_t)len > request->config->delivery.picture_max_bytes)
		result = error_set(error, ERROR_INPUT, "the picture is larger than delivery.picture_max");
	else
		result = document_write(request->config->store.path, name, data, len, &path, error);
	if (result == 0)
		*url = xasprintf("file://%s", path);
	free(path);
	free(name);
	free(data);
	return result;
}

/* Not every address is one from which Telegram gets a picture: then it is for the person to open. */
static void put_otherwise(const struct answer *answer, struct payload *payload, const char *url,
    const struct rich *caption, struct json_object *call)
{
	struct json_object *own = json_object_new_object(),
			   *other = answer_make_call(answer, "sendMessage", payload);
	struct buf text = BUF_INIT(SIZE_MAX / 4);

	answer_put_text(other, "text", "entities", caption);
	buf_add_format(&text, "%s%s%s", buf_text(&caption->text), caption->text.len > 0 ? "\n" : "", url);
	json_put_text(other, "text", buf_text(&text));
	answer_put_keyboard(other, payload);
	json_object_object_add(own, "otherwise", other);
	json_object_object_add(call, "tgtools", own);
	buf_free(&text);
}

/* A text that is too long for a caption comes below the picture, and the buttons with it. */
static int send(struct answer *answer, struct payload *payload, const char *photo, const char *source,
    struct error *error)
{
	struct json_object *call = answer_new_call(answer, "sendPhoto", payload), *keyboard = NULL;
	struct rich text, none = RICH_INIT(0);
	bool is_caption;
	int result = 0;

	json_put_text(call, "photo", photo);
	markup_parse(payload->format, source, strlen(source), NULL, &text);
	is_caption = rich_length(&text) <= RICH_CAPTION_MAX;
	payload->is_edit = false;
	if (is_caption && !rich_is_blank(&text))
		answer_put_text(call, "caption", "caption_entities", &text);
	if (!is_caption) {
		result = answer_send(answer, payload, &text, error);
		keyboard = payload->keyboard;
		payload->keyboard = keyboard_new();
	}
	answer_put_keyboard(call, payload);
	if (is_web_address(photo))
		put_otherwise(answer, payload, photo, is_caption ? &text : &none, call);
	json_object_put(keyboard);
	rich_free(&text);
	return result;
}

int answer_add_photo(struct answer *answer, struct json_object *object, struct error *error)
{
	const char *picture, *caption;
	struct payload payload;
	char *url = NULL;
	int result = 0;

	if (payload_text(object, picture_keys, &picture, error) != 0 ||
	    payload_text(object, caption_keys, &caption, error) != 0)
		return -1;
	if (picture == NULL)
		return error_set(error, ERROR_INPUT, "\"photo\" is missing or empty");
	if (payload_read(answer, object, &payload, error) != 0)
		return -1;
	if (is_web_address(picture))
		url = xstrdup(picture);
	else
		result = keep(answer, picture, &url, error);
	if (result == 0)
		result = send(answer, &payload, url, caption != NULL ? caption : "", error);
	free(url);
	payload_free(&payload);
	return result;
}
