#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "xalloc.h"

/*
 * libcurl sends a request again by itself, up to 5 times and for POST too, when it went out on a kept
 * connection that ended before the first byte of an answer (Curl_retry_request; measured with 7.88.1 in
 * tests/unit/test_http.c). The server may have carried out the first one, so a message would be delivered
 * twice. may_send forbids it: libcurl asks it before each time that it sends, and from the second time on it
 * says no if anything of the request was written before.
 */

enum {
	CONNECTIONS_KEPT = 256, /* as many as deliver in parallel at most */
	IDLE_MAX_S = 50, /* servers close an idle connection after 60 s or more: do not race with that */
	HEADERS_MAX_BYTES = 65536,
	POOL_MAX = 256,
};

struct http_client {
	CURLM *multi;
	struct http_transfer *active; /* doubly linked */
	struct http_transfer *pool;   /* ended, for reuse; linked by next */
	size_t pool_count;
};

struct http_transfer {
	struct http_client *client;
	struct http_transfer *previous, *next;
	CURL *easy;
	struct curl_slist *headers;
	curl_mime *mime;
	const struct http_file *file;
	int64_t file_position;
	http_done_fn *done;
	void *context;
	struct http_answer answer;
	size_t header_bytes;
	bool headers_ended; /* those of the answer are there, to the empty line after the last */
	bool is_get;	    /* may be sent again: it changes nothing */
	bool asked_to_send; /* the connection stood, the request was about to be sent */
	bool unreadable;    /* a file of the request is not there, or not for us */
	bool read_failed;   /* a file of the request could not be read this time */
	long tunnel_bytes;  /* what CURLINFO_REQUEST_SIZE counted before our request: a proxy's CONNECT */
};

static const struct {
	CURLcode code;
	enum http_failure failure;
	const char *phrase;
} failures[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, HTTP_INVALID, "the address is neither http nor https"},
    {CURLE_URL_MALFORMAT, HTTP_INVALID, "the address is not valid"},
    {CURLE_READ_ERROR, HTTP_INVALID, "the file to send cannot be read"},
    {CURLE_COULDNT_RESOLVE_PROXY, HTTP_NOT_RESOLVED, "the proxy's name cannot be resolved"},
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_NOT_RESOLVED, "the server's name cannot be resolved"},
    {CURLE_COULDNT_CONNECT, HTTP_NOT_CONNECTED, "the server cannot be connected"},
    {CURLE_PROXY, HTTP_NOT_CONNECTED, "the proxy does not connect"},
    {CURLE_SSL_CONNECT_ERROR, HTTP_TLS_FAILED, "the TLS handshake failed"},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_TLS_FAILED, "the server's certificate is not valid"},
    {CURLE_SSL_CACERT_BADFILE, HTTP_TLS_FAILED, "the CA certificates cannot be read"},
    {CURLE_SSL_CERTPROBLEM, HTTP_TLS_FAILED, "the TLS certificate has a problem"},
    {CURLE_SSL_CIPHER, HTTP_TLS_FAILED, "no TLS cipher in common"},
    {CURLE_SSL_ISSUER_ERROR, HTTP_TLS_FAILED, "the certificate's issuer is not valid"},
    {CURLE_SSL_ENGINE_INITFAILED, HTTP_TLS_FAILED, "TLS cannot be initialised"},
    {CURLE_WEIRD_SERVER_REPLY, HTTP_BROKEN, "the answer is not HTTP"},
    {CURLE_GOT_NOTHING, HTTP_BROKEN, "the connection was closed without an answer"},
    {CURLE_PARTIAL_FILE, HTTP_BROKEN, "the connection was closed in the middle of the answer"},
    {CURLE_SEND_ERROR, HTTP_BROKEN, "the connection broke while sending"},
    {CURLE_RECV_ERROR, HTTP_BROKEN, "the connection broke while receiving"},
    {CURLE_ABORTED_BY_CALLBACK, HTTP_BROKEN, "the connection was closed without an answer"},
    {CURLE_OPERATION_TIMEDOUT, HTTP_TIMED_OUT, "no answer in time"},
};

static long bytes_written(const struct http_transfer *transfer)
{
	long bytes = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes - transfer->tunnel_bytes;
}

static int may_send(void *context, char *server_ip, char *local_ip, int server_port, int local_port)
{
	struct http_transfer *transfer = context;

	(void)server_ip;
	(void)local_ip;
	(void)server_port;
	(void)local_port;
	if (!transfer->asked_to_send)
		transfer->tunnel_bytes = bytes_written(transfer);
	else if (!transfer->is_get && bytes_written(transfer) > 0)
		return CURL_PREREQFUNC_ABORT;
	transfer->asked_to_send = true;
	return CURL_PREREQFUNC_OK;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct http_transfer *transfer = context;

	if (buf_add(&transfer->answer.body, data, size * count) == 0)
		return size * count;
	transfer->answer.failure = HTTP_TOO_LARGE;
	return 0;
}

static size_t give_file(char *into, size_t size, size_t count, void *context)
{
	struct http_transfer *transfer = context;
	const struct http_file *file = transfer->file;
	int64_t left = file->len - transfer->file_position;
	size_t wanted = (int64_t)(size * count) < left ? size * count : (size_t)left;
	ssize_t got;

	if (wanted == 0)
		return 0;
	do
		got = pread(file->fd, into, wanted, transfer->file_position);
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		transfer->unreadable = true;
		return CURL_READFUNC_ABORT;
	}
	transfer->file_position += got;
	if (file->progress != NULL)
		file->progress(file->context, transfer->file_position);
	return (size_t)got;
}

static int rewind_file(void *context, curl_off_t position, int origin)
{
	struct http_transfer *transfer = context;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	transfer->file_position = position;
	return CURL_SEEKFUNC_OK;
}

/*
 * libcurl keeps every header, so their number must have an end; and it takes a connection that is closed in
 * the middle of them for the end of an answer without a body.
 */
static size_t count_header(char *data, size_t size, size_t count, void *context)
{
	struct http_transfer *transfer = context;

	transfer->header_bytes += size * count;
	/* After "100 Continue" or a proxy's own answer come others; what follows a body ends nothing. */
	if (size * count >= 5 && memcmp(data, "HTTP/", 5) == 0)
		transfer->headers_ended = false;
	else if (size * count > 0 && (data[0] == '\r' || data[0] == '\n'))
		transfer->headers_ended = true;
	if (transfer->header_bytes <= HEADERS_MAX_BYTES)
		return size * count;
	transfer->answer.failure = HTTP_TOO_LARGE;
	return 0;
}

static void link_active(struct http_client *client, struct http_transfer *transfer)
{
	transfer->previous = NULL;
	transfer->next = client->active;
	if (client->active != NULL)
		client->active->previous = transfer;
	client->active = transfer;
}

static void unlink_active(struct http_client *client, struct http_transfer *transfer)
{
	if (transfer->previous != NULL)
		transfer->previous->next = transfer->next;
	else
		client->active = transfer->next;
	if (transfer->next != NULL)
		transfer->next->previous = transfer->previous;
}

static void free_transfer(struct http_transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	free(transfer);
}

static struct http_transfer *get_transfer(struct http_client *client)
{
	struct http_transfer *transfer = client->pool;
	CURL *easy;

	if (transfer != NULL) {
		client->pool = transfer->next;
		client->pool_count--;
		easy = transfer->easy;
	} else {
		easy = curl_easy_init();
		if (easy == NULL)
			return NULL;
		transfer = xmalloc(sizeof *transfer);
	}
	*transfer = (struct http_transfer){.client = client, .easy = easy};
	return transfer;
}

/* Releases what one request needed and keeps the rest for the next one. */
static void put_transfer(struct http_transfer *transfer)
{
	struct http_client *client = transfer->client;

	curl_easy_reset(transfer->easy);
	curl_mime_free(transfer->mime);
	curl_slist_free_all(transfer->headers);
	buf_free(&transfer->answer.body);
	if (client->pool_count >= POOL_MAX) {
		free_transfer(transfer);
		return;
	}
	transfer->next = client->pool;
	client->pool = transfer;
	client->pool_count++;
}

static void explain(struct http_transfer *transfer, CURLcode code)
{
	struct http_answer *answer = &transfer->answer;
	const char *phrase = "libcurl failed";

	if (answer->failure == HTTP_TOO_LARGE) {
		snprintf(answer->reason, sizeof answer->reason, "the answer is too large");
		return;
	}
	if (transfer->read_failed) {
		/* What lacks its end is not carried out. */
		answer->request_sent = false;
		answer->failure = HTTP_UNREADABLE;
		snprintf(answer->reason, sizeof answer->reason, "a file to send could not be read");
		return;
	}
	answer->failure = HTTP_BROKEN;
	/* libcurl's code for an answer that is not HTTP, too. */
	if (code == CURLE_UNSUPPORTED_PROTOCOL && transfer->asked_to_send)
		code = CURLE_WEIRD_SERVER_REPLY;
	if (code == CURLE_OPERATION_TIMEDOUT && !transfer->asked_to_send)
		code = CURLE_COULDNT_CONNECT;
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		if (failures[i].code == code) {
			answer->failure = failures[i].failure;
			phrase = failures[i].phrase;
			break;
		}
	}
	snprintf(answer->reason, sizeof answer->reason, "%s", phrase);
}

static void fill_answer(struct http_transfer *transfer, CURLcode code)
{
	struct http_answer *answer = &transfer->answer;
	curl_off_t retry_after = 0;
	char *type = NULL;
	long status = 0;

	answer->answer_begun = transfer->header_bytes > 0 || answer->body.len > 0;
	answer->request_sent = transfer->asked_to_send && bytes_written(transfer) > 0;
	answer->retry_after_s = -1;
	if (transfer->unreadable || transfer->read_failed)
		code = CURLE_READ_ERROR;
	else if (code == CURLE_OK && !transfer->headers_ended)
		code = CURLE_PARTIAL_FILE;
	if (code != CURLE_OK) {
		explain(transfer, code);
		return;
	}
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	answer->status = (int)status;
	if (curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL)
		snprintf(answer->content_type, sizeof answer->content_type, "%s", type);
	if (curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK &&
	    retry_after > 0)
		answer->retry_after_s = retry_after;
}

static void transfer_ended(void *easy, int curl_code)
{
	struct http_transfer *transfer = NULL;
	char *private = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	transfer = (struct http_transfer *)private;
	fill_answer(transfer, (CURLcode)curl_code);
	curl_multi_remove_handle(transfer->client->multi, easy);
	unlink_active(transfer->client, transfer);
	transfer->done(transfer->context, &transfer->answer);
	put_transfer(transfer);
}

int http_client_new(struct loop *loop, struct http_client **result, struct error *error)
{
	struct http_client *client;

	/* PREREQFUNCTION, PROTOCOLS_STR and QUICK_EXIT; without the first, messages could be delivered twice.
	 */
	if (curl_version_info(CURLVERSION_NOW)->version_num < 0x075700)
		return error_set(error, ERROR_CONFIG, "libcurl is older than 7.87.0; upgrade it");
	client = xcalloc(1, sizeof *client);
	client->multi = loop_multi(loop);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	loop_on_transfer(loop, transfer_ended);
	*result = client;
	return 0;
}

void http_client_free(struct http_client *client)
{
	struct http_transfer *next;

	if (client == NULL)
		return;
	while (client->active != NULL)
		http_cancel(client->active);
	for (struct http_transfer *transfer = client->pool; transfer != NULL; transfer = next) {
		next = transfer->next;
		free_transfer(transfer);
	}
	free(client);
}

static int set_connection(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	unsigned failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Do not wait for the thread of the resolver at an end before its time. */
	failed |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	failed |= curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
	failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
	/* "" also keeps http_proxy and no_proxy of the environment out. */
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy != NULL ? request->proxy : "");
	failed |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	failed |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "tgtools/" TGTOOLS_VERSION);
	return failed == 0 ? 0 : -1;
}

static int set_callbacks(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;
	unsigned failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, may_send);
	failed |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_header);
	failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	return failed == 0 ? 0 : -1;
}

static int add_header(struct http_transfer *transfer, const char *header)
{
	struct curl_slist *list = curl_slist_append(transfer->headers, header);

	if (list == NULL)
		return -1;
	transfer->headers = list;
	return 0;
}

static int set_headers(struct http_transfer *transfer, const struct http_request *request)
{
	bool typed = request->parts != NULL;

	for (const char *const *header = request->headers; header != NULL && *header != NULL; header++) {
		if (strncasecmp(*header, "Content-Type:", strlen("Content-Type:")) == 0)
			typed = true;
		if (add_header(transfer, *header) != 0)
			return -1;
	}
	/* Without a value a header is left out: no wait for "100 Continue", and no type that is not ours. */
	if (add_header(transfer, "Expect:") != 0 || (!typed && add_header(transfer, "Content-Type:") != 0))
		return -1;
	return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK ? 0 : -1;
}

/*
 * A file that goes as a part. libcurl's own reading of files takes an error for the end of the file, and
 * then both sides wait for the rest until the time is over. Opened when it is sent, so that a transfer has
 * no more than one open.
 */
struct part_file {
	struct http_transfer *transfer;
	char *path;
	int fd; /* -1: not open */
	int64_t len, position;
};

static int open_part(struct part_file *file)
{
	if (file->fd < 0)
		file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return file->fd;
}

static size_t read_part(char *into, size_t size, size_t count, void *context)
{
	struct part_file *file = context;
	int64_t left = file->len - file->position;
	size_t wanted = (int64_t)(size * count) < left ? size * count : (size_t)left;
	ssize_t got = -1;

	if (wanted == 0) {
		fd_close(&file->fd);
		return 0;
	}
	if (open_part(file) >= 0) {
		do
			got = pread(file->fd, into, wanted, file->position);
		while (got < 0 && errno == EINTR);
	}
	if (got <= 0) {
		file->transfer->read_failed = true;
		return CURL_READFUNC_ABORT;
	}
	file->position += got;
	return (size_t)got;
}

static int seek_part(void *context, curl_off_t position, int origin)
{
	struct part_file *file = context;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	file->position = position;
	return CURL_SEEKFUNC_OK;
}

static void free_part(void *context)
{
	struct part_file *file = context;

	fd_close(&file->fd);
	free(file->path);
	free(file);
}

/* A file that is not there will not come; anything else may be over the next time. */
static void note_unreadable(struct http_transfer *transfer, int code)
{
	if (code == ENOENT || code == ENOTDIR || code == EACCES || code == ELOOP)
		transfer->unreadable = true;
	else
		transfer->read_failed = true;
}

static int add_file(struct http_transfer *transfer, curl_mimepart *part, const char *path)
{
	struct part_file *file;
	struct stat status;

	if (stat(path, &status) != 0 || access(path, R_OK) != 0) {
		note_unreadable(transfer, errno);
		return 0;
	}
	file = xmalloc(sizeof *file);
	*file =
	    (struct part_file){.transfer = transfer, .path = xstrdup(path), .fd = -1, .len = status.st_size};
	if (curl_mime_data_cb(part, file->len, read_part, seek_part, free_part, file) == CURLE_OK)
		return 0;
	free_part(file);
	return -1;
}

static int add_part(struct http_transfer *transfer, const struct http_part *from)
{
	curl_mimepart *part = curl_mime_addpart(transfer->mime);

	if (part == NULL || curl_mime_name(part, from->name) != CURLE_OK)
		return -1;
	if (from->path == NULL) {
		if (curl_mime_data(part, from->data, from->len) != CURLE_OK)
			return -1;
	} else if (add_file(transfer, part, from->path) != 0) {
		return -1;
	}
	return from->file_name == NULL || curl_mime_filename(part, from->file_name) == CURLE_OK ? 0 : -1;
}

static int set_parts(struct http_transfer *transfer, const struct http_request *request)
{
	transfer->mime = curl_mime_init(transfer->easy);
	if (transfer->mime == NULL)
		return -1;
	for (size_t i = 0; i < request->parts_count; i++) {
		if (add_part(transfer, &request->parts[i]) != 0)
			return -1;
	}
	return curl_easy_setopt(transfer->easy, CURLOPT_MIMEPOST, transfer->mime) == CURLE_OK ? 0 : -1;
}

static int set_file(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	unsigned failed = 0;

	transfer->file = request->file;
	failed |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->file->len);
	failed |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_file);
	failed |= curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_file);
	failed |= curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
	return failed == 0 ? 0 : -1;
}

static int set_body(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	bool post = strcmp(request->method, "POST") == 0;
	unsigned failed = 0;

	transfer->is_get = strcmp(request->method, "GET") == 0;
	if (request->parts != NULL) {
		if (set_parts(transfer, request) != 0)
			return -1;
	} else if (request->file != NULL) {
		if (set_file(transfer, request) != 0)
			return -1;
	} else if (request->body != NULL || post) {
		failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		failed |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body ? request->body : "");
	}
	if (!post)
		failed |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	/* What cannot be sent must not connect either: an empty address fails at once. */
	failed |= curl_easy_setopt(
	    easy, CURLOPT_URL, transfer->unreadable || transfer->read_failed ? "" : request->url);
	return failed == 0 ? 0 : -1;
}

int http_start(struct http_client *client, const struct http_request *request, http_done_fn *done,
    void *context, struct http_transfer **result, struct error *error)
{
	struct http_transfer *transfer = get_transfer(client);

	if (transfer == NULL)
		return error_set(error, ERROR_TEMPORARY, "cannot start a request: out of memory");
	transfer->done = done;
	transfer->context = context;
	buf_init(&transfer->answer.body, request->max_answer_bytes);
	if (set_connection(transfer, request) != 0 || set_callbacks(transfer) != 0 ||
	    set_headers(transfer, request) != 0 || set_body(transfer, request) != 0 ||
	    curl_multi_add_handle(client->multi, transfer->easy) != CURLM_OK) {
		put_transfer(transfer);
		return error_set(error, ERROR_TEMPORARY, "cannot start a request");
	}
	link_active(client, transfer);
	if (result != NULL)
		*result = transfer;
	return 0;
}

void http_cancel(struct http_transfer *transfer)
{
	curl_multi_remove_handle(transfer->client->multi, transfer->easy);
	unlink_active(transfer->client, transfer);
	put_transfer(transfer);
}

struct performed {
	bool done;
	struct http_answer *answer;
};

static void keep_answer(void *context, const struct http_answer *answer)
{
	struct performed *performed = context;

	*performed->answer = *answer;
	buf_init(&performed->answer->body, answer->body.max);
	buf_add(&performed->answer->body, answer->body.data, answer->body.len);
	performed->done = true;
}

int http_perform(const struct http_request *request, struct http_answer *answer, struct error *error)
{
	struct performed performed = {.answer = answer};
	struct http_client *client = NULL;
	struct loop *loop = NULL;
	int result = -1;

	if (loop_new(&loop, error) != 0 || http_client_new(loop, &client, error) != 0)
		goto out;
	if (http_start(client, request, keep_answer, &performed, NULL, error) != 0)
		goto out;
	while (!performed.done) {
		if (loop_turn(loop, -1, error) != 0)
			goto out;
	}
	result = 0;
out:
	http_client_free(client);
	loop_free(loop);
	return result;
}
