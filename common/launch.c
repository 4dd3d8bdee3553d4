#include "launch.h"

#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static int add_actions(posix_spawn_file_actions_t *actions, const struct launch_options *options)
{
	const int fds[] = {options->input, options->output, options->errors};
	int code = 0;

	for (int i = 0; code == 0 && i < 3; i++) {
		if (fds[i] >= 0)
			code = posix_spawn_file_actions_adddup2(actions, fds[i], i);
	}
	if (code == 0 && options->directory != NULL)
		code = posix_spawn_file_actions_addchdir_np(actions, options->directory);
	return code;
}

static int set_attributes(posix_spawnattr_t *attributes, enum launch_place place)
{
	static const short places[] = {
	    [LAUNCH_HERE] = 0, [LAUNCH_GROUP] = POSIX_SPAWN_SETPGROUP, [LAUNCH_SESSION] = POSIX_SPAWN_SETSID};
	sigset_t none, all;
	int code;

	sigemptyset(&none);
	sigfillset(&all);
	code = posix_spawnattr_setsigmask(attributes, &none);
	if (code == 0)
		code = posix_spawnattr_setsigdefault(attributes, &all);
	if (code == 0)
		code = posix_spawnattr_setflags(
		    attributes, (short)(places[place] | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
	return code;
}

int launch(const struct launch_options *options, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int code = posix_spawn_file_actions_init(&actions);

	if (code != 0)
		return code;
	code = posix_spawnattr_init(&attributes);
	if (code == 0) {
		code = add_actions(&actions, options);
		if (code == 0)
			code = set_attributes(&attributes, options->place);
		if (code == 0)
			code = posix_spawn(pid, options->argv[0], &actions, &attributes, options->argv,
			    options->environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return code;
}
