/* What is given up must be gone for the children, too, and not come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"

static int wait_for(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int no_new_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
}

/* In a process of its own: it is for good. */
static void children_have_it_too(void **state)
{
	struct error error;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int before = no_new_privileges();

		if (confine_no_new_privileges(&error) != 0 || confine_no_new_privileges(&error) != 0)
			_exit(10);
		pid = fork();
		if (pid == 0)
			_exit(no_new_privileges());
		_exit(before == 0 && wait_for(pid) == 1 && no_new_privileges() == 1 ? 0 : 11);
	}
	assert_int_equal(wait_for(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(children_have_it_too)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
