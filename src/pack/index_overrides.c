/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section OVERRIDES. Most members of a build's tree that change their time
 * change it with many others: a clock ticks every few milliseconds. So each
 * distinct time stands once, and so does each set of attributes.
 */
#include "base/hex.h"
#include "pack/internal.h"
#include "pack/manifest.h"

#define PACK_ID_BYTES (XC_PACK_ID_BYTES / 2)
#define NS_BYTES      4

struct moment {
	int64_t s;
	uint32_t ns;
};

void xc_overrides_release(struct xc_overrides *overrides)
{
	for (uint32_t i = 0; i < overrides->count; i++)
		free(overrides->layers[i].items);
	free(overrides->layers);
	*overrides = (struct xc_overrides)XC_OVERRIDES_INIT;
}

void xc_index_drop_overrides(struct xc_index *index, struct xc_index_budget *budget)
{
	struct xc_overrides *overrides = &index->overrides;

	budget->used_bytes -= overrides->count * sizeof(*overrides->layers);
	for (uint32_t i = 0; i < overrides->count; i++)
		budget->used_bytes -=
			overrides->layers[i].count * sizeof(*overrides->layers[i].items);
	xc_overrides_release(overrides);
}

/* --- writing --- */

/* What is written of all layers' members, one layer after the other. */
struct columns {
	const struct xc_overrides *overrides;
	struct moment *moments; /* ascending, each once */
	uint32_t moment_count;
	uint32_t *ids; /* of each member */
	uint32_t count;
};

static void columns_release(struct columns *columns)
{
	free(columns->moments);
	free(columns->ids);
}

static int compare_moments(const void *a, const void *b)
{
	const struct moment *left = a, *right = b;

	if (left->s != right->s)
		return left->s < right->s ? -1 : 1;
	return (left->ns > right->ns) - (left->ns < right->ns);
}

static void collect_moments(struct columns *columns)
{
	const struct xc_overrides *overrides = columns->overrides;
	uint32_t count = 0;

	for (uint32_t i = 0; i < overrides->count; i++)
		columns->count += overrides->layers[i].count;
	columns->ids = xc_malloc(columns->count * sizeof(*columns->ids));
	columns->moments = xc_malloc(columns->count * sizeof(*columns->moments));
	for (uint32_t i = 0; i < overrides->count; i++)
		for (uint32_t k = 0; k < overrides->layers[i].count; k++) {
			const struct xc_override *item = &overrides->layers[i].items[k];

			columns->moments[count++] =
				(struct moment){ item->mtime_s, item->mtime_ns };
		}
	qsort(columns->moments, count, sizeof(*columns->moments), compare_moments);
	for (uint32_t i = 0; i < count; i++)
		if (i == 0 || compare_moments(&columns->moments[i], &columns->moments[i - 1]) != 0)
			columns->moments[columns->moment_count++] = columns->moments[i];
}

/* The bytes of the same weight together, the highest first: those of low weight do not compress. */
static void put_planes(struct xc_index_write *write, const uint32_t *values, uint32_t count,
		       unsigned width)
{
	for (unsigned plane = width; plane-- > 0;) {
		char *at = xc_buf_reserve(&write->raw, count);

		if (!at) {
			write->full = true;
			return;
		}
		for (uint32_t i = 0; i < count; i++)
			at[i] = (char)(values[i] >> (8 * plane));
		xc_buf_grow_by(&write->raw, count);
	}
}

/* How many bytes the ids below `count` have. */
static unsigned id_width(uint32_t count)
{
	unsigned width = 0;

	for (uint32_t last = count - 1; last > 0; last >>= 8)
		width++;
	return width;
}

static void put_moments(struct xc_index_write *write, struct columns *columns)
{
	cleanup_free uint32_t *gaps = xc_malloc(columns->moment_count * sizeof(*gaps));
	const struct moment *last = &(const struct moment){ 0, 0 };

	xc_index_put_varint(write, columns->moment_count);
	for (uint32_t i = 0; i < columns->moment_count; i++) {
		const struct moment *moment = &columns->moments[i];
		uint64_t seconds = (uint64_t)moment->s - (uint64_t)last->s;

		gaps[i] = moment->ns - last->ns;
		if (moment->ns < last->ns) {
			gaps[i] += XC_NS_PER_S;
			seconds--;
		}
		/* Only the first may be earlier than what it is counted from. */
		xc_index_put_varint(write,
				    i == 0 ? (uint64_t)xc_zigzag_encode(moment->s) : seconds);
		last = moment;
	}
	put_planes(write, gaps, columns->moment_count, NS_BYTES);
}

static void put_moment_ids(struct xc_index_write *write, struct columns *columns)
{
	const struct xc_overrides *overrides = columns->overrides;
	uint32_t count = 0;

	for (uint32_t i = 0; i < overrides->count; i++)
		for (uint32_t k = 0; k < overrides->layers[i].count; k++) {
			const struct xc_override *item = &overrides->layers[i].items[k];
			const struct moment moment = { item->mtime_s, item->mtime_ns };
			const struct moment *found =
				bsearch(&moment, columns->moments, columns->moment_count,
					sizeof(moment), compare_moments);

			columns->ids[count++] = (uint32_t)(found - columns->moments);
		}
	put_planes(write, columns->ids, count, id_width(columns->moment_count));
}

static void put_layers(struct xc_index_write *write, const struct xc_overrides *overrides)
{
	xc_index_put_varint(write, overrides->count);
	for (uint32_t i = 0; i < overrides->count; i++) {
		uint8_t id[PACK_ID_BYTES];

		/* It was checked. */
		if (xc_hex_decode(overrides->layers[i].pack, id, sizeof(id)) < 0)
			abort();
		xc_index_put_bytes(write, id, sizeof(id));
		xc_index_put_varint(write, overrides->layers[i].count);
	}
	for (uint32_t i = 0; i < overrides->count; i++) {
		const struct xc_layer_overrides *layer = &overrides->layers[i];

		for (uint32_t k = 0, next = 0; k < layer->count; k++) {
			xc_index_put_varint(write, layer->items[k].position - next);
			next = layer->items[k].position + 1;
		}
	}
}

static void put_attrs(struct xc_index_write *write, struct columns *columns)
{
	const struct xc_overrides *overrides = columns->overrides;
	cleanup_attr_table struct xc_attr_table table = { 0 };
	uint32_t count = 0;

	for (uint32_t i = 0; i < overrides->count; i++)
		for (uint32_t k = 0; k < overrides->layers[i].count; k++) {
			const struct xc_override *item = &overrides->layers[i].items[k];

			columns->ids[count++] = xc_attr_id(&table, &(struct xc_attr){
									   .mode = item->mode,
									   .uid = item->uid,
									   .gid = item->gid,
								   });
		}
	xc_index_put_varint(write, table.count);
	for (uint32_t i = 0; i < table.count; i++) {
		xc_index_put_varint(write, table.attrs[i].mode);
		xc_index_put_varint(write, table.attrs[i].uid);
		xc_index_put_varint(write, table.attrs[i].gid);
	}
	for (uint32_t i = 0; i < count; i++)
		xc_index_put_varint(write, columns->ids[i]);
}

void xc_index_write_overrides(struct xc_index_write *write)
{
	__attribute__((cleanup(columns_release))) struct columns columns = {
		.overrides = &write->index->overrides
	};

	if (columns.overrides->count == 0)
		return;
	collect_moments(&columns);
	put_layers(write, columns.overrides);
	put_attrs(write, &columns);
	put_moments(write, &columns);
	put_moment_ids(write, &columns);
}

/* --- reading --- */

static int read_layers(struct xc_index_parse *parse, struct xc_column *column, uint32_t *ret_total)
{
	struct xc_overrides *overrides = &parse->index->overrides;
	uint32_t count, total = 0;

	if (xc_cursor_varint32(&column->cursor, &count) < 0)
		return xc_column_fail(column, 0, XC_BAD_VARINT);
	if (count == 0 || count > XC_LAYERS_MAX)
		return xc_column_fail(column, 0, "no layers, or too many");
	overrides->layers = xc_index_table(parse, count, sizeof(*overrides->layers),
					   sizeof(*overrides->layers));
	if (!overrides->layers)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct xc_layer_overrides *layer = &overrides->layers[i];
		const uint8_t *id = xc_cursor_bytes(&column->cursor, PACK_ID_BYTES);
		uint32_t members;

		if (!id)
			return xc_column_fail(column, i, "cut off");
		if (xc_cursor_varint32(&column->cursor, &members) < 0)
			return xc_column_fail(column, i, XC_BAD_VARINT);
		if (members == 0 || members > XC_MEMBERS_MAX - total)
			return xc_column_fail(column, i, "no members, or too many");
		/* A gap and an id each. */
		if (members > xc_cursor_left(&column->cursor) / 2)
			return xc_column_fail(column, i, "cut off");
		xc_hex_encode(id, PACK_ID_BYTES, layer->pack);
		total += members;
		layer->items = xc_index_table(parse, members, sizeof(*layer->items),
					      sizeof(*layer->items));
		if (!layer->items)
			return -1;
		layer->count = members;
		overrides->count = i + 1;
	}
	*ret_total = total;
	return 0;
}

static int read_positions(struct xc_column *column, struct xc_overrides *overrides)
{
	for (uint32_t i = 0; i < overrides->count; i++) {
		struct xc_layer_overrides *layer = &overrides->layers[i];
		uint32_t gap, next = 0;

		for (uint32_t k = 0; k < layer->count; k++) {
			if (xc_cursor_varint32(&column->cursor, &gap) < 0)
				return xc_column_fail(column, k, XC_BAD_VARINT);
			if (gap >= XC_MEMBERS_MAX - next)
				return xc_column_fail(column, k, "a position out of bounds");
			layer->items[k].position = next + gap;
			next += gap + 1;
		}
	}
	return 0;
}

static int read_attr(struct xc_column *column, uint32_t position, struct xc_attr *attr)
{
	uint64_t value[3];

	for (size_t i = 0; i < ARRAY_LEN(value); i++)
		if (xc_cursor_varint(&column->cursor, &value[i]) < 0)
			return xc_column_fail(column, position, XC_BAD_VARINT);
	if (value[0] > 07777 || value[1] > UINT32_MAX || value[2] > UINT32_MAX)
		return xc_column_fail(column, position, "a mode or an owner out of bounds");
	attr->mode = (uint16_t)value[0];
	attr->uid = (uint32_t)value[1];
	attr->gid = (uint32_t)value[2];
	return 0;
}

static int read_attrs(struct xc_index_parse *parse, struct xc_column *column)
{
	const struct xc_overrides *overrides = &parse->index->overrides;
	cleanup_free struct xc_attr *attrs = NULL;
	uint32_t count, id;

	if (xc_cursor_varint32(&column->cursor, &count) < 0)
		return xc_column_fail(column, 0, XC_BAD_VARINT);
	if (count > xc_cursor_left(&column->cursor) / 3)
		return xc_column_fail(column, 0, "cut off");
	attrs = xc_index_table(parse, count, sizeof(*attrs), sizeof(*attrs));
	if (!attrs)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (read_attr(column, i, &attrs[i]) < 0)
			return -1;
	for (uint32_t i = 0; i < overrides->count; i++)
		for (uint32_t k = 0; k < overrides->layers[i].count; k++) {
			struct xc_override *item = &overrides->layers[i].items[k];

			if (xc_cursor_varint32(&column->cursor, &id) < 0)
				return xc_column_fail(column, k, XC_BAD_VARINT);
			if (id >= count)
				return xc_column_fail(column, k, "no such attributes");
			item->mode = attrs[id].mode;
			item->uid = attrs[id].uid;
			item->gid = attrs[id].gid;
		}
	xc_index_refund(parse, count * sizeof(*attrs));
	return 0;
}

/* The value at `at` of `count` that put_planes wrote. */
static uint32_t from_planes(const uint8_t *planes, uint32_t count, unsigned width, uint32_t at)
{
	uint32_t value = 0;

	for (unsigned plane = 0; plane < width; plane++)
		value = value << 8 | planes[(size_t)plane * count + at];
	return value;
}

/* From the difference to the moment before, which `moment` holds, to itself. */
static const char *add_gap(const struct moment *last, uint32_t gap_ns, struct moment *moment)
{
	uint64_t seconds = (uint64_t)moment->s;

	if (gap_ns >= XC_NS_PER_S)
		return "a second with too many nanoseconds";
	if (seconds == 0 && gap_ns == 0)
		return "a time that is no later than the one before";
	moment->ns = last->ns + gap_ns;
	if (moment->ns >= XC_NS_PER_S) {
		moment->ns -= XC_NS_PER_S;
		if (seconds++ == UINT64_MAX)
			return "a time out of bounds";
	}
	if (seconds > (uint64_t)INT64_MAX - (uint64_t)last->s)
		return "a time out of bounds";
	moment->s = (int64_t)((uint64_t)last->s + seconds);
	return NULL;
}

static int read_moments(struct xc_index_parse *parse, struct xc_column *column,
			struct moment **ret_moments, uint32_t *ret_count)
{
	cleanup_free struct moment *moments = NULL;
	const uint8_t *planes;
	uint64_t seconds;
	uint32_t count;

	if (xc_cursor_varint32(&column->cursor, &count) < 0)
		return xc_column_fail(column, 0, XC_BAD_VARINT);
	if (count == 0 || count > xc_cursor_left(&column->cursor) / (1 + NS_BYTES))
		return xc_column_fail(column, 0, "no times, or cut off");
	moments = xc_index_table(parse, count, sizeof(*moments), sizeof(*moments));
	if (!moments)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (xc_cursor_varint(&column->cursor, &seconds) < 0)
			return xc_column_fail(column, i, XC_BAD_VARINT);
		moments[i].s = (int64_t)seconds;
	}
	planes = xc_cursor_bytes(&column->cursor, (size_t)count * NS_BYTES);
	if (!planes)
		return xc_column_fail(column, 0, "cut off");
	moments[0].s = (int64_t)xc_zigzag_decode((uint64_t)moments[0].s);
	moments[0].ns = from_planes(planes, count, NS_BYTES, 0);
	if (moments[0].ns >= XC_NS_PER_S)
		return xc_column_fail(column, 0, "a second with too many nanoseconds");
	for (uint32_t i = 1; i < count; i++) {
		const char *wrong = add_gap(&moments[i - 1],
					    from_planes(planes, count, NS_BYTES, i), &moments[i]);

		if (wrong)
			return xc_column_fail(column, i, wrong);
	}
	*ret_moments = STEAL_PTR(moments);
	*ret_count = count;
	return 0;
}

static int read_times(struct xc_index_parse *parse, struct xc_column *column, uint32_t total)
{
	const struct xc_overrides *overrides = &parse->index->overrides;
	cleanup_free struct moment *moments = NULL;
	uint32_t count = 0, at = 0;
	unsigned width;
	const uint8_t *planes;

	if (read_moments(parse, column, &moments, &count) < 0)
		return -1;
	width = id_width(count);
	planes = xc_cursor_bytes(&column->cursor, (size_t)total * width);
	if (!planes)
		return xc_column_fail(column, 0, "cut off");
	for (uint32_t i = 0; i < overrides->count; i++)
		for (uint32_t k = 0; k < overrides->layers[i].count; k++) {
			struct xc_override *item = &overrides->layers[i].items[k];
			uint32_t id = from_planes(planes, total, width, at++);

			if (id >= count)
				return xc_column_fail(column, k, "no such time");
			item->mtime_s = moments[id].s;
			item->mtime_ns = moments[id].ns;
		}
	xc_index_refund(parse, count * sizeof(*moments));
	return 0;
}

int xc_index_read_overrides(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	uint32_t total = 0;

	if (xc_column_open(parse, XC_SECTION_OVERRIDES, 0, UINT64_MAX, &column) < 0)
		return -1;
	if (xc_cursor_left(&column.cursor) == 0)
		return 0;
	if (read_layers(parse, &column, &total) < 0 ||
	    read_positions(&column, &parse->index->overrides) < 0 ||
	    read_attrs(parse, &column) < 0 || read_times(parse, &column, total) < 0)
		return -1;
	return xc_column_close(&column);
}

/* --- the rules for both --- */

static const char *check_layer(const struct xc_layer_overrides *layer)
{
	uint8_t id[PACK_ID_BYTES];

	if (strlen(layer->pack) != XC_PACK_ID_BYTES ||
	    xc_hex_decode(layer->pack, id, sizeof(id)) < 0)
		return "no pack's id";
	if (layer->count == 0)
		return "no members";
	for (uint32_t i = 0; i < layer->count; i++) {
		const struct xc_override *item = &layer->items[i];

		if (i > 0 && item->position <= item[-1].position)
			return "positions out of order";
		if (item->position >= XC_MEMBERS_MAX)
			return "a position out of bounds";
		if (item->mode > 07777)
			return "a mode beyond 07777";
		if (item->mtime_ns >= XC_NS_PER_S)
			return "a time with more than a second of nanoseconds";
	}
	return NULL;
}

int xc_index_check_overrides(const struct xc_overrides *overrides, enum xc_err_kind kind,
			     struct xc_err *err)
{
	uint64_t members = 0;

	if (overrides->count > XC_LAYERS_MAX)
		return xc_err_set(err, kind, "index: overrides of %u layers are too many",
				  overrides->count);
	for (uint32_t i = 0; i < overrides->count; i++) {
		const struct xc_layer_overrides *layer = &overrides->layers[i];
		const char *wrong = check_layer(layer);

		for (uint32_t k = 0; k < i && !wrong; k++)
			if (strcmp(overrides->layers[k].pack, layer->pack) == 0)
				wrong = "a pack twice";
		if (wrong)
			return xc_err_set(err, kind, "index: overrides of layer %u: %s", i, wrong);
		members += layer->count;
	}
	if (members > XC_MEMBERS_MAX)
		return xc_err_set(err, kind, "index: overrides of %llu members are too many",
				  (unsigned long long)members);
	return 0;
}
