#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "buf.h"
#include "config_keys.h"
#include "fd.h"
#include "log.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	FILE_MAX_BYTES = 1 << 20,
	MAX_DEPTH = 16, /* libyaml's scanner needs time in the square of the depth */
	PATH_BYTES = 64,
	KEYS_ANSWER_MAX_BYTES = 64 << 10,
};

struct loaded {
	struct config config; /* first: it is what the caller holds */
	struct config_blocks blocks;
};

struct reader {
	const char *file;
	struct loaded *loaded;
	yaml_document_t document;
	struct error *error;
	config_mistake_fn *told; /* NULL: the first mistake is the end */
	void *context;
	bool is_broken; /* a mistake was told */
};

void *config_own(struct config_blocks *blocks, void *block)
{
	blocks->items = xreallocarray(blocks->items, blocks->count + 1, sizeof *blocks->items);
	blocks->items[blocks->count++] = block;
	return block;
}

static void *own(struct reader *reader, void *block)
{
	return config_own(&reader->loaded->blocks, block);
}

static void keep(struct reader *reader, const char *text, char **field)
{
	*field = own(reader, xstrdup(text));
}

/* "FILE:LINE: ..."; of a long file name the end tells more. */
static int fail(struct reader *reader, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct reader *reader, size_t line, const char *format, ...)
{
	enum { NAME_BYTES = 90 };
	size_t len = strlen(reader->file);
	const char *name = len > NAME_BYTES ? reader->file + len - NAME_BYTES : reader->file;
	char text[sizeof reader->error->text];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return error_set(
	    reader->error, ERROR_CONFIG, "%s%s:%zu: %s", len > NAME_BYTES ? "..." : "", name, line, text);
}

/* After a mistake: 0 where it was told and reading goes on, else -1. */
static int recover(struct reader *reader)
{
	if (reader->told == NULL)
		return -1;
	reader->told(reader->context, reader->error->text);
	reader->is_broken = true;
	return 0;
}

/* ---- the document ---- */

static size_t line_of(const yaml_node_t *node)
{
	return node == NULL ? 1 : node->start_mark.line + 1;
}

static yaml_node_t *node_at(struct reader *reader, int index)
{
	return yaml_document_get_node(&reader->document, index);
}

static const char *scalar(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/* Nothing after the colon, or YAML's null: as good as left out. */
static bool is_unset(const yaml_node_t *node)
{
	const char *text;

	if (node == NULL)
		return true;
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	text = scalar(node);
	return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static yaml_node_t *find(struct reader *reader, const yaml_node_t *mapping, const char *name)
{
	yaml_node_pair_t *pair;

	if (mapping == NULL)
		return NULL;
	for (pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
		yaml_node_t *value = node_at(reader, pair->value);

		if (strcmp(scalar(node_at(reader, pair->key)), name) == 0)
			return is_unset(value) ? NULL : value;
	}
	return NULL;
}

static bool is_known(const struct config_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++)
		if (strcmp(keys->name, name) == 0)
			return true;
	return false;
}

/* That node is a mapping with keys that are texts, each once; keys: what they may be, NULL: anything. */
static int check_mapping(
    struct reader *reader, const yaml_node_t *node, const struct config_key *keys, const char *path)
{
	yaml_node_pair_t *pair, *earlier;

	if (node->type != YAML_MAPPING_NODE)
		return fail(
		    reader, line_of(node), "%s must be a mapping (key: value)", path[0] ? path : "the file");
	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = node_at(reader, pair->key);

		if (key->type != YAML_SCALAR_NODE || strlen(scalar(key)) != key->data.scalar.length)
			return fail(reader, line_of(key), "a key must be a plain word");
		if (keys != NULL && !is_known(keys, scalar(key)))
			return fail(reader, line_of(key), "unknown key \"%.60s\"%s%s", scalar(key),
			    path[0] ? " in " : "", path);
		for (earlier = node->data.mapping.pairs.start; earlier < pair; earlier++)
			if (strcmp(scalar(node_at(reader, earlier->key)), scalar(key)) == 0)
				return fail(reader, line_of(key), "\"%.60s\" is given twice%s%s", scalar(key),
				    path[0] ? " in " : "", path);
	}
	return 0;
}

static bool is_control(unsigned char c, bool has_lines)
{
	return (c < 0x20 && !(has_lines && (c == '\n' || c == '\t'))) || c == 0x7f;
}

/* The text of a scalar without control characters. */
static int read_text(struct reader *reader, const struct config_key *key, const yaml_node_t *node,
    const char *path, const char **text)
{
	if (node->type != YAML_SCALAR_NODE)
		return fail(reader, line_of(node), "%s must be a single value", path);
	for (size_t i = 0; i < node->data.scalar.length; i++)
		if (is_control(node->data.scalar.value[i], key->has_lines))
			return fail(reader, line_of(node), "%s must not contain control characters", path);
	*text = scalar(node);
	return 0;
}

static int read_scalar(struct reader *reader, const struct config_key *key, const yaml_node_t *node,
    const char *path, void *field)
{
	struct config_setting setting = {.blocks = &reader->loaded->blocks, .key = key, .field = field};

	if (read_text(reader, key, node, path, &setting.text) != 0)
		return -1;
	if (key->set(&setting) != 0)
		return fail(reader, line_of(node), "%s %s", path, setting.why);
	return 0;
}

static int set_default(struct reader *reader, const struct config_key *key, void *field)
{
	return key->set(&(struct config_setting){
	    .blocks = &reader->loaded->blocks, .key = key, .text = key->fallback, .field = field});
}

static int read_value(struct reader *reader, const struct config_key *key, const yaml_node_t *node,
    const char *path, void *field)
{
	if (node != NULL)
		return read_scalar(reader, key, node, path, field);
	return key->need == CONFIG_DEFAULT ? set_default(reader, key, field) : 0;
}

static int check_sequence(struct reader *reader, const yaml_node_t *node, size_t max, const char *path)
{
	const yaml_node_item_t *start = node->data.sequence.items.start, *top = node->data.sequence.items.top;

	if (node->type != YAML_SEQUENCE_NODE)
		return fail(reader, line_of(node), "%s must be a list", path);
	if ((size_t)(top - start) > max)
		return fail(reader, line_of(node), "%s has more than %zu entries", path, max);
	return 0;
}

static int read_list(struct reader *reader, const struct config_key *key, const yaml_node_t *node,
    const char *path, struct config_list *list)
{
	size_t count;

	if (node == NULL && key->fallback == NULL)
		return 0;
	if (node != NULL && check_sequence(reader, node, CONFIG_MAX_ITEMS, path) != 0)
		return -1;
	count = node == NULL ? 1 : (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	list->items = own(reader, xcalloc(count + 1, sizeof *list->items));
	if (node == NULL) {
		list->count = count;
		return set_default(reader, key, &list->items[0]);
	}
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *item = node_at(reader, node->data.sequence.items.start[i]);

		if (read_scalar(reader, key, item, path, &list->items[i]) != 0)
			return -1;
		list->count = i + 1;
	}
	if (key->shape == CONFIG_ARGV && (count == 0 || list->items[0][0] != '/'))
		return fail(reader, line_of(node), "%s must start with the absolute path of a program", path);
	return 0;
}

static int read_table(struct reader *reader, const struct config_table *table, const yaml_node_t *node,
    const char *path, void *base);

static const char *name_of(const struct config_table *table, const char *element)
{
	return *(char *const *)(const void *)(element + table->keys[0].offset);
}

/* The entry behind those before it. */
static int read_entry(struct reader *reader, const struct config_table *table, const yaml_node_t *item,
    const char *path, const char *base, char *element)
{
	if (table->line_offset != 0)
		*(size_t *)(void *)(element + table->line_offset) = line_of(item);
	if (read_table(reader, table, item, path, element) != 0)
		return -1;
	for (; base < element; base += table->size_bytes) {
		if (strcmp(name_of(table, base), name_of(table, element)) == 0)
			return fail(reader, line_of(item), "%s has two entries with the %s \"%.64s\"", path,
			    table->keys[0].name, name_of(table, element));
	}
	return 0;
}

static int read_sections(struct reader *reader, const struct config_key *key, const yaml_node_t *node,
    const char *path, char **elements, size_t *elements_count)
{
	const struct config_table *table = key->table;
	size_t count, kept = 0;
	char *base;

	if (node == NULL)
		return 0;
	if (check_sequence(reader, node, (size_t)key->high, path) != 0)
		return -1;
	count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	base = own(reader, xcalloc(count, table->size_bytes));
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *item = node_at(reader, node->data.sequence.items.start[i]);
		char *element = base + kept * table->size_bytes;

		if (read_entry(reader, table, item, path, base, element) == 0) {
			kept++;
			continue;
		}
		if (recover(reader) != 0)
			return -1;
		memset(element, 0, table->size_bytes);
	}
	*elements = base;
	*elements_count = kept;
	return 0;
}

static int read_texts(struct reader *reader, const yaml_node_t *node)
{
	struct config *config = &reader->loaded->config;
	yaml_node_pair_t *pair;
	size_t count;

	if (node == NULL)
		return 0;
	if (check_mapping(reader, node, NULL, "texts") != 0)
		return -1;
	count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	config->texts = own(reader, xcalloc(count, sizeof *config->texts));
	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = node_at(reader, pair->key), *value = node_at(reader, pair->value);
		struct config_text *text = &config->texts[config->texts_count];

		if (!config_consists_of(scalar(name), CONFIG_NAME_CHARACTERS, 64))
			return fail(reader, line_of(name), "the name of a text must be 1 to 64 of a-z 0-9 _");
		if (is_unset(value))
			continue;
		if (value->type != YAML_SCALAR_NODE || strlen(scalar(value)) != value->data.scalar.length ||
		    value->data.scalar.length == 0 ||
		    utf8_count(scalar(value), value->data.scalar.length) > CONFIG_MAX_TEXT)
			return fail(reader, line_of(value), "texts.%s must be a text of 1 to %d characters",
			    scalar(name), CONFIG_MAX_TEXT);
		keep(reader, scalar(name), &text->name);
		keep(reader, scalar(value), &text->text);
		text->line = line_of(name);
		config->texts_count++;
	}
	return 0;
}

static int read_section(struct reader *reader, const struct config_key *key, const yaml_node_t *node,
    const char *path, char *base)
{
	if (node == NULL && key->need == CONFIG_OPTIONAL)
		return 0;
	if (read_table(reader, key->table, node, path, base) != 0)
		return -1;
	if (node != NULL && key->table->line_offset != 0)
		*(size_t *)(void *)(base + key->table->line_offset) = line_of(node);
	return 0;
}

static int read_key(struct reader *reader, const struct config_key *key, const yaml_node_t *node,
    const char *path, char *base)
{
	void *field = base + key->offset;

	switch (key->shape) {
	case CONFIG_VALUE:
		return read_value(reader, key, node, path, field);
	case CONFIG_LIST:
	case CONFIG_ARGV:
		return read_list(reader, key, node, path, field);
	case CONFIG_SECTION:
		return read_section(reader, key, node, path, field);
	case CONFIG_SECTIONS:
		return read_sections(
		    reader, key, node, path, field, (size_t *)(void *)(base + key->count_offset));
	case CONFIG_OPEN:
		return read_texts(reader, node);
	}
	return 0;
}

/* Fills what a mapping describes; node NULL: with the defaults. */
static int read_table(struct reader *reader, const struct config_table *table, const yaml_node_t *node,
    const char *path, void *base)
{
	char child_path[PATH_BYTES];
	bool is_root = path[0] == '\0';

	if (node != NULL && check_mapping(reader, node, table->keys, path) != 0 &&
	    (!is_root || node->type != YAML_MAPPING_NODE || recover(reader) != 0))
		return -1;
	for (const struct config_key *key = table->keys; key->name != NULL; key++) {
		const yaml_node_t *child = find(reader, node, key->name);

		snprintf(child_path, sizeof child_path, "%s%s%s", path, path[0] ? "." : "", key->name);
		if (child == NULL && key->need == CONFIG_REQUIRED)
			return fail(reader, line_of(node), "%s is missing", child_path);
		/* A section that is wrong is no more than that. */
		if (read_key(reader, key, child, child_path, base) != 0 && (!is_root || recover(reader) != 0))
			return -1;
	}
	return 0;
}

/* ---- what concerns more than one key ---- */

static const struct config_session *find_session(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->sessions_count; i++)
		if (strcmp(config->sessions[i].name, name) == 0)
			return &config->sessions[i];
	return NULL;
}

static int check_session(struct reader *reader, size_t line, const char *path, const char *name)
{
	if (name == NULL || find_session(&reader->loaded->config, name) != NULL)
		return 0;
	return fail(reader, line, "%s: there is no session \"%s\" in sessions", path, name);
}

static int check_headers(struct reader *reader, const char *path, const struct config_http *http)
{
	for (size_t i = 0; i < http->headers_count; i++) {
		const struct config_header *header = &http->headers[i];

		if ((header->value != NULL) == (header->value_file != NULL))
			return fail(reader, header->line,
			    "%s: header %s needs exactly one of value, value_file", path, header->name);
	}
	return 0;
}

static int check_route(struct reader *reader, const char *path, const struct config_route *route)
{
	int ways = (route->http.url != NULL) + (route->exec.count > 0) + (route->script != NULL) +
		   (route->session != NULL);

	bool is_unnamed = strcmp(path, route->name) == 0;
	const char *colon = is_unnamed ? "" : ": ", *name = is_unnamed ? "" : route->name;

	if (ways != 1)
		return fail(reader, route->line, "%s%s%s needs exactly one of http, exec, script, session",
		    path, colon, name);
	if (route->http.url != NULL && route->timeout_ms > CONFIG_SERVICE_TIMEOUT_MS)
		return fail(reader, route->line, "%s%s%s: timeout of a service must be 10m at most", path,
		    colon, name);
	if (route->where.count == 0)
		return fail(reader, route->line, "%s%s%s has an empty where", path, colon, name);
	if (check_headers(reader, path, &route->http) != 0)
		return -1;
	return check_session(reader, route->line, path, route->session);
}

static int check_routes(struct reader *reader, const char *path, struct config_route *routes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (check_route(reader, path, &routes[i]) == 0)
			continue;
		if (recover(reader) != 0)
			return -1;
		routes[i].name = NULL;
	}
	return 0;
}

/* The routes that have no name in the file; nothing in them is as good as left out, and so is a mistake. */
static int check_unnamed(
    struct reader *reader, const yaml_node_t *root, const char *name, struct config_route *route)
{
	const yaml_node_t *node = find(reader, root, name);

	if (route->line == 0 || node->data.mapping.pairs.start == node->data.mapping.pairs.top)
		return 0;
	keep(reader, name, &route->name);
	if (check_route(reader, name, route) == 0)
		return 0;
	route->name = NULL;
	return recover(reader);
}

static int check_keys(struct reader *reader)
{
	struct config_http *http = &reader->loaded->config.keys.http;

	if (http->url != NULL && http->url[0] == '\0')
		http->url = NULL;
	keep(reader, "POST", &http->method);
	http->answer_max_bytes = KEYS_ANSWER_MAX_BYTES;
	return check_headers(reader, "keys", http) != 0 ? recover(reader) : 0;
}

static void add_root_device(struct reader *reader)
{
	struct config *config = &reader->loaded->config;

	config->devices = own(reader, xcalloc(1, sizeof *config->devices));
	config->devices_count = 1;
	config->devices[0].alert_threshold_percent = 80;
	keep(reader, "root", &config->devices[0].name);
	keep(reader, "/", &config->devices[0].path);
}

static int read_root(struct reader *reader)
{
	struct config *config = &reader->loaded->config;
	const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

	if (is_unset(root))
		root = NULL;
	if (read_table(reader, &config_file_table, root, "", config) != 0 ||
	    check_routes(reader, "commands", config->commands, config->commands_count) != 0 ||
	    check_routes(reader, "callbacks", config->callbacks, config->callbacks_count) != 0 ||
	    check_unnamed(reader, root, "text", &config->text) != 0 ||
	    check_unnamed(reader, root, "files", &config->files) != 0 || check_keys(reader) != 0)
		return -1;
	if (find(reader, root, "devices") == NULL)
		add_root_device(reader);
	return 0;
}

/* ---- the file ---- */

/* libyaml's reader knows the byte, its scanner the line. */
static int fail_syntax(struct reader *reader, const yaml_parser_t *parser, const struct buf *content)
{
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return error_set(reader->error, ERROR_TEMPORARY, "out of memory");
	if (parser->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < content->len && i < parser->problem_offset; i++)
			line += content->data[i] == '\n';
		return fail(reader, line, "not a text in UTF-8: %s", parser->problem);
	}
	return fail(reader, line, "not valid YAML: %s", parser->problem ? parser->problem : "syntax error");
}

/* Takes one event; what it refuses would make libyaml or us slow, or would go unnoticed. */
static int check_event(struct reader *reader, const yaml_event_t *event, int *depth, int *documents)
{
	size_t line = event->start_mark.line + 1;
	const unsigned char *anchor = NULL;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1)
			return fail(reader, line, "a second document (---) is not read; remove it");
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		++*depth;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		++*depth;
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		--*depth;
		break;
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		break;
	case YAML_ALIAS_EVENT:
		anchor = event->data.alias.anchor;
		break;
	default:
		break;
	}
	if (anchor != NULL)
		return fail(reader, line,
		    "anchors and aliases (& and *) are not supported; quote the value if it is a text");
	if (*depth > MAX_DEPTH)
		return fail(reader, line, "nested too deeply");
	return 0;
}

static int check_events(struct reader *reader, yaml_parser_t *parser, const struct buf *content)
{
	int depth = 0, documents = 0, result = 0;
	bool end = false;

	while (result == 0 && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event))
			return fail_syntax(reader, parser, content);
		end = event.type == YAML_STREAM_END_EVENT;
		result = check_event(reader, &event, &depth, &documents);
		yaml_event_delete(&event);
	}
	return result;
}

static int open_parser(struct reader *reader, yaml_parser_t *parser, const struct buf *content)
{
	if (!yaml_parser_initialize(parser))
		return error_set(reader->error, ERROR_TEMPORARY, "out of memory");
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)buf_text(content), content->len);
	return 0;
}

/* Reads the content twice: for what must not be in it, then as a tree. */
static int read_content(struct reader *reader, const struct buf *content)
{
	yaml_parser_t parser;
	int result;

	if (open_parser(reader, &parser, content) != 0)
		return -1;
	result = check_events(reader, &parser, content);
	yaml_parser_delete(&parser);
	if (result != 0)
		return -1;
	if (open_parser(reader, &parser, content) != 0)
		return -1;
	if (yaml_parser_load(&parser, &reader->document)) {
		result = read_root(reader);
		yaml_document_delete(&reader->document);
	} else {
		result = fail_syntax(reader, &parser, content);
	}
	yaml_parser_delete(&parser);
	return result;
}

static const char *choose_file(const char *path)
{
	const char *named = getenv("TGTOOLS_CONFIG");

	if (path != NULL)
		return path;
	return named != NULL && named[0] != '\0' ? named : CONFIG_DEFAULT_PATH;
}

static int read_file(const char *path, struct buf *content, struct error *error)
{
	if (strcmp(path, CONFIG_DEFAULT_PATH) == 0 && access(path, F_OK) != 0 && errno == ENOENT)
		return error_set(error, ERROR_CONFIG,
		    "%s does not exist; create it (see tgtools.conf(5)), or name another file with -c or "
		    "$TGTOOLS_CONFIG",
		    path);
	return fd_read_file(path, content, error);
}

int config_load_all(
    const char *path, config_mistake_fn *fn, void *context, struct config **config, struct error *error)
{
	struct loaded *loaded = xcalloc(1, sizeof *loaded);
	struct reader reader = {
	    .file = choose_file(path), .loaded = loaded, .error = error, .told = fn, .context = context};
	struct buf content = BUF_INIT(FILE_MAX_BYTES);
	int result;

	keep(&reader, reader.file, &loaded->config.file);
	result = read_file(reader.file, &content, error);
	if (result == 0)
		result = read_content(&reader, &content);
	if (result == 0)
		*config = &loaded->config;
	else
		config_free(&loaded->config);
	buf_free(&content);
	return result == 0 && reader.is_broken ? 1 : result;
}

int config_load(const char *path, struct config **config, struct error *error)
{
	return config_load_all(path, NULL, NULL, config, error);
}

void config_free(struct config *config)
{
	struct loaded *loaded = (struct loaded *)(void *)config;

	if (loaded == NULL)
		return;
	for (size_t i = 0; i < loaded->blocks.count; i++)
		free(loaded->blocks.items[i]);
	free(loaded->blocks.items);
	free(loaded);
}

void config_open_log(const struct config *config, const char *program)
{
	log_open(program, config->log.json, (enum log_level)config->log.level);
}

bool config_reload(const char *path, struct config **config, config_accept_fn *accept, void *context)
{
	struct config *loaded = NULL;
	struct error error;

	if (config_load(path, &loaded, &error) != 0 ||
	    (accept != NULL && accept(context, loaded, &error) != 0)) {
		log_error(
		    "configuration not reloaded, the old one stays in force", LOG_STR("error", error.text));
		config_free(loaded);
		return false;
	}
	config_free(*config);
	*config = loaded;
	log_set(loaded->log.json, (enum log_level)loaded->log.level);
	log_info("configuration reloaded");
	return true;
}

const char *config_text(const struct config *config, const char *name, const char *fallback)
{
	for (size_t i = 0; i < config->texts_count; i++)
		if (strcmp(config->texts[i].name, name) == 0)
			return config->texts[i].text;
	return fallback;
}

const struct config_target *config_target(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->targets_count; i++)
		if (strcmp(config->targets[i].name, name) == 0)
			return &config->targets[i];
	return NULL;
}
