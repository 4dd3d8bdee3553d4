/*
 * The configuration file tgtools.yaml, described in tgtools.conf(5): every key, its default and its
 * check. libyaml is used in config.c alone.
 */
#ifndef TGTOOLS_CONFIG_H
#define TGTOOLS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define CONFIG_DEFAULT_PATH "/etc/tgtools/tgtools.yaml"

struct config_list {
	char **items;
	size_t count;
};

/* A header of every request to a service. Exactly one of the values is given. */
struct config_header {
	char *name;
	char *value;	  /* or NULL */
	char *value_file; /* or NULL: a file that nobody else may read holds it */
	size_t line;	  /* where it stands in the file */
};

/* An HTTP service; url NULL: there is none, and the rest is unset. */
struct config_http {
	char *url;
	char *method; /* "POST", "GET" */
	char *socket; /* the unix socket it listens on; NULL: none */
	int64_t timeout_ms;
	int64_t retries;
	int64_t answer_max_bytes;
	struct config_header *headers;
	size_t headers_count;
	char *template_text; /* what is made of its answer; NULL: the answer says what is to be shown */
};

struct config_target {
	char *name;
	int64_t chat;
	int64_t thread; /* 0: none */
	struct config_list senders;
};

struct config_device {
	char *name;
	char *path;
	double alert_threshold_percent;
};

/*
 * A command (without the slash), a callback (its ACTION), all free text or all files. It goes exactly one
 * way: http.url, exec, script or session is given, the others are NULL or empty.
 */
struct config_route {
	char *name;		  /* NULL for text and files: unless they go somewhere */
	char *description;	  /* NULL but for a command */
	char *access;		  /* "anyone", "linked", "operator" or "%group" */
	struct config_list where; /* "private", "group" */
	struct config_http http;
	struct config_list exec; /* argv; the first is an absolute path */
	char *script;
	char *session;	    /* one of sessions */
	int64_t timeout_ms; /* 0: the default of its kind */
	size_t line;	    /* where it stands in the file */
};

struct config_session {
	char *name;
	struct config_list command;
	char *access;
	char *run_as; /* "user", or an account */
	int64_t idle_ms;
};

struct config_server_script {
	char *name;
	char *path;
	char *run_as;
	bool long_running;
	char *access;
};

struct config_text {
	char *name;
	char *text;
	size_t line;
};

enum config_policy { POLICY_AT_LEAST_ONCE, POLICY_AT_MOST_ONCE };

struct config {
	char *file; /* where it was read */
	struct {
		char *token_file, *api_url, *proxy; /* proxy "": none */
		int64_t timeout_ms;		    /* of one call that sends no file */
	} telegram;
	struct {
		char *path;
		int64_t map_size_bytes;
		int64_t history_ms, dead_ms;
	} store;
	struct {
		char *path, *group; /* group "": leave it */
		int mode;	    /* permission bits */
		int64_t request_timeout_ms;
	} socket;
	struct {
		struct config_list front_ends, operators; /* accounts and %groups */
		struct config_list groups;		  /* empty: every account */
	} access;
	struct {
		double overall_per_second, chat_per_second; /* 0: unlimited, as group_per_minute */
		int64_t chat_burst, group_per_minute, parallel, keep_ms, user_quota;
		int64_t text_parts, picture_max_bytes, file_max_bytes;
		enum config_policy policy;
	} delivery;
	struct {
		int64_t chat_per_minute; /* 0: off, as chat_per_second */
		double chat_per_second;
		int64_t chat_burst;
	} limits;
	struct {
		int64_t lifetime_ms, tries;
	} codes;
	struct {
		char *directory; /* below the home */
		int64_t timeout_ms, jobs, output_bytes;
		int64_t memory_bytes, file_size_bytes, open_files; /* of each process; 0: no limit */
		int64_t warn_failures; /* after so many in a row the owner is told; 0: never */
	} scripts;
	struct config_target *targets;
	size_t targets_count;
	struct config_device *devices;
	size_t devices_count;
	struct {
		double alert_threshold; /* 1-minute load per core; 0: off */
	} load;
	struct config_route *commands;
	size_t commands_count;
	struct config_route *callbacks;
	size_t callbacks_count;
	struct config_route text;  /* name NULL: free text goes nowhere */
	struct config_route files; /* what comes with a file; name NULL: it goes nowhere */
	struct config_session *sessions;
	size_t sessions_count;
	struct {
		char *listen, *path, *secret_file; /* secret_file "": none */
	} webhook;
	struct {
		struct config_http http; /* url NULL: our own keys */
	} keys;
	struct {
		int64_t interval_ms, remind_ms; /* remind 0: never */
	} monitor;
	struct config_server_script *server_scripts;
	size_t server_scripts_count;
	struct config_list watch;
	struct config_text *texts;
	size_t texts_count;
	struct {
		bool json;
		int level; /* enum log_level */
	} log;
};

/*
 * Loads path; NULL: $TGTOOLS_CONFIG, else CONFIG_DEFAULT_PATH. All keys are parsed and checked, whichever
 * program asks; those that are left out have their defaults. ERROR_CONFIG with "FILE:LINE: what is wrong",
 * or "cannot open FILE: ..." where there is nothing to read. On failure *config is left alone. Release with
 * config_free. No text of the configuration is NULL but where it says so.
 */
int config_load(const char *path, struct config **config, struct error *error);
void config_free(struct config *config);

/* text: "FILE:LINE: what is wrong". */
typedef void config_mistake_fn(void *context, const char *text);

/*
 * As config_load, but tells all mistakes, one for each row and each other section at most, and goes on. Then
 * it returns 1, and *config is what could be read: good to be looked through for more mistakes, with texts
 * that are NULL, and nothing else. 0: there was none. -1: nothing could be read at all; error says why.
 */
int config_load_all(
    const char *path, config_mistake_fn *fn, void *context, struct config **config, struct error *error);

/* A look at a new configuration before it takes the place of the old one, which is still there then. */
typedef int config_accept_fn(void *context, const struct config *loaded, struct error *error);

/*
 * What a service does at SIGHUP: *config becomes what the file says now and the log follows it; a file with a
 * mistake, or that accept (NULL: not asked) refuses, leaves all in force. Either is logged. Returns whether
 * *config is another one; the old one is gone.
 */
bool config_reload(const char *path, struct config **config, config_accept_fn *accept, void *context);

/* Opens the log as the configuration has it; program is borrowed for good. */
void config_open_log(const struct config *config, const char *program);

/* The override of a text people read (texts:), or fallback. */
const char *config_text(const struct config *config, const char *name, const char *fallback);

/* The target of that name, or NULL. */
const struct config_target *config_target(const struct config *config, const char *name);

#endif
