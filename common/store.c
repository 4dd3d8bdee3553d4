#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "clock.h"
#include "path.h"
#include "xalloc.h"

enum { RESIDENT_MAX_BYTES = 20 << 20 };

static const char *const table_names[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_INBOX] = "inbox",
    [TABLE_ANSWERS] = "answers",
    [TABLE_LINKS] = "links",
    [TABLE_USER_LINKS] = "user_links",
    [TABLE_CODES] = "codes",
    [TABLE_CHAT_CODES] = "chat_codes",
    [TABLE_TRIES] = "tries",
    [TABLE_COOLDOWNS] = "cooldowns",
    [TABLE_KEYS] = "keys",
    [TABLE_KEY_AGES] = "key_ages",
    [TABLE_OUTBOX] = "outbox",
    [TABLE_QUEUE] = "queue",
    [TABLE_STARTED] = "started",
    [TABLE_SCHEDULED] = "scheduled",
    [TABLE_OWNERS] = "owners",
    [TABLE_COUNTS] = "counts",
    [TABLE_DEAD] = "dead",
    [TABLE_HISTORY] = "history",
    [TABLE_SPOOL] = "spool",
    [TABLE_STAGED] = "staged",
    [TABLE_SENT] = "sent",
    [TABLE_MOVED] = "moved",
    [TABLE_HOLDS] = "holds",
    [TABLE_JOBS] = "jobs",
    [TABLE_TAPS] = "taps",
    [TABLE_BUTTONS] = "buttons",
    [TABLE_DRAFTS] = "drafts",
    [TABLE_DRAFT_AGES] = "draft_ages",
    [TABLE_APIKEYS] = "apikeys",
    [TABLE_APIKEY_HASHES] = "apikey_hashes",
    [TABLE_CHAT_TRIES] = "chat_tries",
    [TABLE_STARTS] = "starts",
    [TABLE_USER_STARTS] = "user_starts",
    [TABLE_BROADCASTS] = "broadcasts",
    [TABLE_BROKEN] = "broken",
    [TABLE_MENUS] = "menus",
};

/* File systems on which LMDB's shared memory map and locks do not work. */
static const unsigned long network_file_systems[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xff534d42 /* CIFS */,
    0xfe534d42 /* SMB2 */, AFS_SUPER_MAGIC, CODA_SUPER_MAGIC, V9FS_MAGIC, 0x00c36400 /* Ceph */,
    0x0bd00bd0 /* Lustre */};

int store_fail(struct error *error, int code, const char *doing)
{
	/* LMDB 0.9.24 makes EIO of a write that was cut short, which is what the last bytes of a disk do. */
	if (code == MDB_MAP_FULL || code == ENOSPC || code == EDQUOT || code == EIO)
		return error_set(error, ERROR_TEMPORARY, "the store or its disk is full: %s", doing);
	if (code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID)
		return error_set(
		    error, ERROR_CONFIG, "the store is damaged: %s: %s", doing, mdb_strerror(code));
	if (code == MDB_PANIC)
		return error_set(error, ERROR_PERMANENT,
		    "the store could not be written; look at its disk, then start again: %s", doing);
	if (code == MDB_BAD_VALSIZE)
		return error_set(error, ERROR_BUG, "bad key in the store: %s", doing);
	return error_set(error, ERROR_TEMPORARY, "store: %s: %s", doing, mdb_strerror(code));
}

int store_damaged(struct error *error, const char *what)
{
	return error_set(error, ERROR_BUG, "damaged record in the store: %s", what);
}

void secret_hash(
    const struct store *store, const char *kind, const char *secret, unsigned char hash[SECRET_HASH_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, store->secret, sizeof store->secret, SECRET_HASH_BYTES);
	crypto_generichash_update(&state, (const unsigned char *)kind, strlen(kind) + 1);
	crypto_generichash_update(&state, (const unsigned char *)secret, strlen(secret));
	crypto_generichash_final(&state, hash, SECRET_HASH_BYTES);
	sodium_memzero(&state, sizeof state);
}

void int64_write(unsigned char bytes[INT_BYTES], int64_t number)
{
	uint64_t bits = (uint64_t)number ^ (UINT64_C(1) << 63);

	for (int i = INT_BYTES - 1; i >= 0; i--) {
		bytes[i] = (unsigned char)(bits & 0xff);
		bits >>= 8;
	}
}

int64_t int64_read(const unsigned char bytes[INT_BYTES])
{
	uint64_t bits = 0;

	for (int i = 0; i < INT_BYTES; i++)
		bits = bits << 8 | bytes[i];
	return (int64_t)(bits ^ (UINT64_C(1) << 63));
}

void key_init(struct store_key *key)
{
	key->len = 0;
}

void key_add_bytes(struct store_key *key, const void *bytes, size_t len)
{
	if (key->len > KEY_MAX_BYTES || len > KEY_MAX_BYTES - key->len) {
		key->len = KEY_MAX_BYTES + 1;
		return;
	}
	memcpy(key->bytes + key->len, bytes, len);
	key->len += len;
}

void key_add_int64(struct store_key *key, int64_t number)
{
	unsigned char bytes[INT_BYTES];

	int64_write(bytes, number);
	key_add_bytes(key, bytes, sizeof bytes);
}

void key_add_byte(struct store_key *key, unsigned char byte)
{
	key_add_bytes(key, &byte, 1);
}

void key_add_text(struct store_key *key, const char *text)
{
	key_add_bytes(key, text, strlen(text) + 1);
}

void chat_key(struct store_key *key, int64_t chat)
{
	key_init(key);
	key_add_int64(key, chat);
}

void user_key(struct store_key *key, const char *user)
{
	key_init(key);
	key_add_text(key, user);
}

void key_increment(struct store_key *key)
{
	if (key->len < KEY_MAX_BYTES)
		key->bytes[key->len++] = 0;
}

bool key_has_prefix(const struct store_key *key, const struct store_key *prefix)
{
	return key->len >= prefix->len && memcmp(key->bytes, prefix->bytes, prefix->len) == 0;
}

static bool key_is_valid(const struct store_key *key)
{
	return key->len > 0 && key->len <= KEY_MAX_BYTES;
}

int table_get(struct store_txn *txn, enum store_table table, const struct store_key *key, MDB_val *value,
    struct error *error)
{
	MDB_val name = {key->len, (void *)key->bytes};
	int code =
	    key_is_valid(key) ? mdb_get(txn->txn, txn->store->tables[table], &name, value) : MDB_BAD_VALSIZE;

	if (code == MDB_NOTFOUND)
		return 0;
	return code == 0 ? 1 : store_fail(error, code, table_names[table]);
}

int table_put(struct store_txn *txn, enum store_table table, const struct store_key *key, const void *data,
    size_t len, struct error *error)
{
	MDB_val name = {key->len, (void *)key->bytes};
	MDB_val value = {len, (void *)data};
	int code = key_is_valid(key) ? mdb_put(txn->txn, txn->store->tables[table], &name, &value, 0)
				     : MDB_BAD_VALSIZE;

	return code == 0 ? 0 : store_fail(error, code, table_names[table]);
}

int table_append(struct store_txn *txn, enum store_table table, const struct store_key *key, const void *data,
    size_t len, struct error *error)
{
	MDB_val name = {key->len, (void *)key->bytes};
	MDB_val value = {len, (void *)data};

	if (key_is_valid(key) && mdb_put(txn->txn, txn->store->tables[table], &name, &value, MDB_APPEND) == 0)
		return 0;
	return table_put(txn, table, key, data, len, error);
}

int table_remove(
    struct store_txn *txn, enum store_table table, const struct store_key *key, struct error *error)
{
	MDB_val name = {key->len, (void *)key->bytes};
	int code =
	    key_is_valid(key) ? mdb_del(txn->txn, txn->store->tables[table], &name, NULL) : MDB_BAD_VALSIZE;

	if (code == MDB_NOTFOUND)
		return 0;
	return code == 0 ? 1 : store_fail(error, code, table_names[table]);
}

int table_seek(
    struct store_txn *txn, enum store_table table, struct store_key *key, MDB_val *value, struct error *error)
{
	MDB_val name = {key->len, key->bytes};
	MDB_cursor *cursor;
	int code = mdb_cursor_open(txn->txn, txn->store->tables[table], &cursor);

	if (code != 0)
		return store_fail(error, code, table_names[table]);
	code = mdb_cursor_get(cursor, &name, value, key->len > 0 ? MDB_SET_RANGE : MDB_FIRST);
	if (code == 0 && name.mv_size <= KEY_MAX_BYTES) {
		memcpy(key->bytes, name.mv_data, name.mv_size);
		key->len = name.mv_size;
	}
	mdb_cursor_close(cursor);
	if (code == MDB_NOTFOUND)
		return 0;
	return code == 0 ? 1 : store_fail(error, code, table_names[table]);
}

int table_before(
    struct store_txn *txn, enum store_table table, struct store_key *key, MDB_val *value, struct error *error)
{
	MDB_val name = {key->len, key->bytes};
	MDB_cursor *cursor;
	int code = mdb_cursor_open(txn->txn, txn->store->tables[table], &cursor);

	if (code != 0)
		return store_fail(error, code, table_names[table]);
	code = mdb_cursor_get(cursor, &name, value, MDB_SET_RANGE);
	code = mdb_cursor_get(cursor, &name, value, code == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
	if (code == 0 && name.mv_size <= KEY_MAX_BYTES) {
		memcpy(key->bytes, name.mv_data, name.mv_size);
		key->len = name.mv_size;
	}
	mdb_cursor_close(cursor);
	if (code == MDB_NOTFOUND)
		return 0;
	return code == 0 ? 1 : store_fail(error, code, table_names[table]);
}

int table_entries(struct store_txn *txn, enum store_table table, int64_t *entries, struct error *error)
{
	MDB_stat stat;
	int code = mdb_stat(txn->txn, txn->store->tables[table], &stat);

	if (code != 0)
		return store_fail(error, code, table_names[table]);
	*entries = (int64_t)stat.ms_entries;
	return 0;
}

/*
 * Writers queue for a lock on the file before they take LMDB's robust mutex, for which then nobody sleeps.
 * The kernel gives a file lock on whoever is killed; of those that sleep for a robust mutex one is woken at a
 * time, and when that one is killed just after another process took the mutex, the rest sleep on although it
 * is free.
 */
static int lock_writers(const struct store *store, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
	mdb_filehandle_t fd;
	int code = mdb_env_get_fd(store->env, &fd);

	if (code != 0)
		return code;
	while (fcntl(fd, F_SETLKW, &lock) != 0) {
		if (errno != EINTR)
			return errno;
	}
	return 0;
}

static int begin_txn(struct store *store, unsigned flags, MDB_txn **txn)
{
	int code = mdb_txn_begin(store->env, NULL, flags, txn);

	if (code != MDB_MAP_RESIZED)
		return code;
	code = mdb_env_set_mapsize(store->env, 0);
	return code == 0 ? mdb_txn_begin(store->env, NULL, flags, txn) : code;
}

static int begin(struct store *store, bool writes, struct store_txn **result, struct error *error)
{
	int code = writes ? lock_writers(store, F_WRLCK) : 0;
	MDB_txn *txn;

	if (code != 0)
		return store_fail(error, code, "lock");
	code = begin_txn(store, writes ? 0 : MDB_RDONLY, &txn);
	if (code != 0) {
		if (writes)
			(void)lock_writers(store, F_UNLCK);
		return store_fail(error, code, "begin");
	}
	*result = xmalloc(sizeof **result);
	**result = (struct store_txn){store, txn, writes};
	return 0;
}

int store_begin(struct store *store, struct store_txn **txn, struct error *error)
{
	return begin(store, true, txn, error);
}

int store_begin_read(struct store *store, struct store_txn **txn, struct error *error)
{
	return begin(store, false, txn, error);
}

static void end(struct store_txn *txn)
{
	if (txn->writes)
		(void)lock_writers(txn->store, F_UNLCK);
	free(txn);
}

int store_commit(struct store_txn *txn, struct error *error)
{
	int code = mdb_txn_commit(txn->txn);

	end(txn);
	return code == 0 ? 0 : store_fail(error, code, "commit");
}

void store_abort(struct store_txn *txn)
{
	mdb_txn_abort(txn->txn);
	end(txn);
}

static int check_directory(const char *directory, struct error *error)
{
	struct stat status;
	struct statfs system;

	if (lstat(directory, &status) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot stat store %s", directory);
	if (!S_ISDIR(status.st_mode))
		return error_set(error, ERROR_CONFIG, "store %s is not a directory", directory);
	if (status.st_uid != geteuid())
		return error_set(error, ERROR_CONFIG,
		    "store %s belongs to uid %u, not to uid %u that runs this program", directory,
		    (unsigned)status.st_uid, (unsigned)geteuid());
	if ((status.st_mode & 077) != 0)
		return error_set(error, ERROR_CONFIG, "store %s is open to other accounts; run: chmod 700 %s",
		    directory, directory);
	if (statfs(directory, &system) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot stat the file system of store %s", directory);
	for (size_t i = 0; i < sizeof network_file_systems / sizeof network_file_systems[0]; i++) {
		if ((unsigned long)system.f_type == network_file_systems[i])
			return error_set(error, ERROR_CONFIG,
			    "store %s is on a network file system; it must be on a local disk", directory);
	}
	return 0;
}

static int open_env(struct store *store, struct error *error)
{
	int code = mdb_env_create(&store->env);

	if (code == 0)
		code = mdb_env_set_maxdbs(store->env, TABLE_COUNT);
	if (code == 0)
		code = mdb_env_set_mapsize(store->env, (size_t)store->map_size_bytes);
	if (code == 0)
		code = mdb_env_open(store->env, store->directory, MDB_NOTLS, 0600);
	if (code == 0 || code == ENOSPC)
		return code == 0 ? 0 : store_fail(error, code, store->directory);
	return error_set(
	    error, ERROR_CONFIG, "cannot open store %s: %s", store->directory, mdb_strerror(code));
}

/* LMDB does not tell where its map is, so the system is asked. */
static void find_map(struct store *store)
{
	char *path = path_join(store->directory, "data.mdb"), *real = realpath(path, NULL),
	     line[PATH_MAX + 128];
	FILE *maps = real != NULL ? fopen("/proc/self/maps", "re") : NULL;

	while (maps != NULL && store->map == NULL && fgets(line, sizeof line, maps) != NULL) {
		char *name = strchr(line, '/');
		unsigned long from;

		line[strcspn(line, "\n")] = '\0';
		if (name != NULL && strcmp(name, real) == 0 && sscanf(line, "%lx-", &from) == 1)
			store->map = (void *)from;
	}
	if (maps != NULL)
		fclose(maps);
	free(real);
	free(path);
}

void store_release_pages(struct store *store)
{
	long size, resident, shared = 0;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (statm == NULL)
		return;
	if (fscanf(statm, "%ld %ld %ld", &size, &resident, &shared) == 3 && store->map != NULL &&
	    shared * sysconf(_SC_PAGESIZE) > RESIDENT_MAX_BYTES)
		(void)madvise(store->map, (size_t)store->map_size_bytes, MADV_DONTNEED);
	fclose(statm);
}

static int open_tables(struct store *store, struct store_txn *txn, unsigned flags)
{
	int code = 0;

	for (int table = 0; code == 0 && table < TABLE_COUNT; table++)
		code = mdb_dbi_open(txn->txn, table_names[table], flags, &store->tables[table]);
	return code;
}

static void meta_key(struct store_key *key, const char *name)
{
	key_init(key);
	key_add_text(key, name);
}

int meta_get_int64(struct store_txn *txn, const char *name, int64_t *number, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	meta_key(&key, name);
	found = table_get(txn, TABLE_META, &key, &value, error);
	if (found != 1)
		return found;
	if (value.mv_size != INT_BYTES)
		return store_damaged(error, name);
	*number = int64_read(value.mv_data);
	return 1;
}

int meta_put_int64(struct store_txn *txn, const char *name, int64_t number, struct error *error)
{
	unsigned char bytes[INT_BYTES];
	struct store_key key;

	int64_write(bytes, number);
	meta_key(&key, name);
	return table_put(txn, TABLE_META, &key, bytes, sizeof bytes, error);
}

/* 1: known, with the secret read; 0: a new store. */
static int check_schema(struct store_txn *txn, int64_t *schema, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found = meta_get_int64(txn, "schema", schema, error);

	if (found != 1)
		return found;
	if (*schema > STORE_SCHEMA)
		return error_set(error, ERROR_CONFIG,
		    "store %s has schema %lld, this program knows %d; install the tgtools that wrote it",
		    txn->store->directory, (long long)*schema, STORE_SCHEMA);
	meta_key(&key, "secret");
	found = table_get(txn, TABLE_META, &key, &value, error);
	if (found != 1 || value.mv_size != SECRET_BYTES)
		return found < 0 ? -1 : store_damaged(error, "secret");
	memcpy(txn->store->secret, value.mv_data, SECRET_BYTES);
	return 1;
}

static int write_schema(struct store_txn *txn, struct error *error)
{
	struct store_key key;

	randombytes_buf(txn->store->secret, SECRET_BYTES);
	meta_key(&key, "secret");
	if (table_put(txn, TABLE_META, &key, txn->store->secret, SECRET_BYTES, error) != 0)
		return -1;
	return meta_put_int64(txn, "schema", STORE_SCHEMA, error);
}

static int prepare_tables(struct store_txn *txn, struct error *error)
{
	int64_t schema = 0;
	int known = check_schema(txn, &schema, error);

	if (known == 0)
		return write_schema(txn, error);
	return known < 0 || schema == STORE_SCHEMA ? known : store_upgrade(txn, schema, error);
}

/* Opens the tables with write access, creating what is missing; several programs may do so at once. */
static int create_tables(struct store *store, struct error *error)
{
	struct store_txn *txn;
	int code;

	if (store_begin(store, &txn, error) != 0)
		return -1;
	code = open_tables(store, txn, MDB_CREATE);
	if (code != 0)
		store_fail(error, code, "create tables");
	if (code != 0 || prepare_tables(txn, error) < 0) {
		store_abort(txn);
		return -1;
	}
	return store_commit(txn, error);
}

/* A store that is complete is opened without the write lock, so also on a full disk. */
static int find_tables(struct store *store, struct error *error)
{
	struct store_txn *txn;
	int64_t schema = 0;
	int code, known;

	if (store_begin_read(store, &txn, error) != 0)
		return -1;
	code = open_tables(store, txn, 0);
	known = code == 0 ? check_schema(txn, &schema, error) : 0;
	if (code != 0 && code != MDB_NOTFOUND)
		known = store_fail(error, code, "open tables");
	/* Table handles outlive a reading transaction only if it is committed. */
	if (known != 1 || schema != STORE_SCHEMA) {
		store_abort(txn);
		return known < 0 ? -1 : 0;
	}
	return store_commit(txn, error) == 0 ? 1 : -1;
}

/* LMDB syncs its file but not its name: without this a new store could be gone after a loss of power. */
static int sync_names(const struct store *store, struct error *error)
{
	char *parent = path_join(store->directory, "..");
	struct error ignored;

	/* A parent that we may not read is none in which we made the directory. */
	(void)path_sync_directory(parent, &ignored);
	free(parent);
	return path_sync_directory(store->directory, error);
}

int store_open(const char *directory, int64_t map_size_bytes, struct store **result, struct error *error)
{
	struct store *store = xcalloc(1, sizeof *store);
	int found;

	store->directory = xstrdup(directory);
	store->spool = path_join(directory, "spool");
	store->map_size_bytes = map_size_bytes;
	if (sodium_init() < 0) {
		error_set(error, ERROR_CONFIG, "libsodium cannot start");
		goto out;
	}
	if (path_make_directories(directory, 0700, error) != 0 || check_directory(directory, error) != 0)
		goto out;
	if (mkdir(store->spool, 0700) != 0 && errno != EEXIST) {
		error_errno(error, ERROR_CONFIG, "cannot create directory %s", store->spool);
		goto out;
	}
	if (open_env(store, error) != 0)
		goto out;
	find_map(store);
	found = find_tables(store, error);
	if (found < 0 || (found == 0 && create_tables(store, error) != 0) || sync_names(store, error) != 0)
		goto out;
	*result = store;
	return 0;
out:
	store_close(store);
	return -1;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	if (store->env != NULL)
		mdb_env_close(store->env);
	sodium_memzero(store->secret, sizeof store->secret);
	free(store->spool);
	free(store->directory);
	free(store);
}

int store_reap_readers(struct store *store)
{
	int dead = 0;

	return mdb_reader_check(store->env, &dead) == 0 ? dead : 0;
}

/* The free list is a table of its own, number 0: each value is a count followed by page numbers. */
static int64_t count_free_pages(struct store *store)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val key, value;
	int64_t pages = 0;

	if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn) != 0)
		return 0;
	if (mdb_cursor_open(txn, 0, &cursor) == 0) {
		while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
			pages += (int64_t) * (const size_t *)value.mv_data;
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return pages;
}

static int percent_of_map(const struct store *store, int64_t pages, int64_t page_bytes)
{
	return (int)(pages * page_bytes * 100 / store->map_size_bytes);
}

int store_used_percent(struct store *store)
{
	MDB_envinfo info;
	MDB_stat stat;
	int64_t pages, now = clock_monotonic_ms();
	int upper;

	if (mdb_env_info(store->env, &info) != 0 || mdb_env_stat(store->env, &stat) != 0)
		return 0;
	pages = (int64_t)info.me_last_pgno + 1;
	upper = percent_of_map(store, pages, stat.ms_psize);
	if (upper < STORE_FULL_PERCENT)
		return upper;
	/* Only now it matters how many of them are free, and counting takes a walk: once a second. */
	if (store->measured_ms == 0 || now - store->measured_ms >= 1000) {
		store->free_pages = count_free_pages(store);
		store->measured_ms = now;
	}
	return percent_of_map(store, pages - store->free_pages, stat.ms_psize);
}

int store_bot_name_set(struct store_txn *txn, const char *name, struct error *error)
{
	struct store_key key;

	meta_key(&key, "bot_name");
	return table_put(txn, TABLE_META, &key, name, strlen(name), error);
}

int store_bot_name_get(struct store_txn *txn, char name[STORE_USER_BYTES], struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	meta_key(&key, "bot_name");
	found = table_get(txn, TABLE_META, &key, &value, error);
	if (found != 1)
		return found;
	if (value.mv_size >= STORE_USER_BYTES)
		return store_damaged(error, "bot name");
	memcpy(name, value.mv_data, value.mv_size);
	name[value.mv_size] = '\0';
	return 1;
}
