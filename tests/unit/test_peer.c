/*
 * Every right that tg-sendd grants rests on these answers: a wrong uid, or a group that matches by
 * accident, would let one account speak for another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "peer.h"

static void uid_of_a_pair(void **state)
{
	uid_t uid = (uid_t)-1;
	struct error error;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(peer_uid(pair[0], &uid, &error), 0);
	assert_int_equal(uid, geteuid());
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void not_connected(void **state)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), file = dup(STDERR_FILENO);
	uid_t uid = 7;
	struct error error = {0};

	(void)state;
	assert_int_equal(peer_uid(fd, &uid, &error), -1);
	assert_int_equal(peer_uid(file, &uid, &error), -1);
	assert_int_equal(uid, 7);
	fd_close(&fd);
	fd_close(&file);
}

static void known_accounts(void **state)
{
	struct account root, again;
	struct error error;

	(void)state;
	assert_int_equal(account_by_uid(0, &root, &error), 0);
	assert_string_equal(root.name, "root");
	assert_string_equal(root.home, "/root");
	assert_int_equal(account_by_name("root", &again, &error), 0);
	assert_int_equal(again.uid, 0);
}

static void unknown_accounts(void **state)
{
	struct account account = {.uid = 7};
	struct error error;
	char name[400];

	(void)state;
	assert_int_equal(account_by_uid(4000000000U, &account, &error), -1);
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_string_equal(error.text, "there is no account uid 4000000000");
	assert_int_equal(account_by_name("no-such-account", &account, &error), -1);
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_int_equal(account_by_name("", &account, &error), -1);
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(account_by_name(name, &account, &error), -1);
	assert_int_equal(account.uid, 7);
}

static void groups(void **state)
{
	struct account root, daemon;
	struct error error;

	(void)state;
	assert_int_equal(account_by_name("root", &root, &error), 0);
	assert_int_equal(account_by_name("daemon", &daemon, &error), 0);
	assert_true(account_in_group(&root, "root"));
	assert_true(account_in_group(&daemon, "daemon"));
	assert_false(account_in_group(&daemon, "root"));
	assert_false(account_in_group(&daemon, "no-such-group"));
	assert_false(account_in_group(&daemon, ""));
}

/* The first membership in the group file, whoever has it. */
static void secondary_group(void **state)
{
	struct account account;
	struct error error;
	struct group *entry;
	char name[ACCOUNT_NAME_BYTES] = "", group[ACCOUNT_NAME_BYTES] = "";

	(void)state;
	setgrent();
	while (name[0] == '\0' && (entry = getgrent()) != NULL) {
		if (entry->gr_mem[0] == NULL || account_by_name(entry->gr_mem[0], &account, &error) != 0)
			continue;
		strncpy(name, entry->gr_mem[0], sizeof name - 1);
		strncpy(group, entry->gr_name, sizeof group - 1);
	}
	endgrent();
	if (name[0] == '\0')
		skip();
	assert_int_equal(account_by_name(name, &account, &error), 0);
	assert_true(account_in_group(&account, group));
}

static void names_of_groups(void **state)
{
	char *name = group_name(0);

	(void)state;
	assert_string_equal(name, "root");
	free(name);
	name = group_name(4294967290);
	assert_string_equal(name, "4294967290");
	free(name);
}

static void lists(void **state)
{
	char *by_name[] = {"alice", "root"}, *by_group[] = {"%root"}, *neither[] = {"%daemon", "roo", "%"};
	struct account root;
	struct error error;

	(void)state;
	assert_int_equal(account_by_name("root", &root, &error), 0);
	assert_true(account_in_list(&root, by_name, 2));
	assert_true(account_in_list(&root, by_group, 1));
	assert_false(account_in_list(&root, neither, 3));
	assert_false(account_in_list(&root, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uid_of_a_pair),
	    cmocka_unit_test(not_connected),
	    cmocka_unit_test(known_accounts),
	    cmocka_unit_test(unknown_accounts),
	    cmocka_unit_test(groups),
	    cmocka_unit_test(secondary_group),
	    cmocka_unit_test(names_of_groups),
	    cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
