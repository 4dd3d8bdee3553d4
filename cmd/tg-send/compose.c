#include "compose.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "json.h"
#include "submit.h"
#include "text.h"

enum { MEGABYTE = 1 << 20, TARGET_MAX_BYTES = 60000 };

static int read_words(const struct compose *message, struct buf *text, struct error *error)
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

static int read_stdin(struct buf *text, struct error *error)
{
	struct buf raw = BUF_INIT(COMPOSE_TEXT_MAX_BYTES);
	int result = -1;

	if (fd_read_all(STDIN_FILENO, &raw) != 0) {
		if (errno == EFBIG)
			error_set(error, ERROR_INPUT,
			    "the text on standard input is larger than %d MB; nothing was sent",
			    COMPOSE_TEXT_MAX_BYTES / MEGABYTE);
		else
			error_errno(error, ERROR_INPUT, "cannot read standard input");
		goto out;
	}
	if (raw.len > 0 && raw.data[raw.len - 1] == '\n')
		raw.len--;
	/* It fits: cleaning makes it three times as long at most. */
	result = text_add_clean(text, raw.data, raw.len);
out:
	buf_free(&raw);
	return result;
}

/* The only word is "-". */
static bool is_dash(const struct compose *message)
{
	return message->words_count == 1 && strcmp(message->words[0], "-") == 0;
}

static bool is_picture_on_stdin(const struct compose *message)
{
	return message->image != NULL && strcmp(message->image, "-") == 0;
}

int compose_text(const struct compose *message, struct buf *text, bool *found, struct error *error)
{
	bool dash = is_dash(message);

	*found = true;
	if (message->words_count > 0 && !dash)
		return read_words(message, text, error);
	if (dash || (!is_picture_on_stdin(message) && !isatty(STDIN_FILENO)))
		return read_stdin(text, error);
	*found = false;
	return 0;
}

static int too_large(const char *name, struct error *error)
{
	return error_set(error, ERROR_INPUT,
	    "%.128s is larger than the %d MB that Telegram takes as a picture; nothing was sent", name,
	    COMPOSE_PICTURE_MAX_BYTES / MEGABYTE);
}

static int read_picture(int fd, const char *name, struct buf *picture, struct error *error)
{
	if (fd_read_all(fd, picture) != 0)
		return errno == EFBIG ? too_large(name, error)
				      : error_errno(error, ERROR_INPUT, "cannot read %.128s", name);
	if (picture->len == 0)
		return error_set(error, ERROR_INPUT, "%.128s is empty; nothing was sent", name);
	return 0;
}

int compose_picture(const char *path, struct buf *picture, struct error *error)
{
	struct stat status;
	int fd, result;

	if (strcmp(path, "-") == 0)
		return read_picture(STDIN_FILENO, "the picture on standard input", picture, error);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_errno(error, ERROR_INPUT, "cannot open %.128s", path);
	if (fstat(fd, &status) != 0)
		result = error_errno(error, ERROR_INPUT, "cannot read %.128s", path);
	else if (!S_ISREG(status.st_mode))
		result =
		    error_set(error, ERROR_INPUT, "%.128s is not a regular file; nothing was sent", path);
	else if (status.st_size > COMPOSE_PICTURE_MAX_BYTES)
		result = too_large(path, error);
	else
		result = read_picture(fd, path, picture, error);
	close(fd);
	return result;
}

static size_t count_characters(const struct buf *text)
{
	size_t count = 0;

	for (size_t i = 0; i < text->len; i++)
		count += ((unsigned char)text->data[i] & 0xc0) != 0x80;
	return count;
}

/* Submits under a new key, so that a restart of tg-sendd in the middle does not send twice. */
static int submit(const char *socket_path, const char *target, const char *content_type, const void *body,
    size_t body_len, int64_t *id, struct error *error)
{
	struct submit_answer answer;
	struct error refusal;
	char key[SUBMIT_KEY_BYTES];
	int result;

	submit_new_key(key);
	result =
	    submit_request(socket_path, "POST", target, content_type, body, body_len, key, &answer, &refusal);
	if (result == 0)
		*id = json_int64(answer.body, "id");
	else if (answer.status > 299 && answer.status != 404)
		error_set(error, refusal.kind, "%.220s; nothing was sent", refusal.text);
	else
		*error = refusal;
	submit_answer_free(&answer);
	return result;
}

static char *clean_title(const struct compose *message)
{
	struct buf title = BUF_INIT(SIZE_MAX / 4);

	if (message->title != NULL)
		(void)text_add_clean(&title, message->title, strlen(message->title));
	return title.data;
}

static int send_text(const struct compose *message, const char *title, const struct buf *text,
    const char *socket_path, int64_t *id, struct error *error)
{
	struct json_object *body = json_object_new_object();
	const char *line;
	int result;

	json_put_text(body, "user", message->user);
	json_put_text(body, "title", title);
	json_put_text(body, "text", buf_text(text));
	if (message->silent)
		json_put_bool(body, "silent", true);
	line = json_line(body);
	result = submit(socket_path, "/send", NULL, line, strlen(line), id, error);
	json_object_put(body);
	return result;
}

static int send_picture(const struct compose *message, const char *title, const struct buf *caption,
    const struct buf *picture, const char *socket_path, int64_t *id, struct error *error)
{
	struct buf target = BUF_INIT(TARGET_MAX_BYTES), name = BUF_INIT(NAME_MAX + 1);
	bool has_caption = !text_is_blank(buf_text(caption), caption->len);
	int result;

	if (count_characters(caption) > COMPOSE_CAPTION_MAX_CHARS)
		return error_set(error, ERROR_INPUT,
		    "the caption has %zu characters, a picture takes %d; nothing was sent",
		    count_characters(caption), COMPOSE_CAPTION_MAX_CHARS);
	text_add_line(
	    &name, strcmp(message->image, "-") == 0 ? NULL : basename(message->image), NAME_MAX - 3);
	buf_add_text(&target, "/send_photo");
	if (submit_add_query(&target, "user", message->user) != 0 ||
	    submit_add_query(&target, "title", title) != 0 ||
	    submit_add_query(&target, "caption", has_caption ? buf_text(caption) : NULL) != 0 ||
	    submit_add_query(&target, "file_name", name.len > 0 ? buf_text(&name) : NULL) != 0 ||
	    submit_add_query(&target, "silent", message->silent ? "true" : NULL) != 0)
		result = error_set(error, ERROR_INPUT, "the title is too long; nothing was sent");
	else
		result = submit(socket_path, buf_text(&target), "application/octet-stream", picture->data,
		    picture->len, id, error);
	buf_free(&target);
	buf_free(&name);
	return result;
}

/* 1: there is something to say, 0: standard input was empty, -1: an error. */
static int check_text(const struct compose *message, const struct buf *text, bool found, struct error *error)
{
	if (message->image != NULL || !text_is_blank(buf_text(text), text->len))
		return 1;
	if (!found)
		return error_set(error, ERROR_USAGE,
		    "no text: give it as arguments or on standard input, see tg-send --help");
	if (message->words_count > 0 && !is_dash(message))
		return error_set(error, ERROR_INPUT, "the text is empty; nothing was sent");
	return 0;
}

int compose_send(const struct compose *message, const char *socket_path, int64_t *id, struct error *error)
{
	struct buf text = BUF_INIT(3 * COMPOSE_TEXT_MAX_BYTES), picture = BUF_INIT(COMPOSE_PICTURE_MAX_BYTES);
	bool found = false;
	char *title;
	int result = -1;

	if (is_dash(message) && is_picture_on_stdin(message))
		return error_set(
		    error, ERROR_USAGE, "the text and the picture cannot both come from standard input");
	title = clean_title(message);
	if (message->image != NULL && compose_picture(message->image, &picture, error) != 0)
		goto out;
	if (compose_text(message, &text, &found, error) != 0)
		goto out;
	result = check_text(message, &text, found, error);
	if (result <= 0)
		goto out;
	if (message->image != NULL)
		result = send_picture(message, title, &text, &picture, socket_path, id, error);
	else
		result = send_text(message, title, &text, socket_path, id, error);
out:
	buf_free(&text);
	buf_free(&picture);
	free(title);
	return result;
}
