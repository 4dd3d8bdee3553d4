/*
 * A message that tg-sendd could not take is in this directory and nowhere else. It has to come back whole,
 * in order, once, after whatever a crash or a full disk left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "fd.h"
#include "json.h"
#include "notify-runner/pending.h"
#include "path.h"
#include "xalloc.h"

static char directory[] = "/tmp/tgpending.XXXXXX";
static bool made;

static int empty(void **state)
{
	pid_t pid;

	(void)state;
	if (!made && mkdtemp(directory) == NULL)
		return -1;
	made = true;
	pid = fork();
	if (pid == 0)
		execl("/bin/sh", "sh", "-c", "rm -rf \"$0\" && mkdir -m 700 \"$0\"", directory, (char *)NULL);
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int remove_all(void **state)
{
	return empty(state) != 0 ? -1 : rmdir(directory);
}

static void put_file(const char *name, const char *text)
{
	char *path = path_join(directory, name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
	free(path);
}

static bool exists(const char *name)
{
	char *path = path_join(directory, name);
	bool result = access(path, F_OK) == 0;

	free(path);
	return result;
}

/* With files a.png and b.csv where there is an image. */
static void make(struct notice *notice, const char *message, const char *image)
{
	struct script_report report = {.message = (char *)message,
	    .image_path = image ? (char *)"a.png" : NULL,
	    .document_path = image ? (char *)"b.csv" : NULL,
	    .cooldown_ms = 60000};

	notice_make(notice, &report, "s", directory, "00112233445566778899aabbccddeeff", 77, true);
	if (image != NULL) {
		put_file("a.png", image);
		put_file("b.csv", "table");
	}
}

static void remove_them(void)
{
	static const char *const names[] = {"a.png", "b.csv"};

	for (size_t i = 0; i < 2; i++) {
		char *path = path_join(directory, names[i]);

		assert_int_equal(unlink(path), 0);
		free(path);
	}
}

static void assert_content(const struct notice_file *file, const char *expected)
{
	struct buf content = BUF_INIT(1 << 20);
	struct error error;

	if (fd_read_file(file->path, &content, &error) != 0)
		fail_msg("%s", error.text);
	assert_string_equal(buf_text(&content), expected);
	buf_free(&content);
}

static void add(struct pending *pending, const char *message, const char *image, int64_t now_ms)
{
	struct notice notice;
	struct error error;

	make(&notice, message, image);
	if (pending_add(pending, &notice, now_ms, &error) != 0)
		fail_msg("%s", error.text);
	notice_free(&notice);
}

static void reopen(struct pending *pending)
{
	struct error error;

	pending_close(pending);
	if (pending_open(directory, pending, &error) != 0)
		fail_msg("%s", error.text);
}

static void assert_text(const struct pending *pending, size_t index, const char *field, const char *text)
{
	struct notice notice;
	struct error error;

	if (pending_load(pending, index, &notice, &error) != 0)
		fail_msg("%s", error.text);
	assert_string_equal(json_text(notice.fields, field), text);
	assert_int_equal(notice.made_ms, 77);
	notice_free(&notice);
}

/* Also where the clock went back, or stood still. */
static void in_order(void **state)
{
	struct pending pending = {0};

	(void)state;
	reopen(&pending);
	assert_int_equal(pending.count, 0);
	add(&pending, "one", NULL, 1700000000000);
	add(&pending, "two", NULL, 1700000000000);
	add(&pending, "three", NULL, 1600000000000);
	reopen(&pending);
	add(&pending, "four", NULL, 1);
	reopen(&pending);
	assert_int_equal(pending.count, 4);
	assert_text(&pending, 0, "text", "one");
	assert_text(&pending, 1, "text", "two");
	assert_text(&pending, 2, "text", "three");
	assert_text(&pending, 3, "text", "four");
	pending_close(&pending);
}

/* The copies are what is sent: the files themselves may be gone by then. */
static void with_files(void **state)
{
	struct pending pending = {0};
	struct notice notice;
	struct error error;

	(void)state;
	reopen(&pending);
	add(&pending, "one", "picture", 1700000000000);
	remove_them();
	reopen(&pending);
	assert_int_equal(pending_load(&pending, 0, &notice, &error), 0);
	assert_int_equal(notice.files_count, 2);
	assert_true(notice.files[0].is_photo);
	assert_string_equal(notice.files[1].name, "b.csv");
	assert_content(&notice.files[0], "picture");
	assert_content(&notice.files[1], "table");
	assert_string_equal(notice.key, "00112233445566778899aabbccddeeff");
	notice_free(&notice);
	assert_int_equal(pending_remove(&pending, 0, &error), 0);
	reopen(&pending);
	assert_int_equal(pending.count, 0);
	assert_int_equal(pending.bytes, 0);
	pending_close(&pending);
	assert_int_equal(rmdir(directory), 0);
}

/* Between the end of a script and the copy of its files these may go, or be somebody else's. */
static void file_gone(void **state)
{
	struct pending pending = {0};
	struct notice notice;
	struct error error;

	(void)state;
	reopen(&pending);
	make(&notice, "x", "picture");
	remove_them();
	put_file("a.png", "picture");
	assert_int_equal(pending_add(&pending, &notice, 1, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	notice_free(&notice);
	assert_int_equal(pending.count, 0);
	put_file("b.csv", "");
	remove_them();
	pending_close(&pending);
	assert_int_equal(rmdir(directory), 0);
}

static void left_from_a_crash(void **state)
{
	struct pending pending = {0};

	(void)state;
	put_file("001700000000001.1", "a picture without its message");
	put_file(".001700000000002.json.new", "{");
	put_file("notes", "of the person");
	put_file("01.1", "of the person");
	reopen(&pending);
	assert_int_equal(pending.count, 0);
	assert_false(exists("001700000000001.1"));
	assert_false(exists(".001700000000002.json.new"));
	assert_true(exists("notes"));
	assert_true(exists("01.1"));
	pending_close(&pending);
}

#define FILE_AT(path)                                                                                        \
	"{\"version\":2,\"script\":\"s\",\"idempotency_key\":\"k\",\"fields\":{},\"files\":[{\"path\":"      \
	"\"" path "\",\"kind\":\"photo\",\"name\":\"n\"}]}"

static void damaged(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{}", FILE_AT("/etc/passwd"),
	    FILE_AT("001700000000001./../../x"), FILE_AT("001700000000002.1"), FILE_AT("001700000000001.1")};
	struct pending pending = {0};
	struct notice notice;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		put_file("001700000000001.json", texts[i]);
		reopen(&pending);
		assert_int_equal(pending.count, 1);
		assert_int_equal(pending_load(&pending, 0, &notice, &error), -1);
		assert_int_equal(pending_set_aside(&pending, 0, &error), 0);
		reopen(&pending);
		assert_int_equal(pending.count, 0);
		assert_true(exists("001700000000001.bad"));
	}
	pending_close(&pending);
}

static void full(void **state)
{
	struct pending pending = {0};
	struct notice notice;
	struct error error;
	int64_t bytes;

	(void)state;
	reopen(&pending);
	make(&notice, "x", NULL);
	for (int i = 0; i < PENDING_COUNT_MAX; i++) {
		char name[32];

		snprintf(name, sizeof name, "%015d.json", i);
		put_file(name, "{}");
	}
	reopen(&pending);
	assert_int_equal(pending.count, PENDING_COUNT_MAX);
	assert_int_equal(pending_add(&pending, &notice, 1, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(pending_remove(&pending, 0, &error), 0);
	reopen(&pending);
	bytes = pending.bytes;
	pending.bytes = PENDING_BYTES_MAX - 10;
	assert_int_equal(pending_add(&pending, &notice, 1, &error), -1);
	pending.bytes = bytes;
	assert_int_equal(pending_add(&pending, &notice, 1, &error), 0);
	notice_free(&notice);
	pending_close(&pending);
}

/* What does not fit leaves nothing behind. */
static void disk_full(void **state)
{
	struct rlimit before, small;
	struct pending pending = {0};
	struct notice notice;
	struct error error;
	char *picture = xmalloc(100000);
	int result;

	(void)state;
	memset(picture, 'x', 99999);
	picture[99999] = '\0';
	make(&notice, "x", picture);
	reopen(&pending);
	getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = 50000;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	result = pending_add(&pending, &notice, 1, &error);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(result, -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(pending.count, 0);
	remove_them();
	pending_close(&pending);
	assert_int_equal(rmdir(directory), 0);
	notice_free(&notice);
	free(picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(in_order, empty),
	    cmocka_unit_test_setup(with_files, empty),
	    cmocka_unit_test_setup(file_gone, empty),
	    cmocka_unit_test_setup(left_from_a_crash, empty),
	    cmocka_unit_test_setup(damaged, empty),
	    cmocka_unit_test_setup(full, empty),
	    cmocka_unit_test_setup(disk_full, empty),
	};

	return cmocka_run_group_tests(tests, NULL, remove_all);
}
