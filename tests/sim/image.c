#include "image.h"

#include <stdbool.h>
#include <string.h>

static uint32_t be16(const unsigned char *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const unsigned char *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static bool read_png(const unsigned char *p, size_t len, struct image *out)
{
	static const unsigned char magic[] = {
	    0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};

	if (len < 33 || memcmp(p, magic, sizeof(magic)) != 0)
		return false;
	*out = (struct image){"image/png", be32(p + 16), be32(p + 20)};
	return true;
}

/* The size stands in the start-of-frame segment: any of C0..CF but C4, C8 and CC, which are something else.
 */
static bool read_jpeg(const unsigned char *p, size_t len, struct image *out)
{
	size_t at = 2;

	if (len < 4 || p[0] != 0xff || p[1] != 0xd8)
		return false;
	while (at + 9 <= len && p[at] == 0xff) {
		unsigned char marker = p[at + 1];

		if (marker == 0xff) {
			at++;
		} else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
			   marker != 0xcc) {
			*out = (struct image){"image/jpeg", be16(p + at + 7), be16(p + at + 5)};
			return true;
		} else {
			at += 2 + be16(p + at + 2);
		}
	}
	return false;
}

const char *image_check(const char *bytes, size_t len, struct image *out)
{
	const unsigned char *p = (const unsigned char *)bytes;
	uint64_t longer, shorter;

	if (!read_png(p, len, out) && !read_jpeg(p, len, out))
		return "IMAGE_PROCESS_FAILED";
	longer = out->width > out->height ? out->width : out->height;
	shorter = out->width > out->height ? out->height : out->width;
	if (shorter == 0 || longer + shorter > 10000 || longer > shorter * 20)
		return "PHOTO_INVALID_DIMENSIONS";
	return NULL;
}
