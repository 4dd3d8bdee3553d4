/* Access rests on what is remembered here: too long, and who was shut out is still in. */
#include "tg-dispatch/accounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xalloc.h"

/* The system as the test wants it. */
static struct {
	int asked_account, asked_groups, asked_group;
	bool away, gone, no_shell, shut, in_ops, groups_away;
} fake;

static int fake_account(const char *name, struct account *account, struct error *error)
{
	fake.asked_account++;
	if (fake.away)
		return error_set(error, ERROR_TEMPORARY, "cannot look up the account %s", name);
	if (fake.gone)
		return error_set(error, ERROR_DENIED, "there is no account %s", name);
	*account = (struct account){.uid = 1000, .gid = 100, .no_shell = fake.no_shell};
	snprintf(account->name, sizeof account->name, "%s", name);
	return 0;
}

static bool fake_is_shut(const char *name)
{
	(void)name;
	return fake.shut;
}

static void fake_groups(const struct account *account, gid_t **groups, size_t *count)
{
	fake.asked_groups++;
	*groups = xcalloc(2, sizeof **groups);
	(*groups)[0] = account->gid;
	(*groups)[1] = 50;
	*count = fake.in_ops ? 2 : 1;
}

static int fake_group(const char *name, gid_t *gid, struct error *error)
{
	fake.asked_group++;
	if (fake.groups_away)
		return error_set(error, ERROR_TEMPORARY, "cannot look up the group %s", name);
	if (strcmp(name, "ops") != 0 && strcmp(name, "people") != 0)
		return error_set(error, ERROR_DENIED, "there is no group %s", name);
	*gid = strcmp(name, "ops") == 0 ? 50 : 100;
	return 0;
}

static const struct accounts_system fake_system = {
    .account = fake_account, .is_shut = fake_is_shut, .groups = fake_groups, .group = fake_group};

static int set_up(void **state)
{
	memset(&fake, 0, sizeof fake);
	*state = accounts_new(&fake_system);
	return 0;
}

static int tear_down(void **state)
{
	accounts_free(*state);
	return 0;
}

static void an_account_is_asked_for_once_in_seconds(void **state)
{
	struct account account = {.uid = 0};
	struct error error;

	for (int64_t now_ms = 1000; now_ms < 6000; now_ms += 10) {
		assert_int_equal(accounts_find(*state, "anna", now_ms, &account, &error), 0);
		assert_int_equal(account.uid, 1000);
	}
	assert_int_equal(fake.asked_account, 1);
	assert_int_equal(accounts_find(*state, "anna", 6000, &account, &error), 0);
	assert_int_equal(fake.asked_account, 2);
	/* Another name is another account. */
	assert_int_equal(accounts_find(*state, "bert", 6000, &account, &error), 0);
	assert_string_equal(account.name, "bert");
}

static void an_account_that_goes_is_gone_in_seconds(void **state)
{
	bool *const ways[] = {&fake.gone, &fake.no_shell, &fake.shut};
	struct account account;
	struct error error = {0};

	for (int64_t i = 0; i < 3; i++) {
		int64_t now_ms = 100000 * i;

		assert_int_equal(accounts_find(*state, "anna", now_ms, &account, &error), 0);
		*ways[i] = true;
		assert_int_equal(accounts_find(*state, "anna", now_ms + 5000, &account, &error), -1);
		assert_int_equal(error.kind, ERROR_DENIED);
		assert_non_null(strstr(error.text, i == 0 ? "no account anna" : "anna is locked"));
		*ways[i] = false;
		assert_int_equal(accounts_find(*state, "anna", now_ms + 10000, &account, &error), 0);
	}
}

static void a_group_that_is_left_is_lost_in_seconds(void **state)
{
	fake.in_ops = true;
	for (int64_t now_ms = 0; now_ms < 5000; now_ms += 10)
		assert_int_equal(accounts_in_group(*state, "anna", "ops", now_ms), 1);
	assert_int_equal(fake.asked_groups, 1);
	assert_int_equal(fake.asked_group, 1);
	fake.in_ops = false;
	assert_int_equal(accounts_in_group(*state, "anna", "ops", 5000), 0);
	assert_int_equal(accounts_in_group(*state, "anna", "people", 5000), 1);
	assert_int_equal(accounts_in_group(*state, "anna", "nobody-has-it", 5000), 0);
}

/* Who is refused because a directory is away looks for the fault in the rights of his account. */
static void what_cannot_be_told_is_no_refusal_and_is_asked_again_soon(void **state)
{
	struct account account;
	struct error error = {0};

	fake.away = true;
	assert_int_equal(accounts_find(*state, "anna", 0, &account, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(accounts_in_group(*state, "anna", "ops", 0), -1);
	assert_int_equal(accounts_find(*state, "anna", 999, &account, &error), -1);
	assert_int_equal(fake.asked_account, 1);
	fake.away = false;
	fake.in_ops = true;
	assert_int_equal(accounts_find(*state, "anna", 1000, &account, &error), 0);
	fake.groups_away = true;
	assert_int_equal(accounts_in_group(*state, "anna", "ops", 1000), -1);
	fake.groups_away = false;
	assert_int_equal(accounts_in_group(*state, "anna", "ops", 1999), -1);
	assert_int_equal(accounts_in_group(*state, "anna", "ops", 2000), 1);
	/* Nor is what was known before the trouble taken for what holds now. */
	fake.away = true;
	assert_int_equal(accounts_in_group(*state, "anna", "ops", 6000), -1);
}

static void a_list_holds_accounts_and_groups(void **state)
{
	char *const by_name[] = {"bert", "anna"}, *const by_group[] = {"bert", "%ops"},
		    *const bare[] = {"ops"};
	char *const both[] = {"%ops", "anna"};

	assert_int_equal(accounts_in_list(*state, "anna", by_name, 2, 0), 1);
	assert_int_equal(accounts_in_list(*state, "anna", by_group, 2, 0), 0);
	assert_int_equal(accounts_in_list(*state, "anna", bare, 1, 0), 0);
	assert_int_equal(accounts_in_list(*state, "anna", NULL, 0, 0), 0);
	fake.in_ops = true;
	assert_int_equal(accounts_in_list(*state, "anna", by_group, 2, 5000), 1);
	fake.groups_away = true;
	assert_int_equal(accounts_in_list(*state, "anna", by_group, 2, 10000), -1);
	assert_int_equal(accounts_in_list(*state, "anna", both, 2, 10000), 1);
}

/* Names that share a place push one another out, and are never taken for one another. */
static void many_names_stay_apart(void **state)
{
	struct account account;
	struct error error;
	char name[32];

	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "user%d", i % 5000);
		assert_int_equal(accounts_find(*state, name, i / 100, &account, &error), 0);
		assert_string_equal(account.name, name);
	}
}

static void a_clock_that_goes_back_keeps_nothing_for_long(void **state)
{
	struct account account;
	struct error error;

	assert_int_equal(accounts_find(*state, "anna", 1000000, &account, &error), 0);
	fake.gone = true;
	assert_int_equal(accounts_find(*state, "anna", 1000, &account, &error), -1);
}

/* With the functions of this system, whose root is never locked and is in its group. */
static void this_system_answers(void **state)
{
	struct accounts *accounts = accounts_new(NULL);
	struct account account;
	struct error error = {0};

	(void)state;
	assert_int_equal(accounts_find(accounts, "root", 0, &account, &error), 0);
	assert_int_equal(account.uid, 0);
	assert_int_equal(accounts_in_group(accounts, "root", "root", 0), 1);
	assert_int_equal(accounts_in_group(accounts, "root", "daemon", 0), 0);
	assert_int_equal(accounts_find(accounts, "no-such-account", 0, &account, &error), -1);
	assert_int_equal(error.kind, ERROR_DENIED);
	/* Debian gives it nologin. */
	assert_int_equal(accounts_find(accounts, "daemon", 0, &account, &error), -1);
	assert_int_equal(error.kind, ERROR_DENIED);
	accounts_free(accounts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_account_is_asked_for_once_in_seconds, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(an_account_that_goes_is_gone_in_seconds, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_group_that_is_left_is_lost_in_seconds, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_cannot_be_told_is_no_refusal_and_is_asked_again_soon, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_list_holds_accounts_and_groups, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(many_names_stay_apart, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_clock_that_goes_back_keeps_nothing_for_long, set_up, tear_down),
	    cmocka_unit_test(this_system_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
