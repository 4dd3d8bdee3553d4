/*
 * The token gives away the whole bot: it is taken only from where nobody else can read it, leaves the
 * environment, and no error text says it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "secret.h"

#define TOKEN "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp-_9"
#define OTHER "654321:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"

struct place {
	char directory[64], file[96], credential[96];
};

static void write_file(const char *path, mode_t mode, const char *data, size_t len)
{
	int fd;

	/* Only root could write to a file of mode 0400 that is there. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	strcpy(place->directory, "/tmp/test_secret.XXXXXX");
	*state = place;
	if (mkdtemp(place->directory) == NULL)
		return -1;
	snprintf(place->file, sizeof place->file, "%s/file", place->directory);
	snprintf(place->credential, sizeof place->credential, "%s/token", place->directory);
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("TELEGRAM_BOT_TOKEN");
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	unlink(place->file);
	rmdir(place->file);
	unlink(place->credential);
	rmdir(place->directory);
	free(place);
	return 0;
}

static void expect_token(const char *file, const char *expected)
{
	struct error error = {.text = "untouched"};
	char *token = NULL;

	assert_int_equal(secret_load_token(file, &token, &error), 0);
	assert_string_equal(token, expected);
	assert_string_equal(error.text, "untouched");
	secret_free(token);
}

static void expect_error(const char *file, const char *words)
{
	struct error error;
	char *token = NULL;

	assert_int_equal(secret_load_token(file, &token, &error), -1);
	assert_null(token);
	assert_int_equal(error.kind, ERROR_CONFIG);
	if (strstr(error.text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, error.text);
	assert_null(strstr(error.text, "AAbb"));
}

static void from_the_file(void **state)
{
	struct place *place = *state;

	write_file(place->file, 0600, TOKEN, strlen(TOKEN));
	expect_token(place->file, TOKEN);
	write_file(place->file, 0400, TOKEN " \r\n\n", strlen(TOKEN) + 4);
	expect_token(place->file, TOKEN);
}

static void bad_files(void **state)
{
	static const mode_t modes[] = {0644, 0640, 0604, 0620, 0602, 0610};
	static const char long_text[5000] = {[0 ... 4998] = 'x'};
	struct place *place = *state;

	expect_error(place->file, "there is no token file");
	expect_error(place->file, "chmod 600");
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		write_file(place->file, modes[i], TOKEN, strlen(TOKEN));
		expect_error(place->file, "run: chmod 600 /tmp/test_secret.");
	}
	write_file(place->file, 0600, "", 0);
	expect_error(place->file, "is empty");
	write_file(place->file, 0600, " \n", 2);
	expect_error(place->file, "is empty");
	write_file(place->file, 0600, "AAbbCCddEEffGGhhIIjjKKllMM", 26);
	expect_error(place->file, "does not hold a bot token");
	write_file(place->file, 0600, TOKEN "\0x", strlen(TOKEN) + 2);
	expect_error(place->file, "NUL");
	write_file(place->file, 0600, long_text, sizeof long_text - 1);
	expect_error(place->file, "too large");
	unlink(place->file);
	assert_int_equal(mkdir(place->file, 0700), 0);
	expect_error(place->file, "not a regular file");
	rmdir(place->file);
	assert_int_equal(mkfifo(place->file, 0600), 0);
	expect_error(place->file, "not a regular file");
	expect_error("/etc/hostname/token", "cannot open");
}

static void from_the_credentials_directory(void **state)
{
	struct place *place = *state;

	write_file(place->file, 0600, OTHER, strlen(OTHER));
	setenv("CREDENTIALS_DIRECTORY", place->directory, 1);
	expect_token(place->file, OTHER);
	write_file(place->credential, 0440, TOKEN, strlen(TOKEN));
	setenv("TELEGRAM_BOT_TOKEN", OTHER, 1);
	expect_token(place->file, TOKEN);
	assert_null(getenv("TELEGRAM_BOT_TOKEN"));
	write_file(place->credential, 0440, "", 0);
	expect_error(place->file, "is empty");
}

static void from_the_environment(void **state)
{
	struct place *place = *state;

	write_file(place->file, 0600, OTHER, strlen(OTHER));
	setenv("TELEGRAM_BOT_TOKEN", TOKEN "\n", 1);
	expect_token(place->file, TOKEN);
	assert_null(getenv("TELEGRAM_BOT_TOKEN"));
	expect_token(place->file, OTHER);
	setenv("TELEGRAM_BOT_TOKEN", "", 1);
	expect_token(place->file, OTHER);
	setenv("TELEGRAM_BOT_TOKEN", "AAbb", 1);
	expect_error(place->file, "$TELEGRAM_BOT_TOKEN does not hold a bot token");
	assert_null(getenv("TELEGRAM_BOT_TOKEN"));
}

static bool environ_shows(const char *text)
{
	struct buf environment = BUF_INIT(1 << 20);
	int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	bool shown;

	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, &environment), 0);
	close(fd);
	shown = memmem(environment.data, environment.len, text, strlen(text)) != NULL;
	buf_free(&environment);
	return shown;
}

/* What a process was started with stays visible in /proc: this program, run anew with the token, looks. */
static int look_for_the_token(void)
{
	struct error error;
	char *token;

	if (!environ_shows(TOKEN))
		return 1;
	if (secret_load_token("/nonexistent", &token, &error) != 0 || strcmp(token, TOKEN) != 0)
		return 2;
	return environ_shows("AAbbCC") ? 3 : 0;
}

static void proc_does_not_show_it(void **state)
{
	char *const argv[] = {(char[]){"test_secret"}, (char[]){"look"}, NULL};
	char *const environment[] = {
	    (char[]){"TELEGRAM_BOT_TOKEN=" TOKEN}, (char[]){"ASAN_OPTIONS=detect_leaks=0"}, NULL};
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		execve("/proc/self/exe", argv, environment);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void process_is_protected(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct rlimit limit;
		struct error error;

		if (secret_protect_process(&error) != 0)
			_exit(1);
		if (prctl(PR_GET_DUMPABLE) != 0)
			_exit(2);
		_exit(getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0 || limit.rlim_max != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void forms(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} table[] = {
	    {TOKEN, true},
	    {"1:12345678901234567890", true},
	    {"1:1234567890123456789", false},
	    {":12345678901234567890", false},
	    {"a:12345678901234567890", false},
	    {"1 12345678901234567890", false},
	    {"123456789012345678901:12345678901234567890", false},
	    {"1:1234567890123456789/", false},
	    {"1:12345678901234567890/../x", false},
	    {"1:12345678901234567890\n", false},
	    {"1:12345678901234567890:", false},
	    {"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_int_equal(secret_is_token(table[i].text), table[i].is);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(from_the_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(bad_files, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(from_the_credentials_directory, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(from_the_environment, set_up, tear_down),
	    cmocka_unit_test(proc_does_not_show_it),
	    cmocka_unit_test(process_is_protected),
	    cmocka_unit_test(forms),
	};

	if (argc > 1 && strcmp(argv[1], "look") == 0)
		return look_for_the_token();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
