/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of mounts, made of indexes from a store. The first byte says how:
 * its lowest bit whether blocks are of 512 or 4096 bytes, the next whether all
 * is one owner's, the next two which of the members are dead in one layer and
 * alive in a second one of the same index. The rest is as the index fuzz
 * target takes it: the contents of its sections in the order of their ids,
 * each behind its length in two bytes.
 *
 * Demands: whatever index was parsed is either refused with a reason, or its
 * image, read back, shows its members, and each piece of content lies where
 * the image says.
 */
#include "fuzz.h"

#include "sections.h"

#include "../unit/mount_check.h"

/* Every `step`th file, with its hard links, is dead in the first layer and alive in the second. */
static void share(struct xc_entry_layers *layers, uint32_t step)
{
	const struct xc_members *members = &layers->items[0].index.members;

	for (uint32_t i = 0; i < members->count; i++) {
		const struct xc_member *member = &members->items[i];
		uint32_t file = member->type == XC_MEMBER_HARDLINK ? member->link : i;

		xc_member_set_remove(&layers->items[file % step == 1].alive, i);
	}
}

static int load(const struct xc_buf *stored, uint8_t how, struct xc_entry_layers *layers)
{
	static struct xc_layer manifest = { .pack = "0123456789abcdef0123456789abcdef" };
	uint32_t step = how >> 2 & 3;

	layers->items = xc_calloc(2, sizeof(*layers->items));
	for (layers->count = 0; layers->count < (step > 0 ? 2 : 1);) {
		struct xc_entry_layer *layer = &layers->items[layers->count++];
		struct xc_index_budget budget = { 0 };
		struct xc_err err = { 0 };

		layer->layer = &manifest;
		if (xc_index_parse(stored->data, stored->len_bytes, &budget, &layer->index, &err) <
		    0)
			return -1;
		xc_member_set_init(&layer->alive, layer->index.members.count, true);
	}
	if (step > 0)
		share(layers, step + 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct xc_owner owner = { 1000, 4000000000 };
	cleanup_buf struct xc_buf stored = XC_BUF_INIT, image = XC_BUF_INIT;
	cleanup_layers struct xc_entry_layers layers = XC_ENTRY_LAYERS_INIT;
	cleanup_layout struct xc_layout layout = XC_LAYOUT_INIT;
	struct xc_image_opts opts = { .uuid = "fuzz" };
	struct xc_err err = { 0 };
	const char *wrong;

	if (size == 0 || wrap_sections(data + 1, size - 1, &stored) < 0 || stored.len_bytes == 0 ||
	    load(&stored, data[0], &layers) < 0)
		return 0;
	opts.owner = data[0] & 2 ? &owner : NULL;
	if (xc_layout_make(&layers, data[0] & 1 ? XC_BLOCK_BITS_4096 : XC_BLOCK_BITS_512, &layout,
			   &err) < 0 ||
	    xc_image_write(&layout, &opts, &image, &err) < 0) {
		MUST(err.kind == XC_ERR_UNSUPPORTED && err.msg[0] != '\0');
		return 0;
	}
	wrong = mount_check_image(&layers, &layout, opts.owner, &image);
	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	MUST(!wrong);
	return 0;
}
