/*
 * Runs a fuzz target over a directory of inputs and over mutations of them. The mutations are the same
 * every time but where $FUZZ_SEED is set; $FUZZ_SECONDS (60) ends it early on a slow machine. An input
 * that breaks something, or takes more than 10 s, is left in ./crash-NAME.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BYTES = 16384, MAX_INPUTS = 500, HANG_SECONDS = 10, MAX_CHANGES = 6 };

struct input {
	uint8_t *data;
	size_t size;
};

static struct input inputs[MAX_INPUTS];
static size_t inputs_count;

/* What is being run, for the handlers. */
static uint8_t current[MAX_BYTES];
static size_t current_size;
static char crash_name[64];

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void save_current(void)
{
	int fd = open(crash_name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0 && write(fd, current, current_size) == (ssize_t)current_size &&
	    write(STDERR_FILENO, "the input is in ./", 18) > 0 &&
	    write(STDERR_FILENO, crash_name, strlen(crash_name)) > 0)
		(void)!write(STDERR_FILENO, "\n", 1);
}

static void on_signal(int number)
{
	save_current();
	signal(number, SIG_DFL);
	raise(number);
}

static void catch_failures(void)
{
	static const int signals[] = {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGILL, SIGFPE};

	/* The sanitizers end the process themselves and want SIGSEGV. */
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(save_current);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (i < 2 || __sanitizer_set_death_callback == NULL)
			signal(signals[i], on_signal);
}

static void run_current(void)
{
	/* A copy of exactly that size, so that a read behind it is seen. */
	uint8_t *copy = malloc(current_size ? current_size : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, current, current_size);
	alarm(HANG_SECONDS);
	LLVMFuzzerTestOneInput(copy, current_size);
	alarm(0);
	free(copy);
}

/* xorshift64*: the same numbers everywhere. */
static uint64_t random_state = 88172645463325252u;

static size_t below(size_t limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return limit == 0 ? 0 : (size_t)((random_state * 2685821657736338717u) >> 33) % limit;
}

/* Puts size bytes at a place, moving what follows; leaves everything where there is no room. */
static void insert(size_t at, const void *data, size_t size)
{
	uint8_t copy[256];

	if (size > sizeof copy || current_size + size > MAX_BYTES)
		return;
	memcpy(copy, data, size);
	memmove(current + at + size, current + at, current_size - at);
	memcpy(current + at, copy, size);
	current_size += size;
}

static void cut(size_t at, size_t size)
{
	memmove(current + at, current + at + size, current_size - at - size);
	current_size -= size;
}

static void insert_word(size_t at)
{
	size_t count = 0;
	const char *word;

	while (fuzz_words[count] != NULL)
		count++;
	word = fuzz_words[below(count)];
	insert(at, word, strlen(word));
}

static void insert_part_of_another(size_t at)
{
	const struct input *other = &inputs[below(inputs_count)];
	size_t start = below(other->size), size = below(other->size - start + 1);

	insert(at, other->data + start, size);
}

static void change_once(void)
{
	static const uint8_t odd[] = {
	    0, 1, 0x7f, 0x80, 0xff, '\n', '"', '\\', '{', '}', '[', ']', ':', ',', '-', '0', '9'};
	size_t at = below(current_size + 1), rest = current_size - at;
	uint8_t byte = odd[below(sizeof odd)];

	switch (below(7)) {
	case 0:
		if (rest > 0)
			current[at] ^= (uint8_t)(1u << below(8));
		break;
	case 1:
		if (rest > 0)
			current[at] = byte;
		break;
	case 2:
		insert(at, &byte, 1);
		break;
	case 3:
		cut(at, below(rest + 1 < 64 ? rest + 1 : 64));
		break;
	case 4:
		insert(below(current_size + 1), current + at, below(rest + 1 < 256 ? rest + 1 : 256));
		break;
	case 5:
		insert_part_of_another(at);
		break;
	default:
		insert_word(at);
	}
}

static void mutate(void)
{
	const struct input *origin = &inputs[below(inputs_count)];

	memcpy(current, origin->data, origin->size);
	current_size = origin->size;
	for (size_t changes = 1 + below(MAX_CHANGES); changes > 0; changes--)
		change_once();
}

/* Returns -1 where the file cannot be read whole. */
static int read_input(const char *path)
{
	FILE *file = fopen(path, "r");
	struct input *input = &inputs[inputs_count];

	if (file == NULL || inputs_count == MAX_INPUTS)
		return -1;
	input->data = malloc(MAX_BYTES);
	if (input->data == NULL)
		return -1;
	input->size = fread(input->data, 1, MAX_BYTES, file);
	inputs_count++;
	return fclose(file);
}

static int read_directory(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort), result = 0;
	char name[1024];

	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && read_input(name) != 0)
			result = -1;
		free(entries[i]);
	}
	free(entries);
	return result;
}

static void run_inputs(void)
{
	for (size_t i = 0; i < inputs_count; i++) {
		memcpy(current, inputs[i].data, inputs[i].size);
		current_size = inputs[i].size;
		run_current();
	}
}

static unsigned long setting(const char *name, unsigned long fallback)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : fallback;
}

static unsigned long run_mutations(unsigned long count)
{
	time_t end = time(NULL) + (time_t)setting("FUZZ_SECONDS", 60);
	unsigned long done;

	random_state ^= setting("FUZZ_SEED", 0) * 2654435761u;
	for (done = 0; done < count && time(NULL) < end; done++) {
		mutate();
		run_current();
	}
	return done;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	struct stat status;
	unsigned long done = 0;

	if (argc < 2 || stat(argv[1], &status) != 0) {
		fprintf(stderr, "usage: %s DIRECTORY COUNT | FILE\n", name);
		return 64;
	}
	snprintf(crash_name, sizeof crash_name, "crash-%.40s", name);
	if ((S_ISDIR(status.st_mode) ? read_directory(argv[1]) : read_input(argv[1])) != 0 ||
	    inputs_count == 0) {
		fprintf(stderr, "%s: cannot read %s, or there is nothing in it\n", name, argv[1]);
		return 66;
	}
	catch_failures();
	run_inputs();
	if (argc > 2)
		done = run_mutations(strtoul(argv[2], NULL, 10));
	printf("%s: %zu inputs, %lu mutations\n", name, inputs_count, done);
	for (size_t i = 0; i < inputs_count; i++)
		free(inputs[i].data);
	return 0;
}
