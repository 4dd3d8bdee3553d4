/* What Telegram looks at in a photo before it takes it. */
#ifndef SIM_IMAGE_H
#define SIM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct image {
	const char *mime;
	uint32_t width, height;
};

/* NULL and *out, or the reason for which Telegram refuses the picture. */
const char *image_check(const char *bytes, size_t len, struct image *out);

#endif
