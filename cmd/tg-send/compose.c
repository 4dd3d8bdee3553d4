#include "compose.h"

#include <string.h>
#include <strings.h>

#include "clock.h"
#include "json.h"
#include "num.h"
#include "text.h"

enum { MEGABYTE = 1 << 20 };

bool compose_is_dash(const struct compose *message)
{
	return message->words_count == 1 && strcmp(message->words[0], "-") == 0;
}

static bool is_stdin(const struct compose_file *file)
{
	return strcmp(file->path, "-") == 0;
}

static size_t count_stdin(const struct compose *message)
{
	size_t count = 0;

	for (size_t i = 0; i < message->files_count; i++)
		count += is_stdin(&message->files[i]);
	return count;
}

bool compose_file_is_stdin(const struct compose *message)
{
	return count_stdin(message) > 0;
}

const char *compose_file_name(const struct compose *message, size_t index)
{
	if (is_stdin(&message->files[index]))
		return message->name != NULL ? message->name : "stdin";
	return message->files_count == 1 ? message->name : NULL;
}

static int check_format(const struct compose *message, struct error *error)
{
	static const char *const formats[] = {"text", "markdown", "html", "pre"};
	bool known = message->format == NULL;

	for (size_t i = 0; i < sizeof formats / sizeof formats[0] && !known; i++)
		known = strcasecmp(message->format, formats[i]) == 0;
	if (!known)
		return error_set(error, ERROR_USAGE,
		    "-f takes text, markdown, html or pre, not '%.64s' (a file is sent with -a)",
		    message->format);
	if (message->lang != NULL && (message->format == NULL || strcasecmp(message->format, "pre") != 0))
		return error_set(error, ERROR_USAGE, "--lang goes with --pre");
	return 0;
}

static int check_duration(const char *option, const char *value, struct error *error)
{
	int64_t ms;

	if (value == NULL || (num_duration_ms(value, &ms) == 0 && ms > 0))
		return 0;
	return error_set(
	    error, ERROR_USAGE, "%s takes a duration such as 30s, 10m, 1h or 2d, not '%.64s'", option, value);
}

static int check_files(const struct compose *message, struct error *error)
{
	size_t on_stdin = count_stdin(message);

	if (on_stdin + compose_is_dash(message) > 1)
		return error_set(
		    error, ERROR_USAGE, "only one of text and files can come from standard input");
	if (message->name != NULL && on_stdin == 0 && message->files_count != 1)
		return error_set(error, ERROR_USAGE,
		    "--name goes with a file on standard input (-a -), or with a single file");
	return 0;
}

int compose_check(const struct compose *message, struct error *error)
{
	if (check_format(message, error) != 0 ||
	    check_duration("--cooldown", message->cooldown, error) != 0 ||
	    check_duration("--in", message->in, error) != 0 || check_files(message, error) != 0)
		return -1;
	if (message->in != NULL && message->at_ms != 0)
		return error_set(error, ERROR_USAGE, "--in and --at cannot go together");
	if (message->user != NULL && message->to != NULL)
		return error_set(error, ERROR_USAGE, "-u and --to cannot go together");
	if (message->key != NULL && message->files_count > 1)
		return error_set(error, ERROR_USAGE, "--key goes with a single file");
	return 0;
}

int compose_words(const struct compose *message, struct buf *text, struct error *error)
{
	for (size_t i = 0; i < message->words_count; i++) {
		if ((i > 0 && buf_add_text(text, " ") != 0) ||
		    text_add_clean(text, message->words[i], strlen(message->words[i])) != 0)
			return error_set(error, ERROR_INPUT,
			    "the text is larger than %d MB; nothing was sent",
			    COMPOSE_TEXT_MAX_BYTES / MEGABYTE);
	}
	return 0;
}

/* JSON is UTF-8, what people type need not be. */
static void put_clean(struct json_object *body, const char *key, const char *value)
{
	struct buf clean = BUF_INIT(SIZE_MAX / 4);

	if (value == NULL)
		return;
	(void)text_add_clean(&clean, value, strlen(value));
	json_put_text(body, key, buf_text(&clean));
	buf_free(&clean);
}

static void put_flag(struct json_object *body, const char *key, bool value)
{
	if (value)
		json_put_bool(body, key, true);
}

static void put_files(struct json_object *body, const struct compose_uploaded *files, size_t files_count)
{
	struct json_object *array = files_count > 0 ? json_object_new_array() : NULL;

	for (size_t i = 0; i < files_count; i++) {
		struct json_object *file = json_object_new_object();

		json_put_text(file, "file", files[i].id);
		put_clean(file, "name", files[i].name);
		json_put_text(file, "kind", files[i].picture ? "photo" : "document");
		json_object_array_add(array, file);
	}
	if (array != NULL)
		json_object_object_add(body, "files", array);
}

struct json_object *compose_request(
    const struct compose *message, const char *text, const struct compose_uploaded *files, size_t files_count)
{
	struct json_object *body = json_object_new_object();
	char at[CLOCK_TEXT_BYTES];

	put_clean(body, "user", message->user);
	put_clean(body, "to", message->to);
	put_clean(body, "title", message->title);
	json_put_text(body, "text", text);
	json_put_text(body, "parse_mode", message->format);
	put_clean(body, "lang", message->lang);
	put_clean(body, "key", message->key);
	put_clean(body, "reply_to", message->reply_to);
	json_put_text(body, "cooldown", message->cooldown);
	json_put_text(body, "in", message->in);
	json_put_text(body, "at", message->at_ms != 0 ? clock_format(message->at_ms, at) : NULL);
	if (message->thread != 0)
		json_put_int64(body, "thread", message->thread);
	put_flag(body, "silent", message->silent);
	put_flag(body, "no_preview", message->no_preview);
	put_files(body, files, files_count);
	return body;
}

struct json_object *compose_delete(const struct compose *message, const char *key)
{
	struct json_object *body = json_object_new_object();

	put_clean(body, "user", message->user);
	put_clean(body, "to", message->to);
	put_clean(body, "key", key);
	return body;
}
