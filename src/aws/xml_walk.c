/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/xml_internal.h"

#include <stdalign.h>

#include <expat.h>

#include "base/buf.h"

/* What the handlers get. */
struct state {
	struct xc_xml_walk *walk;
	XML_Parser parser;
	struct xc_buf text;
	bool is_stopped;
};

/*
 * STS answers with secrets, and the parser has copies of all it reads: its
 * memory is wiped as it goes back. The length stands before each block.
 */
struct block {
	size_t length;
	alignas(max_align_t) char bytes[];
};

static void *block_new(size_t length)
{
	struct block *block;

	if (length > SIZE_MAX - sizeof(*block))
		return NULL;
	block = xc_malloc(sizeof(*block) + length);
	block->length = length;
	return block->bytes;
}

static void block_free(void *bytes)
{
	struct block *block;

	if (!bytes)
		return;
	block = (struct block *)((char *)bytes - offsetof(struct block, bytes));
	explicit_bzero(block, sizeof(*block) + block->length);
	free(block);
}

static void *block_resize(void *bytes, size_t length)
{
	char *copy = block_new(length);
	const struct block *block;

	if (bytes && copy) {
		block = (struct block *)((char *)bytes - offsetof(struct block, bytes));
		memcpy(copy, bytes, XC_MIN(length, block->length));
		block_free(bytes);
	}
	return copy;
}

static void stop(struct state *state)
{
	state->is_stopped = true;
	XML_StopParser(state->parser, XML_FALSE);
}

static void on_begin(void *data, const char *name, const char **attributes)
{
	struct state *state = data;
	struct xc_xml_walk *walk = state->walk;
	const char *colon = strrchr(name, ':');

	(void)attributes;
	/* The parser may call on for a while after it was stopped. */
	if (state->is_stopped)
		return;
	if (walk->depth == XC_XML_DEPTH_MAX) {
		xc_err_set(walk->err, XC_ERR_CORRUPT, "%s nests deeper than %d elements",
			   walk->what, XC_XML_DEPTH_MAX);
		stop(state);
		return;
	}
	/* No name that is looked for is so long that it would be cut. */
	snprintf(walk->names[walk->depth++], XC_XML_NAME_BYTES, "%s", colon ? colon + 1 : name);
	xc_buf_clear(&state->text);
	if (walk->begin && walk->begin(walk) < 0)
		stop(state);
}

static void on_end(void *data, const char *name)
{
	struct state *state = data;

	(void)name;
	if (state->is_stopped)
		return;
	if (state->walk->end && state->walk->end(state->walk, state->text.data) < 0)
		stop(state);
	state->walk->depth--;
	xc_buf_clear(&state->text);
}

static void on_text(void *data, const char *text, int length)
{
	struct state *state = data;
	struct xc_xml_walk *walk = state->walk;

	if (state->is_stopped || xc_buf_try_add(&state->text, text, (size_t)length) == 0)
		return;
	xc_err_set(walk->err, XC_ERR_CORRUPT, "%s holds more than %zu bytes in its element %s",
		   walk->what, XC_XML_TEXT_BYTES, XC_QUOTE(walk->names[walk->depth - 1]));
	stop(state);
}

/* No S3 has one. Without one there are no entities to expand or to fetch either. */
static void on_doctype(void *data, const char *name, const char *system_id, const char *public_id,
		       int has_internal_subset)
{
	struct state *state = data;

	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_internal_subset;
	if (state->is_stopped)
		return;
	xc_err_set(state->walk->err, XC_ERR_CORRUPT, "%s has a document type", state->walk->what);
	stop(state);
}

static int run(struct state *state, const char *xml, size_t length)
{
	XML_SetUserData(state->parser, state);
	XML_SetElementHandler(state->parser, on_begin, on_end);
	XML_SetCharacterDataHandler(state->parser, on_text);
	XML_SetStartDoctypeDeclHandler(state->parser, on_doctype);
	if (XML_Parse(state->parser, xml, (int)length, XML_TRUE) == XML_STATUS_OK)
		return 0;
	if (state->is_stopped)
		return -1;
	return xc_err_set(state->walk->err, XC_ERR_CORRUPT, "%s is not XML: line %lu: %s",
			  state->walk->what, XML_GetCurrentLineNumber(state->parser),
			  XML_ErrorString(XML_GetErrorCode(state->parser)));
}

int xc_xml_walk(struct xc_xml_walk *walk, const char *xml, size_t length)
{
	const XML_Memory_Handling_Suite memory = { block_new, block_resize, block_free };
	struct state state = { .walk = walk };
	int result;

	/* S3 sends blanks while it completes an upload; before a declaration XML has none. */
	while (length > 0 && (*xml == ' ' || *xml == '\t' || *xml == '\r' || *xml == '\n')) {
		xml++;
		length--;
	}
	if (length > XC_XML_BYTES_MAX)
		return xc_err_set(walk->err, XC_ERR_CORRUPT, "%s is longer than %zu bytes",
				  walk->what, XC_XML_BYTES_MAX);
	state.parser = XML_ParserCreate_MM(NULL, &memory, NULL);
	xc_buf_init(&state.text, XC_XML_TEXT_BYTES);
	/* All of it at once: growing would leave copies behind. */
	if (!state.parser || !xc_buf_reserve(&state.text, XC_XML_TEXT_BYTES))
		xc_out_of_memory();
	walk->depth = 0;
	result = run(&state, xml, length);
	XML_ParserFree(state.parser);
	explicit_bzero(state.text.data, state.text.cap_bytes);
	xc_buf_release(&state.text);
	return result;
}

bool xc_xml_is(const struct xc_xml_walk *walk, const char *parent, const char *name)
{
	return walk->depth >= 2 && strcmp(walk->names[walk->depth - 2], parent) == 0 &&
	       strcmp(walk->names[walk->depth - 1], name) == 0;
}

int xc_xml_check_root(struct xc_xml_walk *walk, const char *root)
{
	if (walk->depth > 1 || strcmp(walk->names[0], root) == 0)
		return 0;
	return xc_err_set(walk->err, XC_ERR_CORRUPT, "%s is no %s but %s", walk->what, root,
			  XC_QUOTE(walk->names[0]));
}
