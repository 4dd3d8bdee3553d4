/* Every key of tgtools.yaml with its default and its range; tgtools.conf(5) says the same in words. */
#include "config_keys.h"

enum { MAX_COMMANDS = 100 /* Telegram's own limit */, MAX_DAYS = 3650 };

#define AT(structure, member) .offset = offsetof(struct structure, member)
#define IN(member) AT(config, member)
#define BETWEEN(l, h) .low = (l), .high = (h)
#define MANY(name_, table_, items, items_count, max)                                                         \
	{                                                                                                    \
		.name = (name_), .shape = CONFIG_SECTIONS, .table = &(table_), IN(items),                    \
		.count_offset = offsetof(struct config, items_count), .high = (max)                          \
	}

/* Every timeout and rate is bounded so that sums of times cannot overflow. */
#define ANY_DURATION BETWEEN(1 * CONFIG_SECOND, MAX_DAYS * CONFIG_DAY)
#define ANY_COUNT BETWEEN(1, 1000000)
#define ANY_RATE BETWEEN(0, 1000000)

static const struct config_key telegram_keys[] = {
    {"token_file", .set = config_set_path, IN(telegram.token_file), .fallback = "/etc/tgtools/token"},
    {"api_url", .set = config_set_api_url, IN(telegram.api_url), .fallback = "https://api.telegram.org"},
    {"proxy", .set = config_set_proxy, IN(telegram.proxy), .fallback = ""},
    {"timeout", .set = config_set_duration, IN(telegram.timeout_ms), .fallback = "60s",
	BETWEEN(CONFIG_SECOND, 10 * CONFIG_MINUTE)},
    {0},
};

static const struct config_key store_keys[] = {
    {"path", .set = config_set_path, IN(store.path), .fallback = "/var/lib/tgtools/store"},
    {"map_size", .set = config_set_size, IN(store.map_size_bytes), .fallback = "4G",
	BETWEEN(1 << 20, INT64_C(16) << 40)},
    {"history", .set = config_set_duration, IN(store.history_ms), .fallback = "30d", ANY_DURATION},
    {"dead", .set = config_set_duration, IN(store.dead_ms), .fallback = "30d", ANY_DURATION},
    {0},
};

static const struct config_key socket_keys[] = {
    {"path", .set = config_set_socket, IN(socket.path), .fallback = "/run/tgtools/tgtools.sock"},
    {"group", .set = config_set_group_or_none, IN(socket.group), .fallback = "tgtools-users"},
    {"mode", .set = config_set_mode, IN(socket.mode), .fallback = "0660"},
    {"request_timeout", .set = config_set_duration, IN(socket.request_timeout_ms), .fallback = "60s",
	BETWEEN(CONFIG_SECOND, CONFIG_DAY)},
    {0},
};

static const struct config_key access_keys[] = {
    {"front_ends", CONFIG_LIST, .set = config_set_member, IN(access.front_ends), .fallback = "www-data"},
    {"operators", CONFIG_LIST, .set = config_set_member, IN(access.operators), .fallback = "root"},
    {"groups", CONFIG_LIST, .set = config_set_group, IN(access.groups), .fallback = "tgtools-users"},
    {0},
};

static const struct config_key delivery_keys[] = {
    {"overall_per_second", .set = config_set_decimal, IN(delivery.overall_per_second), .fallback = "30",
	ANY_RATE},
    {"chat_per_second", .set = config_set_decimal, IN(delivery.chat_per_second), .fallback = "1", ANY_RATE},
    {"chat_burst", .set = config_set_int, IN(delivery.chat_burst), .fallback = "3", ANY_COUNT},
    {"group_per_minute", .set = config_set_int, IN(delivery.group_per_minute), .fallback = "20", ANY_RATE},
    {"parallel", .set = config_set_int, IN(delivery.parallel), .fallback = "16", BETWEEN(1, 256)},
    {"keep", .set = config_set_duration, IN(delivery.keep_ms), .fallback = "24h", ANY_DURATION},
    {"policy", .set = config_set_policy, IN(delivery.policy), .fallback = "at-least-once"},
    {"user_quota", .set = config_set_int, IN(delivery.user_quota), .fallback = "1000", ANY_COUNT},
    {"text_parts", .set = config_set_int, IN(delivery.text_parts), .fallback = "5", BETWEEN(1, 100)},
    {"picture_max", .set = config_set_size, IN(delivery.picture_max_bytes), .fallback = "10M",
	BETWEEN(1 << 10, INT64_C(2000) << 20)},
    {"file_max", .set = config_set_size, IN(delivery.file_max_bytes), .fallback = "50M",
	BETWEEN(1 << 10, INT64_C(2000) << 20)},
    {0},
};

static const struct config_key limits_keys[] = {
    {"chat_per_minute", .set = config_set_int, IN(limits.chat_per_minute), .fallback = "20", ANY_RATE},
    {"chat_per_second", .set = config_set_decimal, IN(limits.chat_per_second), .fallback = "1", ANY_RATE},
    {"chat_burst", .set = config_set_int, IN(limits.chat_burst), .fallback = "5", ANY_COUNT},
    {0},
};

static const struct config_key codes_keys[] = {
    {"lifetime", .set = config_set_duration, IN(codes.lifetime_ms), .fallback = "10m",
	BETWEEN(CONFIG_MINUTE, CONFIG_DAY)},
    {"tries", .set = config_set_int, IN(codes.tries), .fallback = "5", BETWEEN(1, 100)},
    {0},
};

static const struct config_key scripts_keys[] = {
    {"directory", .set = config_set_relative, IN(scripts.directory), .fallback = "user/notifications"},
    {"timeout", .set = config_set_duration, IN(scripts.timeout_ms), .fallback = "60s",
	BETWEEN(CONFIG_SECOND, CONFIG_DAY)},
    {"jobs", .set = config_set_int, IN(scripts.jobs), .fallback = "4", BETWEEN(1, 64)},
    {"output", .set = config_set_size, IN(scripts.output_bytes), .fallback = "1M", BETWEEN(1 << 10, 1 << 26)},
    {"memory", .set = config_set_size, IN(scripts.memory_bytes), .fallback = "1G",
	BETWEEN(0, INT64_C(1) << 40)},
    {"file_size", .set = config_set_size, IN(scripts.file_size_bytes), .fallback = "1G",
	BETWEEN(0, INT64_C(1) << 50)},
    {"open_files", .set = config_set_int, IN(scripts.open_files), .fallback = "1024", BETWEEN(0, 1000000)},
    {"warn_failures", .set = config_set_int, IN(scripts.warn_failures), .fallback = "3", BETWEEN(0, 1000)},
    {0},
};

static const struct config_key target_keys[] = {
    {"name", .need = CONFIG_REQUIRED, .set = config_set_name, AT(config_target, name)},
    {"chat", .need = CONFIG_REQUIRED, .set = config_set_chat, AT(config_target, chat)},
    {"thread", .set = config_set_int, AT(config_target, thread), .fallback = "0", BETWEEN(0, INT64_MAX)},
    {"senders", CONFIG_LIST, .set = config_set_member, AT(config_target, senders)},
    {0},
};
static const struct config_table target_table = {target_keys, sizeof(struct config_target), 0};

static const struct config_key device_keys[] = {
    {"name", .need = CONFIG_REQUIRED, .set = config_set_text, AT(config_device, name), BETWEEN(1, 64)},
    {"path", .need = CONFIG_REQUIRED, .set = config_set_path, AT(config_device, path)},
    {"alert_threshold", .set = config_set_decimal, AT(config_device, alert_threshold_percent),
	.fallback = "80", BETWEEN(0, 100)},
    {0},
};
static const struct config_table device_table = {device_keys, sizeof(struct config_device), 0};

static const struct config_key load_keys[] = {
    {"alert_threshold", .set = config_set_decimal, IN(load.alert_threshold), .fallback = "0",
	BETWEEN(0, 1000)},
    {0},
};

static const struct config_key header_keys[] = {
    {"name", .need = CONFIG_REQUIRED, .set = config_set_header, AT(config_header, name)},
    {"value", .need = CONFIG_OPTIONAL, .set = config_set_text, AT(config_header, value),
	BETWEEN(1, CONFIG_MAX_TEXT)},
    {"value_file", .need = CONFIG_OPTIONAL, .set = config_set_path, AT(config_header, value_file)},
    {0},
};
static const struct config_table header_table = {
    header_keys, sizeof(struct config_header), offsetof(struct config_header, line)};

#define HTTP_KEYS(timeout_)                                                                                  \
	{"url", .need = CONFIG_REQUIRED, .set = config_set_service_url, AT(config_http, url)},               \
	    {"method", .set = config_set_method, AT(config_http, method), .fallback = "POST"},               \
	    {"socket", .need = CONFIG_OPTIONAL, .set = config_set_socket, AT(config_http, socket)},          \
	    {"timeout", .set = config_set_duration, AT(config_http, timeout_ms), .fallback = (timeout_),     \
		BETWEEN(CONFIG_SECOND, CONFIG_SERVICE_TIMEOUT_MS)},                                          \
	    {"retries", .set = config_set_int, AT(config_http, retries), .fallback = "1", BETWEEN(0, 10)},   \
	    {"answer_max", .set = config_set_size, AT(config_http, answer_max_bytes), .fallback = "1M",      \
		BETWEEN(1 << 10, 64 << 20)},                                                                 \
	    {"headers", CONFIG_SECTIONS, .table = &header_table, AT(config_http, headers),                   \
		.count_offset = offsetof(struct config_http, headers_count), .high = 32},                    \
	    {"template", .need = CONFIG_OPTIONAL, .set = config_set_text, AT(config_http, template_text),    \
		.has_lines = true, BETWEEN(1, CONFIG_MAX_TEXT)},                                             \
	{                                                                                                    \
		0                                                                                            \
	}

static const struct config_key http_keys[] = {HTTP_KEYS("3s")};
static const struct config_table http_table = {http_keys, sizeof(struct config_http), 0};

/* A conversation takes longer than a command. */
static const struct config_key text_http_keys[] = {HTTP_KEYS("5s")};
static const struct config_table text_http_table = {text_http_keys, sizeof(struct config_http), 0};

#define ROUTE_KEYS(http_table_)                                                                              \
	{"access", .set = config_set_access, AT(config_route, access), .fallback = "linked"},                \
	    {"where", CONFIG_LIST, .set = config_set_place, AT(config_route, where), .fallback = "private"}, \
	    {"http", CONFIG_SECTION, CONFIG_OPTIONAL, AT(config_route, http), .table = &(http_table_)},      \
	    {"exec", CONFIG_ARGV, CONFIG_OPTIONAL, .set = config_set_text, AT(config_route, exec),           \
		BETWEEN(0, CONFIG_MAX_TEXT)},                                                                \
	    {"script", .need = CONFIG_OPTIONAL, .set = config_set_script, AT(config_route, script)},         \
	    {"session", .need = CONFIG_OPTIONAL, .set = config_set_name, AT(config_route, session)},         \
	    {"timeout", .need = CONFIG_OPTIONAL, .set = config_set_duration, AT(config_route, timeout_ms),   \
		BETWEEN(CONFIG_SECOND, CONFIG_DAY)},                                                         \
	{                                                                                                    \
		0                                                                                            \
	}

static const struct config_key command_keys[] = {
    {"command", .need = CONFIG_REQUIRED, .set = config_set_command, AT(config_route, name)},
    {"description", .need = CONFIG_REQUIRED, .set = config_set_text, AT(config_route, description),
	BETWEEN(1, 256)},
    ROUTE_KEYS(http_table),
};
static const struct config_table command_table = {
    command_keys, sizeof(struct config_route), offsetof(struct config_route, line)};

static const struct config_key callback_keys[] = {
    {"action", .need = CONFIG_REQUIRED, .set = config_set_action, AT(config_route, name)},
    ROUTE_KEYS(http_table),
};
static const struct config_table callback_table = {
    callback_keys, sizeof(struct config_route), offsetof(struct config_route, line)};

static const struct config_key text_keys[] = {ROUTE_KEYS(text_http_table)};
static const struct config_table text_table = {
    text_keys, sizeof(struct config_route), offsetof(struct config_route, line)};

static const struct config_key session_keys[] = {
    {"name", .need = CONFIG_REQUIRED, .set = config_set_name, AT(config_session, name)},
    {"command", CONFIG_ARGV, CONFIG_REQUIRED, .set = config_set_text, AT(config_session, command),
	BETWEEN(0, CONFIG_MAX_TEXT)},
    {"access", .set = config_set_access, AT(config_session, access), .fallback = "linked"},
    {"run_as", .set = config_set_account, AT(config_session, run_as), .fallback = "user"},
    {"idle", .set = config_set_duration, AT(config_session, idle_ms), .fallback = "24h", ANY_DURATION},
    {0},
};
static const struct config_table session_table = {session_keys, sizeof(struct config_session), 0};

static const struct config_key webhook_keys[] = {
    {"listen", .set = config_set_listen, IN(webhook.listen), .fallback = "127.0.0.1:8080"},
    {"path", .set = config_set_url_path, IN(webhook.path), .fallback = "/webhook/telegram"},
    {"secret_file", .set = config_set_path_or_none, IN(webhook.secret_file), .fallback = ""},
    {0},
};

static const struct config_key keys_keys[] = {
    {"http", .set = config_set_url_or_none, IN(keys.http.url), .fallback = ""},
    {"socket", .need = CONFIG_OPTIONAL, .set = config_set_socket, IN(keys.http.socket)},
    {"timeout", .set = config_set_duration, IN(keys.http.timeout_ms), .fallback = "5s",
	BETWEEN(CONFIG_SECOND, CONFIG_MINUTE)},
    {"headers", CONFIG_SECTIONS, .table = &header_table, IN(keys.http.headers),
	.count_offset = offsetof(struct config, keys.http.headers_count), .high = 32},
    {0},
};

static const struct config_key monitor_keys[] = {
    {"interval", .set = config_set_duration, IN(monitor.interval_ms), .fallback = "30s",
	BETWEEN(CONFIG_SECOND, CONFIG_DAY)},
    {"remind", .set = config_set_duration, IN(monitor.remind_ms), .fallback = "6h",
	BETWEEN(0, MAX_DAYS *CONFIG_DAY)},
    {0},
};

static const struct config_key server_script_keys[] = {
    {"name", .need = CONFIG_REQUIRED, .set = config_set_script, AT(config_server_script, name)},
    {"path", .need = CONFIG_REQUIRED, .set = config_set_path, AT(config_server_script, path)},
    {"run_as", .need = CONFIG_REQUIRED, .set = config_set_account, AT(config_server_script, run_as)},
    {"long_running", .set = config_set_bool, AT(config_server_script, long_running), .fallback = "false"},
    {"access", .set = config_set_access, AT(config_server_script, access), .fallback = "operator"},
    {0},
};
static const struct config_table server_script_table = {
    server_script_keys, sizeof(struct config_server_script), 0};

static const struct config_key log_keys[] = {
    {"format", .set = config_set_format, IN(log.json), .fallback = "json"},
    {"level", .set = config_set_level, IN(log.level), .fallback = "info"},
    {0},
};

/* Keys of a section of struct config carry their whole offset, so the sections themselves stand at 0. */
#define ONE(name_, keys_)                                                                                    \
	{                                                                                                    \
		.name = (name_), .shape = CONFIG_SECTION, .table = &(const struct config_table)              \
		{                                                                                            \
			(keys_), 0, 0                                                                        \
		}                                                                                            \
	}

static const struct config_key file_keys[] = {
    ONE("telegram", telegram_keys),
    ONE("store", store_keys),
    ONE("socket", socket_keys),
    ONE("access", access_keys),
    ONE("delivery", delivery_keys),
    ONE("limits", limits_keys),
    ONE("codes", codes_keys),
    ONE("scripts", scripts_keys),
    MANY("targets", target_table, targets, targets_count, CONFIG_MAX_ITEMS),
    MANY("devices", device_table, devices, devices_count, CONFIG_MAX_ITEMS),
    ONE("load", load_keys),
    MANY("commands", command_table, commands, commands_count, MAX_COMMANDS),
    MANY("callbacks", callback_table, callbacks, callbacks_count, CONFIG_MAX_ITEMS),
    {"text", CONFIG_SECTION, CONFIG_OPTIONAL, .table = &text_table, IN(text)},
    {"files", CONFIG_SECTION, CONFIG_OPTIONAL, .table = &text_table, IN(files)},
    MANY("sessions", session_table, sessions, sessions_count, CONFIG_MAX_ITEMS),
    ONE("webhook", webhook_keys),
    ONE("keys", keys_keys),
    ONE("monitor", monitor_keys),
    MANY("server_scripts", server_script_table, server_scripts, server_scripts_count, CONFIG_MAX_ITEMS),
    {"watch", CONFIG_LIST, .set = config_set_text, IN(watch), BETWEEN(1, CONFIG_MAX_TEXT)},
    {"texts", .shape = CONFIG_OPEN},
    ONE("log", log_keys),
    {0},
};
const struct config_table config_file_table = {file_keys, 0, 0};
