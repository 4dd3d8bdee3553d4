#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"
#include "xalloc.h"

enum { SUSPECTS = 16, MAGIC_BYTES = 16 };

static const char magic[MAGIC_BYTES] = "tgtools guard 1";

struct suspect {
	int64_t update_id;
	int64_t deaths; /* 0: none */
};

/* The file. It is of this machine alone, so numbers are as they are in memory. */
struct record {
	char magic[MAGIC_BYTES];
	int64_t at_hand; /* update id; where is_at_hand */
	int64_t is_at_hand;
	int64_t next; /* the place for the next new suspect: the oldest one's */
	struct suspect suspects[SUSPECTS];
};

struct guard {
	int fd;
	volatile struct record *record; /* written in this order, since a crash reads it */
};

static volatile struct suspect *find(const struct guard *guard, int64_t update_id)
{
	for (size_t i = 0; i < SUSPECTS; i++) {
		volatile struct suspect *suspect = &guard->record->suspects[i];

		if (suspect->deaths > 0 && suspect->update_id == update_id)
			return suspect;
	}
	return NULL;
}

static void accuse(struct guard *guard, int64_t update_id)
{
	volatile struct suspect *suspect = find(guard, update_id);

	if (suspect == NULL) {
		suspect = &guard->record->suspects[guard->record->next];
		suspect->deaths = 0;
		suspect->update_id = update_id;
		guard->record->next = (guard->record->next + 1) % SUSPECTS;
	}
	if (suspect->deaths < INT32_MAX) /* whatever a damaged file says */
		suspect->deaths++;
}

/* Whatever the file held, it can be worked with now. */
static void settle(struct guard *guard)
{
	volatile struct record *record = guard->record;
	bool is_ours = true;

	for (size_t i = 0; i < MAGIC_BYTES; i++)
		is_ours &= record->magic[i] == magic[i];
	if (!is_ours || record->next < 0 || record->next >= SUSPECTS) {
		record->is_at_hand = 0;
		record->next = 0;
		for (size_t i = 0; i < SUSPECTS; i++)
			record->suspects[i].deaths = 0;
		for (size_t i = 0; i < MAGIC_BYTES; i++)
			record->magic[i] = magic[i];
	}
	if (record->is_at_hand != 0)
		accuse(guard, record->at_hand);
	record->is_at_hand = 0;
}

int guard_open(const char *path, struct guard **result, struct error *error)
{
	struct guard guard = {.fd = fd_lock_file(path, 0600, error)};
	void *map;

	if (guard.fd < 0)
		return -1;
	/* Its blocks are there before it is mapped: a full disk would be a SIGBUS later. */
	errno = posix_fallocate(guard.fd, 0, sizeof *guard.record);
	if (errno != 0) {
		error_errno(error, ERROR_CONFIG, "cannot make room for %s", path);
		fd_close(&guard.fd);
		return -1;
	}
	map = mmap(NULL, sizeof *guard.record, PROT_READ | PROT_WRITE, MAP_SHARED, guard.fd, 0);
	if (map == MAP_FAILED) {
		error_errno(error, ERROR_CONFIG, "cannot map %s", path);
		fd_close(&guard.fd);
		return -1;
	}
	guard.record = map;
	settle(&guard);
	*result = xmalloc(sizeof **result);
	**result = guard;
	return 0;
}

void guard_close(struct guard *guard)
{
	if (guard == NULL)
		return;
	guard->record->is_at_hand = 0;
	(void)munmap((void *)guard->record, sizeof *guard->record);
	fd_close(&guard->fd);
	free(guard);
}

int64_t guard_begin(struct guard *guard, int64_t update_id)
{
	volatile struct suspect *suspect;

	if (guard == NULL)
		return 0;
	guard->record->at_hand = update_id;
	guard->record->is_at_hand = 1;
	suspect = find(guard, update_id);
	return suspect != NULL ? suspect->deaths : 0;
}

void guard_end(struct guard *guard, bool handled)
{
	volatile struct suspect *suspect;

	if (guard == NULL)
		return;
	suspect = handled ? find(guard, guard->record->at_hand) : NULL;
	if (suspect != NULL)
		suspect->deaths = 0;
	guard->record->is_at_hand = 0;
}
