/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the two sides of a mounter: packets of a Unix socket
 * (unix(7), SOCK_SEQPACKET), each with the descriptors that it is about. Both sides
 * are the same program, so structures go as they are.
 */
#ifndef XC_MOUNT_WIRE_H
#define XC_MOUNT_WIRE_H

#include <limits.h>

#include "mount/mounter.h"

enum xc_wire_request_kind {
	XC_WIRE_PROBE = 1, /* fds: directory. Reply: number = way */
	XC_WIRE_FUSE,      /* Reply: fds = /dev/fuse */
	XC_WIRE_ATTACH,    /* fds: image, devices unless fuse, tops, folders, watched */
	XC_WIRE_DETACH,    /* fds: directory above; tops[0].name */
	XC_WIRE_SWAP,      /* fds: raw files */
};

#define XC_WIRE_NAME_MAX   (NAME_MAX + 1)
#define XC_WIRE_FOLDER_MAX 64
/* As many as one message can have (SCM_MAX_FD). */
#define XC_WIRE_FDS_MAX 253

_Static_assert(1 + XC_MOUNTER_DEVICES_MAX + 3 * XC_MOUNTER_TOPS_MAX + 2 * XC_MOUNTER_FOLDERS_MAX +
			       1 <=
		       XC_WIRE_FDS_MAX,
	       "a message holds all descriptors of an attach");

struct xc_wire_top {
	uint8_t made, writable; /* writable: fds are above, upper, work; else above */
	char name[XC_WIRE_NAME_MAX];
};

struct xc_wire_request {
	uint32_t kind;
	uint32_t way;
	uint32_t device_count, top_count, folder_count;
	uint8_t fuse, watched;
	struct xc_wire_top tops[XC_MOUNTER_TOPS_MAX];
	char folders[XC_MOUNTER_FOLDERS_MAX][XC_WIRE_FOLDER_MAX]; /* fds: base, folder */
};

struct xc_wire_reply {
	int32_t result;
	uint32_t number;
	struct xc_err err; /* if result is -1 */
};

/* Descriptors that came with a message; -1 where they were taken over. */
struct xc_wire_fds {
	int items[XC_WIRE_FDS_MAX];
	uint32_t count;
};

void xc_wire_fds_close(struct xc_wire_fds *fds);
#define cleanup_wire_fds __attribute__((cleanup(xc_wire_fds_close)))

/* -1 with errno. */
int xc_wire_send(int socket_fd, const void *message, size_t length, const int *fds,
		 uint32_t count) XC_CHECK;

/*
 * Receive a message of exactly `length` bytes. 0; -1 with errno: EPROTO if it is
 * another, ECONNRESET at the other side's end, ETIMEDOUT after timeout_ms (-1:
 * never). `ret_fds` is to be closed in any case.
 */
int xc_wire_receive(int socket_fd, void *ret_message, size_t length, struct xc_wire_fds *ret_fds,
		    int timeout_ms) XC_CHECK;

#endif
