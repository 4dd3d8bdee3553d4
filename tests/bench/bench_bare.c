/*
 * The least that could take submissions: libmicrohttpd reads them, json-c parses them, LMDB commits all of a
 * turn at once, and then they are answered. No accounts, no queue, no checks: what tg-sendd is compared with.
 *
 *	bench_bare SOCKET DIRECTORY
 */
#include <json-c/json.h>
#include <lmdb.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STAGED_MAX = 1024, BODY_MAX = 65536 };

struct request {
	char body[BODY_MAX];
	size_t len;
	struct json_object *parsed;
	int committed;
};

struct staged {
	struct MHD_Connection *connection;
	struct request *request;
};

static struct staged staged[STAGED_MAX];
static size_t staged_count;
static uint64_t next_id;

static enum MHD_Result answer(struct MHD_Connection *connection)
{
	static char body[] = "{\"results\":[{\"ok\":true}]}";
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(sizeof body - 1, body, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_queue_response(connection, 200, response);

	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **slot)
{
	struct request *request = *slot;

	(void)context;
	(void)url;
	(void)method;
	(void)version;
	if (request == NULL) {
		*slot = request = malloc(sizeof *request);
		if (request == NULL)
			return MHD_NO;
		/* Not the whole of it, as calloc would. */
		request->len = 0;
		request->parsed = NULL;
		request->committed = 0;
		return MHD_YES;
	}
	if (*len > 0) {
		if (*len > BODY_MAX - 1 - request->len)
			return MHD_NO;
		memcpy(request->body + request->len, data, *len);
		request->len += *len;
		*len = 0;
		return MHD_YES;
	}
	if (request->committed)
		return answer(connection);
	request->body[request->len] = '\0';
	request->parsed = json_tokener_parse(request->body);
	if (request->parsed == NULL || staged_count == STAGED_MAX)
		return MHD_NO;
	staged[staged_count++] = (struct staged){connection, request};
	MHD_suspend_connection(connection);
	return MHD_YES;
}

static void on_completed(
    void *context, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode code)
{
	struct request *request = *slot;

	(void)context;
	(void)connection;
	(void)code;
	if (request != NULL)
		json_object_put(request->parsed);
	free(request);
	*slot = NULL;
}

static int put(MDB_txn *txn, MDB_dbi table, const struct request *request)
{
	const char *line = json_object_to_json_string_ext(request->parsed, JSON_C_TO_STRING_PLAIN);
	uint64_t id = __builtin_bswap64(++next_id);
	MDB_val key = {sizeof id, &id}, value = {strlen(line), (void *)line};

	return mdb_put(txn, table, &key, &value, 0);
}

static int commit(MDB_env *env, MDB_dbi table)
{
	MDB_txn *txn;
	int code = mdb_txn_begin(env, NULL, 0, &txn);

	for (size_t i = 0; code == 0 && i < staged_count; i++)
		code = put(txn, table, staged[i].request);
	if (code == 0)
		code = mdb_txn_commit(txn);
	for (size_t i = 0; i < staged_count; i++) {
		staged[i].request->committed = 1;
		MHD_resume_connection(staged[i].connection);
	}
	staged_count = 0;
	return code;
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 512) != 0)
		return -1;
	return fd;
}

static int open_store(const char *directory, MDB_env **env, MDB_dbi *table)
{
	MDB_txn *txn;

	if (mdb_env_create(env) != 0 || mdb_env_set_mapsize(*env, (size_t)1 << 33) != 0 ||
	    mdb_env_open(*env, directory, MDB_NOTLS, 0600) != 0 || mdb_txn_begin(*env, NULL, 0, &txn) != 0 ||
	    mdb_dbi_open(txn, NULL, 0, table) != 0)
		return -1;
	return mdb_txn_commit(txn);
}

int main(int argc, char **argv)
{
	struct MHD_Daemon *daemon;
	struct pollfd poll_fd = {.events = POLLIN};
	MHD_UNSIGNED_LONG_LONG timeout;
	MDB_env *env;
	MDB_dbi table;
	int fd = argc == 3 ? listen_on(argv[1]) : -1;

	if (fd < 0 || open_store(argv[2], &env, &table) != 0) {
		fprintf(stderr, "usage: bench_bare SOCKET DIRECTORY\n");
		return 64;
	}
	daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (daemon == NULL)
		return 1;
	poll_fd.fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	for (;;) {
		int wait = MHD_get_timeout(daemon, &timeout) == MHD_YES ? (int)timeout : -1;

		if (poll(&poll_fd, 1, wait) < 0)
			return 1;
		MHD_run(daemon);
		if (staged_count > 0) {
			if (commit(env, table) != 0)
				return 1;
			MHD_run(daemon);
		}
	}
}
