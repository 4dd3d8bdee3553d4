# tgtools: all check lint install uninstall clean.
# Objects go to $(B); `make SAN=1` builds the same tree under AddressSanitizer and UBSan in $(B) = build/san.

VERSION = 0.1.0
PREFIX  = /usr/local
DESTDIR =
SAN     =
B       = $(if $(SAN),build/san,build)

BINDIR     = $(PREFIX)/bin
SBINDIR    = $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec/tgtools
MANDIR     = $(PREFIX)/share/man
DOCDIR     = $(PREFIX)/share/doc/tgtools

PKGS = libcurl json-c libsodium lmdb libmicrohttpd yaml-0.1 md4c libqrencode
ifneq ($(MAKECMDGOALS),clean)
ifneq ($(shell pkg-config --exists $(PKGS) && echo yes),yes)
$(error packages are missing; run: sh scripts/setup ($(shell pkg-config --print-errors --exists $(PKGS) 2>&1)))
endif
PKG_CFLAGS    := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS      := $(shell pkg-config --libs $(PKGS))
JSON_CFLAGS   := $(shell pkg-config --cflags json-c)
JSON_LIBS     := $(shell pkg-config --libs json-c)
CMOCKA_LIBS   := $(shell pkg-config --libs cmocka 2>/dev/null)
endif

CC       = gcc
CFLAGS   = $(if $(SAN),-O1,-O2) -g
WARN     = -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wformat=2
HARDEN   = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
SANFLAGS = $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
comma    = ,
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -DTGTOOLS_VERSION='"$(VERSION)"' $(CFLAGS) $(WARN) \
              $(if $(SAN),-fPIE,$(HARDEN)) $(SANFLAGS) -MMD -MP
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS) $(LDFLAGS)

# A program is cmd/NAME.c, or cmd/NAME/ with its main in main.c.
SINGLE   := $(patsubst cmd/%.c,%,$(wildcard cmd/*.c))
FOLDERS  := $(patsubst cmd/%/main.c,%,$(wildcard cmd/*/main.c))
PROGRAMS := $(SINGLE) $(FOLDERS)
LIBEXEC  := $(filter tg-exec,$(PROGRAMS))
SBIN     := $(filter-out tg-exec,$(patsubst man/man8/%.8,%,$(wildcard man/man8/*.8)))
SBIN     := $(filter $(PROGRAMS),$(SBIN))
BIN      := $(filter-out $(SBIN) $(LIBEXEC),$(PROGRAMS))

COMMON_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard common/*.c))
FOLDER_LIBS := $(FOLDERS:%=$(B)/cmd/%.a)
UNIT_TESTS  := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
SIM_OBJS    := $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*.c))
FUZZERS     := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES     := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*.c tests/tdlib/*.c))
SIM         := $(if $(SIM_OBJS),$(B)/bin/tg-sim)
MANPAGES    := $(wildcard man/man*/*.[1-8])
DOCS        := README.md LICENSE $(wildcard etc/*.yaml)
# Programs to start from: scripts of people, and services.
EXAMPLES    := $(wildcard etc/examples/* etc/services/*)

# Where the files of etc/systemd and so on go, below $(PREFIX)/lib; they name the programs in /usr/local.
SYSTEM_DIRS := systemd:systemd/system sysusers.d:sysusers.d tmpfiles.d:tmpfiles.d
SYSTEM_FILES := $(foreach d,$(SYSTEM_DIRS),$(foreach f,$(wildcard etc/$(firstword $(subst :, ,$d))/*), \
                  $f:$(PREFIX)/lib/$(lastword $(subst :, ,$d))/$(notdir $f)))
# bash looks for a file of the program's name, zsh for what the first line of a file names.
SYSTEM_FILES += $(BIN:%=etc/completions/tgtools.bash:$(PREFIX)/share/bash-completion/completions/%) \
                etc/completions/_tgtools:$(PREFIX)/share/zsh/site-functions/_tgtools
# Where sudo reads it is the administrator's place; see notify-scripts(1).
SYSTEM_FILES += etc/sudoers.d/tgtools:$(DOCDIR)/sudoers

.PHONY: all tests check lint install uninstall clean
# Objects stay, also those that make sees as steps on the way. (.SECONDARY would hide that a header is gone.)
.PRECIOUS: $(B)/cmd/%.o $(B)/tests/unit/%.o $(B)/tests/bench/%.o $(B)/tests/tdlib/%.o $(B)/tests/fuzz/%.o

all: $(PROGRAMS:%=$(B)/bin/%)

tests: all $(UNIT_TESTS) $(FUZZERS) $(SIM) $(BENCHES)

check: tests
	sh scripts/run-tests $(B)

lint:
	sh scripts/lint

$(B)/common/%.o: common/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Icommon $(PKG_CFLAGS) -c -o $@ $<

$(B)/cmd/%.o: cmd/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Icommon $(PKG_CFLAGS) -c -o $@ $<

$(B)/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Icommon -Icmd $(PKG_CFLAGS) -c -o $@ $<

$(B)/tests/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Icommon -Icmd $(PKG_CFLAGS) -c -o $@ $<

$(B)/tests/bench/%.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Icommon -Icmd $(PKG_CFLAGS) -c -o $@ $<

$(B)/tests/tdlib/%.o: tests/tdlib/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Icommon $(PKG_CFLAGS) -c -o $@ $<

# The simulator shares no code with common/: it cannot even include from there.
$(B)/tests/sim/%.o: tests/sim/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(JSON_CFLAGS) -c -o $@ $<

$(B)/libtgtools.a: $(COMMON_OBJS)
	@rm -f $@
	ar rcs $@ $^

define folder
$(B)/cmd/$(1).a: $(patsubst %.c,$(B)/%.o,$(filter-out cmd/$(1)/main.c,$(wildcard cmd/$(1)/*.c)))
	@rm -f $$@
	ar rcs $$@ $$^
$(B)/bin/$(1): $(B)/cmd/$(1)/main.o $(B)/cmd/$(1).a $(B)/libtgtools.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(PKG_LIBS) -lm
endef
$(foreach f,$(FOLDERS),$(eval $(call folder,$(f))))

$(SINGLE:%=$(B)/bin/%): $(B)/bin/%: $(B)/cmd/%.o $(B)/libtgtools.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

$(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o $(FOLDER_LIBS) $(B)/libtgtools.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(CMOCKA_LIBS) -lm

# With FUZZ_ENGINE=-fsanitize=fuzzer CC=clang libFuzzer takes the place of our driver, see `make fuzz-NAME`.
FUZZ_ENGINE = $(B)/tests/fuzz/driver.o
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(filter %.o,$(FUZZ_ENGINE)) $(FOLDER_LIBS) $(B)/libtgtools.a
	$(CC) $(ALL_LDFLAGS) -o $@ $< $(FUZZ_ENGINE) $(FOLDER_LIBS) $(B)/libtgtools.a $(PKG_LIBS)

# Fuzzes with libFuzzer until it finds something; its new inputs go to build/fuzz/corpus.
fuzz-%:
	@mkdir -p build/fuzz/corpus/$*
	$(MAKE) CC=clang SAN=1 B=build/fuzz FUZZ_ENGINE=-fsanitize=fuzzer \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' build/fuzz/tests/fuzz/fuzz_$*
	build/fuzz/tests/fuzz/fuzz_$* $(FUZZ_FLAGS) build/fuzz/corpus/$* tests/data/fuzz/$*

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(FOLDER_LIBS) $(B)/libtgtools.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

$(B)/tests/tdlib/%: $(B)/tests/tdlib/%.o $(B)/libtgtools.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

$(B)/bin/tg-sim: $(SIM_OBJS)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(JSON_LIBS)

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBEXECDIR)
	$(if $(BIN),install -m 755 $(BIN:%=$(B)/bin/%) $(DESTDIR)$(BINDIR))
	$(if $(SBIN),install -m 755 $(SBIN:%=$(B)/bin/%) $(DESTDIR)$(SBINDIR))
	$(if $(LIBEXEC),install -m 755 $(LIBEXEC:%=$(B)/bin/%) $(DESTDIR)$(LIBEXECDIR))
	set -e; for page in $(MANPAGES); do \
	    install -D -m 644 $$page $(DESTDIR)$(MANDIR)/$${page#man/}; done
	install -d $(DESTDIR)$(DOCDIR)
	install -m 644 $(DOCS) $(DESTDIR)$(DOCDIR)
	set -e; for file in $(EXAMPLES:etc/%=%); do install -D -m 755 etc/$$file $(DESTDIR)$(DOCDIR)/$$file; done
	set -e; for pair in $(SYSTEM_FILES); do \
	    sed 's|/usr/local/|$(PREFIX)/|g' $${pair%%:*} | \
	        install -D -m 644 /dev/stdin $(DESTDIR)$${pair#*:}; done

uninstall:
	rm -f $(BIN:%=$(DESTDIR)$(BINDIR)/%) $(SBIN:%=$(DESTDIR)$(SBINDIR)/%) $(LIBEXEC:%=$(DESTDIR)$(LIBEXECDIR)/%)
	rm -f $(MANPAGES:man/%=$(DESTDIR)$(MANDIR)/%)
	rm -f $(foreach pair,$(SYSTEM_FILES),$(DESTDIR)$(lastword $(subst :, ,$(pair))))
	rm -rf $(DESTDIR)$(DOCDIR)
	[ ! -d $(DESTDIR)$(LIBEXECDIR) ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(LIBEXECDIR)

clean:
	rm -rf build

-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d $(B)/*/*/*/*.d)
