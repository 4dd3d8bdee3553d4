/*
 * What json-c alone needs for what tg-dispatch does with updates: it parses each line of standard input,
 *looks a few fields up, and prints the line that tg-dispatch printed for it, which is ready in FILE.
 *
 *	bench_json FILE <updates
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

/* What is looked up, so that nothing of it is optimised away. */
static volatile int64_t sink;

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(object, key, &value);
	return value;
}

static void look(struct json_object *update)
{
	struct json_object *message = get(update, "message");
	const char *text = json_object_get_string(get(message, "text"));

	sink += json_object_get_int64(get(update, "update_id"));
	sink += json_object_get_int64(get(get(message, "chat"), "id"));
	sink += json_object_get_int64(get(get(message, "from"), "id"));
	sink += text != NULL ? text[0] : 0;
}

static int run(FILE *answers)
{
	struct json_tokener *tokener = json_tokener_new();
	char *line = NULL, *answer = NULL;
	size_t line_size = 0, answer_size = 0;
	ssize_t len, answer_len;

	while (tokener != NULL && (len = getline(&line, &line_size, stdin)) > 0) {
		struct json_object *update = json_tokener_parse_ex(tokener, line, (int)len);

		if (update == NULL || (answer_len = getline(&answer, &answer_size, answers)) <= 0)
			return -1;
		look(update);
		fwrite(answer, 1, (size_t)answer_len, stdout);
		json_object_put(update);
		json_tokener_reset(tokener);
	}
	json_tokener_free(tokener);
	free(answer);
	free(line);
	return ferror(stdin) || fflush(stdout) != 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	FILE *answers = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (answers == NULL || run(answers) != 0) {
		fprintf(stderr, "bench_json: needs FILE with a line for each update\n");
		return 1;
	}
	fclose(answers);
	return 0;
}
