/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that cannot be used safely, turned into compile errors. The
 * build forces this header into every source file.
 */
#ifndef XC_BASE_BANNED_H
#define XC_BASE_BANNED_H

/* A field of it has a name from below. */
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Unbounded, or silently truncating without a terminator. */
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets
/* State shared between threads. */
#pragma GCC poison strtok gmtime localtime asctime ctime strerror
/* No way to tell zero from nonsense. */
#pragma GCC poison atoi atol atoll atof
/* A race between the name and the file. */
#pragma GCC poison mktemp tmpnam tempnam

#endif
