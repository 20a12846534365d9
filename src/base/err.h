/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values: what kind, and a sentence for people.
 *
 * A function that can fail takes a struct xc_err * as its last parameter,
 * returns 0 or -1, and fills the error only when it returns -1. The error is
 * set once, where the path, object or URL it speaks of is known, and may be
 * wrapped once by the operation ("cannot save ...: ..."). It owns nothing,
 * so it may be copied between threads. A NULL error pointer is not allowed.
 */
#ifndef XC_BASE_ERR_H
#define XC_BASE_ERR_H

#include "base/compiler.h"

enum xc_err_kind {
	XC_ERR_NONE = 0,
	XC_ERR_USAGE,       /* the caller's words are wrong: exit 2 */
	XC_ERR_NOT_FOUND,   /* a store has no such object; never said of a local file */
	XC_ERR_NO_MATCH,    /* the path lines match nothing that could be saved */
	XC_ERR_EXISTS,      /* a store has the object already */
	XC_ERR_AUTH,        /* a store refuses the credentials or lacks permission */
	XC_ERR_TRANSIENT,   /* worth another try */
	XC_ERR_CORRUPT,     /* foreign bytes that do not say what they should */
	XC_ERR_FORMAT,      /* a format version that this program does not know */
	XC_ERR_CHANGED,     /* a file changed while it was read */
	XC_ERR_IO,          /* the operating system refused */
	XC_ERR_CANCELED,    /* a signal, or another part failed first */
	XC_ERR_UNSUPPORTED, /* cannot be done in this way, or not here; another way may do */
	XC_ERR_INTERNAL,    /* a defect of this program */
};

struct xc_err {
	enum xc_err_kind kind;
	int sys;  /* errno, or 0 */
	int http; /* status, or 0 */
	char msg[500];
};

/*
 * Fill `err` and return -1, so that `return xc_err_set(...)` reads well.
 * The message takes the printf form and gets no newline.
 */
int xc_err_set(struct xc_err *err, enum xc_err_kind kind, const char *format, ...) XC_PRINTF(3, 4);

/* The same for a failed system call: appends ": <text of errno_value>"; kind IO. */
int xc_err_sys(struct xc_err *err, int errno_value, const char *format, ...) XC_PRINTF(3, 4);

/* Put "<format>: " before the message that is there. Returns -1. */
int xc_err_wrap(struct xc_err *err, const char *format, ...) XC_PRINTF(2, 3);

/*
 * Make foreign text safe to stand in one line of a message or a log: control
 * characters, invalid UTF-8, backslashes and what would make a command of it
 * to a CI runner (base/log_line.h) become \xNN. `out` holds `out_size` bytes
 * and is always terminated; too long a text ends in "...". Returns `out`.
 */
const char *xc_err_quote(const char *text, char *out, size_t out_size);

/* A quoted copy of `text` that lives until the end of the calling statement's block. */
#define XC_QUOTE(text) xc_err_quote((text), (char[200]){ 0 }, 200)

/* End the program with a message: only for small allocations that fail. */
void xc_out_of_memory(void) __attribute__((noreturn));

/*
 * malloc and friends that never return NULL. For sizes that this program
 * chooses; a size that comes from outside is checked against a ceiling first.
 */
void *xc_malloc(size_t size_bytes) __attribute__((malloc, alloc_size(1)));
void *xc_calloc(size_t count, size_t size_bytes) __attribute__((malloc, alloc_size(1, 2)));
void *xc_realloc(void *ptr, size_t size_bytes) __attribute__((alloc_size(2)));
char *xc_strdup(const char *text) __attribute__((malloc));
char *xc_strndup(const char *text, size_t length) __attribute__((malloc));
char *xc_asprintf(const char *format, ...) XC_PRINTF(1, 2) __attribute__((malloc));

#endif
