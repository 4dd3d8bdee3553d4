/*
 * A file is looked at before anything leaves: what Telegram would refuse after minutes of uploading is said
 * at once, and nothing but a file is ever read, since reading a device or a pipe may never end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "fake_service.h"
#include "tg-send/upload.h"

static const struct upload_limits limits = {2 << 20, 4 << 20};
static char directory[] = "/tmp/tgt.XXXXXX";

/* The path of a file with len bytes, "abcabc..."; valid until the next. */
static const char *file_of(const char *name, size_t len)
{
	static char path[64];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	for (size_t i = 0; i < len; i++)
		fputc("abc"[i % 3], file);
	assert_int_equal(fclose(file), 0);
	return path;
}

static int open_it(
    const char *path, bool picture, const char *name, struct upload *upload, struct error *error)
{
	struct compose_file file = {path, picture};

	return upload_open(&file, name, &limits, upload, error);
}

static void check_refused(const char *path, bool picture, const char *words)
{
	struct upload upload;
	struct error error = {0};

	assert_int_equal(open_it(path, picture, NULL, &upload, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	if (strstr(error.text, words) == NULL)
		fail_msg("%s: %s", path, error.text);
	upload_free(&upload);
}

static void what_is_no_file(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof path, "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_refused(path, true, "not a regular file");
	unlink(path);
	check_refused(directory, true, "not a regular file");
	check_refused("/dev/zero", false, "not a regular file");
	check_refused("/no/such/file", false, "cannot open /no/such/file: No such file");
	check_refused(file_of("empty", 0), false, "is empty");
}

static void limits_hold_to_the_byte(void **state)
{
	struct upload upload;
	struct error error;

	(void)state;
	assert_int_equal(open_it(file_of("x", 2 << 20), true, NULL, &upload, &error), 0);
	upload_free(&upload);
	check_refused(file_of("x", (2 << 20) + 1), true,
	    "x is larger than the 2 MB that a picture may have; send it as a file, with -a");
	assert_int_equal(open_it(file_of("x", 4 << 20), false, NULL, &upload, &error), 0);
	upload_free(&upload);
	check_refused(file_of("x", (4 << 20) + 1), false, "is larger than the 4 MB that a file may have");
}

static void names(void **state)
{
	static const struct {
		const char *file, *given, *shown;
	} table[] = {
	    {"chart.png", NULL, "chart.png"},
	    {"chart.png", "load.png", "load.png"},
	    {"a b\n.txt", NULL, "a b?.txt"},
	    {"chart.png", "", "file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct upload upload;
		struct error error;

		assert_int_equal(
		    open_it(file_of(table[i].file, 3), false, table[i].given, &upload, &error), 0);
		assert_string_equal(upload.name, table[i].shown);
		assert_int_equal(upload.len, 3);
		upload_free(&upload);
	}
}

/* From: a descriptor that becomes standard input and is closed. */
static int open_stdin_from(int from, bool picture, struct upload *upload, struct error *error)
{
	int result;

	assert_int_equal(dup2(from, STDIN_FILENO), STDIN_FILENO);
	close(from);
	result = open_it("-", picture, "in", upload, error);
	from = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(from, STDIN_FILENO);
	close(from);
	return result;
}

static void *write_endlessly(void *context)
{
	char block[4096] = "";

	while (write(*(int *)context, block, sizeof block) > 0)
		;
	close(*(int *)context);
	return NULL;
}

static void standard_input(void **state)
{
	struct upload upload;
	struct error error;
	pthread_t writer;
	int ends[2];
	char first;

	(void)state;
	/* A file is used as it is, also from its middle on. */
	assert_int_equal(open_stdin_from(open(file_of("x", 10), O_RDONLY), true, &upload, &error), 0);
	assert_int_equal(upload.len, 10);
	upload_free(&upload);
	ends[0] = open(file_of("x", 10), O_RDONLY);
	assert_int_equal(read(ends[0], &first, 1), 1);
	assert_int_equal(open_stdin_from(ends[0], true, &upload, &error), 0);
	assert_int_equal(upload.len, 9);
	assert_int_equal(pread(upload.fd, &first, 1, 0), 1);
	assert_int_equal(first, 'b');
	upload_free(&upload);

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "hello", 5), 5);
	close(ends[1]);
	assert_int_equal(open_stdin_from(ends[0], false, &upload, &error), 0);
	assert_int_equal(upload.len, 5);
	assert_string_equal(upload.name, "in");
	upload_free(&upload);

	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	assert_int_equal(open_stdin_from(ends[0], false, &upload, &error), -1);
	assert_non_null(strstr(error.text, "standard input is empty"));
	upload_free(&upload);

	/* What has no end is read to the limit. */
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_endlessly, &ends[1]), 0);
	assert_int_equal(open_stdin_from(ends[0], true, &upload, &error), -1);
	pthread_join(writer, NULL);
	assert_non_null(strstr(error.text, "standard input is larger than the 2 MB"));
	upload_free(&upload);
}

static void handed_over(void **state)
{
	static const char *const steps[] = {"200 {\"ok\":true,\"file\":\"c0ffee\",\"size\":9}", NULL};
	struct service service;
	struct upload upload;
	struct error error;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(open_it(file_of("a&b.txt", 9), false, NULL, &upload, &error), 0);
	assert_int_equal(upload_send(service.path, &upload, "k", 3, true, &error), 0);
	assert_string_equal(upload.id, "c0ffee");
	assert_non_null(strstr(service.requests[0].data, "POST /files?name=a%26b.txt&part=3 HTTP/1.1\r\n"));
	assert_non_null(strstr(service.requests[0].data, "\r\nIdempotency-Key: k\r\n"));
	assert_non_null(strstr(service.requests[0].data, "\r\n\r\nabcabcabc"));
	upload_free(&upload);
	end(&service);
}

static void refused(void **state)
{
	static const struct {
		const char *step;
		enum error_kind kind;
		const char *text;
	} table[] = {
	    {"413 {\"error\":\"larger than 1 MB\"}", ERROR_INPUT, "x: larger than 1 MB; nothing was sent"},
	    {"429 {\"error\":\"20 files wait\"}", ERROR_TEMPORARY, "x: 20 files wait; nothing was sent"},
	    {"200 {\"ok\":true}", ERROR_PERMANENT,
		"the answer of tg-sendd cannot be read; is it of the same version?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const char *const steps[] = {table[i].step, NULL};
		struct service service;
		struct upload upload;
		struct error error = {0};

		begin(&service, steps, 0);
		assert_int_equal(open_it(file_of("x", 9), false, NULL, &upload, &error), 0);
		assert_int_equal(upload_send(service.path, &upload, "k", 0, false, &error), -1);
		assert_int_equal(error.kind, table[i].kind);
		assert_string_equal(error.text, table[i].text);
		assert_null(upload.id);
		upload_free(&upload);
		end(&service);
	}
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_file),
	    cmocka_unit_test(limits_hold_to_the_byte),
	    cmocka_unit_test(names),
	    cmocka_unit_test(standard_input),
	    cmocka_unit_test(handed_over),
	    cmocka_unit_test(refused),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
