/* What is drawn must be the code, module by module, with room around it: read back from the characters. */
#include "tg-link/qr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <qrencode.h>

#include "utf8.h"

enum { QUIET = 4, SIDE_MAX = 200, OUT_MAX_BYTES = 1 << 20 };

#define URL "https://t.me/some_long_name_of_a_bot?start=M14qGTWWhiH6QT6hTRf7cQ_7SXqgpkcY"

struct picture {
	bool light[SIDE_MAX][SIDE_MAX];
	size_t width, height;
};

static void read_line(const char *line, size_t len, struct picture *picture)
{
	uint32_t code;

	picture->width = 0;
	for (size_t at = 0; at < len; at += utf8_decode(line + at, len - at, &code)) {
		assert_true(picture->width < SIDE_MAX && picture->height + 1 < SIDE_MAX);
		utf8_decode(line + at, len - at, &code);
		assert_true(code == ' ' || code == 0x2580 || code == 0x2584 || code == 0x2588);
		picture->light[picture->height][picture->width] = code == 0x2580 || code == 0x2588;
		picture->light[picture->height + 1][picture->width] = code == 0x2584 || code == 0x2588;
		picture->width++;
	}
	picture->height += 2;
}

static void read_picture(const char *text, struct picture *picture)
{
	size_t width = 0;

	*picture = (struct picture){.width = 0};
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		assert_int_equal(text[len], '\n');
		read_line(text, len, picture);
		assert_true(width == 0 || picture->width == width);
		width = picture->width;
		text += len + 1;
	}
}

static void assert_is_code_of(const char *text, const struct picture *picture)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	size_t side;

	assert_non_null(code);
	side = (size_t)code->width;
	assert_int_equal(picture->width, side + 2 * QUIET);
	assert_true(picture->height >= side + 2 * QUIET);
	for (size_t y = 0; y < picture->height; y++) {
		for (size_t x = 0; x < picture->width; x++) {
			bool inside = x >= QUIET && y >= QUIET && x < QUIET + side && y < QUIET + side;
			bool dark = inside && (code->data[(y - QUIET) * side + x - QUIET] & 1);

			assert_int_equal(picture->light[y][x], !dark);
		}
	}
	QRcode_free(code);
}

static void every_module_is_drawn(void **state)
{
	static const char *const texts[] = {"a", URL, "https://t.me/b?start=0"};
	struct buf out = BUF_INIT(OUT_MAX_BYTES);
	struct picture picture;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		buf_clear(&out);
		assert_int_equal(qr_draw(texts[i], false, &out, &error), 0);
		read_picture(buf_text(&out), &picture);
		assert_int_equal(picture.width, qr_columns(texts[i]));
		assert_is_code_of(texts[i], &picture);
	}
	buf_free(&out);
}

/* A link fits into a terminal of 80 columns and 24 lines with the line of its text and a prompt. */
static void a_link_fits_into_a_small_terminal(void **state)
{
	struct buf out = BUF_INIT(OUT_MAX_BYTES);
	struct error error;
	size_t lines = 0;

	(void)state;
	assert_int_equal(qr_draw(URL, true, &out, &error), 0);
	for (const char *at = buf_text(&out); (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_true(lines <= 22);
	assert_true(qr_columns(URL) <= 80);
	buf_free(&out);
}

/* With colours each line sets them and takes them back, and says the same. */
static void colours_do_not_depend_on_the_terminal(void **state)
{
	static const char on[] = "\033[38;5;231;48;5;16m", off[] = "\033[0m";
	struct buf plain = BUF_INIT(OUT_MAX_BYTES), coloured = BUF_INIT(OUT_MAX_BYTES),
		   stripped = BUF_INIT(OUT_MAX_BYTES);
	struct error error;
	const char *line;

	(void)state;
	assert_int_equal(qr_draw(URL, false, &plain, &error), 0);
	assert_int_equal(qr_draw(URL, true, &coloured, &error), 0);
	for (line = buf_text(&coloured); *line != '\0'; line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\n");

		assert_true(len > strlen(on) + strlen(off));
		assert_memory_equal(line, on, strlen(on));
		assert_memory_equal(line + len - strlen(off), off, strlen(off));
		buf_add(&stripped, line + strlen(on), len - strlen(on) - strlen(off));
		buf_add_text(&stripped, "\n");
	}
	assert_string_equal(buf_text(&stripped), buf_text(&plain));
	buf_free(&plain);
	buf_free(&coloured);
	buf_free(&stripped);
}

static void what_is_too_long_is_refused(void **state)
{
	struct buf out = BUF_INIT(OUT_MAX_BYTES);
	struct error error;
	char text[4000];

	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(qr_columns(text), 0);
	assert_int_equal(qr_draw(text, false, &out, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_module_is_drawn),
	    cmocka_unit_test(a_link_fits_into_a_small_terminal),
	    cmocka_unit_test(colours_do_not_depend_on_the_terminal),
	    cmocka_unit_test(what_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
