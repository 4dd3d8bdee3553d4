/* SHA-256 (FIPS 180-4), so that a test can tell whether a file arrived as it was sent. */
#ifndef SIM_SHA256_H
#define SIM_SHA256_H

#include <stddef.h>

void sha256_hex(const void *bytes, size_t len, char hex[65]);

#endif
