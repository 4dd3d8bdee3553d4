/* The checks of single values: what a text must look like and what becomes of it. */
#include "config_keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "log.h"
#include "num.h"
#include "utf8.h"
#include "xalloc.h"

enum { SOCKET_PATH_BYTES = 107, URL_MAX_BYTES = 2000 };

static int explain(struct config_setting *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int explain(struct config_setting *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->why, sizeof s->why, format, args);
	va_end(args);
	return -1;
}

static int keep(struct config_setting *s)
{
	*(char **)s->field = config_own(s->blocks, xstrdup(s->text));
	return 0;
}

bool config_consists_of(const char *text, const char *set, size_t max)
{
	size_t len = strlen(text);

	return len >= 1 && len <= max && strspn(text, set) == len;
}

/* An account as login programs allow it; the system may know stranger ones than useradd makes. */
static bool is_account(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= 63 && text[0] != '-' && text[0] != '%' && strpbrk(text, " :,/") == NULL;
}

int config_set_text(struct config_setting *s)
{
	size_t count = utf8_count(s->text, strlen(s->text));

	if (count < (size_t)s->key->low || count > (size_t)s->key->high)
		return explain(
		    s, "must have %lld to %lld characters", (long long)s->key->low, (long long)s->key->high);
	return keep(s);
}

int config_set_path(struct config_setting *s)
{
	if (s->text[0] != '/')
		return explain(s, "must be an absolute path");
	return keep(s);
}

int config_set_path_or_none(struct config_setting *s)
{
	if (s->text[0] != '\0' && config_set_path(s) != 0)
		return explain(s, "must be an absolute path or \"\"");
	return keep(s);
}

int config_set_socket(struct config_setting *s)
{
	if (strlen(s->text) > SOCKET_PATH_BYTES)
		return explain(s, "must not be longer than %d bytes", SOCKET_PATH_BYTES);
	return config_set_path(s);
}

/* Below a directory: neither absolute nor through "..". */
int config_set_relative(struct config_setting *s)
{
	size_t part;

	if (s->text[0] == '/' || s->text[0] == '\0')
		return explain(s, "must be a path below the home directory, without / at the start");
	for (const char *rest = s->text; *rest != '\0'; rest += part + (rest[part] == '/')) {
		part = strcspn(rest, "/");
		if (part == 2 && strncmp(rest, "..", 2) == 0)
			return explain(s, "must not contain \"..\"");
	}
	return keep(s);
}

/* HOST, HOST:PORT or [ADDRESS]:PORT, len bytes of text. */
static bool is_authority(const char *text, size_t len, bool port_required)
{
	char copy[300];
	char *port;
	int64_t number;

	if (len == 0 || len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	port = strrchr(copy, ':');
	if (copy[0] == '[') {
		char *end = strchr(copy, ']');

		if (end == NULL || end == copy + 1 ||
		    strspn(copy + 1, "0123456789abcdefABCDEF:.") != (size_t)(end - copy - 1))
			return false;
		port = end[1] == ':' ? end + 1 : NULL;
		if (port == NULL && end[1] != '\0')
			return false;
	} else if (strspn(copy, CONFIG_ALNUM "-._") != (port ? (size_t)(port - copy) : len) || port == copy) {
		return false;
	}
	return port == NULL ? !port_required : num_int64(port + 1, 0, 65535, &number) == 0;
}

/* schemes end with NULL; expected says what it must be. */
static int check_url(struct config_setting *s, const char *const *schemes, const char *expected)
{
	const char *rest = NULL;
	size_t authority;

	for (; *schemes != NULL && rest == NULL; schemes++)
		if (strncmp(s->text, *schemes, strlen(*schemes)) == 0)
			rest = s->text + strlen(*schemes);
	authority = rest == NULL ? 0 : strcspn(rest, "/?#");
	if (authority > 0 && memchr(rest, '@', authority) != NULL)
		return explain(s, "must not contain a user or a password: everybody can read this file");
	if (rest == NULL || !is_authority(rest, authority, false) || strpbrk(rest, " \"<>\\^`{|}") != NULL ||
	    strlen(s->text) > URL_MAX_BYTES)
		return explain(s, "must be %s", expected);
	return 0;
}

static int check_service_url(struct config_setting *s)
{
	static const char *const schemes[] = {"http://", "https://", NULL};

	return check_url(s, schemes, "a URL such as http://127.0.0.1:8000/path or https://host/path");
}

int config_set_url(struct config_setting *s)
{
	return check_service_url(s) == 0 ? keep(s) : -1;
}

/*
 * The length of the placeholder at text, which tg-dispatch fills in when it asks (ask_fill_url); 0: there is
 * none.
 */
static size_t placeholder(const char *text)
{
	static const char *const known[] = {"{chat_id}", "{telegram_user_id}", "{user}", NULL};

	for (const char *const *name = known; *name != NULL; name++) {
		if (strncmp(text, *name, strlen(*name)) == 0)
			return strlen(*name);
	}
	return 0;
}

/* The URL without its placeholders, which may stand behind the host alone: no writer to the bot chooses it.
 */
static char *without_placeholders(const char *url)
{
	const char *host = strstr(url, "://");
	size_t fixed = host != NULL ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : strlen(url);
	char *copy = xstrdup(url), *to = copy + fixed;
	const char *from = url + fixed;

	while (*from != '\0') {
		size_t len = placeholder(from);

		from += len;
		if (len == 0)
			*to++ = *from++;
	}
	*to = '\0';
	return copy;
}

int config_set_service_url(struct config_setting *s)
{
	const char *whole = s->text;
	char *plain = without_placeholders(whole);
	int result;

	s->text = plain;
	if (strpbrk(plain, "{}") != NULL)
		result = explain(s,
		    "may have {chat_id}, {telegram_user_id} and {user} behind the host, and no other braces");
	else
		result = check_service_url(s);
	s->text = whole;
	free(plain);
	return result == 0 ? keep(s) : -1;
}

int config_set_url_or_none(struct config_setting *s)
{
	return s->text[0] == '\0' ? keep(s) : config_set_url(s);
}

/* The base that method names are appended to. */
int config_set_api_url(struct config_setting *s)
{
	char *kept;

	if (strpbrk(s->text, "?#") != NULL)
		return explain(s, "must not contain ? or #");
	if (config_set_url(s) != 0)
		return -1;
	kept = *(char **)s->field;
	if (kept[strlen(kept) - 1] == '/')
		kept[strlen(kept) - 1] = '\0';
	return 0;
}

int config_set_proxy(struct config_setting *s)
{
	static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://", NULL};

	if (s->text[0] != '\0' &&
	    check_url(s, schemes, "\"\" or a URL with http, https, socks5 or socks5h") != 0)
		return -1;
	return keep(s);
}

int config_set_int(struct config_setting *s)
{
	if (num_int64(s->text, s->key->low, s->key->high, s->field) == 0)
		return 0;
	return explain(
	    s, "must be a whole number from %lld to %lld", (long long)s->key->low, (long long)s->key->high);
}

int config_set_chat(struct config_setting *s)
{
	if (num_int64(s->text, INT64_MIN, INT64_MAX, s->field) == 0 && *(int64_t *)s->field != 0)
		return 0;
	return explain(s, "must be the number of a chat, not 0");
}

int config_set_decimal(struct config_setting *s)
{
	double value;

	if (num_decimal(s->text, &value) != 0 || value < (double)s->key->low || value > (double)s->key->high)
		return explain(
		    s, "must be a number from %lld to %lld", (long long)s->key->low, (long long)s->key->high);
	*(double *)s->field = value;
	return 0;
}

static char *format_duration(int64_t ms, char text[24])
{
	int64_t seconds = ms / 1000;

	if (ms % CONFIG_DAY == 0 && ms > 0)
		snprintf(text, 24, "%lldd", (long long)(ms / CONFIG_DAY));
	else if (ms % CONFIG_MINUTE == 0 && ms > 0)
		snprintf(text, 24, "%lldm", (long long)(ms / CONFIG_MINUTE));
	else
		snprintf(text, 24, "%llds", (long long)seconds);
	return text;
}

int config_set_duration(struct config_setting *s)
{
	char low[24], high[24];
	int64_t value;

	if (num_duration_ms(s->text, &value) != 0 || value < s->key->low || value > s->key->high)
		return explain(s, "must be a duration such as 30s, 10m, 24h or 1d, from %s to %s",
		    format_duration(s->key->low, low), format_duration(s->key->high, high));
	*(int64_t *)s->field = value;
	return 0;
}

int config_set_size(struct config_setting *s)
{
	int64_t value;

	if (num_size_bytes(s->text, &value) != 0 || value < s->key->low || value > s->key->high)
		return explain(s, "must be a size such as 512k, 64M or 4G, from %lldk to %lldk",
		    (long long)(s->key->low >> 10), (long long)(s->key->high >> 10));
	*(int64_t *)s->field = value;
	return 0;
}

int config_set_mode(struct config_setting *s)
{
	long mode;

	if (!config_consists_of(s->text, "01234567", 4) || (mode = strtol(s->text, NULL, 8)) > 0777)
		return explain(s, "must be octal permissions such as \"0660\", within 0777");
	*(int *)s->field = (int)mode;
	return 0;
}

int config_set_bool(struct config_setting *s)
{
	bool yes = strcmp(s->text, "true") == 0;

	if (!yes && strcmp(s->text, "false") != 0)
		return explain(s, "must be true or false");
	*(bool *)s->field = yes;
	return 0;
}

int config_set_account(struct config_setting *s)
{
	if (!is_account(s->text))
		return explain(s, "must be the name of an account");
	return keep(s);
}

int config_set_group(struct config_setting *s)
{
	if (!is_account(s->text))
		return explain(s, "must be the name of a group");
	return keep(s);
}

int config_set_group_or_none(struct config_setting *s)
{
	return s->text[0] == '\0' ? keep(s) : config_set_group(s);
}

/* An account, or %group. */
int config_set_member(struct config_setting *s)
{
	if (!is_account(s->text[0] == '%' ? s->text + 1 : s->text))
		return explain(s, "must be the name of an account, or %%group");
	return keep(s);
}

int config_set_access(struct config_setting *s)
{
	if (strcmp(s->text, "anyone") != 0 && strcmp(s->text, "linked") != 0 &&
	    strcmp(s->text, "operator") != 0 && !(s->text[0] == '%' && is_account(s->text + 1)))
		return explain(s, "must be anyone, linked, operator or \"%%group\"");
	return keep(s);
}

int config_set_name(struct config_setting *s)
{
	if (!config_consists_of(s->text, CONFIG_ALNUM "_-", 64))
		return explain(s, "must be 1 to 64 of the characters A-Z a-z 0-9 _ -");
	return keep(s);
}

int config_set_place(struct config_setting *s)
{
	if (strcmp(s->text, "private") != 0 && strcmp(s->text, "group") != 0)
		return explain(s, "must be private or group");
	return keep(s);
}

int config_set_method(struct config_setting *s)
{
	if (strcmp(s->text, "GET") != 0 && strcmp(s->text, "POST") != 0)
		return explain(s, "must be GET or POST");
	return keep(s);
}

/* A token as RFC 9110 has it, but for characters that no header in use has. */
int config_set_header(struct config_setting *s)
{
	struct error error;

	if (!config_consists_of(s->text, CONFIG_ALNUM "-_", HEADER_NAME_MAX))
		return explain(s, "must be 1 to %d of the characters A-Z a-z 0-9 - _", HEADER_NAME_MAX);
	if (header_check_name(s->text, &error) != 0)
		return explain(s, "cannot be %s, which every request has", s->text);
	return keep(s);
}

int config_set_command(struct config_setting *s)
{
	if (!config_consists_of(s->text, CONFIG_NAME_CHARACTERS, 32))
		return explain(s, "must be 1 to 32 of the characters a-z 0-9 _, without the /");
	return keep(s);
}

int config_set_action(struct config_setting *s)
{
	if (!config_consists_of(s->text, CONFIG_ALNUM "_", 32))
		return explain(s, "must be 1 to 32 of the characters A-Z a-z 0-9 _");
	return keep(s);
}

/* As a notification script is named: no path, nothing hidden. */
int config_set_script(struct config_setting *s)
{
	if (!config_consists_of(s->text, CONFIG_ALNUM "_.-", 64) || s->text[0] == '.' || s->text[0] == '-')
		return explain(s, "must be the name of a script: 1 to 64 of A-Z a-z 0-9 _ . -, no path");
	return keep(s);
}

int config_set_listen(struct config_setting *s)
{
	const char *path = strncmp(s->text, "unix:", 5) == 0 ? s->text + 5 : NULL;

	if (path != NULL && (path[0] != '/' || strlen(path) > SOCKET_PATH_BYTES))
		return explain(
		    s, "must be unix: and an absolute path of at most %d bytes", SOCKET_PATH_BYTES);
	if (path == NULL && !is_authority(s->text, strlen(s->text), true))
		return explain(s, "must be HOST:PORT or unix:/path");
	return keep(s);
}

int config_set_url_path(struct config_setting *s)
{
	if (s->text[0] != '/' || strpbrk(s->text, " ?#%\"<>\\") != NULL)
		return explain(s, "must be a path such as /webhook/telegram");
	return keep(s);
}

int config_set_policy(struct config_setting *s)
{
	bool once = strcmp(s->text, "at-most-once") == 0;

	if (!once && strcmp(s->text, "at-least-once") != 0)
		return explain(s, "must be at-least-once or at-most-once");
	*(enum config_policy *)s->field = once ? POLICY_AT_MOST_ONCE : POLICY_AT_LEAST_ONCE;
	return 0;
}

int config_set_format(struct config_setting *s)
{
	if (strcmp(s->text, "json") != 0 && strcmp(s->text, "text") != 0)
		return explain(s, "must be json or text");
	*(bool *)s->field = strcmp(s->text, "json") == 0;
	return 0;
}

int config_set_level(struct config_setting *s)
{
	enum log_level level;

	if (log_level_parse(s->text, &level) != 0)
		return explain(s, "must be debug, info, warning or error");
	*(int *)s->field = (int)level;
	return 0;
}
