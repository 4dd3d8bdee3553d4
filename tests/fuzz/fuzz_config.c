/*
 * Why: a configuration is written by hand, in an editor that may have left anything. It is refused in one
 * line that names the file and the line, or every program can rely on what it holds.
 */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "tg-dispatch/table_check.h"
#include "utf8.h"

const char *const fuzz_words[] = {"telegram:", "\n  - {", "[]", "{}", "\"\"", "&a ", "*a", "<<: ", "---\n",
    "...\n", "%YAML 1.1\n", "? ", "!!binary ", "| \n", ">-\n", "~", "null", "12abc", "9223372036854775808",
    "-1", "0s", "1d", "\t", "#", "\xef\xbb\xbf", "\xff\xfe", "\\0",
    "commands:\n  - {command: a, description: b, script: c}\n", "http: {url: 'http://a'}", "exec: [/a]",
    "texts: {a: b}\n", "[[[[[[[[", "{a: {a: {a: ", NULL};

static void check_route(const struct config_route *route)
{
	int ways = (route->http.url != NULL) + (route->exec.count > 0) + (route->script != NULL) +
		   (route->session != NULL);

	FUZZ_MUST(ways == 1 && route->name[0] != '\0' && route->access[0] != '\0' && route->line > 0);
	FUZZ_MUST(route->exec.count == 0 || route->exec.items[0][0] == '/');
}

static void check_config(const struct config *config)
{
	FUZZ_MUST(config->telegram.token_file[0] == '/' && strncmp(config->telegram.api_url, "http", 4) == 0);
	FUZZ_MUST(config->store.path[0] == '/' && config->socket.path[0] == '/');
	FUZZ_MUST(config->delivery.parallel >= 1 && config->delivery.keep_ms > 0 &&
		  config->delivery.chat_burst >= 1);
	FUZZ_MUST(config->delivery.overall_per_second >= 0 && config->delivery.chat_per_second >= 0);
	FUZZ_MUST(config->scripts.directory[0] != '/' && strlen(config->webhook.listen) > 0);
	for (size_t i = 0; i < config->targets_count; i++)
		FUZZ_MUST(config->targets[i].chat != 0 &&
			  config_target(config, config->targets[i].name) == &config->targets[i]);
	for (size_t i = 0; i < config->commands_count; i++)
		check_route(&config->commands[i]);
	for (size_t i = 0; i < config->callbacks_count; i++)
		check_route(&config->callbacks[i]);
	if (config->text.name != NULL)
		check_route(&config->text);
	if (config->files.name != NULL)
		check_route(&config->files);
	for (size_t i = 0; i < config->texts_count; i++)
		FUZZ_MUST(config_text(config, config->texts[i].name, "")[0] != '\0');
}

static bool has_group(const char *name)
{
	return name[0] != '\0';
}

static const char *why_not(const char *path)
{
	return path[0] == '/' ? NULL : "it is relative";
}

/* Each a line of its own. */
static void count_mistake(void *context, const char *text)
{
	++*(int *)context;
	FUZZ_MUST(strchr(text, '\n') == NULL && utf8_is_valid(text, strlen(text)));
}

static void count_row(void *context, const char *text, bool is_fatal)
{
	(void)is_fatal;
	count_mistake(context, text);
}

/* What is left of a file with mistakes is looked through for more of them. */
static void check_all(const char *path, int result)
{
	static const struct table_world world = {has_group, why_not, why_not};
	struct config *config = NULL;
	struct error error;
	int mistakes = 0, all = config_load_all(path, count_mistake, &mistakes, &config, &error);

	FUZZ_MUST((all == 0) == (result == 0) && (all == 1) == (mistakes > 0 && config != NULL));
	if (all >= 0)
		table_check(config, &world, count_row, &mistakes);
	config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	struct config *config = NULL;
	struct error error = {0};

	if (fd < 0) {
		fd = memfd_create("config", MFD_CLOEXEC);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	FUZZ_MUST(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	if (config_load(path, &config, &error) == 0) {
		check_config(config);
		config_free(config);
		check_all(path, 0);
		return 0;
	}
	check_all(path, -1);
	FUZZ_MUST(config == NULL && error.kind == ERROR_CONFIG);
	FUZZ_MUST(strncmp(error.text, path, strlen(path)) == 0 && error.text[strlen(path)] == ':');
	FUZZ_MUST(strchr(error.text, '\n') == NULL && utf8_is_valid(error.text, strlen(error.text)));
	return 0;
}
