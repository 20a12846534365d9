/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/fuse.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"

/* The kernel gives no request to a smaller buffer than FUSE_MIN_READ_BUFFER. */
#define REQUEST_BYTES  ((size_t)16 << 10)
#define WRITE_BYTES    4096 /* the least that can be said; nobody writes */
#define FIRST_FILE     2u   /* node of file "0"; the directory is FUSE_ROOT_ID */
#define FOREVER_S      ((uint64_t)365 * 24 * 60 * 60)
#define BACKGROUND_MAX 64
#define PAGE_BYTES     4096
/* The image's own reading ahead knows where files end; this one would fetch what nobody asked for.
 */
#define READAHEAD_BYTES ((uint32_t)128 << 10)
/* With it a read may be longer than 128 KiB. */
#define OLDEST_MINOR 28

struct xc_fuse_worker {
	const struct xc_fuse *fuse;
	char *request;
	char *data; /* of a read */
};

/* A request on its way to its answer. */
struct call {
	struct xc_fuse_worker *worker;
	const struct fuse_in_header *header;
	const char *argument;
	size_t argument_bytes;
};

struct xc_fuse_worker *xc_fuse_worker_new(const struct xc_fuse *fuse)
{
	struct xc_fuse_worker *worker = xc_calloc(1, sizeof(*worker));

	worker->fuse = fuse;
	worker->request = xc_malloc(REQUEST_BYTES);
	worker->data = xc_malloc(XC_FUSE_READ_MAX);
	return worker;
}

void xc_fuse_worker_free(struct xc_fuse_worker *worker)
{
	if (!worker)
		return;
	free(worker->request);
	free(worker->data);
	free(worker);
}

/* ENOENT: the request was interrupted, and nobody waits for an answer. */
static int reply(const struct call *call, int error, const void *data, size_t length)
{
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + length),
		.error = -error,
		.unique = call->header->unique,
	};
	const struct iovec parts[2] = {
		{ &header, sizeof(header) },
		{ (void *)data, length },
	};
	ssize_t written;

	do
		written = writev(call->worker->fuse->fd, parts, length > 0 ? 2 : 1);
	while (written < 0 && errno == EINTR);
	return written < 0 && errno != ENOENT ? -1 : 0;
}

static int refuse(const struct call *call, int error)
{
	return reply(call, error, NULL, 0);
}

/* --- answers --- */

static int answer_init(const struct call *call)
{
	struct fuse_init_in in = { 0 };
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = READAHEAD_BYTES,
		.flags = FUSE_ASYNC_READ | FUSE_MAX_PAGES,
		.max_background = BACKGROUND_MAX,
		.congestion_threshold = BACKGROUND_MAX * 3 / 4,
		.max_write = WRITE_BYTES,
		.time_gran = 1,
		.max_pages = XC_FUSE_READ_MAX / PAGE_BYTES,
	};

	/* Newer kernels say more; these four numbers are what all have. */
	if (call->argument_bytes < 16)
		return refuse(call, EPROTO);
	memcpy(&in, call->argument, XC_MIN(call->argument_bytes, sizeof(in)));
	if (in.major < FUSE_KERNEL_VERSION ||
	    (in.major == FUSE_KERNEL_VERSION && in.minor < OLDEST_MINOR))
		return refuse(call, EPROTO);
	if (in.major == FUSE_KERNEL_VERSION && in.minor < out.minor)
		out.minor = in.minor;
	out.max_readahead = XC_MIN(out.max_readahead, in.max_readahead);
	out.flags &= in.flags;
	return reply(call, 0, &out, sizeof(out));
}

static bool is_node(const struct xc_fuse *fuse, uint64_t node)
{
	return node == FUSE_ROOT_ID || (node >= FIRST_FILE && node - FIRST_FILE < fuse->count);
}

static void fill_attributes(const struct xc_fuse *fuse, uint64_t node, struct fuse_attr *ret_attr)
{
	bool root = node == FUSE_ROOT_ID;

	*ret_attr = (struct fuse_attr){
		.ino = node,
		.size = root ? 0 : fuse->sizes[node - FIRST_FILE],
		.mode = root ? S_IFDIR | 0500 : S_IFREG | 0400,
		.nlink = root ? 2 : 1,
		.blksize = PAGE_BYTES,
	};
	ret_attr->blocks = (ret_attr->size + 511) / 512;
}

/* "12", as this program writes it. */
static bool parse_name(const char *name, size_t size, uint32_t count, uint32_t *ret_file)
{
	for (uint32_t i = 0; i < count; i++) {
		char wanted[16];
		int length = snprintf(wanted, sizeof(wanted), "%u", i);

		if (size == (size_t)length + 1 && memcmp(name, wanted, size) == 0) {
			*ret_file = i;
			return true;
		}
	}
	return false;
}

static int answer_lookup(const struct call *call)
{
	const struct xc_fuse *fuse = call->worker->fuse;
	struct fuse_entry_out out = { .entry_valid = FOREVER_S, .attr_valid = FOREVER_S };
	uint32_t file;

	if (call->header->nodeid != FUSE_ROOT_ID ||
	    !parse_name(call->argument, call->argument_bytes, fuse->count, &file))
		return refuse(call, ENOENT);
	out.nodeid = FIRST_FILE + file;
	fill_attributes(fuse, out.nodeid, &out.attr);
	return reply(call, 0, &out, sizeof(out));
}

static int answer_getattr(const struct call *call)
{
	struct fuse_attr_out out = { .attr_valid = FOREVER_S };

	if (!is_node(call->worker->fuse, call->header->nodeid))
		return refuse(call, ENOENT);
	fill_attributes(call->worker->fuse, call->header->nodeid, &out.attr);
	return reply(call, 0, &out, sizeof(out));
}

/* Direct I/O is what an image cannot be mounted over. */
static int answer_open(const struct call *call)
{
	const struct fuse_open_out out = { .open_flags = FOPEN_KEEP_CACHE };

	if (!is_node(call->worker->fuse, call->header->nodeid))
		return refuse(call, ENOENT);
	return reply(call, 0, &out, sizeof(out));
}

static int answer_read(const struct call *call)
{
	const struct xc_fuse *fuse = call->worker->fuse;
	uint64_t node = call->header->nodeid, size;
	struct fuse_read_in in;
	size_t length;
	int error;

	if (call->argument_bytes < sizeof(in) || node < FIRST_FILE || !is_node(fuse, node))
		return refuse(call, EIO);
	memcpy(&in, call->argument, sizeof(in));
	size = fuse->sizes[node - FIRST_FILE];
	if (in.offset >= size)
		return refuse(call, 0);
	length = XC_MIN((size_t)in.size, XC_FUSE_READ_MAX);
	length = (size_t)XC_MIN((uint64_t)length, size - in.offset);
	error = fuse->read(fuse->context, (uint32_t)(node - FIRST_FILE), in.offset, length,
			   call->worker->data);
	return error ? refuse(call, error) : reply(call, 0, call->worker->data, length);
}

static int answer_statfs(const struct call *call)
{
	const struct fuse_statfs_out out = { .st = { .bsize = PAGE_BYTES, .namelen = 255 } };

	return reply(call, 0, &out, sizeof(out));
}

static int answer(const struct call *call)
{
	switch (call->header->opcode) {
	case FUSE_INIT:
		return answer_init(call);
	case FUSE_LOOKUP:
		return answer_lookup(call);
	case FUSE_GETATTR:
		return answer_getattr(call);
	case FUSE_OPEN:
		return answer_open(call);
	case FUSE_READ:
		return answer_read(call);
	case FUSE_STATFS:
		return answer_statfs(call);
	case FUSE_RELEASE:
	case FUSE_DESTROY:
		return refuse(call, 0);
	/* These want no answer; every request is answered within its time anyhow. */
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return 0;
	default:
		return refuse(call, ENOSYS);
	}
}

int xc_fuse_serve_one(struct xc_fuse_worker *worker)
{
	const struct fuse_in_header *header = (const void *)worker->request;
	ssize_t length = read(worker->fuse->fd, worker->request, REQUEST_BYTES);
	struct call call = { .worker = worker, .header = header };

	/* ENOENT: it was taken back while it was read. */
	if (length < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOENT ? 0 : -1;
	if ((size_t)length < sizeof(*header) || header->len != (size_t)length) {
		errno = EPROTO;
		return -1;
	}
	call.argument = worker->request + sizeof(*header);
	call.argument_bytes = (size_t)length - sizeof(*header);
	return answer(&call);
}
