/*
 * A fuzz target: fuzz_NAME.c defines the function that libFuzzer calls, and words that its input is made
 * of. With driver.c it is a program of its own, without libFuzzer.
 *
 *	fuzz_NAME DIRECTORY COUNT    every file of the directory, then COUNT mutations of them
 *	fuzz_NAME FILE               that input alone, to see a failure again
 */
#ifndef TGTOOLS_FUZZ_H
#define TGTOOLS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NULL-terminated; mutations insert them. */
extern const char *const fuzz_words[];

/* What must hold for every input. */
#define FUZZ_MUST(condition)                                                                                 \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			abort();                                                                             \
	} while (0)

#endif
