/*
 * Why: everything that runs depends on this file, and whoever edits it at night needs the line and the
 * reason, not a guess. The tables below are the promise of tgtools.conf(5): each key's default, each
 * mistake's words and line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "config_keys.h"
#include "fd.h"
#include "log.h"

static char directory[] = "/tmp/tgconfXXXXXX";
static char file[64];

static int make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof file, "%s/c.yaml", directory);
	unsetenv("TGTOOLS_CONFIG");
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

static void write_bytes(const char *data, size_t len)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static int load(const char *yaml, struct config **config, struct error *error)
{
	write_bytes(yaml, strlen(yaml));
	return config_load(file, config, error);
}

static struct config *must_load(const char *yaml)
{
	struct config *config = NULL;
	struct error error = {0};

	if (load(yaml, &config, &error) != 0)
		fail_msg("%s\n-- in --\n%s", error.text, yaml);
	return config;
}

/* The whole text of the error, without the file's name. */
static void must_fail(const char *yaml, size_t len, const char *expected)
{
	struct config *config = NULL;
	struct error error = {0};
	size_t name = strlen(file);

	write_bytes(yaml, len);
	if (config_load(file, &config, &error) == 0)
		fail_msg("taken: %s", yaml);
	assert_null(config);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_int_equal(strncmp(error.text, file, name), 0);
	assert_string_equal(error.text + name + 1, expected);
}

static void check_defaults(const struct config *c)
{
	assert_string_equal(c->telegram.token_file, "/etc/tgtools/token");
	assert_string_equal(c->telegram.api_url, "https://api.telegram.org");
	assert_string_equal(c->telegram.proxy, "");
	assert_int_equal(c->telegram.timeout_ms, 60000);
	assert_string_equal(c->store.path, "/var/lib/tgtools/store");
	assert_int_equal(c->store.map_size_bytes, INT64_C(4) << 30);
	assert_string_equal(c->socket.path, "/run/tgtools/tgtools.sock");
	assert_string_equal(c->socket.group, "tgtools-users");
	assert_int_equal(c->socket.mode, 0660);
	assert_int_equal(c->socket.request_timeout_ms, 60000);
	assert_int_equal(c->access.front_ends.count, 1);
	assert_string_equal(c->access.front_ends.items[0], "www-data");
	assert_int_equal(c->access.operators.count, 1);
	assert_string_equal(c->access.operators.items[0], "root");
	assert_int_equal(c->access.groups.count, 1);
	assert_string_equal(c->access.groups.items[0], "tgtools-users");
	assert_true(c->delivery.overall_per_second == 30 && c->delivery.chat_per_second == 1);
	assert_int_equal(c->delivery.chat_burst, 3);
	assert_int_equal(c->delivery.group_per_minute, 20);
	assert_int_equal(c->delivery.parallel, 16);
	assert_int_equal(c->delivery.keep_ms, 24 * 3600000);
	assert_int_equal(c->delivery.policy, POLICY_AT_LEAST_ONCE);
	assert_int_equal(c->delivery.user_quota, 1000);
	assert_int_equal(c->limits.chat_per_minute, 20);
	assert_true(c->limits.chat_per_second == 1);
	assert_int_equal(c->limits.chat_burst, 5);
	assert_int_equal(c->codes.lifetime_ms, 600000);
	assert_int_equal(c->codes.tries, 5);
	assert_string_equal(c->scripts.directory, "user/notifications");
	assert_int_equal(c->scripts.timeout_ms, 60000);
	assert_int_equal(c->scripts.jobs, 4);
	assert_int_equal(c->scripts.output_bytes, 1 << 20);
	assert_int_equal(c->devices_count, 1);
	assert_string_equal(c->devices[0].name, "root");
	assert_string_equal(c->devices[0].path, "/");
	assert_true(c->devices[0].alert_threshold_percent == 80 && c->load.alert_threshold == 0);
	assert_null(c->text.name);
	assert_null(c->files.name);
	assert_string_equal(c->webhook.listen, "127.0.0.1:8080");
	assert_string_equal(c->webhook.path, "/webhook/telegram");
	assert_string_equal(c->webhook.secret_file, "");
	assert_null(c->keys.http.url);
	assert_int_equal(c->monitor.interval_ms, 30000);
	assert_int_equal(c->monitor.remind_ms, 6 * 3600000);
	assert_int_equal(c->targets_count + c->commands_count + c->callbacks_count + c->sessions_count +
			     c->server_scripts_count + c->watch.count + c->texts_count,
	    0);
	assert_true(c->log.json);
	assert_int_equal(c->log.level, LOG_INFO);
}

/* Whatever leaves everything out means the defaults. */
static void test_defaults(void **state)
{
	static const char *const files[] = {"", "\n", "# nothing\n", "---\n", "---\n...\n", "{}", "~", "null",
	    "\xef\xbb\xbfstore:\n", "telegram:\nstore: ~\naccess:\n  groups:\nlog: {level: , format: null}\n",
	    "store: {}\ncommands: []\ntexts: {}\nwatch:\ndevices:\n"};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		struct config *config = must_load(files[i]);

		check_defaults(config);
		assert_string_equal(config->file, file);
		config_free(config);
	}
	config_free(NULL);
}

/* The sample that is installed says every key, and says nothing but the defaults. */
static void test_sample(void **state)
{
	struct config *config = NULL;
	struct error error = {0};
	struct buf sample = BUF_INIT(1 << 20);
	char wanted[80];

	(void)state;
	if (config_load("etc/tgtools.yaml", &config, &error) != 0)
		fail_msg("%s", error.text);
	check_defaults(config);
	config_free(config);
	assert_int_equal(fd_read_file("etc/tgtools.yaml", &sample, &error), 0);
	for (const struct config_key *key = config_file_table.keys; key->name != NULL; key++) {
		const struct config_key *inner = key->shape == CONFIG_SECTION ? key->table->keys : NULL;
		const char *section;

		snprintf(wanted, sizeof wanted, "\n%s:", key->name);
		section = strstr(buf_text(&sample), wanted);
		if (section == NULL)
			fail_msg("the sample lacks %s", key->name);
		for (; inner != NULL && inner->name != NULL && key->need != CONFIG_OPTIONAL; inner++) {
			if (inner->need == CONFIG_OPTIONAL || inner->shape == CONFIG_SECTIONS)
				continue;
			snprintf(wanted, sizeof wanted, "\n  %s: ", inner->name);
			if (strstr(section, wanted) == NULL)
				fail_msg("the sample lacks %s in %s", inner->name, key->name);
		}
	}
	buf_free(&sample);
}

/* The manual's example, between its .Bd and .Ed, without the mdoc escapes. */
static void test_manual_example(void **state)
{
	FILE *page = fopen("man/man5/tgtools.conf.5", "r");
	char line[512], yaml[8192] = "";
	bool examples = false, inside = false;
	struct config *config;

	(void)state;
	assert_non_null(page);
	while (fgets(line, sizeof line, page) != NULL) {
		if (strncmp(line, ".Sh", 3) == 0)
			examples = strcmp(line, ".Sh EXAMPLES\n") == 0;
		else if (strncmp(line, ".Bd", 3) == 0)
			inside = examples;
		else if (strncmp(line, ".Ed", 3) == 0)
			inside = false;
		else if (inside)
			strncat(yaml, line, sizeof yaml - strlen(yaml) - 1);
	}
	fclose(page);
	assert_true(strlen(yaml) > 200);
	config = must_load(yaml);
	assert_int_equal(config->commands_count, 2);
	config_free(config);
}

/* The part of the page about a section: from its .Ss up to the next heading. */
static char *page_section(const char *page, const char *name)
{
	char heading[80];
	const char *start, *end;

	snprintf(heading, sizeof heading, "\n.Ss %s\n", name);
	start = strstr(page, heading);
	if (start == NULL)
		fail_msg("the page lacks .Ss %s", name);
	end = start + 1;
	while ((end = strstr(end, "\n.S")) != NULL && end[3] != 's' && end[3] != 'h')
		end++;
	return strndup(start, (size_t)(end - start));
}

/* A key has its item, and before the next one a line with its default. */
static void check_page_key(const char *section, const struct config_key *key)
{
	char item[80], fallback[120];
	const char *start;
	char *text, *next;

	snprintf(item, sizeof item, "\n.It Cm %s : ", key->name);
	start = strstr(section, item);
	if (start == NULL)
		fail_msg("the page lacks the key %s in%.20s", key->name, section);
	text = strdup(start + 1);
	next = strstr(text, "\n.It ");
	if (next != NULL)
		*next = '\0';
	snprintf(fallback, sizeof fallback, "\nDefault:\n.Cm %s", key->fallback ? key->fallback : "");
	if (key->fallback != NULL && strstr(text, key->fallback[0] ? fallback : "\nDefault: empty") == NULL)
		fail_msg("the page lacks the default of %s in%.20s", key->name, section);
	free(text);
}

/* What the table of keys says stands in the manual: keys and defaults cannot drift apart. */
static void test_manual_keys(void **state)
{
	struct buf page = BUF_INIT(1 << 20);
	struct error error = {0};

	(void)state;
	assert_int_equal(fd_read_file("man/man5/tgtools.conf.5", &page, &error), 0);
	for (const struct config_key *key = config_file_table.keys; key->name != NULL; key++) {
		char *section = page_section(buf_text(&page), key->name);
		const struct config_key *inner = key->table ? key->table->keys : NULL;

		/* These refer to commands for the rest. */
		if (strcmp(key->name, "text") == 0 || strcmp(key->name, "files") == 0)
			inner = NULL;
		if (inner != NULL && strcmp(key->name, "callbacks") == 0)
			check_page_key(section, inner);
		else
			for (; inner != NULL && inner->name != NULL; inner++)
				check_page_key(section, inner);
		free(section);
	}
	buf_free(&page);
}

static const char full[] =
    "telegram: {token_file: /t, api_url: 'http://127.0.0.1:8081/', proxy: 'socks5h://[::1]:1080', timeout: "
    "5s}\n"
    "store: {path: /s, map_size: 1M}\n"
    "socket: {path: /x.sock, group: '', mode: 600, request_timeout: 2s}\n"
    "access: {front_ends: [], operators: [root, '%wheel'], groups: []}\n"
    "delivery: {overall_per_second: 0.5, chat_per_second: 0, chat_burst: 1, group_per_minute: 0,\n"
    "           parallel: 256, keep: 90s, policy: at-most-once, user_quota: 1}\n"
    "limits: {chat_per_minute: 0, chat_per_second: 0, chat_burst: 1}\n"
    "codes: {lifetime: 1d, tries: 100}\n"
    "scripts: {directory: notify/..x, timeout: 1s, jobs: 64, output: 1k}\n"
    "targets:\n"
    "  - {name: ops, chat: -1001234567890, thread: 5, senders: ['%ops', alice]}\n"
    "  - {name: all, chat: '7'}\n"
    "devices: [{name: data, path: /data, alert_threshold: 99.5}]\n"
    "load: {alert_threshold: 1.5}\n"
    "commands:\n"
    "  - {command: profile, description: Your profile, access: anyone, http: {url: 'http://a/b', timeout: "
    "4s, "
    "retries: 0}}\n"
    "  - {command: up_1, description: \"\xc3\x9cptime\", access: '%staff', exec: [/usr/bin/uptime, -p, '']}\n"
    "  - {command: rep, description: r, script: report.py, timeout: 2m}\n"
    "  - {command: ask, description: a, session: bot}\n"
    "callbacks: [{action: CONNECT, http: {url: https://h}}]\n"
    "text: {session: bot, access: anyone}\n"
    "files: {where: [private, group], http: {url: 'http://h/{user}?c={chat_id}', method: GET, socket: "
    "/run/h.sock, "
    "answer_max: 16M,\n"
    "        template: \"{{n}}:\\n\\t1\", headers: [{name: X-A, value: a}, {name: Authorization, value_file: "
    "/sec}]}}\n"
    "sessions: [{name: bot, command: [/bin/cat], run_as: user, idle: 1h}]\n"
    "webhook: {listen: 'unix:/run/w.sock', path: /hook, secret_file: /sec}\n"
    "keys: {http: 'http://127.0.0.1:8000/keys', timeout: 9s, headers: [{name: A, value: b}]}\n"
    "monitor: {interval: 1m, remind: 0s}\n"
    "server_scripts: [{name: backup, path: /b, run_as: root, long_running: true}]\n"
    "watch: [a line]\n"
    "texts: {access_denied: \"No.\\nReally.\", other: 'x: y'}\n"
    "log: {format: text, level: debug}\n";

static void test_every_key(void **state)
{
	struct config *c = must_load(full);

	(void)state;
	assert_string_equal(c->telegram.api_url, "http://127.0.0.1:8081");
	assert_string_equal(c->telegram.proxy, "socks5h://[::1]:1080");
	assert_int_equal(c->telegram.timeout_ms, 5000);
	assert_int_equal(c->store.map_size_bytes, 1 << 20);
	assert_string_equal(c->socket.group, "");
	assert_int_equal(c->socket.mode, 0600);
	assert_int_equal(c->socket.request_timeout_ms, 2000);
	assert_int_equal(c->access.front_ends.count, 0);
	assert_int_equal(c->access.groups.count, 0);
	assert_string_equal(c->access.operators.items[1], "%wheel");
	assert_true(c->delivery.overall_per_second == 0.5 && c->delivery.chat_per_second == 0);
	assert_int_equal(c->delivery.keep_ms, 90000);
	assert_int_equal(c->delivery.policy, POLICY_AT_MOST_ONCE);
	assert_int_equal(c->scripts.output_bytes, 1024);
	assert_int_equal(c->targets_count, 2);
	assert_int_equal(config_target(c, "ops")->chat, -1001234567890);
	assert_int_equal(config_target(c, "ops")->thread, 5);
	assert_string_equal(config_target(c, "ops")->senders.items[1], "alice");
	assert_int_equal(config_target(c, "all")->chat, 7);
	assert_int_equal(config_target(c, "all")->senders.count, 0);
	assert_null(config_target(c, "nobody"));
	assert_int_equal(c->devices_count, 1);
	assert_true(c->devices[0].alert_threshold_percent == 99.5 && c->load.alert_threshold == 1.5);
	assert_int_equal(c->commands_count, 4);
	assert_string_equal(c->commands[0].http.url, "http://a/b");
	assert_int_equal(c->commands[0].http.timeout_ms, 4000);
	assert_int_equal(c->commands[0].http.retries, 0);
	assert_int_equal(c->commands[0].line, 16);
	assert_int_equal(c->commands[1].exec.count, 3);
	assert_string_equal(c->commands[1].exec.items[2], "");
	assert_string_equal(c->commands[1].access, "%staff");
	assert_null(c->commands[1].script);
	assert_null(c->commands[1].http.url);
	assert_int_equal(c->commands[1].timeout_ms, 0);
	assert_string_equal(c->commands[2].script, "report.py");
	assert_string_equal(c->commands[2].access, "linked");
	assert_int_equal(c->commands[2].timeout_ms, 120000);
	assert_string_equal(c->commands[3].session, "bot");
	assert_string_equal(c->callbacks[0].name, "CONNECT");
	assert_int_equal(c->callbacks[0].http.timeout_ms, 3000);
	assert_int_equal(c->callbacks[0].http.retries, 1);
	assert_string_equal(c->callbacks[0].http.method, "POST");
	assert_int_equal(c->callbacks[0].http.answer_max_bytes, 1 << 20);
	assert_null(c->callbacks[0].http.socket);
	assert_null(c->callbacks[0].http.template_text);
	assert_int_equal(c->callbacks[0].where.count, 1);
	assert_string_equal(c->callbacks[0].where.items[0], "private");
	assert_string_equal(c->text.session, "bot");
	assert_string_equal(c->text.name, "text");
	assert_string_equal(c->text.access, "anyone");
	assert_string_equal(c->files.name, "files");
	assert_int_equal(c->files.where.count, 2);
	assert_int_equal(c->files.http.timeout_ms, 5000);
	assert_string_equal(c->files.http.method, "GET");
	assert_string_equal(c->files.http.socket, "/run/h.sock");
	assert_string_equal(c->files.http.template_text, "{{n}}:\n\t1");
	assert_int_equal(c->files.http.headers_count, 2);
	assert_string_equal(c->files.http.headers[0].value, "a");
	assert_null(c->files.http.headers[1].value);
	assert_string_equal(c->files.http.headers[1].value_file, "/sec");
	assert_string_equal(c->sessions[0].command.items[0], "/bin/cat");
	assert_int_equal(c->sessions[0].idle_ms, 3600000);
	assert_string_equal(c->webhook.listen, "unix:/run/w.sock");
	assert_string_equal(c->keys.http.url, "http://127.0.0.1:8000/keys");
	assert_string_equal(c->keys.http.method, "POST");
	assert_int_equal(c->keys.http.timeout_ms, 9000);
	assert_int_equal(c->keys.http.headers_count, 1);
	assert_int_equal(c->monitor.remind_ms, 0);
	assert_true(c->server_scripts[0].long_running);
	assert_string_equal(c->server_scripts[0].access, "operator");
	assert_int_equal(c->watch.count, 1);
	assert_string_equal(config_text(c, "access_denied", "d"), "No.\nReally.");
	assert_string_equal(config_text(c, "other", "d"), "x: y");
	assert_string_equal(config_text(c, "absent", "d"), "d");
	assert_false(c->log.json);
	assert_int_equal(c->log.level, LOG_DEBUG);
	config_free(c);
}

static const struct {
	const char *yaml;
	const char *error;
} mistakes[] = {
    /* the form of the file; libcyaml named the line of the previous key for the first two */
    {"store:\n  path: /x\n\n  map_size: 1M\n\nstoer: {}\n", "6: unknown key \"stoer\""},
    {"store:\n  path: /x\n\n\nlog:\nstore:\n", "6: \"store\" is given twice"},
    {"delivery:\n  kepe: 1h\n", "2: unknown key \"kepe\" in delivery"},
    {"delivery:\n  keep: 1h\n  keep: 1h\n", "3: \"keep\" is given twice in delivery"},
    {"store: [a]\n", "1: store must be a mapping (key: value)"},
    {"store: hello\n", "1: store must be a mapping (key: value)"},
    {"hello\n", "1: the file must be a mapping (key: value)"},
    {"- a\n- b\n", "1: the file must be a mapping (key: value)"},
    {"targets: {name: a}\n", "1: targets must be a list"},
    {"targets:\n  - a\n", "2: targets must be a mapping (key: value)"},
    {"log:\n  level: [a]\n", "2: log.level must be a single value"},
    {"log:\n  level: {a: b}\n", "2: log.level must be a single value"},
    {"{a: b}: c\n", "1: a key must be a plain word"},
    {"\"a\\0b\": c\n", "1: a key must be a plain word"},
    {"\"a\\nb\": c\n", "1: unknown key \"a?b\""},
    {"log:\n  level: \"info\\0\"\n", "2: log.level must not contain control characters"},
    {"text: {http: {url: \"http://x\", template: \"a\\rb\"}}\n",
	"1: text.http.template must not contain control characters"},
    {"store:\n  path: \"/a\\nb\"\n", "2: store.path must not contain control characters"},
    {"store: {path: /x\nlog: y\n", "2: not valid YAML: did not find expected ',' or '}'"},
    {"store:\n\tpath: /x\n", "2: not valid YAML: found character that cannot start any token"},
    {"store: &a {}\nlog: *a\n",
	"1: anchors and aliases (& and *) are not supported; quote the value if it is a text"},
    {"log: *a\n", "1: anchors and aliases (& and *) are not supported; quote the value if it is a text"},
    {"store: {}\n---\nlog: {}\n", "2: a second document (---) is not read; remove it"},
    {"store: {}\n\xff\n", "2: not a text in UTF-8: invalid leading UTF-8 octet"},
    {"store: {}\nlog: {level: \"\xed\xa0\x80\"}\n", "2: not a text in UTF-8: invalid Unicode character"},
    {"store: {}\n\x01\n", "2: not a text in UTF-8: control characters are not allowed"},
    /* values */
    {"telegram:\n\n  token_file: token\n", "3: telegram.token_file must be an absolute path"},
    {"telegram: {api_url: ftp://x}\n",
	"1: telegram.api_url must be a URL such as http://127.0.0.1:8000/path or https://host/path"},
    {"telegram: {api_url: 'https://'}\n",
	"1: telegram.api_url must be a URL such as http://127.0.0.1:8000/path or https://host/path"},
    {"telegram: {api_url: 'http://a:99999'}\n",
	"1: telegram.api_url must be a URL such as http://127.0.0.1:8000/path or https://host/path"},
    {"telegram: {api_url: 'http://a b'}\n",
	"1: telegram.api_url must be a URL such as http://127.0.0.1:8000/path or https://host/path"},
    {"telegram: {api_url: 'http://a/?x'}\n", "1: telegram.api_url must not contain ? or #"},
    {"telegram: {proxy: 'ftp://x'}\n",
	"1: telegram.proxy must be \"\" or a URL with http, https, socks5 or socks5h"},
    {"telegram: {proxy: 'http://u:p@x'}\n",
	"1: telegram.proxy must not contain a user or a password: everybody can read this file"},
    {"store: {map_size: 12abc}\n",
	"1: store.map_size must be a size such as 512k, 64M or 4G, from 1024k to 17179869184k"},
    {"store: {map_size: 1k}\n",
	"1: store.map_size must be a size such as 512k, 64M or 4G, from 1024k to 17179869184k"},
    {"socket: {mode: 0999}\n", "1: socket.mode must be octal permissions such as \"0660\", within 0777"},
    {"socket: {mode: 4755}\n", "1: socket.mode must be octal permissions such as \"0660\", within 0777"},
    {"socket: {mode: \"\"}\n", "1: socket.mode must be octal permissions such as \"0660\", within 0777"},
    {"socket: {group: 'a b'}\n", "1: socket.group must be the name of a group"},
    {"socket: {path: x.sock}\n", "1: socket.path must be an absolute path"},
    {"access: {operators: [root, ' ']}\n", "1: access.operators must be the name of an account, or %group"},
    {"access: {operators: root}\n", "1: access.operators must be a list"},
    {"access: {groups: ['%x']}\n", "1: access.groups must be the name of a group"},
    {"delivery: {overall_per_second: -1}\n",
	"1: delivery.overall_per_second must be a number from 0 to 1000000"},
    {"delivery: {overall_per_second: 1e3}\n",
	"1: delivery.overall_per_second must be a number from 0 to 1000000"},
    {"delivery: {chat_burst: 0}\n", "1: delivery.chat_burst must be a whole number from 1 to 1000000"},
    {"delivery: {chat_burst: 3x}\n", "1: delivery.chat_burst must be a whole number from 1 to 1000000"},
    {"delivery: {parallel: 257}\n", "1: delivery.parallel must be a whole number from 1 to 256"},
    {"delivery: {keep: 0s}\n",
	"1: delivery.keep must be a duration such as 30s, 10m, 24h or 1d, from 1s to 3650d"},
    {"delivery: {keep: 24}\n",
	"1: delivery.keep must be a duration such as 30s, 10m, 24h or 1d, from 1s to 3650d"},
    {"delivery: {policy: maybe}\n", "1: delivery.policy must be at-least-once or at-most-once"},
    {"delivery: {user_quota: 0}\n", "1: delivery.user_quota must be a whole number from 1 to 1000000"},
    {"codes: {lifetime: 30s}\n",
	"1: codes.lifetime must be a duration such as 30s, 10m, 24h or 1d, from 1m to 1d"},
    {"codes: {tries: 101}\n", "1: codes.tries must be a whole number from 1 to 100"},
    {"scripts: {directory: /abs}\n",
	"1: scripts.directory must be a path below the home directory, without / at the start"},
    {"scripts: {directory: a/../b}\n", "1: scripts.directory must not contain \"..\""},
    {"scripts: {directory: ..}\n", "1: scripts.directory must not contain \"..\""},
    {"scripts: {jobs: 65}\n", "1: scripts.jobs must be a whole number from 1 to 64"},
    {"scripts: {timeout: 0s}\n",
	"1: scripts.timeout must be a duration such as 30s, 10m, 24h or 1d, from 1s to 1d"},
    {"targets:\n  - {chat: 1}\n", "2: targets.name is missing"},
    {"targets:\n  - {name: a}\n", "2: targets.chat is missing"},
    {"targets:\n  - {name: a, chat: 0}\n", "2: targets.chat must be the number of a chat, not 0"},
    {"targets:\n  - {name: a, chat: 9223372036854775808}\n",
	"2: targets.chat must be the number of a chat, not 0"},
    {"targets:\n  - {name: 'a b', chat: 1}\n",
	"2: targets.name must be 1 to 64 of the characters A-Z a-z 0-9 _ -"},
    {"targets:\n  - {name: a, chat: 1}\n  - {name: a, chat: 2}\n",
	"3: targets has two entries with the name \"a\""},
    {"devices:\n  - {name: a, path: b}\n", "2: devices.path must be an absolute path"},
    {"devices:\n  - {name: a, path: /, alert_threshold: 101}\n",
	"2: devices.alert_threshold must be a number from 0 to 100"},
    {"commands:\n  - {command: Up, description: d, script: s}\n",
	"2: commands.command must be 1 to 32 of the characters a-z 0-9 _, without the /"},
    {"commands:\n  - {command: up, script: s}\n", "2: commands.description is missing"},
    {"commands:\n  - {command: up, description: '', script: s}\n",
	"2: commands.description must have 1 to 256 characters"},
    {"commands:\n  - {command: up, description: d}\n",
	"2: commands: up needs exactly one of http, exec, script, session"},
    {"commands:\n  - {command: up, description: d, script: s, exec: [/a]}\n",
	"2: commands: up needs exactly one of http, exec, script, session"},
    {"commands:\n  - {command: up, description: d, exec: []}\n",
	"2: commands.exec must start with the absolute path of a program"},
    {"commands:\n  - {command: up, description: d, exec: [ls]}\n",
	"2: commands.exec must start with the absolute path of a program"},
    {"commands:\n  - {command: up, description: d, script: ../s}\n",
	"2: commands.script must be the name of a script: 1 to 64 of A-Z a-z 0-9 _ . -, no path"},
    {"commands:\n  - {command: up, description: d, session: s}\n",
	"2: commands: there is no session \"s\" in sessions"},
    {"commands:\n  - {command: up, description: d, http: {timeout: 3s}}\n",
	"2: commands.http.url is missing"},
    {"commands:\n  - {command: up, description: d, access: all, script: s}\n",
	"2: commands.access must be anyone, linked, operator or \"%group\""},
    {"commands:\n  - {command: up, description: d, script: s}\n  - command: up\n    description: d\n    "
     "script: s\n",
	"3: commands has two entries with the command \"up\""},
    {"callbacks:\n  - {action: A-B, script: s}\n",
	"2: callbacks.action must be 1 to 32 of the characters A-Z a-z 0-9 _"},
    {"callbacks:\n  - {action: A}\n", "2: callbacks: A needs exactly one of http, exec, script, session"},
    {"commands:\n  - {command: up, description: d, script: s, where: []}\n",
	"2: commands: up has an empty where"},
    {"commands:\n  - {command: up, description: d, script: s, where: [channel]}\n",
	"2: commands.where must be private or group"},
    {"text: {http: {url: http://a, headers: [{name: A}]}}\n",
	"1: text: header A needs exactly one of value, value_file"},
    {"text: {http: {url: http://a, headers: [{name: A, value: \"b\\nc\"}]}}\n",
	"1: text.http.headers.value must not contain control characters"},
    {"text: {http: {url: http://a, headers: [{name: content-length, value: '1'}]}}\n",
	"1: text.http.headers.name cannot be content-length, which every request has"},
    {"text: {http: {url: 'http://{user}/'}}\n", "1: text.http.url may have {chat_id}, {telegram_user_id} and "
						"{user} behind the host, and no other braces"},
    {"text: {http: {url: 'http://a/{name}'}}\n", "1: text.http.url may have {chat_id}, {telegram_user_id} "
						 "and {user} behind the host, and no other braces"},
    {"text: {http: {url: http://a}, timeout: 11m}\n", "1: text: timeout of a service must be 10m at most"},
    {"callbacks:\n  - {action: A, timeout: 1d, http: {url: http://a}}\n",
	"2: callbacks: A: timeout of a service must be 10m at most"},
    {"text: {http: {url: http://a, method: PUT}}\n", "1: text.http.method must be GET or POST"},
    {"text: {access: linked}\n", "1: text needs exactly one of http, exec, script, session"},
    {"text: {session: s}\n", "1: text: there is no session \"s\" in sessions"},
    {"sessions: [{name: s, command: [/s]}]\ntext: {session: s, http: {url: http://a}}\n",
	"2: text needs exactly one of http, exec, script, session"},
    {"sessions:\n  - {name: s, command: []}\n",
	"2: sessions.command must start with the absolute path of a program"},
    {"sessions:\n  - {name: s}\n", "2: sessions.command is missing"},
    {"webhook: {listen: 8080}\n", "1: webhook.listen must be HOST:PORT or unix:/path"},
    {"webhook: {listen: 'unix:x'}\n",
	"1: webhook.listen must be unix: and an absolute path of at most 107 bytes"},
    {"webhook: {path: hook}\n", "1: webhook.path must be a path such as /webhook/telegram"},
    {"keys: {http: x}\n",
	"1: keys.http must be a URL such as http://127.0.0.1:8000/path or https://host/path"},
    {"server_scripts:\n  - {name: b, path: b, run_as: root}\n",
	"2: server_scripts.path must be an absolute path"},
    {"server_scripts:\n  - {name: b, path: /b}\n", "2: server_scripts.run_as is missing"},
    {"server_scripts:\n  - {name: b, path: /b, run_as: r, long_running: yes}\n",
	"2: server_scripts.long_running must be true or false"},
    {"watch: [{name: a}]\n", "1: watch must be a single value"},
    {"texts: {Bad: x}\n", "1: the name of a text must be 1 to 64 of a-z 0-9 _"},
    {"texts:\n  a: ''\n", "2: texts.a must be a text of 1 to 4096 characters"},
    {"texts:\n  a: [b]\n", "2: texts.a must be a text of 1 to 4096 characters"},
    {"texts:\n  a: b\n  a: c\n", "3: \"a\" is given twice in texts"},
    {"log: {format: xml}\n", "1: log.format must be json or text"},
    {"log: {level: loud}\n", "1: log.level must be debug, info, warning or error"},
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
		must_fail(mistakes[i].yaml, strlen(mistakes[i].yaml), mistakes[i].error);
}

static void test_binary(void **state)
{
	static const char zeros[] = "store: {}\n\0\0\0";
	static const char elf[] = "\x7f"
				  "ELF\x02\x01\x01\x00\x00\x00";
	static const char utf16[] = "\xff\xfes\0t\0o\0r\0e\0:\0\n\0";

	(void)state;
	must_fail(zeros, sizeof zeros - 1, "2: not a text in UTF-8: control characters are not allowed");
	must_fail(elf, sizeof elf - 1, "1: not a text in UTF-8: control characters are not allowed");
	must_fail(utf16, sizeof utf16 - 1, "1: not a text in UTF-8: invalid leading UTF-8 octet");
}

/* What would take libyaml minutes must be refused at once. */
static void test_deep(void **state)
{
	size_t len = 1000000;
	char *yaml = malloc(len);

	(void)state;
	assert_non_null(yaml);
	memset(yaml, '[', len);
	must_fail(yaml, len, "1: nested too deeply");
	for (size_t i = 0; i + 1 < len; i += 2)
		memcpy(yaml + i, "- ", 2);
	must_fail(yaml, len, "1: nested too deeply");
	free(yaml);
}

static void test_too_many(void **state)
{
	char yaml[8192] = "commands:\n";

	(void)state;
	for (int i = 0; i < 101; i++)
		snprintf(yaml + strlen(yaml), sizeof yaml - strlen(yaml),
		    " - {command: c%d, description: d, script: s}\n", i);
	must_fail(yaml, strlen(yaml), "2: commands has more than 100 entries");
}

static void fails_with(const char *path, const char *expected)
{
	struct config *config = NULL;
	struct error error = {0};

	assert_int_equal(config_load(path, &config, &error), -1);
	assert_null(config);
	assert_int_equal(error.kind, ERROR_CONFIG);
	if (strstr(error.text, expected) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.text, expected);
	assert_null(strchr(error.text, '\n'));
}

static void test_files(void **state)
{
	static char big[(1 << 20) + 1];

	(void)state;
	fails_with("/nonexistent/c.yaml", "cannot open /nonexistent/c.yaml: No such file or directory");
	fails_with("/tmp", "/tmp is not a regular file");
	memset(big, '#', sizeof big);
	write_bytes(big, sizeof big);
	fails_with(file, "File too large");
	if (access(CONFIG_DEFAULT_PATH, F_OK) != 0)
		fails_with(NULL,
		    "/etc/tgtools/tgtools.yaml does not exist; create it (see tgtools.conf(5)), or "
		    "name another file with -c or $TGTOOLS_CONFIG");
	if (geteuid() != 0) {
		write_bytes("", 0);
		chmod(file, 0);
		fails_with(file, "Permission denied");
		unlink(file);
	}
}

/* -c comes before $TGTOOLS_CONFIG, which comes before the default; an empty variable is none. */
static void test_which_file(void **state)
{
	struct config *config = NULL;
	struct error error = {0};

	(void)state;
	write_bytes("log: {level: error}\n", 20);
	setenv("TGTOOLS_CONFIG", file, 1);
	assert_int_equal(config_load(NULL, &config, &error), 0);
	assert_int_equal(config->log.level, LOG_ERROR);
	config_free(config);
	fails_with("/nonexistent", "cannot open /nonexistent");
	setenv("TGTOOLS_CONFIG", "", 1);
	if (access(CONFIG_DEFAULT_PATH, F_OK) != 0)
		fails_with(NULL, "does not exist");
	unsetenv("TGTOOLS_CONFIG");
}

/* Of a long file name and a long key something useful must be left within the error's 256 bytes. */
static void test_long_names(void **state)
{
	char deep[300], yaml[3000];
	struct config *config = NULL;
	struct error error = {0};
	FILE *out;

	(void)state;
	snprintf(deep, sizeof deep, "%s/%0200d.yaml", directory, 1);
	out = fopen(deep, "w");
	assert_non_null(out);
	snprintf(yaml, sizeof yaml, "%01000d: 1\n", 7);
	fputs(yaml, out);
	fclose(out);
	assert_int_equal(config_load(deep, &config, &error), -1);
	assert_non_null(strstr(error.text, "1.yaml:1: unknown key \"000"));
	unlink(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_sample),
	    cmocka_unit_test(test_manual_example),
	    cmocka_unit_test(test_manual_keys),
	    cmocka_unit_test(test_every_key),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_binary),
	    cmocka_unit_test(test_deep),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_which_file),
	    cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
