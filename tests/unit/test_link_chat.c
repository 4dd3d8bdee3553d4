/*
 * Which messages are taken for one with a key, and so are deleted: one that is missed leaves a key where
 * others read it. Then what is read from them, and from the answers of a key service.
 */
#include "tg-dispatch/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* 20, 100 and 101 characters, and one as tg-link makes them. */
#define KEY20 "ABCDEFGHIJ_-01234567"
#define KEY100 KEY20 KEY20 KEY20 KEY20 KEY20
#define OWN_KEY "tgk_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
#define TOKEN "abcdefghijklmnopqrstuvwxyz-_0123"

static bool carries(enum update_kind kind, enum update_chat_type where, const char *text, const char *caption)
{
	struct update update = {
	    .kind = kind, .chat_type = where, .is_content = true, .text = text, .caption = caption};

	return link_carries_key(&update, "OurBot");
}

static void a_key_is_seen_whatever_stands_around_it(void **state)
{
	static const struct {
		const char *text;
		bool in_private, in_group;
	} cases[] = {
	    {"/link " KEY20, true, true},
	    {"/LINK " KEY20, true, true},
	    {"/link\n" KEY20, true, true},
	    {"/link\t\r\n " KEY20, true, true},
	    {"/link " KEY20 " and more\nwords", true, true},
	    {"/link no-key", true, true},
	    {"/link <" KEY20 ">", true, true},
	    {"/link:" KEY20, true, true},
	    {"/link\xc2\xa0" KEY20, true, true},
	    {"/link@OurBot " KEY20, true, true},
	    {"/link@OURBOT\n" KEY20, true, true},
	    {"/link@OurBot:" KEY20, true, true},
	    {"/link@ " KEY20, true, false},
	    {"/link@OtherBot " KEY20, true, false},
	    {OWN_KEY, true, true},
	    {OWN_KEY "x", true, true},
	    {"tgk_? My key:\xe2\x80\x8b" OWN_KEY ".", true, true},
	    {"/start " OWN_KEY, true, true},
	    {"/status@OtherBot " OWN_KEY, true, true},
	    {"/link@OtherBot " OWN_KEY, true, false},
	    {"tgk_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP tgk_", false, false},
	    {"/link", false, false},
	    {"/link \n", false, false},
	    {"/link@OurBot", false, false},
	    {"/linked " KEY20, false, false},
	    {"/links", false, false},
	    {"/start " KEY20, false, false},
	    {"link " KEY20, false, false},
	    {"", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = cases[i].text;

		for (enum update_kind kind = UPDATE_MESSAGE; kind <= UPDATE_OTHER; kind++) {
			bool is_message = kind == UPDATE_MESSAGE || kind == UPDATE_EDITED;

			if (carries(kind, CHAT_PRIVATE, text, NULL) != (is_message && cases[i].in_private) ||
			    carries(kind, CHAT_PRIVATE, NULL, text) != (is_message && cases[i].in_private) ||
			    carries(kind, CHAT_GROUP, text, NULL) != (is_message && cases[i].in_group) ||
			    carries(kind, CHAT_GROUP, NULL, text) != (is_message && cases[i].in_group) ||
			    carries(kind, CHAT_OTHER, text, NULL))
				fail_msg("%s, kind %d", text, kind);
		}
	}
	assert_false(carries(UPDATE_MESSAGE, CHAT_PRIVATE, NULL, NULL));
}

static void a_key_is_seen_in_a_text_with_its_form(void **state)
{
	struct update update = {.kind = UPDATE_MESSAGE, .chat_type = CHAT_GROUP};
	char key[LINK_KEY_BYTES];

	(void)state;
	update.rich = json_tokener_parse(
	    "{\"blocks\":[{\"type\":\"paragraph\",\"text\":[\"my key: \",{\"text\":\"" OWN_KEY "\"},7]}]}");
	assert_true(link_carries_key(&update, "OurBot"));
	assert_false(link_find_key(NULL, key));
	json_object_put(update.rich);
	update.rich = json_tokener_parse("{\"blocks\":[{\"text\":\"/link tgk_\"}]}");
	assert_false(link_carries_key(&update, "OurBot"));
	json_object_put(update.rich);
}

/* What hides behind a channel, or speaks as one, is shown as a bot. */
static void a_key_goes_before_any_other_route(void **state)
{
	struct command_table none = {.rows = NULL};
	struct update update = {
	    .kind = UPDATE_EDITED, .chat_type = CHAT_GROUP, .from_bot = true, .caption = "/link " KEY20};

	(void)state;
	assert_ptr_equal(route_update(&none, &update, "OurBot").command, &link_key_row);
	update.caption = NULL;
	assert_int_equal(route_update(&none, &update, "OurBot").kind, ROUTE_NOTHING);
}

static void a_key_has_20_to_100_characters_and_stands_alone(void **state)
{
	static const struct {
		const char *text, *key;
	} cases[] = {
	    {"/link " KEY20, KEY20},
	    {"/link@any_bot \n " KEY20 " \n", KEY20},
	    {"/link " KEY100, KEY100},
	    {OWN_KEY, OWN_KEY},
	    {"/link " KEY100 "x", NULL},
	    {"/link ABCDEFGHIJ_-0123456", NULL},
	    {"/link " KEY20 " " KEY20, NULL},
	    {"/link " KEY20 ".", NULL},
	    {"/link " KEY20 "\xc3\xa4", NULL},
	    {"/link:" KEY20, NULL},
	    {"/link", NULL},
	    {"/links " KEY20, NULL},
	    {OWN_KEY "x", NULL},
	    {"my key: " OWN_KEY, NULL},
	    {"/start " OWN_KEY, NULL},
	};
	char key[LINK_KEY_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool found = link_find_key(cases[i].text, key);

		if (found != (cases[i].key != NULL) || (found && strcmp(key, cases[i].key) != 0))
			fail_msg("%s", cases[i].text);
	}
}

static void a_token_is_what_start_carries(void **state)
{
	static const struct {
		const char *text;
		bool found;
	} cases[] = {{"/start " TOKEN, true}, {"/START@OurBot\n" TOKEN " ", true}, {"/start", false},
	    {"/start " TOKEN "x", false}, {"/start ref=7", false}, {"/start " TOKEN " " TOKEN, false},
	    {"/start abcdefghijklmnopqrstuvwxyz-_012!", false}, {"/link " TOKEN, false}, {TOKEN, false}};
	char token[STORE_START_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (link_find_token(cases[i].text, token) != cases[i].found)
			fail_msg("%s", cases[i].text);
		assert_true(!cases[i].found || strcmp(token, TOKEN) == 0);
	}
	assert_false(link_find_token(NULL, token));
}

/* What is kept of an update is shown to people; it may stand in what was answered, or in the address of a
 * button. */
static void a_secret_is_found_wherever_in_an_update_it_stands(void **state)
{
	static const char *const secrets[] = {
	    "/link " KEY20, OWN_KEY, "see " OWN_KEY, "/start " TOKEN, "https://t.me/OurBot?start=" TOKEN};
	static const char *const innocent[] = {
	    "/link", "/start ref=7", "https://t.me/OurBot?start=7", "tgk_"};
	static const char *const places[][2] = {{"{\"message\":{\"text\":\"", "\"}}"},
	    {"{\"edited_message\":{\"caption\":\"", "\"}}"},
	    {"{\"message\":{\"text\":\"hm\",\"reply_to_message\":{\"text\":\"", "\"}}}"},
	    {"{\"callback_query\":{\"message\":{\"entities\":[{\"url\":\"", "\"}]}}}"},
	    {"{\"of_next_year\":[[\"", "\"]]}"}};

	(void)state;
	for (size_t i = 0; i < COUNT(places) * (COUNT(secrets) + COUNT(innocent)); i++) {
		size_t place = i % COUNT(places), which = i / COUNT(places);
		bool is_secret = which < COUNT(secrets);
		const char *word = is_secret ? secrets[which] : innocent[which - COUNT(secrets)];
		struct json_object *update;
		char text[400];

		snprintf(text, sizeof text, "%s%s%s", places[place][0], word, places[place][1]);
		update = json_tokener_parse(text);
		if (link_holds_secret(update) != is_secret)
			fail_msg("%s", text);
		json_object_put(update);
	}
}

/* A service that is away is never one that says no, and a name that is none never reaches the system. */
static void an_answer_of_a_key_service_is_a_user_a_no_or_nothing(void **state)
{
	static const struct {
		const char *answer;
		enum link_word word;
	} cases[] = {
	    {"{'status':200,'body':{'username':'alice'}}", LINK_WORD_USER},
	    {"{'status':200,'body':{'user':'alice','role':'x'}}", LINK_WORD_USER},
	    {"{'status':200,'body':{'username':'alice','user':'bob'}}", LINK_WORD_USER},
	    {"{'status':401,'body':{'error':'no'}}", LINK_WORD_INVALID},
	    {"{'status':403,'body':'no'}", LINK_WORD_INVALID},
	    {"{'status':404,'body':{}}", LINK_WORD_INVALID},
	    /* The page of a proxy whose service is gone, or which does not let us through. */
	    {"{'status':401}", LINK_WORD_AWAY},
	    {"{'status':404,'text':'<html>'}", LINK_WORD_AWAY},
	    {"{'status':400,'body':{'username':'alice'}}", LINK_WORD_AWAY},
	    {"{'status':201,'body':{'username':'alice'}}", LINK_WORD_AWAY},
	    {"{'status':302}", LINK_WORD_AWAY},
	    {"{'status':500,'body':{'username':'alice'}}", LINK_WORD_AWAY},
	    {"{'failure':'timed out'}", LINK_WORD_AWAY},
	    {"{'status':200,'text':'alice'}", LINK_WORD_AWAY},
	    {"{'status':200,'body':['alice']}", LINK_WORD_AWAY},
	    {"{'status':200,'body':'alice'}", LINK_WORD_AWAY},
	    {"{'status':200,'body':{}}", LINK_WORD_AWAY},
	    {"{'status':200,'body':{'username':7}}", LINK_WORD_AWAY},
	    {"{'status':200,'body':{'username':''}}", LINK_WORD_AWAY},
	    {"{'status':200,'body':{'username':'../root'}}", LINK_WORD_AWAY},
	    {"{'status':200,'body':{'username':'alice\\u0000x'}}", LINK_WORD_AWAY},
	    {"{'status':200,'body':{'username':null,'user':'alice'}}", LINK_WORD_USER},
	    {"{'status':200,'body':{'username':'-alice'}}", LINK_WORD_AWAY},
	    {"{'status':200,'body':{'username':'al ice'}}", LINK_WORD_AWAY},
	    {"{'status':200,'body':{'username':"
	     "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}",
		LINK_WORD_AWAY},
	    {"{}", LINK_WORD_AWAY},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *json = strdup(cases[i].answer), user[STORE_USER_BYTES] = "";
		struct json_object *answer;
		enum link_word word;

		for (char *quote = json; (quote = strchr(quote, '\'')) != NULL;)
			*quote = '"';
		answer = json_tokener_parse(json);
		word = link_read_answer(answer, user);
		if (word != cases[i].word || strcmp(user, word == LINK_WORD_USER ? "alice" : "") != 0)
			fail_msg("%s", cases[i].answer);
		json_object_put(answer);
		free(json);
	}
	assert_int_equal(link_read_answer(NULL, NULL), LINK_WORD_AWAY);
}

static void a_deletion_says_what_to_do_where_it_fails(void **state)
{
	struct config silent = {
	    .texts = &(struct config_text){.name = "link_undeleted", .text = ""}, .texts_count = 1};
	struct config config = {
	    .texts = &(struct config_text){.name = "link_undeleted", .text = "do it"}, .texts_count = 1};
	struct update update = {.chat = -5, .thread = 3, .message_id = 7};
	struct json_object *calls = json_object_new_array();
	struct error error;

	(void)state;
	assert_int_equal(link_delete(calls, &update, &config, &error), 0);
	assert_int_equal(link_delete(calls, &update, &silent, &error), 0);
	assert_string_equal(json_line(calls),
	    "[{\"method\":\"deleteMessage\",\"chat_id\":-5,\"message_id\":7,\"tgtools\":{\"otherwise\":"
	    "{\"method\":\"sendMessage\",\"chat_id\":-5,\"message_thread_id\":3,\"text\":\"do it\"}}},"
	    "{\"method\":\"deleteMessage\",\"chat_id\":-5,\"message_id\":7}]");
	json_object_put(calls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_is_seen_whatever_stands_around_it),
	    cmocka_unit_test(a_key_is_seen_in_a_text_with_its_form),
	    cmocka_unit_test(a_key_goes_before_any_other_route),
	    cmocka_unit_test(a_key_has_20_to_100_characters_and_stands_alone),
	    cmocka_unit_test(a_token_is_what_start_carries),
	    cmocka_unit_test(a_secret_is_found_wherever_in_an_update_it_stands),
	    cmocka_unit_test(an_answer_of_a_key_service_is_a_user_a_no_or_nothing),
	    cmocka_unit_test(a_deletion_says_what_to_do_where_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
