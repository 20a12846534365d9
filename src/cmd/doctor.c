/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "report/document.h"
#include "upkeep/doctor.h"

static const struct xc_command command = {
	.name = "doctor",
	.usage = "[--store URL] [--json]",
	.about =
		"Try everything that a save and a restore need from a store, and report problems.\n"
		"Writes 64 MiB under names of its own, and then removes them.",
	.examples = "  xcache doctor --store 's3://bucket/prefix?region=eu-central-1'\n"
		    "  xcache doctor --json | jq '.findings[] | select(.state == \"bad\")'",
	.exits = "  0  a save and a restore would work\n"
		 "  1  they would not\n"
		 "  2  wrong usage",
};

static const char *const state_names[] = {
	[XC_FINDING_GOOD] = "good",
	[XC_FINDING_NOTE] = "note",
	[XC_FINDING_WARNING] = "warning",
	[XC_FINDING_BAD] = "bad",
};

struct consultation {
	FILE *people;
	json_t *findings;
};

static void note_finding(const struct xc_finding *finding, void *context)
{
	struct consultation *consultation = context;
	json_t *item = json_object();

	if (consultation->people) {
		fprintf(consultation->people, "  %-7s  %-11s  %s\n", state_names[finding->state],
			finding->check, finding->text);
		fflush(consultation->people);
	}
	json_object_set_new(item, "check", json_string(finding->check));
	json_object_set_new(item, "state", json_string(state_names[finding->state]));
	json_object_set_new(item, "text", xc_json_text(finding->text));
	json_array_append_new(consultation->findings, item);
}

static void print_document(const struct xc_session *session, const struct xc_diagnosis *diagnosis,
			   json_t *findings)
{
	cleanup_json json_t *document = xc_document_new();

	json_object_set_new(document, "ok", json_boolean(diagnosis->works));
	json_object_set_new(document, "store", xc_json_text(session->store->display_url));
	json_object_set(document, "findings", findings);
	json_object_set_new(document, "round_trip_ms",
			    json_real((double)diagnosis->round_trip_us / 1000));
	json_object_set_new(document, "trial_bytes",
			    json_integer((json_int_t)diagnosis->trial_bytes));
	json_object_set_new(document, "upload_ms", json_integer((json_int_t)diagnosis->upload_ms));
	json_object_set_new(document, "download_ms",
			    json_integer((json_int_t)diagnosis->download_ms));
	xc_document_print(document, stdout);
}

int xc_cmd_doctor(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_json json_t *findings = json_array();
	struct consultation consultation = { .findings = findings };
	struct xc_diagnosis diagnosis;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (xc_session_open(&session, &args, &err) < 0)
		return xc_cmd_fail(&command, &args, &session, &err);
	consultation.people = xc_cmd_people(&args);
	if (consultation.people)
		fprintf(consultation.people, "Store %s\n", session.store->display_url);
	xc_cache_diagnose(&session.cache, note_finding, &consultation, &diagnosis);
	xc_session_finish(&session);
	if (args.json)
		print_document(&session, &diagnosis, findings);
	if (consultation.people)
		fputs(diagnosis.works ? "A save and a restore would work.\n"
				      : "A save or a restore would fail.\n",
		      consultation.people);
	return diagnosis.works ? XC_EXIT_DONE : XC_EXIT_FAILED;
}
