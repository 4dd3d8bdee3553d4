#include "notice.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "path.h"
#include "xalloc.h"

/* 1 had several requests for a report. */
enum { VERSION = 2, KEY_RANDOM_BYTES = 16, MEGABYTE = 1 << 20 };

void notice_new_key(char key[NOTICE_KEY_BYTES])
{
	unsigned char random[KEY_RANDOM_BYTES];

	/* So few bytes are always there. */
	if (getentropy(random, sizeof random) != 0)
		abort();
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(key + 2 * i, 3, "%02x", random[i]);
}

/* ---- making ---- */

static void start(struct notice *notice, const char *script, const char *key, int64_t now_ms)
{
	*notice = (struct notice){.made_ms = now_ms, .fields = json_object_new_object()};
	snprintf(notice->script, sizeof notice->script, "%s", script);
	snprintf(notice->key, sizeof notice->key, "%s", key);
}

static void add_file(struct notice *notice, const char *home, const char *path, bool is_photo)
{
	struct notice_file *file = &notice->files[notice->files_count];

	if (path == NULL)
		return;
	file->path = path[0] == '/' ? xstrdup(path) : path_join(home, path);
	file->name = xstrdup(strrchr(file->path, '/') + 1);
	file->is_photo = is_photo;
	notice->files_count++;
}

void notice_make(struct notice *notice, const struct script_report *report, const char *script,
    const char *home, const char *key, int64_t now_ms, bool with_cooldown)
{
	char cooldown[32];

	start(notice, script, key, now_ms);
	json_put_text(notice->fields, "text", report->message);
	json_put_text(notice->fields, "parse_mode", report->message != NULL ? "markdown" : NULL);
	json_put_text(notice->fields, "title", report->title);
	json_put_text(notice->fields, "script", script);
	json_put_text(notice->fields, "key", report->key);
	if (report->silent)
		json_put_bool(notice->fields, "silent", true);
	if (with_cooldown && report->cooldown_ms > 0) {
		snprintf(cooldown, sizeof cooldown, "%llds", (long long)(report->cooldown_ms + 999) / 1000);
		json_put_text(notice->fields, "cooldown", cooldown);
	}
	add_file(notice, home, report->image_path, true);
	add_file(notice, home, report->document_path, false);
}

void notice_make_text(struct notice *notice, const char *script, const char *title, const char *text,
    const char *key, int64_t now_ms)
{
	start(notice, script, key, now_ms);
	json_put_text(notice->fields, "text", text);
	json_put_text(notice->fields, "title", title);
	json_put_text(notice->fields, "script", script);
}

void notice_free(struct notice *notice)
{
	json_object_put(notice->fields);
	for (size_t i = 0; i < notice->files_count; i++) {
		free(notice->files[i].path);
		free(notice->files[i].name);
	}
	notice->fields = NULL;
	notice->files_count = 0;
}

/* ---- its files ---- */

static int check_file(
    const struct notice_file *file, const struct notice_limits *limits, int64_t *bytes, struct error *error)
{
	int64_t max = file->is_photo ? limits->photo_max_bytes : limits->document_max_bytes;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	int result;

	if (fd < 0)
		return error_errno(error, ERROR_INPUT, "cannot open %s", file->path);
	result = fstat(fd, &status);
	close(fd);
	if (result != 0)
		return error_errno(error, ERROR_INPUT, "cannot read %s", file->path);
	if (!S_ISREG(status.st_mode))
		return error_set(error, ERROR_INPUT, "%s is not a regular file", file->path);
	if (status.st_size == 0)
		return error_set(error, ERROR_INPUT, "%s is empty", file->path);
	if (status.st_size > max)
		return error_set(error, ERROR_INPUT, "%s is larger than the %lld MB that a %s may have",
		    file->path, (long long)max / MEGABYTE, file->is_photo ? "picture" : "file");
	*bytes += status.st_size;
	return 0;
}

int notice_check_files(
    const struct notice *notice, const struct notice_limits *limits, int64_t *bytes, struct error *error)
{
	int64_t sum = 0;

	for (size_t i = 0; i < notice->files_count; i++) {
		if (check_file(&notice->files[i], limits, &sum, error) != 0)
			return -1;
	}
	if (bytes != NULL)
		*bytes = sum;
	return 0;
}

/* ---- JSON ---- */

static void put_request(const struct notice *notice, struct json_object *object)
{
	struct json_object *files;

	json_put_text(object, "idempotency_key", notice->key);
	json_object_object_add(object, "fields", json_object_get(notice->fields));
	if (notice->files_count == 0)
		return;
	files = json_object_new_array();
	json_object_object_add(object, "files", files);
	for (size_t i = 0; i < notice->files_count; i++) {
		struct json_object *file = json_object_new_object();

		json_put_text(file, "path", notice->files[i].path);
		json_put_text(file, "kind", notice->files[i].is_photo ? "photo" : "document");
		json_put_text(file, "name", notice->files[i].name);
		json_object_array_add(files, file);
	}
}

struct json_object *notice_request(const struct notice *notice)
{
	struct json_object *object = json_object_new_object();

	put_request(notice, object);
	return object;
}

struct json_object *notice_to_json(const struct notice *notice)
{
	struct json_object *object = json_object_new_object();

	json_put_int64(object, "version", VERSION);
	json_put_text(object, "script", notice->script);
	json_put_int64(object, "made_ms", notice->made_ms);
	put_request(notice, object);
	return object;
}

static int read_file(struct json_object *row, struct notice *notice, struct error *error)
{
	const char *path = json_text(row, "path"), *name = json_text(row, "name");
	const char *kind = json_text(row, "kind");
	struct notice_file *file = &notice->files[notice->files_count];

	if (path == NULL || name == NULL || kind == NULL ||
	    (strcmp(kind, "photo") != 0 && strcmp(kind, "document") != 0))
		return error_set(error, ERROR_INPUT, "a file of it is damaged");
	*file = (struct notice_file){xstrdup(path), xstrdup(name), kind[0] == 'p'};
	notice->files_count++;
	return 0;
}

static int read_files(struct json_object *object, struct notice *notice, struct error *error)
{
	struct json_object *files = NULL;
	int found = json_get_array(object, "files", &files, error), result = 0;

	if (found != 1)
		return found;
	if (json_object_array_length(files) > NOTICE_FILES_MAX)
		return error_set(error, ERROR_INPUT, "it has too many files");
	for (size_t i = 0; result == 0 && i < json_object_array_length(files); i++)
		result = read_file(json_object_array_get_idx(files, i), notice, error);
	return result;
}

int notice_from_json(struct json_object *object, struct notice *notice, struct error *error)
{
	const char *script = json_text(object, "script"), *key = json_text(object, "idempotency_key");
	struct json_object *fields = NULL;
	struct notice made;

	if (json_int64(object, "version") != VERSION || script == NULL || !script_name_is_valid(script) ||
	    key == NULL || key[0] == '\0' || strlen(key) >= sizeof made.key ||
	    json_get_object(object, "fields", &fields, error) != 1)
		return error_set(error, ERROR_INPUT, "it is no kept message of this version");
	start(&made, script, key, json_int64(object, "made_ms"));
	json_object_put(made.fields);
	made.fields = json_object_get(fields);
	if (read_files(object, &made, error) != 0) {
		notice_free(&made);
		return -1;
	}
	*notice = made;
	return 0;
}

/* ---- what became of it ---- */

enum notice_outcome notice_judge(int status, struct json_object *body, enum error_kind kind)
{
	struct json_object *suppressed = NULL;

	if (status >= 200 && status <= 299) {
		if (body != NULL && json_object_object_get_ex(body, "suppressed", &suppressed) &&
		    json_object_get_boolean(suppressed))
			return NOTICE_SUPPRESSED;
		return NOTICE_SENT;
	}
	if (status == 429 || status == 503)
		return NOTICE_AWAY;
	/* Nobody was asked. What is wrong with the socket can be mended, what is wrong with the message
	 * cannot. */
	if (status == 0)
		return kind == ERROR_BUG || kind == ERROR_PERMANENT || kind == ERROR_INPUT ? NOTICE_REFUSED
											   : NOTICE_AWAY;
	if (kind == ERROR_DENIED)
		return NOTICE_DENIED;
	return error_is_temporary(kind) ? NOTICE_LATER : NOTICE_REFUSED;
}
