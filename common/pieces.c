#include "pieces.h"

#include <stdbool.h>
#include <string.h>

#include "utf8.h"

static const char replacement[] = "\xef\xbf\xbd";

enum { CHARACTER_MAX_BYTES = 4 };

/* A text that grows to a whole piece. */
struct piece {
	char text[PIECE_MAX_BYTES];
	size_t len;
	pieces_fn *fn;
	void *context;
};

static void hand_over(struct piece *piece)
{
	if (piece->len > 0)
		piece->fn(piece->context, piece->text, piece->len);
	piece->len = 0;
}

static void add(struct piece *piece, const char *text, size_t len)
{
	if (piece->len + len > sizeof piece->text)
		hand_over(piece);
	memcpy(piece->text + piece->len, text, len);
	piece->len += len;
}

/* Whether some bytes after these would make a character: the lowest or the highest would. */
static bool may_begin_character(const char *data, size_t len)
{
	char lowest[CHARACTER_MAX_BYTES], highest[CHARACTER_MAX_BYTES];

	if (len >= CHARACTER_MAX_BYTES)
		return false;
	memset(lowest, 0x80, sizeof lowest);
	memset(highest, 0xbf, sizeof highest);
	memcpy(lowest, data, len);
	memcpy(highest, data, len);
	return utf8_decode(lowest, sizeof lowest, NULL) > len ||
	       utf8_decode(highest, sizeof highest, NULL) > len;
}

/* Takes the first character, or what stands for the first byte. 0: more has to come. */
static size_t take(struct piece *piece, const char *data, size_t len)
{
	size_t bytes = utf8_decode(data, len, NULL);

	if (bytes == 0 && may_begin_character(data, len))
		return 0;
	if (bytes == 0 || data[0] == '\0') {
		add(piece, replacement, sizeof replacement - 1);
		return 1;
	}
	add(piece, data, bytes);
	return bytes;
}

/* Completes what waits, byte by byte. Returns how many bytes of data that took. */
static size_t take_waiting(struct pieces *pieces, struct piece *piece, const char *data, size_t len)
{
	size_t used = 0;

	while (pieces->waiting_len > 0) {
		size_t taken = take(piece, pieces->waiting, pieces->waiting_len);

		pieces->waiting_len -= taken;
		memmove(pieces->waiting, pieces->waiting + taken, pieces->waiting_len);
		if (taken == 0 && used == len)
			break;
		if (taken == 0)
			pieces->waiting[pieces->waiting_len++] = data[used++];
	}
	return used;
}

void pieces_feed(struct pieces *pieces, const char *data, size_t len, pieces_fn *fn, void *context)
{
	struct piece piece = {.fn = fn, .context = context};
	size_t used = take_waiting(pieces, &piece, data, len), taken = 1;

	while (used < len && taken > 0) {
		taken = take(&piece, data + used, len - used);
		used += taken;
	}
	if (used < len) {
		pieces->waiting_len = len - used;
		memcpy(pieces->waiting, data + used, len - used);
	}
	hand_over(&piece);
}

void pieces_end(struct pieces *pieces, pieces_fn *fn, void *context)
{
	struct piece piece = {.fn = fn, .context = context};

	for (; pieces->waiting_len > 0; pieces->waiting_len--)
		add(&piece, replacement, sizeof replacement - 1);
	hand_over(&piece);
}
