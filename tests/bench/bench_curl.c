/*
 * What libcurl alone does against the simulator: sendMessage with so many requests under way, on kept
 * connections, and nothing else. Prints requests a second.
 *
 *	bench_curl URL PARALLEL REQUESTS
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARALLEL_MAX = 256, BODY_BYTES = 256 };

struct run {
	CURLM *multi;
	const char *url;
	struct curl_slist *headers;
	long left, done, failed;
	char bodies[PARALLEL_MAX][BODY_BYTES];
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t ignore(char *data, size_t size, size_t count, void *context)
{
	(void)data;
	(void)context;
	return size * count;
}

static void start(struct run *run, CURL *easy, char *body)
{
	snprintf(body, BODY_BYTES,
	    "{\"chat_id\":%ld,\"text\":\"line %07ld of some sixty characters, as a report has\"}",
	    run->left % 1000 + 1, run->left);
	run->left--;
	curl_easy_setopt(easy, CURLOPT_URL, run->url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, run->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, body);
	curl_multi_add_handle(run->multi, easy);
}

static void take_ended(struct run *run)
{
	CURLMsg *message;
	int more;

	while ((message = curl_multi_info_read(run->multi, &more)) != NULL) {
		CURL *easy = message->easy_handle;
		char *body = NULL;
		long status = 0;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &body);
		run->done++;
		run->failed += status != 200;
		curl_multi_remove_handle(run->multi, easy);
		if (run->left > 0)
			start(run, easy, body);
		else
			curl_easy_cleanup(easy);
	}
}

int main(int argc, char **argv)
{
	static struct run run;
	long parallel = argc == 4 ? strtol(argv[2], NULL, 10) : 0, requests;
	double started, took;
	int active;

	if (parallel < 1 || parallel > PARALLEL_MAX) {
		fprintf(stderr, "usage: bench_curl URL PARALLEL(1-%d) REQUESTS\n", PARALLEL_MAX);
		return 64;
	}
	requests = run.left = strtol(argv[3], NULL, 10);
	run.url = argv[1];
	run.multi = curl_multi_init();
	run.headers = curl_slist_append(NULL, "Content-Type: application/json");
	started = now_s();
	for (long i = 0; i < parallel; i++)
		start(&run, curl_easy_init(), run.bodies[i]);
	while (run.done < requests) {
		curl_multi_perform(run.multi, &active);
		take_ended(&run);
		curl_multi_poll(run.multi, NULL, 0, 1000, NULL);
	}
	took = now_s() - started;
	printf("%ld requests, %ld failed, %.2f s, %.0f a second\n", run.done, run.failed, took,
	    (double)run.done / took);
	curl_slist_free_all(run.headers);
	curl_multi_cleanup(run.multi);
	return run.failed > 0;
}
