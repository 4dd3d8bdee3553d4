/* A hash table from 64-bit numbers to pointers (open addressing; nothing is ever taken out singly). */
#ifndef SIM_MAP_H
#define SIM_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
	struct map_slot {
		int64_t key;
		void *value; /* NULL: the slot is free */
	} * slots;
	size_t count, cap;
};

void *map_get(const struct map *m, int64_t key);
void map_put(struct map *m, int64_t key, void *value); /* the key must be new, the value not NULL */
void map_free(struct map *m);			       /* the values stay with the caller */

#endif
