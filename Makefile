# make build, make test, make run; see README.md.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
DOCDIR ?= $(PREFIX)/share/doc/sniproxy
DESTDIR ?=

SWIFT ?= swift
# Where products and intermediate files are. The two builds differ in every module, so each has a place of its own.
SCRATCH ?= .build
STATIC_SCRATCH ?= .build/static

FLAGS = -c release --static-swift-stdlib --scratch-path $(SCRATCH)
STATIC_FLAGS = -c release --static-swift-stdlib --disable-default-traits -Xswiftc -static-executable \
  --scratch-path $(STATIC_SCRATCH) --product sniproxy

PROGRAMS = $(SCRATCH)/release
SWIFT_FILES = Package.swift Sources Tests

.PHONY: build static test run install uninstall format lint clean need-build

build: need-build
	$(SWIFT) build $(FLAGS)

# One file that needs no other, without libsystemd: for an empty chroot.
static: need-build
	$(SWIFT) build $(STATIC_FLAGS)
	@packaging/is-static $(STATIC_SCRATCH)/release/sniproxy

need-build:
	@packaging/need build

# In debug: XCTest comes with the dynamic standard library only, so the programs' flags do not serve.
test:
	@packaging/need build test
	$(SWIFT) build $(FLAGS)
	$(SWIFT) build $(STATIC_FLAGS)
	$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_FILES)
	SNIPROXY_PROGRAMS=$(abspath $(PROGRAMS)) SNIPROXY_STATIC=$(abspath $(STATIC_SCRATCH)/release/sniproxy) \
	  $(SWIFT) test --scratch-path $(SCRATCH)

run:
	@packaging/need build demo
	$(SWIFT) build $(FLAGS)
	@SNIPROXY_PROGRAMS=$(abspath $(PROGRAMS)) examples/demo/run

format:
	$(SWIFT) format --in-place --parallel --recursive $(SWIFT_FILES)

lint:
	$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_FILES)

# Installs what `make build` has built.
install:
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR)
	install -s -m 755 $(PROGRAMS)/sniproxy $(DESTDIR)$(SBINDIR)/sniproxy
	install -s -m 755 $(PROGRAMS)/sniproxy-hostname $(DESTDIR)$(BINDIR)/sniproxy-hostname
	install -m 644 systemd/sniproxy.socket $(DESTDIR)$(UNITDIR)/sniproxy.socket
	sed 's|/usr/local/sbin/|$(SBINDIR)/|' systemd/sniproxy.service >$(DESTDIR)$(UNITDIR)/sniproxy.service
	chmod 644 $(DESTDIR)$(UNITDIR)/sniproxy.service
	install -m 644 systemd/sniproxy.sysusers $(DESTDIR)$(SYSUSERSDIR)/sniproxy.conf
	install -d $(DESTDIR)$(DOCDIR)/docs
	install -m 644 README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE $(DESTDIR)$(DOCDIR)
	install -m 644 docs/*.svg $(DESTDIR)$(DOCDIR)/docs
	cp -R --no-preserve=ownership examples $(DESTDIR)$(DOCDIR)

uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/sniproxy $(DESTDIR)$(BINDIR)/sniproxy-hostname
	rm -f $(DESTDIR)$(UNITDIR)/sniproxy.socket $(DESTDIR)$(UNITDIR)/sniproxy.service
	rm -f $(DESTDIR)$(SYSUSERSDIR)/sniproxy.conf
	rm -rf $(DESTDIR)$(DOCDIR)

clean:
	rm -rf $(SCRATCH) $(STATIC_SCRATCH)
