# SPDX-License-Identifier: Apache-2.0
# xcache: build, test, measure. `make help` lists the targets.

VERSION := 0.1.0
# OWNER/NAME on GitHub, for messages; scripts/rename changes it here and in all pages.
REPOSITORY := org/xcache
BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= gcc
CFLAGS  ?= -O2 -g
# The program is static; STATIC= links it to the shared libraries instead.
STATIC  ?= -static
# A libcurl of the distribution's source that can be linked so; all builds share it. SYSTEM_CURL=1
# takes the machine's shared one, which goes with STATIC= alone.
CURL_DIR    ?= build/curl
SYSTEM_CURL ?=
# `make test SANITIZE=address,undefined` and the like.
SANITIZE ?=

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wformat=2 -Wvla -Wundef $(if $(CI),-Werror)
XC_CPPFLAGS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DXC_VERSION='"$(VERSION)"' \
               -DXC_REPOSITORY='"$(REPOSITORY)"' -Isrc -include base/banned.h \
               $(if $(SYSTEM_CURL),,-isystem $(CURL_DIR)/include)
XC_CFLAGS = -std=gnu17 -pthread -ffunction-sections -fdata-sections $(WARNINGS) $(CFLAGS) \
            $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
# Names that libcrypto could look up and plug-ins, which nothing here calls, warn in a static link.
QUIET_LD = $(shell ld --help 2>/dev/null | grep -q -e --no-warnings && echo -Wl,--no-warnings)
# Names of archives are bytes: base/isolate.c has its own iconv_open, which nothing of ours calls.
XC_LDFLAGS = -pthread -Wl,--gc-sections,-u,iconv_open $(if $(SANITIZE),-fsanitize=$(SANITIZE))
ifneq ($(and $(SYSTEM_CURL),$(STATIC)),)
$(error SYSTEM_CURL=1 needs STATIC= beside it: the libcurl of the system cannot be linked statically)
endif
CURL := $(if $(SYSTEM_CURL),,$(CURL_DIR)/lib/libcurl.a)
LIBS := -larchive -ljansson -lzstd $(or $(CURL),-lcurl) -lcares -lexpat -lssl -lcrypto

SRC    := $(sort $(wildcard src/*/*.c src/*/*/*.c))
OBJ    := $(SRC:src/%.c=$(BUILD)/obj/%.o)
MAIN   := $(BUILD)/obj/main.o
LIB    := $(BUILD)/libxcache.a
XCACHE := $(BUILD)/xcache
UNIT   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
TOOLS  := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/tools/*.c))
FUZZ_DIR := $(BUILD)/fuzz$(if $(FUZZ_COVER),-cover)$(if $(FUZZ_DEEP),-deep)
FUZZ   := $(patsubst tests/fuzz/%.c,$(FUZZ_DIR)/%,$(wildcard tests/fuzz/fuzz_*.c))

# Say what is done in a word; V=1 shows the commands.
say = $(if $(V),,@echo "  $(1) $@";)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

##@ For everyone
.PHONY: all
all: packages $(XCACHE) ## build build/xcache

.PHONY: demo
demo: all ## save and restore a real tree (DIR=...) beside tar + zstd
	@scripts/demo $(XCACHE) $(DIR)

.PHONY: test
test: packages build-tests ## build and run all tests, some beside real S3 servers
	@tests/run $(BUILD)

.PHONY: check
check: packages build-tests ## run the tests that need no server
	@tests/run --no-servers $(BUILD)

.PHONY: install
install: $(XCACHE) ## install under PREFIX (default /usr/local; DESTDIR is honoured)
	install -Dm755 $(XCACHE) $(DESTDIR)$(PREFIX)/bin/xcache
	install -Dm644 docs/xcache.1 $(DESTDIR)$(PREFIX)/share/man/man1/xcache.1
	install -Dm644 completions/xcache.bash \
	        $(DESTDIR)$(PREFIX)/share/bash-completion/completions/xcache
	install -Dm644 completions/_xcache $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_xcache

.PHONY: bench
bench: packages $(XCACHE) $(BUILD)/floor ## measure against the usual tools (TREE=...)
	bench/run $(if $(TREE),--tree $(TREE)) $(BENCH_ARGS)

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD)

##@ For developers
# The packages that the goals need. Two goals promise to do everything, and install what is missing;
# the others name it, and the target that installs it.
GOALS   := $(or $(MAKECMDGOALS),all)
goal_is  = $(filter $(1),$(GOALS))
PARTS   := build $(if $(call goal_is,test check unit build-tests sanitize),test) \
           $(if $(call goal_is,test sanitize),servers) $(if $(call goal_is,dist dist-check),dist) \
           $(if $(call goal_is,fuzz-cover),fuzz cover) $(call goal_is,lint fuzz bench)
.PHONY: packages deps deps-test deps-servers deps-lint deps-fuzz deps-cover deps-bench deps-dist
packages:
	@SYSTEM_CURL=$(SYSTEM_CURL) scripts/deps $(if $(call goal_is,test demo),,--check) $(PARTS)
deps: ## install the packages that the build needs (deps-lint: those that lint needs, and so on)
	@SYSTEM_CURL=$(SYSTEM_CURL) scripts/deps build
deps-test deps-servers deps-lint deps-fuzz deps-cover deps-bench deps-dist: deps-%:
	@scripts/deps $*

.PHONY: build-tests
build-tests: packages $(XCACHE) $(UNIT) $(TOOLS)

.PHONY: unit
unit: packages $(UNIT) ## run only the unit tests that need no server
	@tests/run --no-servers $(BUILD) unit

.PHONY: lint
lint: packages ## check format, layering, links, sizes, static analysis, shell and man page
	@scripts/lint

.PHONY: format
format: ## format all sources
	clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: sanitize
# Each test takes several times as long: without those that wait, that are about other things than the
# program, or that take the same ways again; for threads, without those that have no ways of their own.
WITHOUT = s3_faults dist docker examples containers layers treediff action_radosgw incremental_radosgw
WITHOUT_TSAN = $(WITHOUT) action action_hostile workflow doctor keys paths usage output lifecycle proxy
sanitize: packages ## run the tests under address+undefined and under thread sanitizers
	$(MAKE) build-tests BUILD=$(BUILD)/asan STATIC= SANITIZE=address,undefined CFLAGS="-O1 -g"
	XC_TEST_ROUNDS=60 tests/run --without "$(WITHOUT)" $(BUILD)/asan
	$(MAKE) build-tests BUILD=$(BUILD)/tsan STATIC= SANITIZE=thread CFLAGS="-O1 -g"
	XC_TEST_ROUNDS=60 TSAN_OPTIONS="halt_on_error=1 $(TSAN_OPTIONS)" tests/run --without "$(WITHOUT_TSAN)" $(BUILD)/tsan

.PHONY: fuzz fuzz-cover fuzz-targets
fuzz: packages fuzz-targets ## run each fuzz target for FUZZ_SECONDS (default 60)
	@tests/fuzz/run $(FUZZ_DIR) $(or $(FUZZ_SECONDS),60)
fuzz-cover: packages ## print the lines that each fuzz target reaches with its seeds
	@$(MAKE) FUZZ_COVER=1 fuzz-targets
	@tests/fuzz/cover $(BUILD)/fuzz-cover $(or $(FUZZ_SECONDS),0)
fuzz-targets: $(FUZZ)

.PHONY: dist dist-check
dist: packages ## build the programs of the last commit for distribution, into dist/
	@scripts/dist/make
dist-check: packages ## build them again elsewhere and compare every byte with dist/
	@scripts/dist/check $(if $(STRICT),--strict)

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^##@/ { print "\n" substr($$0, 5) } \
	                  /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# Made when missing or made otherwise; the packages that it needs come first.
ifneq ($(CURL),)
$(CURL): scripts/curl scripts/curl.lock | $(if $(wildcard $(CURL)),,packages)
	@scripts/curl $(CURL_DIR)
endif

$(BUILD)/obj/%.o: src/%.c Makefile | $(CURL)
	@mkdir -p $(@D)
	$(call say,CC  )$(CC) $(XC_CPPFLAGS) $(CPPFLAGS) $(XC_CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(filter-out $(MAIN),$(OBJ))
	@rm -f $@
	$(call say,AR  )$(AR) rcsD $@ $^

$(XCACHE): $(MAIN) $(LIB) $(CURL)
	$(call say,LINK)$(CC) $(STATIC) $(XC_CFLAGS) $(XC_LDFLAGS) $(if $(STATIC),$(QUIET_LD)) $(LDFLAGS) \
	      -o $@ $(MAIN) $(LIB) $(LIBS)

# A test may have a list of options for the linker beside it.
comma := ,
$(BUILD)/tests/unit/%: tests/unit/%.c $(LIB) $(CURL) Makefile | packages
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(XC_CPPFLAGS) $(CPPFLAGS) $(XC_CFLAGS) $(XC_LDFLAGS) -MMD -MP -o $@ $< $(LIB) \
	      $(if $(wildcard $(<:.c=.wrap)),-Wl$(comma)@$(<:.c=.wrap)) -lcmocka $(LIBS)

$(BUILD)/tests/tools/%: tests/tools/%.c $(LIB) $(CURL) Makefile
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(XC_CPPFLAGS) $(CPPFLAGS) $(XC_CFLAGS) $(XC_LDFLAGS) -MMD -MP -o $@ $< $(LIB) $(LIBS)

$(BUILD)/floor: bench/floor.c
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -D_GNU_SOURCE -std=gnu17 -O2 -Wall -Wextra -pthread -o $@ $<

# Fuzz targets are built apart, by clang, with all of the library inside.
FUZZ_BUILD = $(if $(FUZZ_COVER),-fprofile-instr-generate -fcoverage-mapping,-fsanitize=address,undefined)
FUZZ_CC  = clang $(XC_CPPFLAGS) -std=gnu17 -O1 -g -pthread -fno-sanitize-recover=all $(FUZZ_BUILD)
FUZZ_OBJ_DIR := $(BUILD)/fuzz$(if $(FUZZ_COVER),-cover)/obj
FUZZ_OBJ := $(patsubst src/%.c,$(FUZZ_OBJ_DIR)/%.o,$(filter-out src/main.c src/cmd/%,$(SRC)))
FUZZ_LIBS := $(if $(FUZZ_DEEP),$(addprefix $(BUILD)/fuzz-libraries/lib/,libarchive.a libzstd.a))
.SECONDARY: $(FUZZ_OBJ)
$(FUZZ_OBJ_DIR)/%.o: src/%.c $(CURL) Makefile | packages
	@mkdir -p $(@D)
	$(call say,CC  )$(FUZZ_CC) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(FUZZ_DIR)/fuzz_restore: tests/fuzz/restore_entry.c tests/fuzz/restore_scene.c
$(FUZZ_DIR)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJ) $(FUZZ_LIBS) $(wildcard tests/*/*.h)
	@mkdir -p $(@D)
	$(call say,FUZZ)$(FUZZ_CC) -fsanitize=fuzzer -o $@ $(filter-out %.h,$^) \
	      $(if $(wildcard $(<:.c=.wrap)),-Wl$(comma)@$(<:.c=.wrap)) $(LIBS)

$(BUILD)/%/lib/libarchive.a $(BUILD)/%/lib/libzstd.a: scripts/%
	@$< $(BUILD)/$*

-include $(OBJ:.o=.d) $(UNIT:=.d) $(TOOLS:=.d) $(FUZZ_OBJ:.o=.d)
