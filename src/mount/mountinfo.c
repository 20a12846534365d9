/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/mountinfo.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)

int xc_mountinfo_read(struct xc_buf *out)
{
	if (xc_fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, out) < 0)
		return -1;
	xc_buf_add_char(out, '\0');
	return 0;
}

/* In place: the kernel writes blanks, tabs, newlines and backslashes as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; to++) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
		    at[3] >= '0' && at[3] <= '7') {
			*to = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 4;
		} else {
			*to = *at++;
		}
	}
	*to = '\0';
}

static bool parse(char *line, struct xc_mountinfo *ret_info)
{
	char *rest = line, *field[5], *source;

	for (int i = 0; i < 5; i++) {
		field[i] = strsep(&rest, " ");
		if (!rest)
			return false;
	}
	rest = strstr(rest, " - ");
	if (!rest)
		return false;
	rest += 3;
	*ret_info = (struct xc_mountinfo){ .id = strtoull(field[0], NULL, 10), .point = field[4] };
	ret_info->type = strsep(&rest, " ");
	source = strsep(&rest, " ");
	if (!source)
		return false;
	ret_info->source = source;
	unescape(ret_info->point);
	unescape(ret_info->source);
	return true;
}

pid_t xc_mountinfo_keeper(const struct xc_mountinfo *info)
{
	const char *number;
	char *end;
	long pid;

	if (strcmp(info->type, "overlay") == 0 &&
	    strncmp(info->source, XC_MOUNTINFO_OVERLAY, strlen(XC_MOUNTINFO_OVERLAY)) == 0)
		number = info->source + strlen(XC_MOUNTINFO_OVERLAY);
	else if (strcmp(info->type, "erofs") == 0 && strncmp(info->source, "/proc/", 6) == 0)
		number = info->source + 6;
	else
		return 0;
	pid = strtol(number, &end, 10);
	if (number[0] < '1' || number[0] > '9' || pid > INT_MAX ||
	    (*end != '\0' && strncmp(end, "/fd/", 4) != 0))
		return 0;
	return (pid_t)pid;
}

bool xc_mountinfo_next(char **rest, struct xc_mountinfo *ret_info)
{
	char *line;

	while ((line = strsep(rest, "\n")) != NULL)
		if (parse(line, ret_info))
			return true;
	return false;
}
