/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the transfer engine trusts: certificates, made on the spot by openssl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "http/http.h"

#define BODY ((size_t)3 << 20)

extern char **environ;

static char folder[100];

/* Two authorities; one name each; NAME-days.pem as s_server takes it. */
static const char make_certificates[] =
	"set -e; exec >openssl.log 2>&1\n"
	"key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
	"for ca in known other; do\n"
	"  openssl req -x509 $key -keyout $ca.key -out $ca.pem -subj /CN=$ca -days 2\n"
	"done\n"
	"leaf() {\n"
	"  openssl req $key -keyout $1.key -out $1.csr -subj /CN=leaf\n"
	"  echo subjectAltName=$2 >$1.ext\n"
	"  name=$1; shift 2\n"
	"  openssl x509 -req -in $name.csr -CA known.pem -CAkey known.key -CAcreateserial \\\n"
	"    -extfile $name.ext -out $name.crt \"$@\"\n"
	"}\n"
	"leaf good IP:127.0.0.1 -days 2\n"
	"leaf elsewhere DNS:elsewhere.example -days 2\n"
	/* Newer versions take dates, older ones a lifetime that lies in the past. */
	"leaf late IP:127.0.0.1 -not_before 20200101000000Z -not_after 20200102000000Z ||\n"
	"  leaf late IP:127.0.0.1 -days -1\n"
	"head -c 3145728 /dev/zero | tr '\\0' z >body\n";

static pid_t spawn(const char *script, int *ret_output)
{
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
	posix_spawn_file_actions_t actions;
	int pipe_fds[2];
	pid_t pid;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
	assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[1]);
	*ret_output = pipe_fds[0];
	return pid;
}

static void run_shell(const char *script)
{
	int output, status;
	pid_t pid = spawn(script, &output);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(output);
	assert_int_equal(status, 0);
}

struct tls_server {
	pid_t pid;
	int output;
	unsigned port;
};

static struct tls_server start_server(const char *certificate, const char *options)
{
	cleanup_free char *script = xc_asprintf("exec openssl s_server -accept 127.0.0.1:0 -WWW "
						"-cert %s.crt -key %s.key %s 2>/dev/null",
						certificate, certificate, options);
	struct tls_server server = { 0 };
	char line[200];
	FILE *lines;

	server.pid = spawn(script, &server.output);
	lines = fdopen(dup(server.output), "r");
	while (fgets(line, sizeof(line), lines)) {
		if (sscanf(line, "ACCEPT 127.0.0.1:%u", &server.port) == 1)
			break;
	}
	fclose(lines);
	assert_int_not_equal(server.port, 0);
	return server;
}

static void stop_server(struct tls_server *server)
{
	kill(server->pid, SIGTERM);
	waitpid(server->pid, NULL, 0);
	close(server->output);
}

static void trusts_whom_it_should(void **state)
{
	static const struct {
		const char *certificate, *options, *bundle;
		int result;
		enum xc_err_kind kind;
		unsigned attempts;
		const char *message;
	} rows[] = {
		{ "good", "", "known.pem", 0, XC_ERR_NONE, 1, "" },
		{ "good", "-tls1_2", "known.pem", 0, XC_ERR_NONE, 1, "" },
		{ "good", "", "other.pem", -1, XC_ERR_IO, 1, "XCACHE_CA_BUNDLE" },
		{ "elsewhere", "", "known.pem", -1, XC_ERR_IO, 1, "another name" },
		{ "late", "", "known.pem", -1, XC_ERR_IO, 1, "expired" },
		{ "good", "-tls1_1 -cipher ALL:@SECLEVEL=0", "known.pem", -1, XC_ERR_TRANSIENT, 2,
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_server server = start_server(rows[i].certificate, rows[i].options);
		struct xc_http_opts opts = { .ca_bundle = rows[i].bundle,
					     .attempts = 2,
					     .backoff_ms = 5 };
		cleanup_free char *buffer = xc_calloc(1, BODY);
		cleanup_http_request struct xc_http_request request = {
			.method = "GET",
			.url = xc_asprintf("https://127.0.0.1:%u/body", server.port),
			.into = buffer,
			.into_bytes = BODY,
		};
		struct xc_http *http;
		struct xc_err err = { 0 };

		assert_int_equal(xc_http_new(&opts, &http, &err), 0);
		assert_int_equal(xc_http_perform(http, &request, &err), rows[i].result);
		assert_int_equal(err.kind, rows[i].kind);
		assert_int_equal(request.attempts, rows[i].attempts);
		assert_non_null(strstr(err.msg, rows[i].message));
		if (rows[i].result < 0)
			assert_non_null(strstr(err.msg, "127.0.0.1"));
		else
			assert_true(buffer[0] == 'z' && buffer[BODY - 1] == 'z');
		xc_http_free(http);
		stop_server(&server);
	}
}

static void *answer_plainly(void *context)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
	int fd = accept(*(int *)context, NULL, NULL);
	char hello[16];

	assert_true(recv(fd, hello, sizeof(hello), 0) > 0);
	assert_int_equal(send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL), sizeof(answer) - 1);
	while (recv(fd, hello, sizeof(hello), 0) > 0)
		;
	close(fd);
	return NULL;
}

/* A port of plain http will not speak https at the next attempt either. */
static void tells_plain_http(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct xc_http_opts opts = { .ca_bundle = "known.pem" };
	struct xc_http_request request = { .method = "GET" };
	struct xc_http *http;
	struct xc_err err;
	pthread_t thread;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	pthread_create(&thread, NULL, answer_plainly, &listener);
	assert_int_equal(xc_http_new(&opts, &http, &err), 0);
	request.url = xc_asprintf("https://127.0.0.1:%u/", ntohs(address.sin_port));
	assert_int_equal(xc_http_perform(http, &request, &err), -1);
	assert_int_equal(err.kind, XC_ERR_IO);
	assert_non_null(strstr(err.msg, "does not speak https"));
	assert_int_equal(request.attempts, 1);
	xc_http_request_release(&request);
	xc_http_free(http);
	pthread_join(thread, NULL);
	close(listener);
}

/* Certificates that cannot be read are an error of https alone, which is not tried then. */
static void names_certificates_that_cannot_be_read(void **state)
{
	struct xc_http_opts opts = { .ca_bundle = "no-such-file.pem" };
	struct xc_http_request request = { .method = "GET" };
	struct xc_http *http;
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_http_new(&opts, &http, &err), 0);
	request.url = xc_strdup("https://127.0.0.1:1/");
	assert_int_equal(xc_http_perform(http, &request, &err), -1);
	assert_int_equal(err.kind, XC_ERR_IO);
	assert_non_null(strstr(err.msg, "no-such-file.pem"));
	assert_int_equal(request.attempts, 0);
	xc_http_request_release(&request);
	xc_http_free(http);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/xcache-tls-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return -1;
	run_shell(make_certificates);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : xc_fd_remove_tree(AT_FDCWD, folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trusts_whom_it_should),
		cmocka_unit_test(tells_plain_http),
		cmocka_unit_test(names_certificates_that_cannot_be_read),
	};

	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
