#include "map.h"
#include "buf.h"

#include <stdlib.h>
#include <string.h>

static size_t slot_of(const struct map *m, int64_t key)
{
	uint64_t hash = (uint64_t)key * 0x9e3779b97f4a7c15ULL;
	size_t i = (size_t)(hash >> 32) & (m->cap - 1);

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void *map_get(const struct map *m, int64_t key)
{
	return m->cap ? m->slots[slot_of(m, key)].value : NULL;
}

static void enlarge(struct map *m)
{
	struct map old = *m;

	m->cap = old.cap ? old.cap * 2 : 64;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value)
			m->slots[slot_of(m, old.slots[i].key)] = old.slots[i];
	free(old.slots);
}

void map_put(struct map *m, int64_t key, void *value)
{
	size_t i;

	if ((m->count + 1) * 3 > m->cap * 2)
		enlarge(m);
	i = slot_of(m, key);
	m->slots[i].key = key;
	m->slots[i].value = value;
	m->count++;
}

void map_free(struct map *m)
{
	free(m->slots);
	memset(m, 0, sizeof(*m));
}
