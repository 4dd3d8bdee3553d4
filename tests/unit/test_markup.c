/*
 * Whatever people and scripts write arrives: as the formatting they meant, and never as an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "markup.h"
#include "rich_text.h"

struct parse_case {
	const char *source, *expected;
};

static void check(enum markup_format format, const struct parse_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rich rich;

		markup_parse(format, cases[i].source, strlen(cases[i].source), NULL, &rich);
		ASSERT_RICH(&rich, cases[i].expected);
	}
}

#define CHECK(format, cases) check(format, cases, sizeof(cases) / sizeof(cases)[0])

static void formats(void **state)
{
	enum markup_format format = MARKUP_TEXT;

	(void)state;
	assert_int_equal(markup_format_parse("Markdown", &format), 0);
	assert_int_equal(format, MARKUP_MARKDOWN);
	assert_int_equal(markup_format_parse("HTML", &format), 0);
	assert_int_equal(format, MARKUP_HTML);
	assert_int_equal(markup_format_parse("MarkdownV2", &format), -1);
}

static void text(void **state)
{
	static const struct parse_case cases[] = {
	    {"", ""},
	    {" a_b *c*\t<b>&lt;\r\nd\x1b[1m\xff ", "a_b *c* <b>&lt;\nd\xef\xbf\xbd"},
	};

	(void)state;
	CHECK(MARKUP_TEXT, cases);
}

static void pre(void **state)
{
	static const struct parse_case cases[] = {
	    {"", ""},
	    {"\n  a\tb\n*c*\n", "  a     b\n*c* | pre 0+13"},
	};
	struct rich rich;

	(void)state;
	CHECK(MARKUP_PRE, cases);
	markup_parse(MARKUP_PRE, "x", 1, "c++", &rich);
	ASSERT_RICH(&rich, "x | pre 0+1=c++");
	markup_parse(MARKUP_PRE, "x", 1, "", &rich);
	ASSERT_RICH(&rich, "x | pre 0+1");
	markup_parse(MARKUP_PRE, "x", 1, "a\x01\xff z", &rich);
	ASSERT_RICH(&rich, "x | pre 0+1=a__");
}

static void markdown_spans(void **state)
{
	static const struct parse_case cases[] = {
	    {"a **b** *c* __d__ _e_ ~~f~~ `g`",
		"a b c d e f g | bold 2+1, italic 4+1, bold 6+1, italic 8+1, strikethrough 10+1, code 12+1"},
	    {"***x***", "x | bold 0+1, italic 0+1"},
	    {"a_b_c 2*3*4 **open \\*esc\\*", "a_b_c 234 **open *esc* | italic 7+1"},
	    {"one\ntwo  \nthree\\\nfour", "one\ntwo\nthree\nfour"},
	    {"&amp; &copy; &#65;&#x42; &nope; &#0;", "& \xc2\xa9 AB &nope; \xef\xbf\xbd"},
	    {"<b>x</b> <!-- c -->", "<b>x</b> <!-- c -->"},
	    {"**a `b` c**", "a b c | bold 0+2, code 2+1, bold 3+2"},
	};

	(void)state;
	CHECK(MARKUP_MARKDOWN, cases);
}

static void markdown_links(void **state)
{
	static const struct parse_case cases[] = {
	    {"[t](http://a.bc/d \"title\")", "t | text_link 0+1=http://a.bc/d"},
	    {"[**t** u](<http://a.bc/d e?x&amp;y>)", "t u | text_link 0+3=http://a.bc/d%20e?x&y, bold 0+1"},
	    {"![alt *i*](http://a.bc/i.png) ![](http://a.bc)",
		"alt i http://a.bc | text_link 0+5=http://a.bc/i.png, italic 4+1"},
	    {"[![i](http://a.bc/i)](http://a.bc/l)", "i | text_link 0+1=http://a.bc/l"},
	    {"[t](README.md) [t](#top) [t]() [t](http://localhost/)",
		"t (README.md) t t t (http://localhost/)"},
	    {"[t](mailto:a@b.cd) <a@b.cd> a@b.cd [c](tel:+4912)", "t (a@b.cd) a@b.cd a@b.cd c (+4912)"},
	    {"http://a.bc/d <https://a.bc> www.a.bc <http://localhost>",
		"http://a.bc/d https://a.bc www.a.bc http://localhost"},
	    {"[a]\n\n[a]: tg://user?id=12", "a | text_link 0+1=tg://user?id=12"},
	    {"[](http://a.bc)", "http://a.bc"},
	};

	(void)state;
	CHECK(MARKUP_MARKDOWN, cases);
}

static void markdown_blocks(void **state)
{
	static const struct parse_case cases[] = {
	    {"# A *b*\ntext\n\nSetext\n===\n***\nend",
		"A b\n\ntext\n\nSetext\n\n\xe2\x80\x94\xe2\x80\x94\xe2\x80\x94\xe2\x80\x94\xe2\x80\x94"
		"\xe2\x80\x94\n\nend | bold 0+3, italic 2+1, bold 11+6"},
	    {"```c foo\nint\tx;\n\n  y\n```\nz", "int     x;\n\n  y\n\nz | pre 0+15=c"},
	    {"    a\n\n    b\n", "a\n\nb | pre 0+4"},
	    {"> q **b**\nlazy\n\nx", "q b\nlazy\n\nx | blockquote 0+8, bold 2+1"},
	    {"> a\n>> b\n>> c\n>\n> d", "a\n\n> b\n> c\n\nd | blockquote 0+13"},
	    {"> > a\n> - b", "> a\n\n\xe2\x80\xa2 b | blockquote 0+8"},
	    {"> ```\n> a\n> ```", "a | blockquote 0+1, pre 0+1"},
	    {"```\n```", ""},
	};

	(void)state;
	CHECK(MARKUP_MARKDOWN, cases);
}

static void markdown_lists(void **state)
{
	static const struct parse_case cases[] = {
	    {"a\n- b\n- c\n\nd", "a\n\n\xe2\x80\xa2 b\n\xe2\x80\xa2 c\n\nd"},
	    {"7. a\n8. b\n   c\n   - d\n     e\n", "7. a\n8. b\n   c\n   \xe2\x97\xa6 d\n     e"},
	    {"- [x] a\n- [ ] b", "\xe2\x98\x91 a\n\xe2\x98\x90 b"},
	    {"- a\n\n  b\n- c", "\xe2\x80\xa2 a\n\n  b\n\n\xe2\x80\xa2 c"},
	    {"- - a\n  - b\n- ", "\xe2\x80\xa2 \xe2\x97\xa6 a\n  \xe2\x97\xa6 b\n\xe2\x80\xa2"},
	    {"- > q\n- ```\n  c\n  ```\n- # h\n",
		"\xe2\x80\xa2 q\n\xe2\x80\xa2 c\n\xe2\x80\xa2 h | blockquote 2+1, pre 6+1, bold 10+1"},
	};

	(void)state;
	CHECK(MARKUP_MARKDOWN, cases);
}

static void markdown_tables(void **state)
{
	static const struct parse_case cases[] = {
	    {"|a|b|\n|---|--:|\n|longer|1|\n|[x](http://a.b)|`c`|\n\nend",
		"a              | b\n---------------+--\nlonger         | 1\nx (http://a.b) | c\n\nend"
		" | pre 0+75"},
	    {"|a|b|\n|:-:|---|\n|123|", " a  | b\n----+--\n123 | | pre 0+21"},
	};

	(void)state;
	CHECK(MARKUP_MARKDOWN, cases);
}

static void html(void **state)
{
	static const struct parse_case cases[] = {
	    {"<b>a</b><strong>b</strong> <i>c</i> <em>d</em>", "ab c d | bold 0+2, italic 3+1, italic 5+1"},
	    {"<U>a</U> <ins>b</ins> <s>c</s><strike>d</strike><del>e</del>",
		"a b cde | underline 0+1, underline 2+1, strikethrough 4+3"},
	    {"<tg-spoiler>a</tg-spoiler> <span class=\"tg-spoiler\">b</span> <span class=x>c</span>",
		"a b <span class=x>c</span> | spoiler 0+1, spoiler 2+1"},
	    {"<a href='http://a.b?c&amp;d'>t</a> <a href=\"nope\">u</a> <a>v</a>",
		"t u (nope) <a>v</a> | text_link 0+1=http://a.b?c&d"},
	    {"<pre>a\tb</pre> <code>c</code> <pre><code class=\"language-c\">d</code></pre>",
		"a       b c d | pre 0+9, code 10+1, pre 12+1=c"},
	    {"<pre> <code class=\"language-c\">d</code></pre>", " d | pre 0+2"},
	    {"<blockquote>a<b>b</b></blockquote><blockquote expandable>c</blockquote>",
		"abc | blockquote 0+2, bold 1+1, expandable_blockquote 2+1"},
	    {"<tg-emoji emoji-id=\"5368\">\xf0\x9f\x91\x8d</tg-emoji> <tg-emoji emoji-id=x>y</tg-emoji>",
		"\xf0\x9f\x91\x8d <tg-emoji emoji-id=x>y</tg-emoji> | custom_emoji 0+2=5368"},
	    {"a<br>b<br/>c<BR />d", "a\nb\nc\nd"},
	    {"&lt;b&gt; &amp;amp; &quot;&#65;&#x1F600; &nbsp;&hellip; &bogus; &lt &amp &copy",
		"<b> &amp; \"A\xf0\x9f\x98\x80 \xc2\xa0\xe2\x80\xa6 &bogus; < & &copy"},
	};

	(void)state;
	CHECK(MARKUP_HTML, cases);
}

/* Telegram would refuse each of these. */
static void html_broken(void **state)
{
	static const struct parse_case cases[] = {
	    {"1 < 2 > 1 & <", "1 < 2 > 1 & <"},
	    {"<b>open <i>x</i>", "<b>open x | italic 8+1"},
	    {"x</b></>", "x</b></>"},
	    {"<i>a<b>b</i>c</b>", "a<b>bc</b> | italic 0+5"},
	    {"<p>x</p><b/>y<script>alert(1)</script>", "<p>x</p><b/>y<script>alert(1)</script>"},
	    {"<b", "<b"},
	    {"<a href=\"x<b>y</b>", "<a href=\"xy | bold 10+1"},
	    {"<a href='http://a.b'", "<a href='http://a.b'"},
	    {"<b ===><i a b='\">'>x</i></b>", "x | bold 0+1, italic 0+1"},
	    {"<B>x</b>", "x | bold 0+1"},
	};

	(void)state;
	CHECK(MARKUP_HTML, cases);
}

static void urls(void **state)
{
	static const char *const good[] = {"http://a.b", "HTTPS://A.B:8443/x?y#z", "a.b", "http://u:p@a.b/",
	    "http://[::1]:80/", "http://\xc3\xa4.de", "http://%41.b", "tg:resolve?domain=x", "tg://user?id=1",
	    "ton://abc", "http://a..b", "http://a.b?x"};
	static const char *const bad[] = {"", "http://localhost/x", "mailto:a@b.c", "ftp://a.b",
	    "http://a.b:0", "http://a.b:99999", "http://[::1", "http://a b.c", "tg://x.y", "tel:+49",
	    "http://.", "//a.b", "http:a.b", "javascript:x.y", "tg://", "http://%4.b", "http://a@b.c@d.e",
	    "http://a.b:"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(markup_is_url(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(markup_is_url(bad[i]));
}

/* Depth and size cost time and memory in proportion, whatever is nested in what. */
static void hostile(void **state)
{
	static const char *const pieces[] = {"> ", "- ", "<b>", "</b>", "<a href='", "*", "[", "![",
	    "|a|\n|-|\n", "`", "1. ", "<!--", "&", "[a](", "~~", "**a ", "<pre><code class=\"language-x\">",
	    "\t", "\xff"};
	enum { SIZE = 200000 };
	struct buf source = BUF_INIT(2 * SIZE);

	(void)state;
	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		buf_clear(&source);
		while (source.len < SIZE)
			buf_add_text(&source, pieces[i]);
		for (int format = MARKUP_TEXT; format <= MARKUP_PRE; format++) {
			struct rich rich, *parts;

			markup_parse((enum markup_format)format, source.data, source.len, NULL, &rich);
			rich_parts_free(parts, rich_split(&rich, 1024, 4096, 1000, &parts));
			rich_free(&rich);
		}
	}
	buf_free(&source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(formats),
	    cmocka_unit_test(text),
	    cmocka_unit_test(pre),
	    cmocka_unit_test(markdown_spans),
	    cmocka_unit_test(markdown_links),
	    cmocka_unit_test(markdown_blocks),
	    cmocka_unit_test(markdown_lists),
	    cmocka_unit_test(markdown_tables),
	    cmocka_unit_test(html),
	    cmocka_unit_test(html_broken),
	    cmocka_unit_test(urls),
	    cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
