/*
 * Messages and updates as tg-queue prints them, from the rows of GET /queue, /history and /updates
 * (tgtools-socket(7)). Pure.
 * Whatever is in a row, nothing of it drives a terminal.
 */
#ifndef TG_QUEUE_SHOW_H
#define TG_QUEUE_SHOW_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct show_view {
	int64_t now_ms; /* wall time, for ages */
	/* For people: with a header, columns that nobody has a value for left out, long values cut. */
	bool is_terminal;
	size_t width; /* of the terminal in characters; 0: unknown */
};

/* One line for each message. For programs the columns are always the same, and nothing is cut. */
void show_queue(struct json_object *messages, const struct show_view *view, struct buf *out);
void show_history(struct json_object *messages, const struct show_view *view, struct buf *out);
void show_updates(struct json_object *updates, const struct show_view *view, struct buf *out);

/* What is known of one update but its content, which people wrote. */
void show_update(struct json_object *update, const struct show_view *view, struct buf *out);

/* All that is known of one message, a field a line, its text last. */
void show_message(struct json_object *message, const struct show_view *view, struct buf *out);

#endif
