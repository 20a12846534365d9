/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: one text, up to its first NUL.
 *
 * Demands: what is printed of it is no command to any runner, and is printed
 * as it stands the second time.
 */
#include "fuzz.h"

#include "action/commands.h"
#include "base/err.h"

/*
 * Behind the white space that runners trim, all of Unicode's (.NET,
 * Char.IsWhiteSpace). Control characters are not printed at all.
 */
static const char *trimmed(const char *text)
{
	static const char *const blanks[] = {
		" ",      "\xc2\x85", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002",
		"\u2003", "\u2004",   "\u2005", "\u2006", "\u2007", "\u2008", "\u2009",
		"\u200a", "\u2028",   "\u2029", "\u202f", "\u205f", "\u3000",
	};

	for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
		size_t length = strlen(blanks[i]);

		if (strncmp(text, blanks[i], length) == 0)
			return trimmed(text + length);
	}
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xc_calloc(size + 1, 1);
	cleanup_buf struct xc_buf line = XC_BUF_INIT, again = XC_BUF_INIT, message = XC_BUF_INIT;

	if (size > 0)
		memcpy(text, data, size);
	xc_action_escape_line(text, &line);
	MUST(strncmp(trimmed(xc_buf_str(&line)), "::", 2) != 0);
	MUST(!strstr(xc_buf_str(&line), "##["));
	for (size_t i = 0; i < line.len_bytes; i++)
		MUST((unsigned char)line.data[i] >= 0x20 && line.data[i] != 0x7f);
	/* What is harmless stays as it is. */
	xc_action_escape_line(xc_buf_str(&line), &again);
	MUST(strcmp(xc_buf_str(&line), xc_buf_str(&again)) == 0);
	xc_action_escape_data(text, &message);
	MUST(!strpbrk(xc_buf_str(&message), "\r\n"));
	return 0;
}
