/*
 * What we send must be what Telegram keeps: text that it does not trim, entities that it does not split or
 * drop, parts that it takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "rich.h"
#include "rich_text.h"
#include "utf8.h"

/* Builds text whose entities stand as NAME(...): b i u s p(spoiler) c(ode) P(re) L(ink) E(moji) Q X(pandable)
 */
static void build(struct rich *rich, const char *source)
{
	static const char names[] = "biuspcPLEQX";
	size_t stack[64], depth = 0;

	*rich = RICH_INIT(1 << 20);
	for (; *source != '\0'; source++) {
		const char *name = strchr(names, *source);

		if (name != NULL && source[1] == '(') {
			enum rich_type type = (enum rich_type)(name - names);

			stack[depth++] = rich_open(rich, type,
			    type == RICH_LINK	 ? "http://a.b"
			    : type == RICH_EMOJI ? "12"
						 : NULL);
			source++;
		} else if (*source == ')') {
			rich_close(rich, stack[--depth]);
		} else {
			size_t length = utf8_decode(source, strlen(source), NULL);

			assert_int_equal(rich_add(rich, source, length, false), 0);
			source += length - 1;
		}
	}
	rich_finish(rich);
}

static void valid_entities(void **state)
{
	static const struct {
		const char *source, *expected;
	} cases[] = {
	    {"", ""},
	    {"a b(B i(both)) z", "a B both z | bold 2+6, italic 4+4"},
	    {"b()x i(  )y", "x   y"},
	    {"b(a b(B) z)", "a B z | bold 0+5"},
	    {"b(1)b(2)3", "123 | bold 0+2"},
	    {"c(1)c(2)", "12 | code 0+1, code 1+1"},
	    {"b(1c(2)3)", "123 | bold 0+1, code 1+1, bold 2+1"},
	    {"c(1b(2)3)", "123 | code 0+3"},
	    {"L(1c(2)3)", "123 | text_link 0+3=http://a.b"},
	    {"b(1L(2)3)", "123 | bold 0+3, text_link 1+1=http://a.b"},
	    {"L(b(1)2)", "12 | text_link 0+2=http://a.b, bold 0+1"},
	    {"Q(1Q(2)X(3)4)", "1234 | blockquote 0+4"},
	    {"Q(1P(2)L(3))", "123 | blockquote 0+3, pre 1+1, text_link 2+1=http://a.b"},
	    {"P(1Q(2)3)", "123 | pre 0+3"},
	    {"b(i(u(s(p(x)))))", "x | bold 0+1, italic 0+1, underline 0+1, strikethrough 0+1, spoiler 0+1"},
	    {"b(1E(2)3)", "123 | bold 0+3, custom_emoji 1+1=12"},
	    {"X(1b(2", "12 | expandable_blockquote 0+2, bold 1+1"},
	    {" \n b( x )\n ", "x | bold 0+1"},
	    {"\n P(  x\n  y) ", "x\n  y | pre 0+5"},
	    {"P(\n\n  x)", "  x | pre 0+3"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rich rich;

		build(&rich, cases[i].source);
		ASSERT_RICH(&rich, cases[i].expected);
	}
}

/* Nobody builds these, but what they become must not overlap either. */
static void overlapping(void **state)
{
	struct rich rich = RICH_INIT(100);
	size_t bold, italic, link;

	(void)state;
	bold = rich_open(&rich, RICH_BOLD, NULL);
	rich_add(&rich, "12", 2, false);
	italic = rich_open(&rich, RICH_ITALIC, NULL);
	rich_add(&rich, "34", 2, false);
	link = rich_open(&rich, RICH_LINK, "http://a.b");
	rich_add(&rich, "5", 1, false);
	rich_close(&rich, bold);
	rich_add(&rich, "6", 1, false);
	rich_close(&rich, italic);
	rich_add(&rich, "7", 1, false);
	rich_close(&rich, link);
	rich_finish(&rich);
	ASSERT_RICH(&rich, "1234567 | bold 0+4, italic 2+2, text_link 4+3=http://a.b, italic 4+2, bold 4+1");
}

static void units(void **state)
{
	struct rich rich;

	(void)state;
	build(&rich, "\xf0\x9f\x98\x80 b(\xc3\xa9) i(\xf0\x9f\x98\x80\xe2\x82\xac)");
	assert_int_equal(rich_length(&rich), 6);
	ASSERT_RICH(&rich, "\xf0\x9f\x98\x80 \xc3\xa9 \xf0\x9f\x98\x80\xe2\x82\xac | bold 3+1, italic 5+3");
}

static void tabs(void **state)
{
	struct rich rich = RICH_INIT(100), small = RICH_INIT(3);

	(void)state;
	assert_int_equal(rich_add(&rich, "a\tb\n\xc3\xa9\tc\t\td", 11, true), 0);
	ASSERT_RICH(&rich, "a       b\n\xc3\xa9       c               d");
	assert_int_equal(rich_add(&rich, "a\tb\n", 4, false), 0);
	ASSERT_RICH(&rich, "a b\n");
	assert_int_equal(rich_add(&small, "abcd", 4, false), -1);
	rich_free(&small);
}

static void title(void **state)
{
	struct rich rich;

	(void)state;
	build(&rich, "i(x)");
	rich_add_title(&rich, " two\nlines\x1b[1m ");
	ASSERT_RICH(&rich, "two lines\nx | bold 0+9, italic 10+1");
	build(&rich, "x");
	rich_add_title(&rich, " \n");
	ASSERT_RICH(&rich, "x");
	build(&rich, "");
	rich_add_title(&rich, "t");
	ASSERT_RICH(&rich, "t | bold 0+1");
}

static void blank(void **state)
{
	struct rich rich;

	(void)state;
	build(&rich, "\xe2\x80\x8b\xc2\xa0\xe3\x80\x80");
	assert_true(rich_is_blank(&rich));
	rich_free(&rich);
	build(&rich, "");
	assert_true(rich_is_blank(&rich));
	rich_free(&rich);
	build(&rich, "\xc2\xa0.");
	assert_false(rich_is_blank(&rich));
	rich_free(&rich);
}

static void plain(void **state)
{
	struct rich rich;
	struct buf out = BUF_INIT(1000);

	(void)state;
	build(&rich, "b(1) L(2) 3 L(4)");
	rich_plain(&rich, &out);
	assert_string_equal(buf_text(&out), "1 2 (http://a.b) 3 4 (http://a.b)");
	buf_free(&out);
	rich_free(&rich);
}

/* Splits and describes all parts, one after another, with "##" between them. */
static void check_split(const char *source, size_t first_max, size_t rest_max, const char *expected)
{
	struct rich rich, *parts;
	struct buf out = BUF_INIT(1 << 20);
	size_t count;

	build(&rich, source);
	count = rich_split(&rich, first_max, rest_max, 100, &parts);
	assert_non_null(parts);
	for (size_t i = 0; i < count; i++) {
		assert_true(rich_length(&parts[i]) <= (i == 0 ? first_max : rest_max));
		buf_add_text(&out, i > 0 ? "##" : "");
		rich_describe(&parts[i], &out);
	}
	assert_string_equal(buf_text(&out), expected);
	buf_free(&out);
	rich_parts_free(parts, count);
	rich_free(&rich);
}

static void split(void **state)
{
	(void)state;
	check_split("", 40, 40, "");
	check_split(
	    "1234567890123456789012345678901234567890", 40, 40, "1234567890123456789012345678901234567890");
	/* No place to cut: the counters take 6 of 40. */
	check_split("12345678901234567890123456789012345678901", 40, 40,
	    "1234567890123456789012345678901234\n(1/2)##5678901\n(2/2)");
	/* Paragraph before line before sentence before word. */
	check_split("A word here, a word.\n\nSecond. Sen\ntence is here, too.", 40, 40,
	    "A word here, a word.\n(1/2)##Second. Sen\ntence is here, too.\n(2/2)");
	check_split("A word here, a word.  \nSecond. Sen tence is here, too.", 40, 40,
	    "A word here, a word.\n(1/2)##Second. Sen tence is here, too.\n(2/2)");
	check_split("A word here, a word. Second sen tence is here, too.", 40, 40,
	    "A word here, a word.\n(1/2)##Second sen tence is here, too.\n(2/2)");
	check_split("A word here, a word, second sen tence is here, too.", 40, 40,
	    "A word here, a word, second sen\n(1/2)##tence is here, too.\n(2/2)");
	/* A paragraph that ends early is no place to cut. */
	check_split("A.\n\nword here, a word, second sen tence is here, too.", 40, 40,
	    "A.\n\nword here, a word, second sen\n(1/2)##tence is here, too.\n(2/2)");
	/* Closing quotes belong to their sentence. */
	check_split("He said: \"A word here.\" And second sentence is.", 40, 40,
	    "He said: \"A word here.\"\n(1/2)##And second sentence is.\n(2/2)");
	/* The first may be a caption. */
	check_split("1234567890123456789012345678901234567890", 32, 40,
	    "12345678901234567890123456\n(1/2)##78901234567890\n(2/2)");
}

static void split_formatting(void **state)
{
	struct rich rich, *parts;

	(void)state;
	check_split("b(A word i(here, a word, second sen tence is) here, too.)", 40, 40,
	    "A word here, a word, second sen\n(1/2) | bold 0+31, italic 7+24##"
	    "tence is here, too.\n(2/2) | bold 0+19, italic 0+8");
	/* In code the blanks at the start of a line stay. */
	check_split("P(if a word is here then\n        second line\n    third line)", 40, 40,
	    "if a word is here then\n(1/2) | pre 0+22##        second line\n    third line\n(2/2) | pre "
	    "0+34");
	/* White space between the parts belongs to neither. */
	check_split("One word, two words.  b(  \n\n  Three  words, four words.)", 40, 40,
	    "One word, two words.\n(1/2)##Three  words, four words.\n(2/2) | bold 0+25");
	rich = RICH_INIT(100);
	rich_open(&rich, RICH_PRE, "c");
	rich_add(&rich, "12345678901234567890123456789012345678901", 41, true);
	rich_finish(&rich);
	assert_int_equal(rich_split(&rich, 40, 40, 9, &parts), 2);
	ASSERT_RICH(&parts[0], "1234567890123456789012345678901234\n(1/2) | pre 0+34=c");
	ASSERT_RICH(&parts[1], "5678901\n(2/2) | pre 0+7=c");
	rich_parts_free(parts, 2);
	assert_int_equal(rich_split(&rich, 40, 40, 1, &parts), 2);
	assert_null(parts);
	rich_free(&rich);
}

/* What readers see as one character stays whole. */
static void split_characters(void **state)
{
	static const struct {
		const char *character;
		size_t points, per_part;
	} cases[] = {
	    {"e\xcc\x81", 2, 17},
	    {"\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa", 2, 17},
	    {"\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x92\xbb", 3, 11},
	    {"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", 2, 17},
	    {"\xe2\x9d\xa4\xef\xb8\x8f", 2, 17},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t len = strlen(cases[i].character);
		struct rich rich = RICH_INIT(1000), *parts;

		for (int j = 0; j < 25; j++)
			rich_add(&rich, cases[i].character, len, false);
		rich_finish(&rich);
		assert_int_equal(rich_split(&rich, 40, 40, 9, &parts), cases[i].points == 3 ? 3 : 2);
		assert_int_equal(parts[0].text.len, cases[i].per_part * len + strlen("\n(1/2)"));
		rich_parts_free(parts, cases[i].points == 3 ? 3 : 2);
		rich_free(&rich);
	}
}

/* One without end is cut somewhere, but not within a code point. */
static void split_endless_character(void **state)
{
	struct rich rich = RICH_INIT(10000), *parts;
	size_t count;

	(void)state;
	rich_add(&rich, "e", 1, false);
	for (int i = 0; i < 300; i++)
		rich_add(&rich, "\xcc\x81", 2, false);
	rich_finish(&rich);
	count = rich_split(&rich, 40, 40, 99, &parts);
	assert_int_equal(count, 9);
	for (size_t i = 0; i < count; i++) {
		assert_true(utf8_is_valid(parts[i].text.data, parts[i].text.len));
		assert_true(rich_length(&parts[i]) <= 40);
	}
	rich_parts_free(parts, count);
	rich_free(&rich);
}

/* More than nine parts: the counters are longer. */
static void split_many(void **state)
{
	struct rich rich = RICH_INIT(100000), *parts;
	size_t count;

	(void)state;
	for (int i = 0; i < 5000; i++)
		rich_add(&rich, "x", 1, false);
	rich_finish(&rich);
	count = rich_split(&rich, 40, 40, 1000, &parts);
	assert_int_equal(count, 167);
	for (size_t i = 0; i < count; i++)
		assert_true(rich_length(&parts[i]) <= 40);
	assert_non_null(strstr(buf_text(&parts[166].text), "\n(167/167)"));
	rich_parts_free(parts, count);
	rich_free(&rich);
}

/* Telegram ignores entities above 100: of links none may get lost, of styles the least important ones are. */
static void entity_limit(void **state)
{
	struct rich rich = RICH_INIT(100000), *parts;

	(void)state;
	for (int i = 0; i < 250; i++) {
		size_t entity =
		    rich_open(&rich, i % 2 == 0 ? RICH_LINK : RICH_ITALIC, i % 2 == 0 ? "http://a.b" : NULL);

		rich_add(&rich, "x", 1, false);
		rich_close(&rich, entity);
		rich_add(&rich, " ", 1, false);
	}
	rich_finish(&rich);
	assert_int_equal(rich.count, 250);
	assert_int_equal(rich_split(&rich, 4096, 4096, 9, &parts), 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(parts[i].count, i == 0 ? 100 : 50);
	assert_int_equal(parts[0].entities[99].type, RICH_LINK);
	rich_parts_free(parts, 2);
	rich_free(&rich);
}

static void head(void **state)
{
	struct rich rich, start;

	(void)state;
	build(&rich, "b(A line of words\nand another one\nand a third one)");
	rich_head(&rich, 40, &start);
	ASSERT_RICH(&start, "A line of words\nand another one\n... | bold 0+31");
	rich_head(&rich, 100, &start);
	ASSERT_RICH(&start, "A line of words\nand another one\nand a third one | bold 0+47");
	rich_free(&rich);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(valid_entities),
	    cmocka_unit_test(overlapping),
	    cmocka_unit_test(units),
	    cmocka_unit_test(tabs),
	    cmocka_unit_test(title),
	    cmocka_unit_test(blank),
	    cmocka_unit_test(plain),
	    cmocka_unit_test(split),
	    cmocka_unit_test(split_formatting),
	    cmocka_unit_test(split_characters),
	    cmocka_unit_test(split_endless_character),
	    cmocka_unit_test(split_many),
	    cmocka_unit_test(entity_limit),
	    cmocka_unit_test(head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
