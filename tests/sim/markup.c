/* reply_markup: what the schema cannot say about keyboards. */
#include "api.h"

#include <string.h>

#define BUTTONS_MAX 100

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : NULL;
}

/* An inline button does exactly one thing. */
static int check_button(struct call *c, struct json_object *button)
{
	static const char *const decoration[] = {"text", "icon_custom_emoji_id", "style"};
	const char *data = text_of(button, "callback_data"), *url = text_of(button, "url");
	int actions = json_object_object_length(button);

	for (size_t i = 0; i < 3; i++)
		actions -= json_object_object_get_ex(button, decoration[i], NULL);
	if (*text_of(button, "text") == '\0')
		return call_bad(c, "inline keyboard button text must be non-empty");
	if (actions == 0)
		return call_bad(c,
		    "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard");
	if (actions > 1)
		return call_bad(
		    c, "can't parse inline keyboard button: exactly one action must be specified");
	if (data && (*data == '\0' || strlen(data) > 64))
		return call_bad(c, "BUTTON_DATA_INVALID");
	if (url && !url_plausible(url, strlen(url)))
		return call_fail(
		    c, 400, "Bad Request: inline keyboard button URL '%s' is invalid: Wrong HTTP URL", url);
	return 0;
}

static int check_inline(struct call *c, struct json_object *rows, size_t *count)
{
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		for (size_t j = 0; j < json_object_array_length(row); j++)
			if (check_button(c, json_object_array_get_idx(row, j)) < 0)
				return -1;
		*count += json_object_array_length(row);
	}
	if (*count > BUTTONS_MAX)
		return call_bad(c, "reply markup is too long");
	return 0;
}

bool call_markup(struct call *c, char **json)
{
	struct json_object *markup = args_json(&c->args, "reply_markup"), *rows = NULL;
	size_t count = 0;

	*json = NULL;
	if (!markup || json_object_object_length(markup) == 0)
		return true;
	if (json_object_object_get_ex(markup, "inline_keyboard", &rows)) {
		if (check_inline(c, rows, &count) < 0)
			return false;
		if (count == 0)
			return true; /* an empty keyboard is none */
	}
	*json = xstrdup(
	    json_object_to_json_string_ext(markup, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return true;
}
