/* Rich text as one line that tests compare: "text | type offset+length=argument, ...". */
#ifndef TGTOOLS_TESTS_RICH_TEXT_H
#define TGTOOLS_TESTS_RICH_TEXT_H

#include <string.h>

#include "json.h"
#include "rich.h"

static inline void rich_describe(const struct rich *rich, struct buf *out)
{
	struct json_object *entities = rich_entities(rich);
	size_t count = entities != NULL ? json_object_array_length(entities) : 0;

	buf_add_text(out, buf_text(&rich->text));
	for (size_t i = 0; i < count; i++) {
		struct json_object *entity = json_object_array_get_idx(entities, i);
		const char *argument = json_text(entity, "url");

		if (argument == NULL)
			argument = json_text(entity, "language");
		if (argument == NULL)
			argument = json_text(entity, "custom_emoji_id");
		buf_add_format(out, "%s%s %d+%d%s%s", i == 0 ? " | " : ", ", json_text(entity, "type"),
		    (int)json_int64(entity, "offset"), (int)json_int64(entity, "length"),
		    argument != NULL ? "=" : "", argument != NULL ? argument : "");
	}
	json_object_put(entities);
}

/* Fails the test where rich is not described so; frees it. */
#define ASSERT_RICH(rich, expected)                                                                          \
	do {                                                                                                 \
		struct buf described = BUF_INIT(1 << 20);                                                    \
                                                                                                             \
		rich_describe(rich, &described);                                                             \
		assert_string_equal(buf_text(&described), expected);                                         \
		buf_free(&described);                                                                        \
		rich_free(rich);                                                                             \
	} while (0)

#endif
