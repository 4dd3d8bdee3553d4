/*
 * How many submissions a second a socket of tg-sendd takes: so many clients, each with one connection and
 * one request under way, as people's programs are. Prints requests, seconds and requests a second.
 *
 *	bench_submit SOCKET PATH BODY CLIENTS REQUESTS
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 60, ANSWER_BYTES = 4096 };

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static char request[65536];
static size_t request_len;
static long requests_each;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Reads one answer, whose body is as long as Content-Length says; NULL where it is not a 200. */
static const char *read_answer(int fd, char *answer)
{
	size_t len = 0, whole = SIZE_MAX;

	while (len < whole) {
		ssize_t got = read(fd, answer + len, ANSWER_BYTES - 1 - len);
		const char *end, *length;

		if (got <= 0)
			return NULL;
		len += (size_t)got;
		answer[len] = '\0';
		end = strstr(answer, "\r\n\r\n");
		length = strcasestr(answer, "Content-Length: ");
		if (end != NULL && length != NULL)
			whole = (size_t)(end + 4 - answer) + strtoul(length + 16, NULL, 10);
	}
	return strncmp(answer, "HTTP/1.1 200", 12) == 0 ? answer : NULL;
}

static void *client(void *context)
{
	char answer[ANSWER_BYTES];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	long done = 0;

	(void)context;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		perror("connect");
		exit(1);
	}
	while (done < requests_each && write(fd, request, request_len) == (ssize_t)request_len) {
		if (read_answer(fd, answer) == NULL) {
			fprintf(stderr, "bench_submit: refused: %.300s\n", answer);
			exit(1);
		}
		done++;
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[CLIENTS_MAX];
	long clients = argc == 6 ? strtol(argv[4], NULL, 10) : 0;
	double start, took;

	if (clients < 1 || clients > CLIENTS_MAX || strlen(argv[1]) >= sizeof address.sun_path) {
		fprintf(stderr, "usage: bench_submit SOCKET PATH BODY CLIENTS(1-%d) REQUESTS\n", CLIENTS_MAX);
		return 64;
	}
	memcpy(address.sun_path, argv[1], strlen(argv[1]));
	requests_each = strtol(argv[5], NULL, 10) / clients;
	request_len = (size_t)snprintf(request, sizeof request,
	    "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", argv[2], strlen(argv[3]),
	    argv[3]);
	start = now_s();
	for (long i = 0; i < clients; i++) {
		if (pthread_create(&threads[i], NULL, client, NULL) != 0)
			return 1;
	}
	for (long i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	took = now_s() - start;
	printf("%ld requests, %.2f s, %.0f a second\n", requests_each * clients, took,
	    (double)(requests_each * clients) / took);
	return 0;
}
