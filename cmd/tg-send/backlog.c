#include "backlog.h"

#include <string.h>

#include "fd.h"
#include "text.h"

void backlog_init(struct backlog *backlog)
{
	*backlog = (struct backlog){.pending = BUF_INIT(BACKLOG_MAX_BYTES)};
}

void backlog_free(struct backlog *backlog)
{
	buf_free(&backlog->pending);
}

size_t backlog_room(const struct backlog *backlog)
{
	return backlog->pending.max - backlog->pending.len;
}

static void end_line(struct backlog *backlog)
{
	backlog->whole_bytes = backlog->pending.len;
	backlog->whole_count++;
}

/* Takes one line, or a part of one without a newline. A blank line stands in for one that is too long. */
static void feed_part(
    struct backlog *backlog, const char *part, size_t len, backlog_too_long_fn *too_long, void *context)
{
	bool whole = part[len - 1] == '\n';

	if (!backlog->skipping && backlog->pending.len - backlog->whole_bytes + len > BACKLOG_BATCH_BYTES) {
		too_long(context, backlog->whole_count + 1);
		backlog->pending.len = backlog->whole_bytes;
		backlog->skipping = true;
	}
	if (!backlog->skipping)
		buf_add(&backlog->pending, part, len);
	else if (whole)
		buf_add_text(&backlog->pending, "\n");
	if (whole) {
		backlog->skipping = false;
		end_line(backlog);
	}
}

void backlog_feed(
    struct backlog *backlog, const char *data, size_t len, backlog_too_long_fn *too_long, void *context)
{
	while (len > 0) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline != NULL ? (size_t)(newline - data) + 1 : len;

		feed_part(backlog, data, part, too_long, context);
		data += part;
		len -= part;
	}
}

void backlog_end(struct backlog *backlog, backlog_too_long_fn *too_long, void *context)
{
	if (backlog->skipping || backlog->pending.len > backlog->whole_bytes)
		backlog_feed(backlog, "\n", 1, too_long, context);
}

void backlog_take(struct backlog *backlog, struct backlog_batch *batch)
{
	size_t position = 0, taken = 0, len;
	const char *line;

	while (
	    batch->count < BACKLOG_BATCH_COUNT && fd_next_line(&backlog->pending, &position, &line, &len)) {
		if (!text_is_blank(line, len)) {
			if (buf_add(&batch->body, line, len + 1) != 0)
				break;
			batch->numbers[batch->count++] = backlog->taken_count + 1;
		}
		backlog->taken_count++;
		taken = position;
	}
	buf_consume(&backlog->pending, taken);
	backlog->whole_bytes -= taken;
}

void backlog_batch_init(struct backlog_batch *batch)
{
	batch->count = 0;
	batch->body = BUF_INIT(BACKLOG_BATCH_BYTES);
}

void backlog_batch_free(struct backlog_batch *batch)
{
	buf_free(&batch->body);
	batch->count = 0;
}

size_t backlog_batch_bytes(const struct backlog_batch *batch, size_t count)
{
	size_t position = 0, len;
	const char *line;

	while (count > 0 && fd_next_line(&batch->body, &position, &line, &len))
		count--;
	return position;
}

void backlog_batch_drop(struct backlog_batch *batch, size_t count)
{
	buf_consume(&batch->body, backlog_batch_bytes(batch, count));
	batch->count -= count;
	memmove(batch->numbers, batch->numbers + count, batch->count * sizeof batch->numbers[0]);
}
