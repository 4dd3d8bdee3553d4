#include "child_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"

/* One directory for each supervisor, below the one that it was born in, locked as long as it lives. */
#define NAME_START "tgtools-"

/* Reads a small file of the kernel's into text; false where it is not there. */
static bool read_small(const char *path, char *text, size_t size_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size_bytes - 1);

	fd_close(&fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* Our own group in the hierarchy of version 2, as "/...": the line "0::PATH" (cgroups(7)). */
static const char *own_group(char *text, size_t size_bytes)
{
	char *line = read_small("/proc/self/cgroup", text, size_bytes) ? text : NULL;

	while (line != NULL && strncmp(line, "0::/", 4) != 0) {
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	if (line == NULL)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return line + 3;
}

/* Where systemd mounts that hierarchy: alone, or beside those of version 1. */
static int open_own_group(void)
{
	static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	char text[PATH_MAX], path[PATH_MAX + 64];
	const char *group = own_group(text, sizeof text);

	for (size_t i = 0; group != NULL && i < sizeof mounts / sizeof mounts[0]; i++) {
		int fd;

		snprintf(path, sizeof path, "%s%s", mounts[i], group);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && faccessat(fd, "cgroup.kill", F_OK, 0) == 0)
			return fd;
		/* The root has no cgroup.kill, but what is made in it has. */
		if (fd >= 0 && strcmp(group, "/") == 0 && faccessat(fd, "cgroup.procs", F_OK, 0) == 0)
			return fd;
		fd_close(&fd);
	}
	return -1;
}

static bool write_word(int directory, const char *name, const char *word)
{
	int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word);

	fd_close(&fd);
	return done;
}

/* Ends and removes what supervisors left that were killed: nobody holds the lock. */
static void remove_stale(int parent)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (stream == NULL) {
		fd_close(&copy);
		return;
	}
	while ((entry = readdir(stream)) != NULL) {
		int fd = -1;

		if (strncmp(entry->d_name, NAME_START, sizeof NAME_START - 1) == 0)
			fd = openat(parent, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
			(void)write_word(fd, "cgroup.kill", "1");
			(void)unlinkat(parent, entry->d_name, AT_REMOVEDIR);
		}
		fd_close(&fd);
	}
	closedir(stream);
}

void child_cgroup_enter(struct child_cgroup *group)
{
	*group = (struct child_cgroup){.parent = open_own_group(), .own = -1};
	if (group->parent < 0)
		return;
	remove_stale(group->parent);
	snprintf(group->name, sizeof group->name, NAME_START "%ld", (long)getpid());
	if (mkdirat(group->parent, group->name, 0755) == 0)
		group->own = openat(group->parent, group->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group->own >= 0 && flock(group->own, LOCK_EX | LOCK_NB) == 0 &&
	    faccessat(group->own, "cgroup.kill", W_OK, 0) == 0 && write_word(group->own, "cgroup.procs", "0"))
		return;
	child_cgroup_leave(group);
}

bool child_cgroup_kill(const struct child_cgroup *group)
{
	bool done;

	if (group->own < 0 || !write_word(group->parent, "cgroup.procs", "0"))
		return false;
	done = write_word(group->own, "cgroup.kill", "1");
	return write_word(group->own, "cgroup.procs", "0") && done;
}

void child_cgroup_leave(struct child_cgroup *group)
{
	if (group->own >= 0)
		(void)write_word(group->parent, "cgroup.procs", "0");
	if (group->parent >= 0)
		(void)unlinkat(group->parent, group->name, AT_REMOVEDIR);
	fd_close(&group->own);
	fd_close(&group->parent);
}
