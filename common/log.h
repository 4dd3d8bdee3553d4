/*
 * The log of the services: one event a line on stderr, JSON or text, at most 4096 bytes. Values are made
 * printable and bounded here (a value of more than 1 KB is cut, a field for which there is no room left out),
 * so that no text from outside can forge a line; a registered secret is replaced wherever it would appear.
 * Never log the text of a message. Only one thread may log.
 *
 *	log_info("message delivered", LOG_INT("id", id), LOG_STR("user", user));
 */
#ifndef TGTOOLS_LOG_H
#define TGTOOLS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_field {
	const char *key;
	const char *text; /* NULL: number is the value */
	int64_t number;
};

/* A function, since an array may be handed in as well as a pointer that is NULL. */
static inline struct log_field log_field_text(const char *key, const char *text)
{
	return (struct log_field){key, text != NULL ? text : "", 0};
}

#define LOG_STR(key, text) log_field_text((key), (text))
#define LOG_INT(key, number) ((struct log_field){(key), NULL, (number)})

/* program is borrowed for good. Before this call: text, level info, program "tgtools". */
void log_open(const char *program, bool json, enum log_level level);

/* Changes what log_open said but for the program. */
void log_set(bool json, enum log_level level);

/* "debug", "info", "warning", "error"; returns -1 for anything else. */
int log_level_parse(const char *name, enum log_level *level);

/* From now on secret never appears in a line; it is borrowed, and NULL forgets it. Shorter than 8: ignored.
 */
void log_secret(const char *secret);

/*
 * From now on lines are kept, up to 4096 bytes of them, until log_flush: for a process that logs each of many
 * things it does in one turn of its loop. A warning or an error is written at once, behind what was kept.
 * Nothing is lost where the process exits, runs out of memory, aborts or faults. Whoever forks calls
 * log_flush first. One thread may log then.
 */
void log_hold(void);
void log_flush(void);

void log_event(enum log_level level, const char *event, const struct log_field *fields, unsigned count);

#define LOG_FIELDS(...)                                                                                      \
	(const struct log_field[])                                                                           \
	{                                                                                                    \
		{0}, ##__VA_ARGS__                                                                           \
	}
#define LOG_AT(level, event, ...)                                                                            \
	log_event((level), (event), LOG_FIELDS(__VA_ARGS__) + 1,                                             \
	    (unsigned)(sizeof(LOG_FIELDS(__VA_ARGS__)) / sizeof(struct log_field)) - 1)
#define log_debug(event, ...) LOG_AT(LOG_DEBUG, event, ##__VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_INFO, event, ##__VA_ARGS__)
#define log_warning(event, ...) LOG_AT(LOG_WARNING, event, ##__VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_ERROR, event, ##__VA_ARGS__)

#endif
