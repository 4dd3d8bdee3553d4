#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "log.h"
#include "path.h"

static const char variable[] = "TELEGRAM_BOT_TOKEN";

enum { TOKEN_FILE_MAX_BYTES = 4096, TOKEN_MAX_BYTES = 128 };

bool secret_is_token(const char *text)
{
	static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t digits = strspn(text, "0123456789"), rest;

	if (digits < 1 || digits > 20 || text[digits] != ':')
		return false;
	rest = strspn(text + digits + 1, name);
	return rest >= 20 && rest <= 100 && text[digits + 1 + rest] == '\0';
}

/* Drops white space at the end, checks the form, and moves the text into locked memory. */
static int keep(char *text, const char *from, char **token, struct error *error)
{
	size_t len = strlen(text);
	char *locked;

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	if (len == 0)
		return error_set(
		    error, ERROR_CONFIG, "%s is empty; put the bot's token from @BotFather into it", from);
	if (!secret_is_token(text))
		return error_set(error, ERROR_CONFIG,
		    "%s does not hold a bot token; it has the form DIGITS:TEXT, copy it from @BotFather",
		    from);
	locked = sodium_malloc(len + 1);
	if (locked == NULL)
		return error_errno(error, ERROR_TEMPORARY, "cannot allocate locked memory");
	memcpy(locked, text, len + 1);
	*token = locked;
	return 0;
}

/* What systemd puts into its credentials directory is checked by systemd, and may be open to a group. */
static int check_file(int fd, const char *path, bool private, struct error *error)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot stat %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(error, ERROR_CONFIG, "%s is not a regular file", path);
	if (private && (status.st_mode & 077) != 0)
		return error_set(error, ERROR_CONFIG,
		    "%s is open to others (mode %04o), but holds a secret; run: chmod 600 %s", path,
		    (unsigned)(status.st_mode & 07777), path);
	return 0;
}

static int load_open_file(int fd, const char *path, bool private, char **token, struct error *error)
{
	struct buf text = BUF_INIT(TOKEN_FILE_MAX_BYTES);
	int result = -1;

	if (check_file(fd, path, private, error) != 0)
		return -1;
	if (fd_read_all(fd, &text) != 0)
		error_errno(error, ERROR_CONFIG, "cannot read %s", path);
	else if (memchr(buf_text(&text), '\0', text.len) != NULL)
		error_set(error, ERROR_CONFIG, "%s contains a NUL character", path);
	else if (text.len == 0)
		result = keep((char[]){""}, path, token, error);
	else
		result = keep(text.data, path, token, error);
	if (text.data != NULL)
		sodium_memzero(text.data, text.capacity);
	buf_free(&text);
	return result;
}

static int read_open_file(int fd, const char *path, struct buf *text, struct error *error)
{
	size_t before = text->len;

	if (check_file(fd, path, true, error) != 0)
		return -1;
	if (fd_read_all(fd, text) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot read %s", path);
	if (text->len > before && memchr(text->data + before, '\0', text->len - before) != NULL)
		return error_set(error, ERROR_CONFIG, "%s contains a NUL character", path);
	while (text->len > before && strchr(" \t\r\n", text->data[text->len - 1]) != NULL)
		text->data[--text->len] = '\0';
	if (text->len == before)
		return error_set(error, ERROR_CONFIG, "%s is empty", path);
	return 0;
}

int secret_read_file(const char *path, struct buf *text, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result;

	if (fd < 0)
		return error_errno(error, ERROR_CONFIG, "cannot open %s", path);
	result = read_open_file(fd, path, text, error);
	close(fd);
	return result;
}

/* 1: loaded; 0: there is no such file; -1: an error. */
static int load_file(const char *path, bool private, char **token, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int result;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_errno(error, ERROR_CONFIG, "cannot open the token file %s", path);
	result = load_open_file(fd, path, private, token, error);
	close(fd);
	return result == 0 ? 1 : -1;
}

/* The same as load_file; also overwrites the value, which /proc/PID/environ would show until the end. */
static int load_variable(char **token, struct error *error)
{
	char copy[TOKEN_MAX_BYTES + 1];
	char *value = getenv(variable);
	int result = 0;

	if (value == NULL)
		return 0;
	/* What does not fit is no token, cut or not. */
	snprintf(copy, sizeof copy, "%s", value);
	sodium_memzero(value, strlen(value));
	unsetenv(variable);
	if (copy[0] != '\0')
		result = keep(copy, "$TELEGRAM_BOT_TOKEN", token, error) == 0 ? 1 : -1;
	sodium_memzero(copy, sizeof copy);
	return result;
}

static int load_credential(char **token, struct error *error)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *path;
	int result;

	if (directory == NULL || directory[0] == '\0')
		return 0;
	path = path_join(directory, "token");
	result = load_file(path, false, token, error);
	free(path);
	return result;
}

int secret_load_token(const char *token_file, char **token, struct error *error)
{
	char *from_variable = NULL, *found = NULL;
	struct error variable_error;
	int in_variable, result;

	if (sodium_init() < 0)
		return error_set(error, ERROR_CONFIG, "cannot initialise libsodium");
	/* First, because the variable must go even where it is not needed. */
	in_variable = load_variable(&from_variable, &variable_error);
	result = load_credential(&found, error);
	if (result == 0 && in_variable != 0) {
		result = in_variable;
		found = from_variable;
		from_variable = NULL;
		if (result < 0)
			*error = variable_error;
	}
	sodium_free(from_variable);
	if (result == 0)
		result = load_file(token_file, true, &found, error);
	if (result == 0)
		return error_set(error, ERROR_CONFIG,
		    "there is no token file %s; put the bot's token from @BotFather there and run: chmod 600 "
		    "%s",
		    token_file, token_file);
	if (result < 0)
		return -1;
	*token = found;
	log_secret(found);
	return 0;
}

void secret_free(char *secret)
{
	log_secret(NULL);
	/* Wipes it. */
	sodium_free(secret);
}

int secret_protect_process(struct error *error)
{
	static const struct rlimit none = {0, 0};

	if (prctl(PR_SET_DUMPABLE, 0) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot make the process undumpable");
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot forbid core dumps");
	return 0;
}
