# xcache: build, test and measure. `make help` lists the targets.
CC ?= gcc
BUILD ?= build
CFLAGS ?= -O2 -g
VERSION := 0.1.0

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef
ifdef CI
WARNINGS += -Werror
endif
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DXC_VERSION='"$(VERSION)"' -Isrc -include base/banned.h
ALL_CFLAGS = -std=gnu17 $(WARNINGS) -pthread -ffunction-sections -fdata-sections $(CFLAGS)

SRC := $(wildcard src/*/*.c)
OBJ := $(SRC:src/%.c=$(BUILD)/obj/%.o)
LIB := $(BUILD)/libxcache.a
LDLIBS = -larchive -ljansson -lzstd -lcrypto -lpthread
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all unit clean
all: $(LIB)

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -Itests/unit -MMD -MP $< -o $@ $(LIB) -lcmocka $(LDLIBS)

unit: $(UNIT)
	@set -e; for t in $(UNIT); do $$t; done

clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(UNIT:=.d)
