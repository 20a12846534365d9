/* SPDX-License-Identifier: Apache-2.0 */
/* Many processes that use one file store at once. */
#include "store_support.h"

#include <sys/wait.h>
#include <unistd.h>

#include "store_tree.h"

#define RACERS 16

static int race_for_name(struct fixture *fixture, enum mode mode, int number, int start_fd)
{
	char text[32], byte;
	struct xc_err err;

	set_mode(fixture, mode);
	snprintf(text, sizeof(text), "racer %d", number);
	if (read(start_fd, &byte, 1) != 0)
		return 9;
	if (put(fixture->store, "d/e/prize", text, XC_PUT_IF_ABSENT, &err) == 0)
		return 1;
	return err.kind == XC_ERR_EXISTS ? 2 : 3;
}

static void test_race_if_absent(void **state)
{
	struct fixture *fixture = *state;

	for (int mode = ANONYMOUS; mode < MODES; mode++) {
		pid_t pids[RACERS];
		int start[2], winner = -1, status;
		struct xc_err err;
		char text[32];

		assert_int_equal(pipe(start), 0);
		for (int i = 0; i < RACERS; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				close(start[1]);
				_exit(race_for_name(fixture, mode, i, start[0]));
			}
		}
		close(start[0]);
		close(start[1]);
		for (int i = 0; i < RACERS; i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFEXITED(status));
			if (WEXITSTATUS(status) == 1 && winner < 0)
				winner = i;
			else
				assert_int_equal(WEXITSTATUS(status), 2);
		}
		assert_true(winner >= 0);
		snprintf(text, sizeof(text), "racer %d", winner);
		must_hold(fixture->store, "d/e/prize", text);
		must_contain_only(fixture, "d d/e d/e/prize");
		expect_ok(xc_store_remove(fixture->store, "d/e/prize", &err), &err, "remove");
	}
}

#define STEPS 60

/* Add one to the number in "d/count", STEPS times; 0 if each came through. */
static int count_up(struct fixture *fixture, enum mode mode)
{
	set_mode(fixture, mode);
	for (int done = 0; done < STEPS;) {
		cleanup_buf struct xc_buf data = XC_BUF_INIT;
		struct xc_store_tag tag;
		struct xc_err err;
		char text[32];

		if (xc_store_get_tagged(fixture->store, "d/count", 100, &data, &tag, &err) < 0)
			return 1;
		snprintf(text, sizeof(text), "%ld", strtol(xc_buf_str(&data), NULL, 10) + 1);
		if (xc_store_put(fixture->store, "d/count", text, strlen(text), XC_PUT_IF_TAG(&tag),
				 &err) == 0)
			done++;
		else if (err.kind != XC_ERR_EXISTS)
			return 2;
	}
	return 0;
}

static void no_replacement_is_lost_beside_others(void **state)
{
	struct fixture *fixture = *state;

	for (int mode = ANONYMOUS; mode < MODES; mode++) {
		pid_t pids[4];
		char text[32];
		int status;

		must_put(fixture->store, "d/count", "0");
		for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				_exit(count_up(fixture, mode));
		}
		for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 0);
		}
		snprintf(text, sizeof(text), "%zu", STEPS * ARRAY_LEN(pids));
		must_hold(fixture->store, "d/count", text);
		must_contain_only(fixture, "d d/count");
	}
}

/* Whatever is got is as whole as it was put: some times the same letter. */
static bool is_whole(const struct xc_buf *data)
{
	const char *text = xc_buf_str(data);

	return data->len_bytes == (size_t)(*text - 'a' + 1) * 1000 &&
	       strspn(text, (char[]){ *text, '\0' }) == data->len_bytes;
}

/* Put, get, list and remove the same few names at random; 0, or which of them failed. */
static int churn(struct fixture *fixture, enum mode mode, unsigned seed)
{
	struct timespec start, now;
	char name[32], data[26000];
	struct xc_err err;

	set_mode(fixture, mode);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		cleanup_buf struct xc_buf got = XC_BUF_INIT;
		int letter = rand_r(&seed) % 26, count = 0;

		snprintf(name, sizeof(name), "d/%d/e/%d", rand_r(&seed) % 2, rand_r(&seed) % 2);
		memset(data, 'a' + letter, sizeof(data));
		if (xc_store_put(fixture->store, name, data, (size_t)(letter + 1) * 1000,
				 letter % 2 ? XC_PUT_ALWAYS : XC_PUT_IF_ABSENT, &err) < 0 &&
		    err.kind != XC_ERR_EXISTS) {
			print_error("put: %s\n", err.msg);
			return 1;
		}
		if (xc_store_get(fixture->store, name, 1 << 20, &got, &err) == 0
			    ? !is_whole(&got)
			    : err.kind != XC_ERR_NOT_FOUND)
			return 2;
		if (xc_store_list(fixture->store, "d/", count_object, &count, &err) < 0 ||
		    count > 8)
			return 3;
		if (xc_store_remove(fixture->store, name, &err) < 0 && err.kind != XC_ERR_NOT_FOUND)
			return 4;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 <
		 600);
	return 0;
}

static void test_race_of_everything(void **state)
{
	struct fixture *fixture = *state;

	for (int mode = ANONYMOUS; mode < MODES; mode++) {
		pid_t pids[6];
		int status;

		for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				_exit(churn(fixture, mode, (unsigned)i));
		}
		for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 0);
		}
		must_contain_only(fixture, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_race_if_absent),
		STORE_TEST(no_replacement_is_lost_beside_others),
		STORE_TEST(test_race_of_everything),
	};

	return cmocka_run_group_tests_name("races for a file store", tests, NULL, NULL);
}
