/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may have meant who wrote a word that is not known. */
#ifndef XC_BASE_SUGGEST_H
#define XC_BASE_SUGGEST_H

#include <stddef.h>

/* The one of `names` that `word` is a slip or two away from; NULL if none is. */
const char *xc_suggest(const char *word, const char *const *names, size_t count);

#endif
