/* SPDX-License-Identifier: Apache-2.0 */
#include "save/plan.h"

#include <string.h>

#include "archive/tar.h"
#include "base/grow.h"
#include "pack/segment.h"

struct planning {
	struct xc_plan plan;
	uint32_t capacity;
	uint32_t run_first, run_count;
	uint64_t run_bytes;
};

static void add_item(struct planning *planning, struct xc_plan_item item)
{
	struct xc_plan *plan = &planning->plan;

	XC_GROW(plan->items, plan->count, planning->capacity, 64);
	plan->items[plan->count++] = item;
}

static void end_run(struct planning *planning)
{
	if (planning->run_count > 0)
		add_item(planning, (struct xc_plan_item){ .first = planning->run_first,
							  .count = planning->run_count });
	planning->run_count = 0;
	planning->run_bytes = 0;
}

static void add_to_run(struct planning *planning, uint32_t position, uint64_t bytes)
{
	if (planning->run_bytes + bytes > XC_SEGMENT_TARGET_BYTES)
		end_run(planning);
	if (planning->run_count == 0)
		planning->run_first = position;
	planning->run_count++;
	planning->run_bytes += bytes;
}

static void add_pieces(struct planning *planning, uint32_t position, uint64_t content_bytes)
{
	end_run(planning);
	for (uint64_t at = 0; at < content_bytes; at += XC_SEGMENT_TARGET_BYTES)
		add_item(planning, (struct xc_plan_item){
					   .first = position,
					   .count = 1,
					   .piece = true,
					   .offset = at,
					   .length = XC_MIN(content_bytes - at,
							    (uint64_t)XC_SEGMENT_TARGET_BYTES),
				   });
}

/* Measuring the headers of members, in the order of their table. */
struct measuring {
	struct xc_members *members;
	struct xc_tar_writer *tar;
	struct xc_buf path, link_path;
	uint32_t *path_bytes; /* of the paths so far, by position */
};

/* In preorder the path of the member before begins with that of this one's directory. */
static void move_to(struct measuring *measuring, uint32_t position)
{
	const struct xc_member *member = &measuring->members->items[position];
	struct xc_buf *path = &measuring->path;

	if (member->parent == XC_MEMBER_NONE) {
		xc_buf_clear(path);
	} else {
		xc_buf_truncate(path, measuring->path_bytes[member->parent]);
		/* The root "/" as a root path already ends in the slash that joins. */
		if (path->data[path->len_bytes - 1] != '/')
			xc_buf_add_char(path, '/');
	}
	xc_buf_add(path, member->name, strlen(member->name));
	measuring->path_bytes[position] = (uint32_t)path->len_bytes;
}

static int measure(struct measuring *measuring, uint32_t position, struct xc_err *err)
{
	struct xc_member *member = &measuring->members->items[position];
	const char *link_path = NULL;

	move_to(measuring, position);
	if (member->type == XC_MEMBER_HARDLINK) {
		xc_buf_clear(&measuring->link_path);
		xc_members_path(measuring->members, member->link, &measuring->link_path);
		link_path = measuring->link_path.data;
	}
	return xc_tar_header_bytes(measuring->tar,
				   XC_TAR_ENTRY(member, measuring->path.data, link_path),
				   &member->header_bytes, err);
}

static int measure_all(struct xc_members *members, const struct xc_member_set *set,
		       struct xc_err *err)
{
	cleanup_free uint32_t *path_bytes = xc_malloc(members->count * sizeof(*path_bytes));
	struct measuring measuring = {
		.members = members,
		.tar = xc_tar_writer_new(),
		.path_bytes = path_bytes,
	};
	int result = 0;

	for (uint32_t i = xc_member_set_next(set, 0); result == 0 && i < set->size;
	     i = xc_member_set_next(set, i + 1))
		result = measure(&measuring, i, err);
	xc_tar_writer_free(measuring.tar);
	xc_buf_release(&measuring.path);
	xc_buf_release(&measuring.link_path);
	return result;
}

int xc_plan_make(struct xc_members *members, const struct xc_member_set *set,
		 struct xc_plan *ret_plan, struct xc_err *err)
{
	struct planning planning = { 0 };

	if (measure_all(members, set, err) < 0)
		return -1;
	for (uint32_t i = xc_member_set_next(set, 0); i < set->size;
	     i = xc_member_set_next(set, i + 1)) {
		uint64_t content_bytes = xc_member_content_bytes(&members->items[i]);

		if (content_bytes > XC_SEGMENT_TARGET_BYTES)
			add_pieces(&planning, i, content_bytes);
		else
			add_to_run(&planning, i, xc_member_span_bytes(&members->items[i]));
	}
	end_run(&planning);
	*ret_plan = planning.plan;
	return 0;
}

void xc_plan_release(struct xc_plan *plan)
{
	free(plan->items);
	*plan = (struct xc_plan)XC_PLAN_INIT;
}
