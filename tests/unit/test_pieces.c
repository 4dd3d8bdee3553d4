/*
 * What a script writes is cut anywhere by pipes: a reader of the stream must get the same text whatever the
 * cuts, and never something that is not UTF-8.
 */
#include "pieces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "utf8.h"

struct got {
	struct buf text;
	size_t count;
};

static void on_piece(void *context, const char *text, size_t len)
{
	struct got *got = context;

	assert_true(len > 0 && len <= PIECE_MAX_BYTES);
	assert_true(utf8_is_valid(text, len));
	assert_int_equal(buf_add(&got->text, text, len), 0);
	got->count++;
}

static void check_cut(const char *data, size_t len, size_t cut, const char *expected)
{
	struct got got = {.text = BUF_INIT(1 << 20)};
	struct pieces pieces = {.waiting_len = 0};

	for (size_t i = 0; i < len; i += cut)
		pieces_feed(&pieces, data + i, len - i < cut ? len - i : cut, on_piece, &got);
	pieces_end(&pieces, on_piece, &got);
	assert_string_equal(buf_text(&got.text), expected);
	buf_free(&got.text);
}

#define BAD "\xef\xbf\xbd"

static void whatever_the_cuts_the_text_is_the_same(void **state)
{
	static const struct {
		const char *data, *expected;
	} tests[] = {
	    {"plain\n", "plain\n"},
	    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80!", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80!"},
	    {"\xff\xfe", BAD BAD},
	    {"\xc3", BAD},
	    {"\xc3(", BAD "("},
	    {"\xe2\x82", BAD BAD},
	    {"\xe2\x82\xc3\xa4", BAD BAD "\xc3\xa4"},
	    {"\xe0\x80\x80", BAD BAD BAD},	   /* overlong */
	    {"\xed\xa0\x80", BAD BAD BAD},	   /* a surrogate */
	    {"\xf4\x90\x80\x80", BAD BAD BAD BAD}, /* beyond U+10FFFF */
	    {"\xf0\x9f\x98\xf0\x9f\x98\x80", BAD BAD BAD "\xf0\x9f\x98\x80"},
	    {"\x80\x80z", BAD BAD "z"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
		for (size_t cut = 1; cut <= 8; cut++)
			check_cut(tests[i].data, strlen(tests[i].data), cut, tests[i].expected);
	}
	for (size_t cut = 1; cut <= 3; cut++)
		check_cut("a\0b", 3, cut, "a" BAD "b");
}

/* A prompt must not wait for the next character, and a large write must not be one large event. */
static void a_piece_is_told_at_once_and_never_too_long(void **state)
{
	static char data[100000];
	struct got got = {.text = BUF_INIT(1 << 20)};
	struct pieces pieces = {.waiting_len = 0};

	(void)state;
	pieces_feed(&pieces, "name? \xc3", 7, on_piece, &got);
	assert_string_equal(buf_text(&got.text), "name? ");
	pieces_feed(&pieces, "\xa4", 1, on_piece, &got);
	assert_string_equal(buf_text(&got.text), "name? \xc3\xa4");
	assert_int_equal(got.count, 2);
	memset(data, 0xff, sizeof data);
	pieces_feed(&pieces, data, sizeof data, on_piece, &got);
	assert_int_equal(got.text.len, 8 + 3 * sizeof data);
	assert_true(got.count <= 2 + 3 * sizeof data / (PIECE_MAX_BYTES - 4) + 1);
	buf_free(&got.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whatever_the_cuts_the_text_is_the_same),
	    cmocka_unit_test(a_piece_is_told_at_once_and_never_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
