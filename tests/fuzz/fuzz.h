/* SPDX-License-Identifier: Apache-2.0 */
/* What all fuzz targets share. The first comment of each says what its input is. */
#ifndef XC_TESTS_FUZZ_H
#define XC_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a target demands beyond "no crash": an input that breaks it is a finding. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
