#include "qr.h"

#include <qrencode.h>

enum { QUIET = 4 };

/* Light modules are drawn in white on black. The 256 colours are the same everywhere, unlike the first 16. */
static const char colours_on[] = "\033[38;5;231;48;5;16m", colours_off[] = "\033[0m";

static QRcode *encode(const char *text)
{
	return QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
}

static bool is_light(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return true;
	return (code->data[y * code->width + x] & 1) == 0;
}

static void draw_line(const QRcode *code, int y, bool coloured, struct buf *out)
{
	/* By whether the lower and the upper module are light. */
	static const char *const blocks[2][2] = {{" ", "\u2580"}, {"\u2584", "\u2588"}};

	buf_add_text(out, coloured ? colours_on : "");
	for (int x = -QUIET; x < code->width + QUIET; x++)
		buf_add_text(out, blocks[is_light(code, x, y + 1)][is_light(code, x, y)]);
	buf_add_text(out, coloured ? colours_off : "");
	buf_add_text(out, "\n");
}

size_t qr_columns(const char *text)
{
	QRcode *code = encode(text);
	size_t columns = code != NULL ? (size_t)code->width + 2 * (size_t)QUIET : 0;

	QRcode_free(code);
	return columns;
}

int qr_draw(const char *text, bool coloured, struct buf *out, struct error *error)
{
	QRcode *code = encode(text);

	if (code == NULL)
		return error_set(error, ERROR_INPUT, "too long for a QR code");
	for (int y = -QUIET; y < code->width + QUIET; y += 2)
		draw_line(code, y, coloured, out);
	QRcode_free(code);
	return 0;
}
