# make build, make test, make run; see README.md.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
# fish looks below /usr by itself, and below /usr/local only where XDG_DATA_DIRS says so. /etc it always looks at.
FISHDIR ?= $(if $(filter /usr/local,$(PREFIX)),/etc/fish/completions,$(PREFIX)/share/fish/vendor_completions.d)
DOCDIR ?= $(PREFIX)/share/doc/sniproxy
DESTDIR ?=

# The programs beside sniproxy itself. Each has a page man/NAME.1.
COMMANDS = sniproxy-hostname sniproxy-check sniproxy-status sniproxy-listen

SWIFT ?= swift
CLANG ?= clang
# Where products and intermediate files are.
SCRATCH ?= .build

FLAGS = -c release --static-swift-stdlib --scratch-path $(SCRATCH)

PROGRAMS = $(SCRATCH)/release
STATIC = $(SCRATCH)/static/sniproxy
SWIFT_FILES = Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Tests \
  Fuzz/Package.swift Fuzz/Sources examples/handoff/swift

.PHONY: build static test test-sanitize test-thread test-address run bench bench-readme bench-quick bench-rest \
  bench-handoff need-bench soak fuzz fuzz-coverage install uninstall deb test-deb format lint clean need-build need-test \
  FORCE

build: need-build
	$(SWIFT) build $(FLAGS)
	@$(MAKE) --no-print-directory $(PROGRAMS)/$(LIBRARY)

# In C and with the toolchain's clang, since it is loaded into servers that know nothing of Swift.
LIBRARY = libsniproxy-listen.so
LIBRARY_SOURCES = $(wildcard Sources/libsniproxy-listen/*.c)
LIBRARY_FLAGS = -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared \
  -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
  -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

%/$(LIBRARY): $(LIBRARY_SOURCES) Sources/libsniproxy-listen/handoff.h
	$(CLANG) $(LIBRARY_FLAGS) $(LIBRARY_SOURCES) -o $@

# One file that needs no other, without libsystemd: for an empty chroot. Both builds share all dependencies and one place,
# so the program is put aside and the usual one built again.
static: need-build $(STATIC)
	$(SWIFT) build $(FLAGS)
	@$(MAKE) --no-print-directory $(PROGRAMS)/$(LIBRARY)
	@packaging/is-static $(STATIC)

$(STATIC): need-build FORCE
	$(SWIFT) build $(FLAGS) --traits StaticExecutable --product sniproxy
	@install -D $(PROGRAMS)/sniproxy $@

FORCE:

need-build:
	@packaging/need build

# In debug: XCTest comes with the dynamic standard library only, so the programs' flags do not serve.
test: need-test static
	$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_FILES)
	$(SWIFT) build $(SOAK_FLAGS)
	$(SWIFT) build $(FUZZ_FLAGS)
	SNIPROXY_PROGRAMS=$(abspath $(PROGRAMS)) SNIPROXY_STATIC=$(abspath $(STATIC)) $(SWIFT) test --scratch-path $(SCRATCH)
	$(SOAK) --sniproxy $(PROGRAMS)/sniproxy --seconds 15

# All tests once more, with the programs that they run, under the thread sanitizer and under the address sanitizer. Each has a
# place of its own.
test-sanitize: test-thread test-address

# A sanitizer's library cannot work behind the lock.
test-thread test-address: UNLOCKED = -Xswiftc -DSANITIZED
test-thread: SANITIZED = $(SCRATCH)/tsan
# Swift 6.3 makes an invalid instruction of two accesses in the hash tables of swift-collections, which nothing here uses, and
# its own check would end the build.
test-thread: UNVERIFIED = -Xswiftc -Xfrontend -Xswiftc -disable-llvm-verify
# Wire has no threads, and its tests take long so.
test-thread: LEFT_OUT = --skip WireTests
# What is reported of the tests themselves ends them there and then, so that it is known which it was.
test-thread: export TSAN_OPTIONS = halt_on_error=1
test-address: SANITIZED = $(SCRATCH)/asan
# What is in use when a test ends is no leak: it ends with exit(3).
test-address: export ASAN_OPTIONS = detect_leaks=0
# When a test crashes, Swift reads the stacks to show them, and the sanitizer would report that instead.
test-address: export SWIFT_BACKTRACE = enable=no

test-thread test-address: test-%: need-test
	$(SWIFT) build --build-tests --sanitize=$* $(UNLOCKED) $(UNVERIFIED) --scratch-path $(SANITIZED)
	@$(MAKE) --no-print-directory $(SANITIZED)/debug/$(LIBRARY)
	SNIPROXY_SANITIZER=$* SNIPROXY_PROGRAMS=$(abspath $(SANITIZED)/debug) \
	  $(SWIFT) test --skip-build --sanitize=$* $(UNLOCKED) $(UNVERIFIED) --scratch-path $(SANITIZED) $(LEFT_OUT)

need-test:
	@packaging/need build test deb fuzz

run:
	@packaging/need build demo
	$(SWIFT) build $(FLAGS)
	@SNIPROXY_PROGRAMS=$(abspath $(PROGRAMS)) examples/demo/run

# A package of its own with a place of its own.
BENCH_FLAGS = -c release --package-path Benchmarks --scratch-path $(SCRATCH)/bench
BENCH = $(SCRATCH)/bench/release/sniproxy-bench

# Compares with other programs on a quiet machine with two cores, in some ten minutes, and what hand-off brings in three.
bench: need-bench
	$(BENCH) run --sniproxy $(PROGRAMS)/sniproxy --command 'make bench' --json $(SCRATCH)/benchmark.json \
	  --chart docs/benchmark.svg --markdown $(SCRATCH)/benchmark.md
	$(BENCH_HANDOFF)
	@echo "the chart is docs/benchmark.svg; make bench-readme puts the tables into README.md"

# Clients that are handed over, beside direct and relayed ones.
bench-handoff: need-bench
	$(BENCH_HANDOFF)

BENCH_HANDOFF = $(BENCH) handoff --sniproxy $(PROGRAMS)/sniproxy --command 'make bench-handoff' \
  --json $(SCRATCH)/handoff.json --markdown $(SCRATCH)/handoff.md

# The tables of the last `make bench`, or of what was measured since.
bench-readme:
	@for table in benchmark handoff; do \
	  if [ -e $(SCRATCH)/$$table.md ]; then \
	    sed -i -e "/^<!-- $$table/,/^<!-- end/{//!d}" -e "/^<!-- $$table/r $(SCRATCH)/$$table.md" README.md; \
	  fi; \
	done

# One short round, to see that all is well.
bench-quick: need-bench
	$(BENCH) run --quick --sniproxy $(PROGRAMS)/sniproxy
	$(BENCH) handoff --quick --sniproxy $(PROGRAMS)/sniproxy

# What sniproxy takes when nothing moves.
bench-rest: need-bench
	$(BENCH) rest --sniproxy $(PROGRAMS)/sniproxy

need-bench:
	@packaging/need build bench
	$(SWIFT) build $(FLAGS)
	@$(MAKE) --no-print-directory $(PROGRAMS)/$(LIBRARY)
	$(SWIFT) build $(BENCH_FLAGS)

# How long each target looks for, and which: all by default.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
FUZZ_FLAGS = -c release --sanitize fuzzer --package-path Fuzz --scratch-path $(SCRATCH)/fuzz

# Looks for bytes for which a property does not hold; see Fuzz/README.md.
fuzz:
	@packaging/need fuzz
	$(SWIFT) build $(FUZZ_FLAGS)
	@Fuzz/run $(SCRATCH)/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# What the committed inputs reach of the sources.
fuzz-coverage:
	@packaging/need fuzz
	$(SWIFT) build -c release --sanitize fuzzer -Xswiftc -profile-generate -Xswiftc -profile-coverage-mapping \
	  --package-path Fuzz --scratch-path $(SCRATCH)/fuzz-coverage
	@Fuzz/coverage $(SCRATCH)/fuzz-coverage

# Honest and hostile load, and restarts through it; checks every byte.
SOAK_SECONDS ?= 600
SOAK_FLAGS = $(BENCH_FLAGS) --product sniproxy-soak
SOAK = $(SCRATCH)/bench/release/sniproxy-soak

soak: build
	$(SWIFT) build $(SOAK_FLAGS)
	$(SOAK) --sniproxy $(PROGRAMS)/sniproxy --seconds $(SOAK_SECONDS)

format:
	$(SWIFT) format --in-place --parallel --recursive $(SWIFT_FILES)

lint:
	$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_FILES)

# Where install and uninstall put and find things.
MANIFEST = $(DOCDIR)/installed
PLACES = COMMANDS PROGRAMS DESTDIR BINDIR SBINDIR UNITDIR SYSUSERSDIR TMPFILESDIR MANDIR BASHDIR ZSHDIR FISHDIR DOCDIR \
  MANIFEST

# Installs what `make build` has built.
install:
	@$(foreach place,$(PLACES),$(place)='$($(place))') packaging/install

uninstall:
	@$(foreach place,$(PLACES),$(place)='$($(place))') packaging/uninstall

# The Debian package sniproxy-swift. The revision tells packages of one version apart.
DEB = $(SCRATCH)/deb
DEB_REVISION ?= 1

deb: build
	@packaging/need deb
	@PROGRAMS=$(PROGRAMS) packaging/make-deb $(DEB) $(DEB_REVISION)

# Its life on a clean Debian 12, which debootstrap makes from the mirror that apt is configured for, once.
CLEAN_DEBIAN = $(SCRATCH)/debian-12

test-deb: need-test build
	@packaging/need clean
	@packaging/clean-debian $(CLEAN_DEBIAN)
	SNIPROXY_PROGRAMS=$(abspath $(PROGRAMS)) SNIPROXY_CLEAN_DEBIAN=$(abspath $(CLEAN_DEBIAN)) \
	  $(SWIFT) test --scratch-path $(SCRATCH) --filter DebianLifeTests

clean:
	rm -rf $(SCRATCH)
