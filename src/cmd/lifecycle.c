/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include <string.h>

#include "report/document.h"
#include "save/save.h"
#include "store/url.h"

#define ABANDON_DAYS 1 /* no save takes longer, and parts of none are ever wanted again */

static const struct xc_option options[] = {
	{ .name = "days",
	  .kind = XC_OPTION_NUMBER,
	  .offset = offsetof(struct xc_args, days),
	  .value = "N",
	  .help = "Remove objects N days after their creation\n"
		  "(default: 14)",
	  .min = 1,
	  .max = 3650 },
	XC_OPTION("xml", FLAG, xml, NULL, "Print XML, the form that S3 and s3cmd use"),
};

static const struct xc_command command = {
	.name = "lifecycle",
	.usage = "--store s3://BUCKET/PREFIX [--days N] [--xml]",
	.about = "Print rules that make a bucket remove old entries and the parts of unfinished\n"
		 "uploads. Nothing is sent to the bucket.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.examples = "  xcache lifecycle --store s3://bucket/ci > rules.json\n"
		    "  aws s3api put-bucket-lifecycle-configuration --bucket bucket \\\n"
		    "      --lifecycle-configuration file://rules.json\n"
		    "  xcache lifecycle --store s3://bucket/ci --xml > rules.xml\n"
		    "  s3cmd setlifecycle rules.xml s3://bucket",
	.exits = "  0  printed\n"
		 "  2  wrong usage",
};

/* The prefix of the objects' keys; empty for all of the bucket. */
static int find_prefix(const struct xc_args *args, char **ret_prefix, struct xc_err *err)
{
	cleanup_free char *store = args->store ? xc_strdup(args->store) : xc_defaults_store(err);
	cleanup_url struct xc_url url = { 0 };
	const char *path;
	size_t length;

	if (!store)
		return -1;
	if (strncmp(store, "s3:", 3) != 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "only buckets have lifecycle rules; give --store "
				  "s3://bucket/prefix");
	if (xc_url_parse(store + 3, &url, err) < 0)
		return -1;
	path = url.path + strspn(url.path, "/");
	length = strlen(path);
	while (length > 0 && path[length - 1] == '/')
		length--;
	*ret_prefix = length > 0 ? xc_asprintf("%.*s/", (int)length, path) : xc_strdup("");
	return 0;
}

/* The form that AWS's command line takes (S3 API, LifecycleConfiguration). */
static void print_json(const char *prefix, long days)
{
	cleanup_json json_t *rules = json_object();
	json_t *rule = json_object(), *filter = json_object(), *list = json_array();

	json_object_set_new(filter, "Prefix", xc_json_text(prefix));
	json_object_set_new(rule, "ID", json_string("xcache"));
	json_object_set_new(rule, "Status", json_string("Enabled"));
	json_object_set_new(rule, "Filter", filter);
	json_object_set_new(rule, "Expiration", json_pack("{sI}", "Days", (json_int_t)days));
	json_object_set_new(rule, "AbortIncompleteMultipartUpload",
			    json_pack("{si}", "DaysAfterInitiation", ABANDON_DAYS));
	json_array_append_new(list, rule);
	json_object_set_new(rules, "Rules", list);
	xc_document_print(rules, stdout);
}

static void add_xml_text(struct xc_buf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"", *text))
			xc_buf_addf(out, "&#%d;", *text);
		else
			xc_buf_add_char(out, *text);
	}
}

static void print_xml(const char *prefix, long days)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	add_xml_text(&text, prefix);
	printf("<LifecycleConfiguration>\n"
	       "  <Rule>\n"
	       "    <ID>xcache</ID>\n"
	       "    <Filter><Prefix>%s</Prefix></Filter>\n"
	       "    <Status>Enabled</Status>\n"
	       "    <Expiration><Days>%ld</Days></Expiration>\n"
	       "    <AbortIncompleteMultipartUpload>\n"
	       "      <DaysAfterInitiation>%d</DaysAfterInitiation>\n"
	       "    </AbortIncompleteMultipartUpload>\n"
	       "  </Rule>\n"
	       "</LifecycleConfiguration>\n",
	       xc_buf_str(&text), days, ABANDON_DAYS);
}

int xc_cmd_lifecycle(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_free char *prefix = NULL;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (find_prefix(&args, &prefix, &err) < 0)
		return xc_cmd_fail(&command, &args, NULL, &err);
	if (args.days == 0)
		args.days = XC_EXPIRE_DAYS_DEFAULT;
	if (args.xml)
		print_xml(prefix, args.days);
	else
		print_json(prefix, args.days);
	return XC_EXIT_DONE;
}
