/*
 * Private to config*.c: how a key of tgtools.yaml looks, is checked and stored. config_keys.c has the table
 * of all keys, config_values.c the checks, config.c the reading of the file.
 */
#ifndef TGTOOLS_CONFIG_KEYS_H
#define TGTOOLS_CONFIG_KEYS_H

#include "config.h"

enum {
	CONFIG_MAX_ITEMS = 1000,
	CONFIG_MAX_TEXT = 4096, /* characters */
	CONFIG_WHY_BYTES = 120,
};

#define CONFIG_ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define CONFIG_NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define CONFIG_SECOND INT64_C(1000)
#define CONFIG_MINUTE (60 * CONFIG_SECOND)
#define CONFIG_DAY (24 * 60 * CONFIG_MINUTE)
#define CONFIG_SERVICE_TIMEOUT_MS (10 * CONFIG_MINUTE) /* at most: meanwhile the chat waits */

/* All the memory of a configuration. */
struct config_blocks {
	void **items;
	size_t count;
};

/* From now on the block is released with the configuration; returns it. */
void *config_own(struct config_blocks *blocks, void *block);

struct config_key;

/* One value on its way into a field. */
struct config_setting {
	const struct config_key *key;
	const char *text;
	void *field;
	struct config_blocks *blocks;
	char why[CONFIG_WHY_BYTES];
};

/* Turns the text into the field and returns 0, or -1 and says in why what it must be ("must be ..."). */
typedef int config_set_fn(struct config_setting *setting);

enum config_shape {
	CONFIG_VALUE,
	CONFIG_LIST,
	CONFIG_ARGV,	 /* a list that starts with the absolute path of a program */
	CONFIG_SECTION,	 /* a mapping */
	CONFIG_SECTIONS, /* a list of mappings */
	CONFIG_OPEN,	 /* a mapping that takes any key: texts */
};

enum config_need {
	CONFIG_DEFAULT,	 /* left out: the fallback, or nothing */
	CONFIG_REQUIRED, /* left out: an error */
	CONFIG_OPTIONAL, /* left out: the field stays zero */
};

/* One key of the file: what it looks like, where it goes, what it is when it is left out. */
struct config_key {
	const char *name;
	enum config_shape shape;
	enum config_need need;
	config_set_fn *set; /* of a value, or of each entry of a list */
	size_t offset;
	size_t count_offset; /* CONFIG_SECTIONS: where their number goes */
	const char *fallback;
	int64_t low, high; /* of a number, a duration, the length of a text, or the number of sections */
	const struct config_table *table;
	bool has_lines; /* a text in which newlines and tabs may stand */
};

/* The keys of one mapping. The first key of what stands in a list is its name and must be unique. */
struct config_table {
	const struct config_key *keys; /* the last has no name */
	size_t size_bytes;
	size_t line_offset; /* where an element keeps its line; 0: nowhere */
};

/* The whole file, to be read into a struct config. */
extern const struct config_table config_file_table;

/* Whether text has 1 to max bytes, all of them from set. */
bool config_consists_of(const char *text, const char *set, size_t max);

config_set_fn config_set_access;
config_set_fn config_set_account;
config_set_fn config_set_action;
config_set_fn config_set_api_url;
config_set_fn config_set_bool;
config_set_fn config_set_chat;
config_set_fn config_set_command;
config_set_fn config_set_decimal;
config_set_fn config_set_duration;
config_set_fn config_set_format;
config_set_fn config_set_group;
config_set_fn config_set_group_or_none;
config_set_fn config_set_header;
config_set_fn config_set_int;
config_set_fn config_set_level;
config_set_fn config_set_listen;
config_set_fn config_set_member;
config_set_fn config_set_method;
config_set_fn config_set_mode;
config_set_fn config_set_name;
config_set_fn config_set_path;
config_set_fn config_set_path_or_none;
config_set_fn config_set_place;
config_set_fn config_set_policy;
config_set_fn config_set_proxy;
config_set_fn config_set_relative;
config_set_fn config_set_script;
config_set_fn config_set_service_url;
config_set_fn config_set_size;
config_set_fn config_set_socket;
config_set_fn config_set_text;
config_set_fn config_set_url;
config_set_fn config_set_url_or_none;
config_set_fn config_set_url_path;

#endif
