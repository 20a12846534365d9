/* SPDX-License-Identifier: Apache-2.0 */
#include "save/plan.h"

#include "archive/tar.h"
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

	if (plan->count == planning->capacity) {
		planning->capacity = planning->capacity ? 2 * planning->capacity : 64;
		plan->items = xc_realloc(plan->items, planning->capacity * sizeof(*plan->items));
	}
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

uint64_t xc_plan_span(const struct xc_member *member)
{
	uint64_t content_bytes = xc_member_content_bytes(member);

	return XC_TAR_BLOCK_BYTES + content_bytes + -content_bytes % XC_TAR_BLOCK_BYTES;
}

void xc_plan_make(const struct xc_members *members, struct xc_plan *ret_plan)
{
	struct planning planning = { 0 };

	for (uint32_t i = 0; i < members->count; i++) {
		uint64_t content_bytes = xc_member_content_bytes(&members->items[i]);

		if (content_bytes > XC_SEGMENT_TARGET_BYTES)
			add_pieces(&planning, i, content_bytes);
		else
			add_to_run(&planning, i, xc_plan_span(&members->items[i]));
	}
	end_run(&planning);
	*ret_plan = planning.plan;
}

void xc_plan_release(struct xc_plan *plan)
{
	free(plan->items);
	*plan = (struct xc_plan)XC_PLAN_INIT;
}
