#include "accounts.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "xalloc.h"

/* The configuration names few. */
enum { GROUPS_MAX = 256 };

/* One look-up and what came of it. The place of a name is its hash, so a name may push another one out. */
struct answer {
	char *name; /* NULL: none */
	int64_t until_ms, since_ms;
	bool failed;
	struct error error;
};

struct known_account {
	struct answer answer;
	struct account account;
	gid_t *groups; /* NULL: not asked for yet */
	size_t groups_count;
};

struct known_group {
	struct answer answer;
	gid_t gid;
};

struct accounts {
	const struct accounts_system *system;
	struct known_account accounts[ACCOUNTS_MAX];
	struct known_group groups[GROUPS_MAX];
};

static bool is_shut_now(const char *name)
{
	return account_is_shut(name, clock_wall_ms());
}

static const struct accounts_system this_system = {
    .account = account_by_name, .is_shut = is_shut_now, .groups = account_groups, .group = group_by_name};

struct accounts *accounts_new(const struct accounts_system *system)
{
	struct accounts *accounts = xcalloc(1, sizeof *accounts);

	accounts->system = system != NULL ? system : &this_system;
	return accounts;
}

void accounts_free(struct accounts *accounts)
{
	if (accounts == NULL)
		return;
	for (size_t i = 0; i < ACCOUNTS_MAX; i++) {
		free(accounts->accounts[i].answer.name);
		free(accounts->accounts[i].groups);
	}
	for (size_t i = 0; i < GROUPS_MAX; i++)
		free(accounts->groups[i].answer.name);
	free(accounts);
}

/* FNV-1a. */
static uint32_t hash(const char *text)
{
	uint32_t result = 2166136261U;

	for (; *text != '\0'; text++)
		result = (result ^ (unsigned char)*text) * 16777619U;
	return result ^ result >> 16;
}

/* A time before the look-up is none that it holds for. */
static bool is_known(const struct answer *answer, const char *name, int64_t now_ms)
{
	return answer->name != NULL && strcmp(answer->name, name) == 0 && now_ms >= answer->since_ms &&
	       now_ms < answer->until_ms;
}

static void remember(struct answer *answer, const char *name, int64_t now_ms, const struct error *error)
{
	char *copy = xstrdup(name);

	free(answer->name);
	*answer = (struct answer){.name = copy, .since_ms = now_ms, .failed = error != NULL};
	if (error != NULL)
		answer->error = *error;
	answer->until_ms =
	    now_ms + (error != NULL && error->kind == ERROR_TEMPORARY ? ACCOUNTS_RETRY_MS : ACCOUNTS_KEEP_MS);
}

static int look_up(
    const struct accounts_system *system, const char *name, struct account *account, struct error *error)
{
	if (system->account(name, account, error) != 0)
		return -1;
	if (account->no_shell || system->is_shut(name))
		return error_set(error, ERROR_DENIED, "the account %s is locked", name);
	return 0;
}

static struct known_account *find_account(struct accounts *accounts, const char *name, int64_t now_ms)
{
	struct known_account *known = &accounts->accounts[hash(name) % ACCOUNTS_MAX];
	struct error error;
	int result;

	if (is_known(&known->answer, name, now_ms))
		return known;
	free(known->groups);
	known->groups = NULL;
	result = look_up(accounts->system, name, &known->account, &error);
	remember(&known->answer, name, now_ms, result != 0 ? &error : NULL);
	return known;
}

static const struct known_group *find_group(struct accounts *accounts, const char *name, int64_t now_ms)
{
	struct known_group *known = &accounts->groups[hash(name) % GROUPS_MAX];
	struct error error;
	int result;

	if (is_known(&known->answer, name, now_ms))
		return known;
	result = accounts->system->group(name, &known->gid, &error);
	remember(&known->answer, name, now_ms, result != 0 ? &error : NULL);
	return known;
}

int accounts_find(
    struct accounts *accounts, const char *name, int64_t now_ms, struct account *account, struct error *error)
{
	const struct known_account *known = find_account(accounts, name, now_ms);

	if (known->answer.failed) {
		*error = known->answer.error;
		return -1;
	}
	*account = known->account;
	return 0;
}

/* -1: not known; 0: there is none. */
static int verdict_of(const struct answer *answer)
{
	if (!answer->failed)
		return 1;
	return answer->error.kind == ERROR_TEMPORARY ? -1 : 0;
}

static bool is_member(const struct known_account *account, gid_t gid)
{
	if (account->account.gid == gid)
		return true;
	for (size_t i = 0; i < account->groups_count; i++) {
		if (account->groups[i] == gid)
			return true;
	}
	return false;
}

int accounts_in_group(struct accounts *accounts, const char *name, const char *group, int64_t now_ms)
{
	struct known_account *account = find_account(accounts, name, now_ms);
	const struct known_group *known;

	if (account->answer.failed)
		return verdict_of(&account->answer);
	known = find_group(accounts, group, now_ms);
	if (known->answer.failed)
		return verdict_of(&known->answer);
	if (account->groups == NULL)
		accounts->system->groups(&account->account, &account->groups, &account->groups_count);
	return is_member(account, known->gid);
}

int accounts_in_list(
    struct accounts *accounts, const char *name, char *const *items, size_t count, int64_t now_ms)
{
	int verdict = 0;

	for (size_t i = 0; i < count; i++) {
		int found = items[i][0] == '%' ? accounts_in_group(accounts, name, items[i] + 1, now_ms)
					       : strcmp(items[i], name) == 0;

		if (found == 1)
			return 1;
		if (found < 0)
			verdict = -1;
	}
	return verdict;
}
