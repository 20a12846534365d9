/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that make requests, against scripted answers: what is sent, what is made of it. */
#include "cred_scene.h"
#include "aws/credentials/sts.h"

#define ANSWER(request_, needs_, status_, body_, ...)                                              \
	{                                                                                          \
		.request = (request_), .needs = (needs_), .status = (status_), .body = (body_),    \
		##__VA_ARGS__                                                                      \
	}

#define ROLE      "arn:aws:iam::1:role/r"
#define ROLE_SENT "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
#define STS       "AWS_ENDPOINT_URL_STS=%S\n"
#define GITHUB                                                                                     \
	STS "GITHUB_ACTIONS=true\nGITHUB_RUN_ID=77\nACTIONS_ID_TOKEN_REQUEST_TOKEN=sEcReTbearer\n" \
	    "ACTIONS_ID_TOKEN_REQUEST_URL=%S/token?api=2\n"
#define JWT  "eyJh.sEcReTjwt.c2ln"
#define KEYS "aws_access_key_id = FILE\naws_secret_access_key = sEcReTfile\n"

#define STS_KEYS                                                                                   \
	"<AccessKeyId>STS</AccessKeyId><SecretAccessKey>sEcReTsts</SecretAccessKey>"               \
	"<SessionToken>sEcReTtoken</SessionToken>"
#define STS_ANSWER(action, members)                                                                \
	"<" action "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" action         \
	"Result><Credentials>" members "</Credentials></" action "Result></" action "Response>"
#define WEB_ANSWER                                                                                 \
	STS_ANSWER("AssumeRoleWithWebIdentity",                                                    \
		   STS_KEYS "<Expiration>2999-01-01T00:00:00Z</Expiration>")
#define ROLE_ANSWER                                                                                \
	STS_ANSWER("AssumeRole", STS_KEYS "<Expiration>2999-01-01T00:00:00Z</Expiration>")
#define STS_ERROR(code, text)                                                                      \
	"<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" text             \
	"</Message></Error><RequestId>1</RequestId></ErrorResponse>"
#define JSON_KEYS "\"AccessKeyId\":\"JSON\",\"SecretAccessKey\":\"sEcReTjson\""
#define JSON_ANSWER                                                                                \
	"{" JSON_KEYS ",\"Token\":\"sEcReTtoken\",\"Code\":\"Success\",\"Expiration\":"            \
	"\"2999-01-01T00:00:00Z\"}"

static void check_rows(const struct cred_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cred_check_row(&rows[i]);
}

static void a_web_identity_token_becomes_keys(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "the token of the file is not exchanged, or not told of",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = " sEcReTweb\n",
		  .answers = { ANSWER("POST / ", "WebIdentityToken=sEcReTweb", 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken",
		  .source = "role " ROLE " by the token in token",
		  .sent = ROLE_SENT,
		  .told = "sEcReTtoken\n" },
		{ .bug = "the request with the token is signed, or the action is another",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ",
				      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15", 200,
				      WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken",
		  .not_sent = "AWS4-HMAC" },
		{ .bug = "an explicit role does not replace AWS_ROLE_ARN",
		  .opts = { .role_arn = ROLE },
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=arn:other",
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", ROLE_SENT, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "the session's name is not taken, or STS would refuse it",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\n"
				     "AWS_ROLE_SESSION_NAME=a b/c\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", "RoleSessionName=a-b-c&", 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "a token file with more than a token passes",
		  .environment = STS,
		  .config = "[default]\nrole_arn = " ROLE "\nrole_session_name = me\n"
			    "web_identity_token_file = %H/token\n",
		  .file = "sEcReT line",
		  .kind = XC_ERR_AUTH,
		  .message = "white space" },
		{ .bug = "a profile's token file is not used",
		  .environment = STS,
		  .config = "[default]\nrole_arn = " ROLE "\nrole_session_name = me\n"
			    "web_identity_token_file = %H/token\n",
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", "RoleSessionName=me&", 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "spaces of a form are sent as '+'",
		  .environment = STS,
		  .config = "[default]\nrole_arn = " ROLE "\nexternal_id = x y\n"
			    "source_profile = b\n",
		  .credentials = "[b]\n" KEYS,
		  .answers = { ANSWER("POST / ", "ExternalId=x%20y", 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "a refusal is a miss or is sent again; it is not said why",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 403, STS_ERROR("AccessDenied", "Not you"),
				      .times = 1),
			       ANSWER("POST / ", NULL, 200, WEB_ANSWER) },
		  .kind = XC_ERR_AUTH,
		  .message = "AccessDenied: Not you; does the role's trust policy" },
		{ .bug = "a refused role does not say whose token it was",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "e30.eyJzdWIiOiJyZXBvOm9AMS9uQDI6cmVmOnJlZnMvaGVhZHMvbWFpbiJ9."
			  "sEcReTsignature",
		  .answers = { ANSWER("POST / ", NULL, 403, STS_ERROR("AccessDenied", "no")) },
		  .kind = XC_ERR_AUTH,
		  .message = "Its sub is repo:o@1/n@2:ref:refs/heads/main" },
		{ .bug = "404 of STS is a miss",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 404, "") },
		  .kind = XC_ERR_AUTH,
		  .message = "404" },
		{ .bug = "an issuer that could not be asked is not asked again",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 400, STS_ERROR("IDPCommunicationError", "x"),
				      .times = 1),
			       ANSWER("POST / ", NULL, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "trouble of a moment ends it",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 500, "", .times = 1),
			       ANSWER("POST / ", NULL, 0, "", .times = 1),
			       ANSWER("POST / ", NULL, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "an end by the server's clock is taken for one by ours",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 200,
				      STS_ANSWER("AssumeRoleWithWebIdentity", STS_KEYS
						 "<Expiration>2025-01-31T13:34:56Z</Expiration>"),
				      .header = "Date: Fri, 31 Jan 2025 12:34:56 GMT\r\n") },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "keys that have ended by the server's clock are taken",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 200,
				      STS_ANSWER("AssumeRoleWithWebIdentity", STS_KEYS
						 "<Expiration>2999-01-31T12:34:56Z</Expiration>"),
				      .header = "Date: Thu, 31 Jan 2999 12:34:56 GMT\r\n") },
		  .kind = XC_ERR_AUTH,
		  .message = "expired already" },
		{ .bug = "an answer without keys counts",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 200, "<a>sEcReT</a>") },
		  .kind = XC_ERR_CORRUPT,
		  .message = "no access key id" },
		{ .bug = "an answer without an end counts as keys that never end",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 200,
				      STS_ANSWER("AssumeRoleWithWebIdentity", STS_KEYS)) },
		  .kind = XC_ERR_CORRUPT,
		  .message = "no expiration" },
		{ .bug = "keys that ended in 1970 count as keys that never end",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER(
			  "POST / ", NULL, 200,
			  STS_ANSWER("AssumeRoleWithWebIdentity",
				     STS_KEYS "<Expiration>1970-01-01T00:00:00Z</Expiration>")) },
		  .kind = XC_ERR_AUTH,
		  .message = "expired already" },
		{ .bug = "a huge answer is taken",
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\nAWS_ROLE_ARN=" ROLE,
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 200, WEB_ANSWER, .padding = 100000) },
		  .kind = XC_ERR_CORRUPT,
		  .message = "" },
		{ .bug = "a role that is no ARN is sent",
		  .opts = { .role_arn = "r" },
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\n",
		  .file = "sEcReTweb",
		  .kind = XC_ERR_USAGE,
		  .message = "must be an ARN" },
		{ .bug = "an endpoint's path is left out, or a region of others' making refused",
		  .opts = { .role_arn = ROLE, .region = "RegionOne" },
		  .environment = "AWS_ENDPOINT_URL_STS=%S/a/b/\n"
				 "AWS_WEB_IDENTITY_TOKEN_FILE=token\n",
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST /a/b/ ", NULL, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "an endpoint given does not count before the environment's",
		  .opts = { .role_arn = ROLE, .sts_endpoint = "nonsense" },
		  .environment = STS "AWS_WEB_IDENTITY_TOKEN_FILE=token\n",
		  .file = "sEcReTweb",
		  .kind = XC_ERR_USAGE,
		  .message = "endpoint nonsense" },
		{ .bug = "AWS_ENDPOINT_URL is not known",
		  .opts = { .role_arn = ROLE },
		  .environment = "AWS_ENDPOINT_URL=%S\nAWS_WEB_IDENTITY_TOKEN_FILE=token\n",
		  .file = "sEcReTweb",
		  .answers = { ANSWER("POST / ", NULL, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "a region that is a host name leads the token elsewhere",
		  .opts = { .role_arn = ROLE, .region = "evil.com/" },
		  .environment = "AWS_WEB_IDENTITY_TOKEN_FILE=token\n",
		  .file = "sEcReTweb",
		  .kind = XC_ERR_USAGE,
		  .message = "cannot be a region" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

static void roles_with_keys(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "a role with keys is asked for unsigned, or for another service",
		  .opts = { .role_arn = ROLE,
			    .region = "eu-west-1",
			    .access_key_id = "GIVEN",
			    .secret_access_key = "sEcReT1" },
		  .environment = GITHUB,
		  .answers = { ANSWER("POST / ", "/eu-west-1/sts/aws4_request", 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken",
		  .source = "role " ROLE " by the keys given",
		  .sent = "Credential=GIVEN/",
		  .not_sent = "GET" },
		{ .bug = "a role given is not assumed with the environment's keys",
		  .opts = { .role_arn = ROLE },
		  .environment =
			  STS "AWS_ACCESS_KEY_ID=ENV\nAWS_SECRET_ACCESS_KEY=sEcReT\nAWS_SESSION_"
			      "TOKEN=sEcReTs\n",
		  .answers = { ANSWER("POST / ", "Action=AssumeRole&", 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken",
		  .sent = "Credential=ENV/" },
		{ .bug = "a role and a profile given: GitHub's token is used instead",
		  .opts = { .role_arn = ROLE, .profile = "p" },
		  .environment = GITHUB,
		  .credentials = "[p]\n" KEYS,
		  .answers = { ANSWER("POST / ", "Action=AssumeRole&", 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken",
		  .sent = "Credential=FILE/" },
		{ .bug = "the hint at the permission is lost when keys may not assume the role",
		  .opts = { .role_arn = ROLE },
		  .environment = STS "GITHUB_ACTIONS=true\nAWS_ACCESS_KEY_ID=ENV\n"
				     "AWS_SECRET_ACCESS_KEY=sEcReT\n",
		  .answers = { ANSWER("POST / ", NULL, 403, STS_ERROR("AccessDenied", "no")) },
		  .kind = XC_ERR_AUTH,
		  .message = "id-token: write" },
		{ .bug = "a profile's role is not assumed with its source's keys",
		  .environment = STS,
		  .config = "[default]\nrole_arn = " ROLE "\nsource_profile = b\n"
			    "duration_seconds = 900\n",
		  .credentials = "[b]\n" KEYS,
		  .answers = { ANSWER("POST / ", "DurationSeconds=900", 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken",
		  .sent = "Credential=FILE/" },
		{ .bug = "a role over the profile's own keys is not assumed",
		  .environment = STS,
		  .config = "[default]\nrole_arn = " ROLE "\nsource_profile = default\n" KEYS,
		  .answers = { ANSWER("POST / ", ROLE_SENT, 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "a role over a role takes one step alone",
		  .environment = STS,
		  .config = "[default]\nrole_arn = " ROLE "\nsource_profile = b\n"
			    "[profile b]\nrole_arn = arn:b\nsource_profile = c\n",
		  .credentials = "[c]\n" KEYS,
		  .answers = { ANSWER("POST / ", "RoleArn=arn%3Ab&", 200, ROLE_ANSWER, .times = 1),
			       ANSWER("POST / ", "Credential=STS/", 200, ROLE_ANSWER, .times = 1) },
		  .id = "STS",
		  .token = "sEcReTtoken",
		  .sent = ROLE_SENT },
		{ .bug = "credential_source does not lead to the environment",
		  .opts = { .profile = "p" },
		  .environment = STS "AWS_ACCESS_KEY_ID=ENV\nAWS_SECRET_ACCESS_KEY=sEcReT\n",
		  .config = "[profile p]\nrole_arn = " ROLE "\ncredential_source = Environment\n",
		  .answers = { ANSWER("POST / ", "Credential=ENV/", 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "a wrong clock is not made up for",
		  .opts = { .role_arn = ROLE },
		  .environment = STS "AWS_ACCESS_KEY_ID=ENV\nAWS_SECRET_ACCESS_KEY=sEcReT\n",
		  .answers = { ANSWER("POST / ", NULL, 403,
				      STS_ERROR("SignatureDoesNotMatch", "old"),
				      .header = "Date: Fri, 31 Jan 2025 12:34:56 GMT\r\n",
				      .times = 1),
			       ANSWER("POST / ", "/20250131/", 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

static void a_job_on_github_becomes_keys(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "GitHub's token is not asked for as the toolkit does",
		  .opts = { .role_arn = ROLE },
		  .environment = GITHUB,
		  .answers = { ANSWER("GET /token?api=2&audience=sts.amazonaws.com ",
				      "Authorization: Bearer sEcReTbearer", 200,
				      "{\"value\":\"" JWT "\"}"),
			       ANSWER("POST / ", "WebIdentityToken=" JWT, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken",
		  .source = "by GitHub's OIDC token",
		  .sent = "RoleSessionName=xcache-77&",
		  .told = JWT "\n" },
		{ .bug = "a role given does not count before the environment's keys",
		  .opts = { .role_arn = ROLE },
		  .environment = GITHUB "AWS_ACCESS_KEY_ID=ENV\nAWS_SECRET_ACCESS_KEY=sEcReT\n",
		  .answers = { ANSWER("GET /token", NULL, 200, "{\"value\":\"" JWT "\"}"),
			       ANSWER("POST / ", NULL, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "AWS_ROLE_ARN counts before the environment's keys",
		  .environment = GITHUB "AWS_ROLE_ARN=" ROLE
					"\nAWS_ACCESS_KEY_ID=ENV\nAWS_SECRET_ACCESS_KEY=sEcReT\n",
		  .id = "ENV" },
		{ .bug = "AWS_ROLE_ARN is not assumed by GitHub's token",
		  .environment = GITHUB "AWS_ROLE_ARN=" ROLE "\n",
		  .answers = { ANSWER("GET /token", NULL, 200, "{\"value\":\"" JWT "\"}"),
			       ANSWER("POST / ", ROLE_SENT, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "a profile's role alone is not assumed by GitHub's token",
		  .opts = { .profile = "p" },
		  .environment = GITHUB,
		  .config = "[profile p]\nrole_arn = " ROLE "\n",
		  .answers = { ANSWER("GET /token", NULL, 200, "{\"value\":\"" JWT "\"}"),
			       ANSWER("POST / ", ROLE_SENT, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "China's audience is the world's",
		  .opts = { .role_arn = "arn:aws-cn:iam::1:role/r" },
		  .environment = GITHUB,
		  .answers = { ANSWER("GET /token?api=2&audience=sts.amazonaws.com.cn ", NULL, 200,
				      "{\"value\":\"" JWT "\"}"),
			       ANSWER("POST / ", NULL, 200, WEB_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
		{ .bug = "a refusal falls through to other keys",
		  .opts = { .role_arn = ROLE },
		  .environment = GITHUB "AWS_ACCESS_KEY_ID=ENV\nAWS_SECRET_ACCESS_KEY=sEcReT\n",
		  .answers = { ANSWER("GET /token", NULL, 403, "sEcReT") },
		  .kind = XC_ERR_AUTH,
		  .message = "cannot get GitHub's OIDC token" },
		{ .bug = "a token with a line break passes",
		  .opts = { .role_arn = ROLE },
		  .environment = GITHUB,
		  .answers = { ANSWER("GET /token", NULL, 200,
				      "{\"value\":\"a.sEcReT\\r\\nx.c\"}") },
		  .kind = XC_ERR_CORRUPT,
		  .message = "holds no token" },
		{ .bug = "what is no token is sent on",
		  .opts = { .role_arn = ROLE },
		  .environment = GITHUB,
		  .answers = { ANSWER("GET /token", NULL, 200, "{\"value\":\"sEcReT\"}") },
		  .kind = XC_ERR_CORRUPT,
		  .message = "holds no token" },
		{ .bug = "an answer without a token is quoted",
		  .opts = { .role_arn = ROLE },
		  .environment = GITHUB,
		  .answers = { ANSWER("GET /token", NULL, 200, "sEcReT") },
		  .kind = XC_ERR_CORRUPT,
		  .message = "not the JSON" },
		{ .bug = "a huge answer is taken",
		  .opts = { .role_arn = ROLE },
		  .environment = GITHUB,
		  .answers = { ANSWER("GET /token", NULL, 200, "{\"value\":\"" JWT "\"}",
				      .padding = 100000) },
		  .kind = XC_ERR_CORRUPT,
		  .message = "" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI="

static void containers_hand_out_their_keys(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "the container's keys are not taken",
		  .environment = FULL "%S/v2/keys?id=1\nAWS_CONTAINER_AUTHORIZATION_TOKEN=Basic "
				      "sEcReT\n",
		  .answers = { ANSWER("GET /v2/keys?id=1 ", "Authorization: Basic sEcReT", 200,
				      JSON_ANSWER) },
		  .id = "JSON",
		  .token = "sEcReTtoken",
		  .source = "container",
		  .told = "sEcReTjson\n" },
		{ .bug = "the token's file does not count before the variable",
		  .environment = FULL "%S/k\nAWS_CONTAINER_AUTHORIZATION_TOKEN=sEcReTvar\n"
				      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token\n",
		  .file = "sEcReTfile",
		  .answers = { ANSWER("GET /k ", "Authorization: sEcReTfile\r\n", 200,
				      JSON_ANSWER) },
		  .id = "JSON",
		  .token = "sEcReTtoken" },
		{ .bug = "localhost is not loopback",
		  .environment = FULL "http://localhost:%P/k\n",
		  .answers = { ANSWER("GET /k ", NULL, 200, JSON_ANSWER) },
		  .id = "JSON",
		  .token = "sEcReTtoken" },
		{ .bug = "a line break gets into a header",
		  .environment = FULL "%S/k\nAWS_CONTAINER_AUTHORIZATION_TOKEN=sEcReT\rX: y\n",
		  .answers = { ANSWER("GET /k ", NULL, 200, JSON_ANSWER) },
		  .kind = XC_ERR_USAGE,
		  .message = "line break",
		  .not_sent = "GET" },
		{ .bug = "a line break within the file gets into a header",
		  .environment = FULL "%S/k\nAWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token\n",
		  .file = "sEcReT\nX: y\n",
		  .kind = XC_ERR_USAGE,
		  .message = "line break",
		  .not_sent = "GET" },
		{ .bug = "a token of two words in a file is refused",
		  .environment = FULL "%S/k\nAWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token\n",
		  .file = "Basic sEcReT\n",
		  .answers = { ANSWER("GET /k ", "Authorization: Basic sEcReT\r\n", 200,
				      JSON_ANSWER) },
		  .id = "JSON",
		  .token = "sEcReTtoken" },
		{ .bug = "http to any host passes",
		  .environment = FULL "http://example.com/k\n",
		  .kind = XC_ERR_USAGE,
		  .message = "names the host example.com" },
		{ .bug = "another link-local address passes",
		  .environment = FULL "http://169.254.170.3/k\n",
		  .kind = XC_ERR_USAGE,
		  .message = "names the host" },
		{ .bug = "a host that begins like loopback passes",
		  .environment = FULL "http://127.0.0.1.evil.com/k\n",
		  .kind = XC_ERR_USAGE,
		  .message = "names the host" },
		{ .bug = "a user's name passes for the host",
		  .environment = FULL "http://127.0.0.1@evil.com/k\n",
		  .kind = XC_ERR_USAGE,
		  .message = "must not contain a user name" },
		{ .bug = "a user's name behind a port passes for the host",
		  .environment = FULL "http://127.0.0.1:80@evil.com/k\n",
		  .kind = XC_ERR_USAGE,
		  .message = "must not contain a user name" },
		{ .bug = "another scheme passes",
		  .environment = FULL "file:///etc/passwd\n",
		  .kind = XC_ERR_USAGE,
		  .message = "must begin" },
		{ .bug = "a relative path continues the host's name",
		  .environment = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=.evil.com/k\n",
		  .kind = XC_ERR_USAGE,
		  .message = "begin with '/'" },
		{ .bug = "a failure falls through to the instance",
		  .environment = FULL "%S/k\nAWS_EC2_METADATA_SERVICE_ENDPOINT=%S\n",
		  .answers = { ANSWER("GET /k ", NULL, 404, "sEcReT") },
		  .kind = XC_ERR_AUTH,
		  .message = "404",
		  .not_sent = "PUT" },
		{ .bug = "keys cut short pass",
		  .environment = FULL "%S/k\n",
		  .answers = { ANSWER("GET /k ", NULL, 200, "{" JSON_KEYS) },
		  .kind = XC_ERR_CORRUPT,
		  .message = "not the JSON" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

#define IMDS       "AWS_EC2_METADATA_SERVICE_ENDPOINT=%S/\n"
#define IMDS_PATH  "GET /latest/meta-data/iam/security-credentials/"
#define IMDS_TOKEN ANSWER("PUT /latest/api/token ", "token-ttl-seconds: 21600", 200, "sEcReTimds")
#define IMDS_ROLE  ANSWER(IMDS_PATH " ", "token: sEcReTimds", 200, "my-role")

static void instances_hand_out_their_keys(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "the instance's keys are not taken",
		  .environment = IMDS,
		  .answers = { IMDS_TOKEN, IMDS_ROLE,
			       ANSWER(IMDS_PATH "my-role ", "token: sEcReTimds", 200,
				      JSON_ANSWER) },
		  .id = "JSON",
		  .token = "sEcReTtoken",
		  .source = "my-role",
		  .told = "sEcReTjson\n" },
		{ .bug = "metadata is asked through the proxy",
		  .environment = IMDS "http_proxy=http://127.0.0.1:1\n",
		  .answers = { IMDS_TOKEN, IMDS_ROLE,
			       ANSWER(IMDS_PATH "my-role ", NULL, 200, JSON_ANSWER) },
		  .id = "JSON",
		  .token = "sEcReTtoken" },
		{ .bug = "metadata is asked though it is disabled",
		  .environment = IMDS "AWS_EC2_METADATA_DISABLED=true\n",
		  .answers = { IMDS_TOKEN },
		  .kind = XC_ERR_AUTH,
		  .message = "disabled",
		  .not_sent = "PUT" },
		{ .bug = "after a refusal version 1 is tried",
		  .environment = IMDS,
		  .answers = { ANSWER("PUT ", NULL, 403, ""),
			       ANSWER("GET ", NULL, 200, "my-role") },
		  .kind = XC_ERR_AUTH,
		  .message = "instance metadata is off",
		  .not_sent = "GET" },
		{ .bug = "a machine that is no instance is an error of another kind",
		  .environment = "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1\n",
		  .kind = XC_ERR_AUTH,
		  .message = "no instance metadata here" },
		{ .bug = "an instance without a role is a miss",
		  .environment = IMDS,
		  .answers = { IMDS_TOKEN, ANSWER(IMDS_PATH " ", NULL, 404, "") },
		  .kind = XC_ERR_AUTH,
		  .message = "the instance has no role" },
		{ .bug = "a role's name leads to another path",
		  .environment = IMDS,
		  .answers = { IMDS_TOKEN, ANSWER(IMDS_PATH " ", NULL, 200, "../../x") },
		  .kind = XC_ERR_CORRUPT,
		  .message = "invalid role name" },
		{ .bug = "a token with a line break gets into a header",
		  .environment = IMDS,
		  .answers = { ANSWER("PUT ", NULL, 200, "sEcReT\x01x") },
		  .kind = XC_ERR_CORRUPT,
		  .message = "invalid text",
		  .not_sent = "GET" },
		{ .bug = "an answer that is no success counts",
		  .environment = IMDS,
		  .answers = { IMDS_TOKEN, IMDS_ROLE,
			       ANSWER(IMDS_PATH "my-role ", NULL, 200,
				      "{\"Code\":\"AssumeRoleUnauthorized"
				      "Access\"}") },
		  .kind = XC_ERR_AUTH,
		  .message = "AssumeRoleUnauthorizedAccess" },
		{ .bug = "keys that have ended are thrown away though the service is in trouble",
		  .environment = IMDS,
		  .answers = { IMDS_TOKEN, IMDS_ROLE,
			       ANSWER(IMDS_PATH "my-role ", NULL, 200,
				      "{" JSON_KEYS ",\"Expiration\":\"2020-01-01T00:00:00Z\"}") },
		  .id = "JSON" },
		{ .bug = "the instance's keys are no base for a role",
		  .opts = { .role_arn = ROLE },
		  .environment = STS IMDS,
		  .answers = { IMDS_TOKEN, IMDS_ROLE,
			       ANSWER(IMDS_PATH "my-role ", NULL, 200, JSON_ANSWER),
			       ANSWER("POST / ", "Credential=JSON/", 200, ROLE_ANSWER) },
		  .id = "STS",
		  .token = "sEcReTtoken" },
	};

	(void)state;
	check_rows(rows, ARRAY_LEN(rows));
}

/* A listener whose queue is full: further connections are neither taken nor refused. */
static void full_listener(int fds[8], char url[64])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fds[0], (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&address, &length), 0);
	for (int i = 1; i < 8; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fds[i], (struct sockaddr *)&address, sizeof(address)) < 0)
			assert_int_equal(errno, EINPROGRESS);
	}
	snprintf(url, 64, "http://127.0.0.1:%u", ntohs(address.sin_port));
}

static void a_machine_that_is_no_instance_waits_a_second(void **state)
{
	const struct xc_credentials_opts opts = { 0 };
	const struct xc_credentials *got;
	struct timespec start, end;
	struct xc_err err = { 0 };
	char url[64];
	int fds[8];

	(void)state;
	full_listener(fds, url);
	cred_environment("");
	unsetenv("AWS_EC2_METADATA_DISABLED");
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
	cred_write(".aws/config", NULL);
	cred_write(".aws/credentials", NULL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(cred_get(&opts, &got, &err), -1);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_int_equal(err.kind, XC_ERR_AUTH);
	assert_non_null(strstr(err.msg, "no instance metadata here"));
	assert_in_range((end.tv_sec - start.tv_sec) * 1000 +
				(end.tv_nsec - start.tv_nsec) / 1000000,
			800, 2500);
	for (int i = 0; i < 8; i++)
		xc_fd_close(&fds[i]);
}

#define SSO_CONFIG                                                                                 \
	"[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r r\n"                    \
	"[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://s\n"

static void a_session_of_sso_becomes_keys(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "a cached SSO session is not exchanged for keys",
		  .environment = "AWS_ENDPOINT_URL_SSO=%S\n",
		  .config = SSO_CONFIG,
		  .answers = { ANSWER("GET /federation/credentials?role_name=r%20r&account_id=1 ",
				      "x-amz-sso_bearer_token: sEcReTsso", 200,
				      "{\"roleCredentials\":{\"accessKeyId\":\"SSO\","
				      "\"secretAccessKey\":"
				      "\"sEcReT1\",\"sessionToken\":\"sEcReT2\",\"expiration\":"
				      "32503680000000}}") },
		  .id = "SSO",
		  .token = "sEcReT2",
		  .source = "SSO",
		  .told = "sEcReTsso\n" },
		{ .bug = "a session that is over does not say what to do",
		  .environment = "AWS_ENDPOINT_URL_SSO=%S\n",
		  .config = SSO_CONFIG,
		  .answers = { ANSWER("GET ", NULL, 401, "") },
		  .kind = XC_ERR_AUTH,
		  .message = "aws sso login" },
	};

	(void)state;
	/* SHA-1 of "s" */
	cred_write(".aws/sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json",
		   "{\"accessToken\":\"sEcReTsso\",\"expiresAt\":\"2999-01-01T00:00:00Z\"}");
	check_rows(rows, ARRAY_LEN(rows));
}

static void who_am_i(void **state)
{
	static const struct cred_answer answers[] = {
		{ .request = "POST / ",
		  .needs = "Action=GetCallerIdentity&Version=2011-06-15",
		  .status = 200,
		  .body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:"
			  "user/u"
			  "</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>" },
	};
	const struct xc_credentials_opts opts = { .access_key_id = "A",
						  .secret_access_key = "sEcReT" };
	const struct xc_credentials_opts anonymous = { .anonymous = true };
	const struct xc_credentials *got;
	struct xc_err err = { 0 };
	cleanup_free char *arn = NULL;

	(void)state;
	cred_environment(STS);
	cred_server_script(&cred_scene.server, answers, ARRAY_LEN(answers));
	assert_int_equal(cred_get(&opts, &got, &err), 0);
	assert_int_equal(xc_sts_caller_identity(&opts, got, &arn, &err), 0);
	assert_string_equal(arn, "arn:aws:iam::1:user/u");
	assert_true(cred_server_saw(&cred_scene.server, "Credential=A/"));
	xc_credentials_release(got);
	assert_int_equal(cred_get(&anonymous, &got, &err), 0);
	assert_int_equal(xc_sts_caller_identity(&anonymous, got, &arn, &err), -1);
	assert_int_equal(err.kind, XC_ERR_AUTH);
	xc_credentials_release(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_web_identity_token_becomes_keys),
		cmocka_unit_test(roles_with_keys),
		cmocka_unit_test(a_job_on_github_becomes_keys),
		cmocka_unit_test(containers_hand_out_their_keys),
		cmocka_unit_test(instances_hand_out_their_keys),
		cmocka_unit_test(a_machine_that_is_no_instance_waits_a_second),
		cmocka_unit_test(a_session_of_sso_becomes_keys),
		cmocka_unit_test(who_am_i),
	};

	return cmocka_run_group_tests(tests, cred_setup, cred_teardown);
}
