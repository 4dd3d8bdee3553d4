#include "listing.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "xalloc.h"

char *listing_ago(int64_t age_ms, char text[LISTING_AGO_BYTES])
{
	int64_t seconds = age_ms > 0 ? age_ms / 1000 : 0;

	if (seconds < 60)
		snprintf(text, LISTING_AGO_BYTES, "%llds ago", (long long)seconds);
	else if (seconds < 3600)
		snprintf(text, LISTING_AGO_BYTES, "%lldm ago", (long long)seconds / 60);
	else if (seconds < 86400)
		snprintf(text, LISTING_AGO_BYTES, "%lldh ago", (long long)seconds / 3600);
	else
		snprintf(text, LISTING_AGO_BYTES, "%lldd ago", (long long)seconds / 86400);
	return text;
}

/* What tg-sendd knows of a script; NULL: nothing. */
static struct json_object *find_sent(struct json_object *sent, const char *script)
{
	struct json_object *rows = NULL, *row;
	struct error error;
	const char *name;

	if (sent == NULL || json_get_array(sent, "scripts", &rows, &error) != 1)
		return NULL;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		row = json_object_array_get_idx(rows, i);
		name = json_object_is_type(row, json_type_object) ? json_text(row, "script") : NULL;
		if (name != NULL && strcmp(name, script) == 0)
			return row;
	}
	return NULL;
}

static void put_or_null(struct json_object *row, const char *key, const char *text)
{
	json_object_object_add(row, key, text != NULL ? json_object_new_string(text) : NULL);
}

static void put_time(struct json_object *row, const char *key, struct json_object *from)
{
	const char *text = from != NULL ? json_text(from, key) : NULL;
	int64_t time_ms;

	put_or_null(row, key, text != NULL && clock_parse(text, &time_ms) == 0 ? text : NULL);
}

static void put_stem(struct json_object *row, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t len = dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name);

	json_object_object_add(row, "stem", json_object_new_string_len(name, (int)len));
}

struct json_object *listing_make(const struct script_list *list, listing_last_run_fn *last_run, void *context,
    struct json_object *sent, int64_t now_ms)
{
	struct json_object *rows = json_object_new_array();
	char text[LISTING_AGO_BYTES];

	for (size_t i = 0; i < list->count; i++) {
		const char *name = list->items[i].name;
		struct json_object *row = json_object_new_object(), *from = find_sent(sent, name);
		int64_t run_ms = last_run(context, name);

		json_put_text(row, "name", name);
		put_stem(row, name);
		put_or_null(row, "last_run", run_ms > 0 ? listing_ago(now_ms - run_ms, text) : NULL);
		put_time(row, "last_sent", from);
		put_time(row, "cooldown_until", from);
		json_object_array_add(rows, row);
	}
	return rows;
}
