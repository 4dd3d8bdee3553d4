#include "lines.h"

#include "fd.h"

void lines_init(struct lines *lines, size_t max_bytes)
{
	*lines = (struct lines){.buf = BUF_INIT(max_bytes)};
}

void lines_free(struct lines *lines)
{
	buf_free(&lines->buf);
}

ssize_t lines_read(struct lines *lines, int fd)
{
	buf_consume(&lines->buf, lines->position);
	lines->position = 0;
	return fd_read_some(fd, &lines->buf);
}

static void drop_rest(struct lines *lines)
{
	buf_clear(&lines->buf);
	lines->position = 0;
}

static bool is_full(const struct lines *lines)
{
	return lines->buf.len - lines->position == lines->buf.max;
}

enum lines_result lines_next(struct lines *lines, const char **line, size_t *len)
{
	for (;;) {
		if (fd_next_line(&lines->buf, &lines->position, line, len)) {
			if (!lines->skipping) {
				lines->number++;
				return LINES_LINE;
			}
			lines->skipping = false;
		} else if (lines->skipping) {
			drop_rest(lines);
			return LINES_NONE;
		} else if (is_full(lines)) {
			drop_rest(lines);
			lines->skipping = true;
			lines->number++;
			return LINES_TOO_LONG;
		} else {
			return LINES_NONE;
		}
	}
}

enum lines_result lines_last(struct lines *lines, const char **line, size_t *len)
{
	if (lines->skipping || lines->position >= lines->buf.len)
		return LINES_NONE;
	*line = lines->buf.data + lines->position;
	*len = lines->buf.len - lines->position;
	lines->position = lines->buf.len;
	lines->number++;
	return LINES_LINE;
}
