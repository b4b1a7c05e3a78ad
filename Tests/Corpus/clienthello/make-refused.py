#!/usr/bin/env python3
"""Writes the synthetic files of this corpus beside itself. Python's standard library only, the same bytes every time.
`make-refused.py --list` shows each file's reason instead.

A case is one line: where the file goes (verdict/name), its bytes, and why it has that verdict. Section numbers without an RFC are
those of RFC 8446. A case breaks one rule only, unless it says that it is about which of two rules speaks first.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
CASES = {}     # path: bytes
REASONS = {}   # path: why


def case(path, data, reason):
    assert reason and path not in CASES, path
    assert data not in CASES.values(), f"{path}: there is such a file already"
    CASES[path], REASONS[path] = data, reason


# --- The grammar, written so that each length can be made to lie. ---------------------------------------------------------------

def number(width, value):
    return value.to_bytes(width, "big")


def vector(width, body, claim=None):
    """A variable-length vector (3.4): its length, or the length it claims, and its body."""
    return number(width, len(body) if claim is None else claim) + body


def extension(kind, body=b"", claim=None):
    return number(2, kind) + vector(2, body, claim)


def name_entry(name, kind=0, claim=None):
    return number(1, kind) + vector(2, name, claim)


def name_list(*entries, claim=None):
    return vector(2, b"".join(entries), claim)


def server_name(*names):
    return extension(0, name_list(*(name_entry(name) for name in names)))


def protocols(*names, claim=None):
    return vector(2, b"".join(vector(1, name) for name in names), claim)


def alpn(*names):
    return extension(16, protocols(*names))


RANDOM = bytes(range(0xe0, 0x100))
SESSION = bytes(range(0x40, 0x60))
SUITES = bytes.fromhex("130113021303c02bc02f00ff")
NAME = b"www.example.com"

SNI = server_name(NAME)
ALPN = alpn(b"h2", b"http/1.1")
GROUPS = extension(10, bytes.fromhex("0004001d0017"))
SIGNATURES = extension(13, bytes.fromhex("00080403080404010503"))
VERSIONS = extension(43, bytes.fromhex("0403040303"))
KEY_SHARE = extension(51, bytes.fromhex("0024001d0020") + bytes(range(0x80, 0xa0)))
PSK_MODES = extension(45, b"\x01\x01")
PSK = extension(41, vector(2, vector(2, b"ticket" * 8) + bytes(4)) + vector(2, vector(1, b"b" * 32)))
PADDING = extension(21, bytes(40))
GREASE_1, GREASE_2 = extension(0x0a0a), extension(0x1a1a, b"\0")
USUAL = GREASE_1 + SNI + GROUPS + ALPN + KEY_SHARE + VERSIONS + GREASE_2


def body(extensions=USUAL, *, version=0x0303, session=vector(1, SESSION), suites=vector(2, SUITES), compression=b"\1\0", claim=None):
    """The ClientHello of 4.1.2 without its handshake header; `extensions` None leaves out their vector."""
    end = b"" if extensions is None else vector(2, extensions, claim)
    return number(2, version) + RANDOM + session + suites + compression + end


def message(content, kind=1, claim=None):
    return number(1, kind) + vector(3, content, claim)


def record(content, kind=22, version=0x0301, claim=None):
    return number(1, kind) + number(2, version) + vector(2, content, claim)


def records(content, size):
    return b"".join(record(content[i:i + size]) for i in range(0, len(content), size))


def hello(extensions=USUAL, **more):
    return records(message(body(extensions, **more)), 1 << 14)


def named(name, *, others=GROUPS + VERSIONS):
    return hello(server_name(name) + others)


def with_names(content):
    """A hello whose server_name has this body."""
    return hello(GREASE_1 + extension(0, content) + GROUPS + ALPN + VERSIONS)


def with_protocols(content):
    """A hello whose ALPN has this body."""
    return hello(GREASE_1 + SNI + extension(16, content) + VERSIONS)


USUAL_MESSAGE = message(body())
USUAL_HELLO = record(USUAL_MESSAGE)
HALF, REST = USUAL_MESSAGE[:100], USUAL_MESSAGE[100:]
MAXIMUM = 65536
ALERT = record(b"\2\x28", kind=21)
CCS = record(b"\1", kind=20)
DATA = record(b"early data", kind=23, version=0x0303)


def sized(total, extensions=SNI + ALPN):
    """A ClientHello message of that many bytes, filled up with padding (RFC 7685)."""
    room = total - len(message(body(extensions))) - 4
    return message(body(extensions + extension(21, bytes(room))))


def many_extensions(last):
    """A ClientHello of the greatest size in which an extension takes 4 bytes, so that there are as many as can be."""
    start = SNI + GREASE_1
    count = (MAXIMUM - len(message(body(start + last)))) // 4
    filler = b"".join(extension(0x2000 + i) for i in range(count))
    return records(message(body(start + filler + last)), 1 << 14)


# --- hello: accepted ------------------------------------------------------------------------------------------------------------

case("hello/plain.bin", USUAL_HELLO, "4.1.2: nothing special")
case("hello/only-name.bin", hello(SNI), "4.1.2: one extension")
case("hello/session-id-empty.bin", hello(session=b"\0"), "4.1.2: legacy_session_id<0..32>")
case("hello/session-id-1.bin", hello(session=b"\1s"), "4.1.2: legacy_session_id<0..32>")
case("hello/suites-one.bin", hello(suites=vector(2, b"\x13\x01")), "4.1.2: cipher_suites<2..2^16-2>")
case("hello/suites-unknown.bin", hello(suites=vector(2, b"\x0a\x0a\xff\xff\0\0\x56\0")), "4.1.2: unknown suites are ignored")
case("hello/suites-30000.bin", hello(suites=vector(2, b"\x13\x01" * 30000)), "4.1.2: cipher_suites<2..2^16-2>")
case("hello/compression-deflate.bin", hello(SNI, compression=b"\2\1\0"), "4.1.2: what a TLS 1.2 client may offer")
case("hello/compression-255.bin", hello(SNI, compression=vector(1, bytes(range(255)))), "4.1.2: legacy_compression_methods<1..2^8-1>")
for shown, version in ("tls10", 0x0301), ("tls11", 0x0302), ("tls13", 0x0304), ("unknown", 0x7f7f):
    case(f"hello/legacy-version-{shown}.bin", hello(version=version), "4.2.1: the choice of a version is the backend's")
for version in 0x0000, 0x0300, 0x0303, 0x0304, 0xffff:
    case(f"hello/record-version-{version:04x}.bin", record(USUAL_MESSAGE, version=version), "5.1: legacy_record_version is ignored")
case("hello/record-versions-differ.bin", record(HALF, version=0x0301) + record(REST, version=0xfefd), "5.1: ignored in each record")

case("hello/records-two.bin", record(HALF) + record(REST), "5.1: a message may be split over records")
case("hello/records-of-1.bin", records(USUAL_MESSAGE, 1), "5.1: records of one byte")
case("hello/records-of-4.bin", records(USUAL_MESSAGE, 4), "5.1: a first record that holds the handshake header only")
case("hello/records-of-64.bin", records(USUAL_MESSAGE, 64), "5.1: a message may be split over records")
case("hello/record-of-16384.bin", record(sized(1 << 14)), "5.1: a record of the greatest length")
case("hello/record-of-16384-shared.bin", record(USUAL_MESSAGE + bytes((1 << 14) - len(USUAL_MESSAGE))), "5.1: the greatest length, shared")
case("hello/max-size.bin", records(sized(MAXIMUM), 1 << 14), "contract: 65,536 bytes with the header are accepted")
case("hello/max-size-records-of-99.bin", records(sized(MAXIMUM), 99), "contract: in records of any legal size")
case("hello/max-extensions.bin", many_extensions(b""), "4.2: more than 16,000 extensions, all different")
case("hello/post-quantum.bin", records(message(body(
    GREASE_1 + SNI + ALPN + extension(51, vector(2, b"\x11\xec" + vector(2, b"k" * 1216))) + VERSIONS
    + extension(0xfe0d, b"\0\0\1\0\1\7" + vector(2, b"e" * 32) + vector(2, b"c" * 208)) + GREASE_2)), 300),
    "5.1: a big key share and an ECH extension, in records of 300")

case("hello/then-message.bin", record(USUAL_MESSAGE + message(b"", kind=0)), "contract: the last record may hold other data")
case("hello/then-rubbish-in-record.bin", record(HALF) + record(REST + b"\0\xff" * 20), "contract: the last record may hold other data")
case("hello/then-same-hello.bin", USUAL_HELLO + USUAL_HELLO, "contract: what follows the ClientHello is not read")
case("hello/then-ccs-and-data.bin", USUAL_HELLO + CCS + DATA, "4.2.10: early data follows at once")
case("hello/then-alert.bin", USUAL_HELLO + record(b"\2\x5a", kind=21), "contract: what follows the ClientHello is not read")
case("hello/then-empty-record.bin", USUAL_HELLO + record(b""), "contract: what follows the ClientHello is not read")
case("hello/then-overlong-record.bin", USUAL_HELLO + record(b"", claim=65535), "contract: what follows the ClientHello is not read")
case("hello/then-http.bin", USUAL_HELLO + b"GET / HTTP/1.1\r\n\r\n", "contract: what follows the ClientHello is not read")
case("hello/record-unfinished.bin", record(USUAL_MESSAGE, claim=len(USUAL_MESSAGE) + 9),
     "contract: the ClientHello is complete, though the record that it ends in is not")

case("hello/psk-last.bin", hello(SNI + ALPN + PSK_MODES + PSK), "4.2.11: pre_shared_key comes last")
case("hello/psk-last-empty.bin", hello(SNI + extension(41)), "contract: other bodies are opaque")
case("hello/opaque-bodies.bin", hello(SNI + b"".join(extension(kind, b"\xff" * (kind % 7)) for kind in (
    1, 5, 10, 11, 13, 14, 18, 21, 22, 23, 27, 28, 35, 42, 43, 44, 45, 47, 49, 50, 51, 57, 13172, 17513, 0xfe0d, 0xff01))),
    "contract: other bodies are opaque")
case("hello/unknown-extensions.bin", hello(extension(0xffff) + SNI + extension(0x1234, b"\0" * 9) + extension(0xfffe)),
     "4.1.2: unknown extensions are ignored")
case("hello/grease-all.bin", hello(b"".join(extension(0x0a0a + 0x1010 * i, bytes(i)) for i in range(16)) + SNI),
     "RFC 8701: each of the reserved extensions")
case("hello/name-first-of-many.bin", hello(SNI + USUAL.replace(SNI, b"")), "4.2: extensions come in any order")
case("hello/name-last-of-many.bin", hello(USUAL.replace(SNI, b"") + SNI), "4.2: extensions come in any order")

case("hello/alpn-one.bin", hello(SNI + alpn(b"h2")), "RFC 7301 3.1")
case("hello/alpn-one-byte.bin", hello(SNI + alpn(b"x")), "RFC 7301 3.1: ProtocolName<1..2^8-1>, and the least list")
case("hello/alpn-255-bytes.bin", hello(SNI + alpn(b"p" * 255, b"q" * 255)), "RFC 7301 3.1: ProtocolName<1..2^8-1>")
case("hello/alpn-repeated.bin", hello(SNI + alpn(b"h2", b"h2")), "RFC 7301 3.1 does not forbid it")
case("hello/alpn-before-name.bin", hello(ALPN + SNI), "4.2: extensions come in any order")

case("hello/sni-unknown-type-first.bin", with_names(name_list(name_entry(b"\1\2\3", 7), name_entry(NAME))),
     "RFC 6066 3: another NameType is skipped by its length")
case("hello/sni-unknown-type-last.bin", with_names(name_list(name_entry(NAME), name_entry(b"\0" * 300, 255))),
     "RFC 6066 3: another NameType is skipped by its length")
case("hello/sni-unknown-type-empty.bin", with_names(name_list(name_entry(b"", 1), name_entry(NAME), name_entry(b"", 2))),
     "RFC 6066 3: only a HostName has a least length")
case("hello/sni-all-types.bin", with_names(name_list(*(name_entry(NAME if kind == 0 else b"n", kind) for kind in range(255, -1, -1)))),
     "RFC 6066 3: one name of each type")

LABEL = b"a" * 63
LONGEST = b".".join([LABEL, b"b" * 63, b"c" * 63, b"d" * 61])
assert len(LONGEST) == 253
for shown, name in {
    "253-bytes": LONGEST,
    "253-bytes-upper": LONGEST.upper(),
    "127-labels": b".".join([b"x"] * 127),
    "63-byte-label": LABEL + b".example.com",
    "one-letter": b"a",
    "one-label": b"localhost",
    "upper-case": b"WWW.EXAMPLE.ORG",
    "mixed-case": b"wWw.ExAmPlE.oRg",
    "underscore": b"_acme-challenge._tcp.example_.com",
    "only-underscore": b"_",
    "a-label": b"xn--bcher-kva.xn--p1ai.test",
    "double-hyphen": b"a--b.ex--ample.com",
    "digits": b"4.3.2.192.in-addr.arpa",
    "ipv4-and-more": b"192.0.2.1.example.com",
    "digits-then-letter": b"192.0.2.1a",
    "hexadecimal": b"0xc0000201",
}.items():
    case(f"hello/name-{shown}.bin", named(name), "contract 3: a legal name")

# --- missing_extension: valid, no server name -----------------------------------------------------------------------------------

case("missing_extension/no-extensions.bin", hello(None), "4.1.2: a hello may end after the compression methods")
case("missing_extension/least-hello.bin", hello(None, session=b"\0", suites=b"\0\2\x13\1"), "4.1.2: the shortest ClientHello, 41 bytes")
case("missing_extension/extensions-empty.bin", hello(b""), "4.2, RFC 5246 7.4.1.4: a TLS 1.2 client may send Extension<0..2^16-1>")
case("missing_extension/extensions-4-bytes.bin", hello(extension(23)), "RFC 5246 7.4.1.4: one extension, empty")
case("missing_extension/extensions-7-bytes.bin", hello(extension(0x1234, b"abc")), "RFC 5246 7.4.1.4: fewer than 8 bytes")
case("missing_extension/others-only.bin", hello(GROUPS + ALPN + KEY_SHARE + VERSIONS), "RFC 6066 3: no server_name")
case("missing_extension/psk-only.bin", hello(PSK), "4.2.11: the only extension is the last one")
case("missing_extension/in-records-of-1.bin", records(message(body(GROUPS + VERSIONS)), 1), "5.1: the same over many records")
case("missing_extension/sni-unknown-type.bin", with_names(name_list(name_entry(NAME, 1))), "RFC 6066 3: a list without a HostName")
case("missing_extension/sni-unknown-type-empty.bin", with_names(name_list(name_entry(b"", 9))), "RFC 6066 3: a list without a HostName")
case("missing_extension/sni-unknown-types.bin", with_names(name_list(*(name_entry(b"n", kind) for kind in range(1, 256)))),
     "RFC 6066 3: a list without a HostName")
case("missing_extension/max-size.bin", records(sized(MAXIMUM, ALPN), 1 << 14), "RFC 6066 3: no server_name in the greatest hello")
case("missing_extension/name-in-second-hello.bin", record(message(body(GROUPS)) + USUAL_MESSAGE), "contract: only the first one counts")

# --- unrecognized_name: well-formed, but not the name of a host -----------------------------------------------------------------

for shown, name in {
    "ipv4": b"192.0.2.7",
    "ipv4-number": b"3221225985",
    "ipv4-short": b"192.2",
    "ipv6": b"2001:db8::1",
    "ipv6-brackets": b"[2001:db8::1]",
    "last-label-digits": b"www.example.123",
    "trailing-dot": b"www.example.com.",
    "leading-dot": b".example.com",
    "dot": b".",
    "dot-dot": b"..",
    "empty-label": b"www..example.com",
    "64-byte-label": LABEL + b"a.example.com",
    "64-byte-last-label": b"www." + LABEL + b"a",
    "254-bytes": LONGEST + b"d",
    "253-bytes-and-dot": LONGEST + b".",
    "255-bytes": b".".join([LABEL] * 4),
    "256-bytes": b".".join([b"x" * 31] * 8) + b"x",
    "4096-bytes": b"abcdefg." * 511 + b"abcdefgh",
    "leading-hyphen": b"-www.example.com",
    "trailing-hyphen": b"www-.example.com",
    "leading-hyphen-inside": b"www.-example.com",
    "trailing-hyphen-at-end": b"www.example.com-",
    "only-hyphen": b"-",
    "nul": b"\0",
    "nul-inside": b"www.example.com\0.example.org",
    "nul-at-end": b"www.example.com\0",
    "slash": b"www/example.com",
    "leading-slash": b"/etc",
    "path-up": b"../../etc",
    "path-up-inside": b"www.example.com/../example.org",
    "backslash": b"www\\example.com",
    "wildcard": b"*.example.com",
    "port": b"www.example.com:443",
    "url": b"https://www.example.com",
    "user": b"root@example.com",
    "percent": b"www%2eexample.com",
    "space": b" ",
    "leading-space": b" www.example.com",
    "trailing-space": b"www.example.com ",
    "space-inside": b"www example.com",
    "tab": b"www\texample.com",
    "newline": b"www.example.com\n<0>forged: a line of the log",
    "crlf": b"www.example.com\r\nX: y",
    "escape": b"\x1b[2J.example.com",
    "delete": b"www\x7f.example.com",
    "u-label": "bücher.example.com".encode(),
    "latin-1": b"b\xfccher.example.com",
    "not-utf-8": b"\xff\xfe.example.com",
    "ideographic-stop": "www。example。com".encode(),
    "kelvin-sign": "\u212aelvin.example.com".encode(),
    "long-s": "\u017fite.example.com".encode(),
    "utf-16": "www".encode("utf-16-be"),
    "at-sign-before-a": b"@.example.com",
    "bracket-after-z": b"[.example.com",
    "backtick": b"`id`.example.com",
    "brace-after-z": b"{.example.com",
    "colon-after-9": b":.example.com",
    "comma": b"www,example.com",
    "plus": b"www+1.example.com",
    "quote": b'www".example.com',
}.items():
    case(f"unrecognized_name/{shown}.bin", named(name), "contract 3, RFC 6066 3: not of the legal form")
case("unrecognized_name/60000-bytes.bin", named(b"x" * 60000), "contract 3: HostName<1..2^16-1>, but not of the legal form")
case("unrecognized_name/in-records-of-1.bin", records(message(body(server_name(b"www.example.com."))), 1), "5.1: the same over many records")
case("unrecognized_name/after-unknown-type.bin", with_names(name_list(name_entry(NAME, 1), name_entry(b"192.0.2.7"))),
     "RFC 6066 3: the name of another type is not taken instead")

# --- unexpected_message: not a handshake record, or not a ClientHello -----------------------------------------------------------

case("unexpected_message/alert.bin", record(b"\1\0", kind=21), "5: an alert before the ClientHello")
case("unexpected_message/alert-fatal.bin", ALERT, "5: an alert before the ClientHello")
case("unexpected_message/ccs.bin", CCS, "5: change_cipher_spec before the first ClientHello")
case("unexpected_message/ccs-then-hello.bin", CCS + USUAL_HELLO, "5: change_cipher_spec before the first ClientHello")
case("unexpected_message/alert-then-hello.bin", record(b"\1\x5a", kind=21) + USUAL_HELLO, "5: a warning before the ClientHello")
case("unexpected_message/data.bin", DATA, "5: application data before the ClientHello")
case("unexpected_message/data-empty.bin", record(b"", kind=23), "5: application data, though empty")
case("unexpected_message/data-type-with-hello.bin", record(USUAL_MESSAGE, kind=23), "5: the content type decides")
case("unexpected_message/heartbeat.bin", record(b"\1\x40\0", kind=24), "5: an unknown record type")
for kind in 0, 19, 25, 26, 128, 255:
    case(f"unexpected_message/record-type-{kind}.bin", record(USUAL_MESSAGE, kind=kind), "5: an unknown record type")
for shown, between in {"alert": ALERT, "alert-warning": record(b"\1\0", kind=21), "ccs": CCS, "data": DATA,
                       "data-empty": record(b"", kind=23), "heartbeat": record(b"\1\0\0", kind=24),
                       "type-0": record(b"\0", kind=0)}.items():
    case(f"unexpected_message/{shown}-inside.bin", record(HALF) + between + record(REST), "5.1: records between those of one message")
case("unexpected_message/rest-as-data.bin", record(HALF) + record(REST, kind=23), "5.1: the rest comes in another type of record")
case("unexpected_message/alert-in-header.bin", record(USUAL_MESSAGE[:2]) + ALERT, "5.1: inside the handshake header")
case("unexpected_message/alert-before-last-byte.bin", record(USUAL_MESSAGE[:-1]) + ALERT + record(USUAL_MESSAGE[-1:]),
     "5.1: one byte is missing")
case("unexpected_message/second-record-http.bin", record(HALF) + b"GET / HTTP/1.1\r\n\r\n", "5.1: not a record of TLS")

SERVER_HELLO = number(2, 0x0303) + RANDOM + vector(1, SESSION) + b"\x13\1\0" + vector(2, extension(43, b"\3\4"))
case("unexpected_message/server-hello.bin", record(message(SERVER_HELLO, kind=2)), "4: another message than ClientHello")
case("unexpected_message/server-hello-in-two.bin", records(message(SERVER_HELLO, kind=2), 60), "4: another message than ClientHello")
case("unexpected_message/server-hello-header.bin", record(message(b"", kind=2, claim=80)), "4: its type tells it")
case("unexpected_message/hello-request.bin", record(message(b"", kind=0)), "4: another message than ClientHello")
case("unexpected_message/hello-request-then-hello.bin", record(message(b"", kind=0) + USUAL_MESSAGE), "4: another message first")
case("unexpected_message/finished.bin", record(message(b"f" * 32, kind=20)), "4: another message than ClientHello")
case("unexpected_message/key-update.bin", record(message(b"\0", kind=24)), "4: another message than ClientHello")
case("unexpected_message/client-hello-as-type-3.bin", record(message(body(), kind=3)), "4: the message type decides")
case("unexpected_message/message-type-255.bin", record(message(body(), kind=255)), "4: an unknown message type")

case("unexpected_message/sslv2-hello.bin", bytes.fromhex("802e010301001500000010000004000005000006000009") + bytes(range(0x70, 0x89)),
     "D.5: the hello of SSL 2.0, which asks for TLS 1.0")
case("unexpected_message/sslv2-hello-3-byte-header.bin", bytes.fromhex("003101000200180000001007 00c0050080030080010080060040040080 020080"
     .replace(" ", "")) + bytes(range(0x70, 0x80)), "D.5: the hello of SSL 2.0")
for shown, text in {
    "http": b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
    "http-options": b"OPTIONS * HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "proxy-v1": b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n" + USUAL_HELLO,
    "proxy-v2": b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0" + USUAL_HELLO,
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "smtp": b"EHLO www.example.com\r\n",
    "newlines": b"\r\n\r\n\r\n\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "stray-byte-first": b"\0" + USUAL_HELLO,
    "message-without-record": USUAL_MESSAGE,
}.items():
    case(f"unexpected_message/{shown}.bin", text, "5: not a handshake record (the type speaks before the length)")

# --- record_overflow ------------------------------------------------------------------------------------------------------------

LARGEST = sized(MAXIMUM)
OVER = (1 << 14) + 1
case("record_overflow/16385.bin", record(LARGEST[:OVER]) + records(LARGEST[OVER:], 1 << 14), "5.1: a length over 2^14")
case("record_overflow/16385-header.bin", record(b"", claim=OVER), "5.1: the header tells it")
case("record_overflow/16385-hello-complete.bin", record(USUAL_MESSAGE + bytes(OVER - len(USUAL_MESSAGE))), "5.1: though the hello is in it")
case("record_overflow/16640.bin", record(USUAL_MESSAGE, claim=(1 << 14) + 256), "5.2: this length is for protected records only")
case("record_overflow/18432.bin", record(USUAL_MESSAGE, claim=(1 << 14) + 2048), "RFC 5246 6.2.3: this length is for protected records only")
case("record_overflow/32768.bin", record(USUAL_MESSAGE, claim=1 << 15), "5.1: a length over 2^14")
case("record_overflow/65535.bin", record(USUAL_MESSAGE, claim=65535), "5.1: a length over 2^14")
case("record_overflow/second.bin", record(HALF) + record(REST, claim=OVER), "5.1: in the second record")
case("record_overflow/second-header.bin", record(HALF) + record(b"", claim=65535), "5.1: in the second record")
case("record_overflow/after-header.bin", record(LARGEST[:4]) + record(LARGEST[4:4 + OVER]), "5.1: after the handshake header alone")
case("record_overflow/last.bin", record(USUAL_MESSAGE[:-1]) + record(USUAL_MESSAGE[-1:] + bytes(OVER - 1)), "5.1: in the last record")

# --- illegal_parameter: well-formed, but forbidden ------------------------------------------------------------------------------

ONCE = "4.2: not more than one extension of a type"
UNKNOWN = extension(0xabcd, b"once")
case("illegal_parameter/unknown-adjacent.bin", hello(SNI + UNKNOWN + UNKNOWN + VERSIONS), ONCE)
case("illegal_parameter/unknown-far-apart.bin", hello(UNKNOWN + USUAL + PADDING + UNKNOWN), ONCE)
case("illegal_parameter/unknown-other-body.bin", hello(SNI + UNKNOWN + extension(0xabcd)), ONCE)
case("illegal_parameter/unknown-three-times.bin", hello(UNKNOWN + SNI + UNKNOWN + UNKNOWN), ONCE)
case("illegal_parameter/type-65535.bin", hello(extension(65535) + SNI + extension(65535)), ONCE)
case("illegal_parameter/grease.bin", hello(GREASE_1 + USUAL), ONCE + "; RFC 8701 makes no exception")
case("illegal_parameter/grease-last.bin", hello(USUAL + extension(0x1a1a)), ONCE + "; RFC 8701 makes no exception")
case("illegal_parameter/server-name-adjacent.bin", hello(SNI + SNI + VERSIONS), ONCE)
case("illegal_parameter/server-name-far-apart.bin", hello(SNI + GROUPS + ALPN + KEY_SHARE + VERSIONS + SNI), ONCE)
case("illegal_parameter/server-name-other-name.bin", hello(SNI + ALPN + server_name(b"www.example.org")), ONCE)
case("illegal_parameter/server-name-in-other-case.bin", hello(SNI + server_name(NAME.upper())), ONCE)
case("illegal_parameter/alpn-adjacent.bin", hello(SNI + ALPN + ALPN), ONCE)
case("illegal_parameter/alpn-far-apart.bin", hello(ALPN + SNI + KEY_SHARE + VERSIONS + alpn(b"h2")), ONCE)
case("illegal_parameter/key-share.bin", hello(SNI + KEY_SHARE + VERSIONS + KEY_SHARE), ONCE)
case("illegal_parameter/supported-versions.bin", hello(VERSIONS + SNI + VERSIONS), ONCE)
case("illegal_parameter/padding.bin", hello(SNI + PADDING + extension(21)), ONCE)
case("illegal_parameter/ech.bin", hello(extension(0xfe0d, b"\1") + SNI + extension(0xfe0d, b"\1")), ONCE)
case("illegal_parameter/extended-master-secret.bin", hello(extension(23) + SNI + extension(23)), ONCE)
case("illegal_parameter/renegotiation-info.bin", hello(extension(0xff01, b"\0") + SNI + extension(0xff01, b"\0")), ONCE)
case("illegal_parameter/in-records-of-1.bin", records(message(body(UNKNOWN + SNI + UNKNOWN)), 1), ONCE + ", over many records")
case("illegal_parameter/without-name.bin", hello(UNKNOWN + ALPN + UNKNOWN), ONCE + "; speaks before the missing server name")
case("illegal_parameter/with-bad-name.bin", hello(UNKNOWN + server_name(b"192.0.2.7") + UNKNOWN), ONCE + "; speaks before the name's form")
case("illegal_parameter/among-16000.bin", many_extensions(GREASE_1), ONCE + ", among as many as can be")
case("illegal_parameter/among-16000-last-two.bin", many_extensions(extension(0xfffe) + extension(0xfffe)), ONCE + ", among as many as can be")

case("illegal_parameter/psk-repeated.bin", hello(SNI + PSK + PSK), ONCE + "; and 4.2.11: the first is not the last extension")
FIRST = "6.2: illegal_parameter is for what conforms to the syntax, so that is judged first"
case("decode_error/psk-inside-and-stray-byte.bin", hello(SNI + PSK + b"\0"), FIRST)
case("decode_error/repeated-and-overlong.bin", hello(SNI + UNKNOWN + UNKNOWN + extension(5, b"x", claim=9)), FIRST)
case("decode_error/host-names-and-one-cut.bin", with_names(name_list(name_entry(NAME), name_entry(NAME, claim=200))), FIRST)

LAST = "4.2.11: pre_shared_key is the last extension"
case("illegal_parameter/psk-first.bin", hello(PSK + USUAL), LAST)
case("illegal_parameter/psk-inside.bin", hello(SNI + PSK_MODES + PSK + ALPN + VERSIONS), LAST)
case("illegal_parameter/psk-before-name.bin", hello(PSK_MODES + PSK + SNI), LAST)
case("illegal_parameter/psk-before-padding.bin", hello(SNI + PSK_MODES + PSK + PADDING), LAST + ", padding or not")
case("illegal_parameter/psk-before-grease.bin", hello(SNI + PSK_MODES + PSK + GREASE_1), LAST + ", GREASE or not")
case("illegal_parameter/psk-empty-before-empty.bin", hello(SNI + extension(41) + extension(23)), LAST)

TYPE = "RFC 6066 3: not more than one name of a type"
case("illegal_parameter/host-names-equal.bin", with_names(name_list(name_entry(NAME), name_entry(NAME))), TYPE)
case("illegal_parameter/host-names-different.bin", with_names(name_list(name_entry(NAME), name_entry(b"www.example.org"))), TYPE)
case("illegal_parameter/host-names-apart.bin", with_names(name_list(name_entry(NAME), name_entry(b"n", 1), name_entry(NAME))), TYPE)
case("illegal_parameter/host-names-three.bin", with_names(name_list(*[name_entry(NAME)] * 3)), TYPE)
case("illegal_parameter/unknown-names-adjacent.bin", with_names(name_list(name_entry(NAME), name_entry(b"n", 1), name_entry(b"m", 1))), TYPE)
case("illegal_parameter/unknown-names-apart.bin", with_names(name_list(name_entry(b"n", 9), name_entry(NAME), name_entry(b"m", 9))), TYPE)
case("illegal_parameter/unknown-names-empty.bin", with_names(name_list(name_entry(b"", 2), name_entry(b"", 2), name_entry(NAME))), TYPE)
case("illegal_parameter/unknown-names-only.bin", with_names(name_list(name_entry(b"n", 1), name_entry(b"n", 1))),
     TYPE + "; speaks before the missing host name")
case("illegal_parameter/names-of-type-255.bin", with_names(name_list(name_entry(NAME), name_entry(b"n", 255), name_entry(b"n", 255))), TYPE)
case("illegal_parameter/names-257.bin", with_names(name_list(*(name_entry(NAME if kind == 0 else b"n", kind) for kind in range(256)),
                                                           name_entry(b"n", 255))), TYPE)

# --- decode_error: lengths that do not fit --------------------------------------------------------------------------------------

EMPTY = "5.1: no empty handshake record"
case("decode_error/empty-record.bin", record(b""), EMPTY)
case("decode_error/empty-record-first.bin", record(b"") + USUAL_HELLO, EMPTY)
case("decode_error/empty-record-inside.bin", record(HALF) + record(b"") + record(REST), EMPTY)
case("decode_error/empty-record-in-header.bin", record(USUAL_MESSAGE[:2]) + record(b"") + record(USUAL_MESSAGE[2:]), EMPTY)
case("decode_error/empty-record-after-header.bin", record(USUAL_MESSAGE[:4]) + record(b"") + record(USUAL_MESSAGE[4:]), EMPTY)
case("decode_error/empty-record-before-last-byte.bin", record(USUAL_MESSAGE[:-1]) + record(b"") + record(USUAL_MESSAGE[-1:]), EMPTY)
case("decode_error/empty-records-1000.bin", record(b"") * 1000 + USUAL_HELLO, EMPTY)
case("decode_error/empty-records-only-version-0.bin", record(b"", version=0), EMPTY)
case("decode_error/dtls-hello.bin", bytes.fromhex("16feff0000000000000000") + vector(2, message(b"\0\0\0\0\0\0\0\0" + body())),
     EMPTY + ": the epoch of DTLS stands where TLS has the length")

LIMIT = "contract: a ClientHello over 65,536 bytes with its header"
case("decode_error/hello-65537.bin", records(sized(MAXIMUM + 1), 1 << 14), LIMIT)
case("decode_error/hello-65537-header.bin", record(message(b"", claim=MAXIMUM - 3)), LIMIT + "; its header tells it")
case("decode_error/hello-65540-header.bin", record(message(b"", claim=MAXIMUM)), LIMIT + "; its header tells it")
case("decode_error/hello-16-megabytes.bin", record(message(body(), claim=(1 << 24) - 1)), LIMIT)
case("decode_error/hello-65537-header-in-records-of-1.bin", records(message(b"", claim=MAXIMUM - 3), 1), LIMIT)

SHORT = "4.1.2: the message ends too early"
case("decode_error/hello-empty.bin", record(message(b"")), SHORT)
for shown, size in {"in-version": 1, "after-version": 2, "in-random": 33, "after-random": 34, "in-session-id": 40, "after-session-id": 67,
                    "in-suites-length": 68, "in-suites": 75, "after-suites": 81, "after-compression-length": 82,
                    "in-extensions-length": 84, "after-extensions-length": 85, "in-extension-type": 90, "after-extension-type": 91,
                    "in-server-name": 100}.items():
    case(f"decode_error/ends-{shown}.bin", record(message(body()[:size])), SHORT)
case("decode_error/ends-one-short.bin", record(message(body()[:-1])), SHORT)

# Each length of a hello, too long by one, too short by one, zero, and the greatest. The rest stays as it is.


def lying(field, claim):
    """The usual hello, in which the length of one field is what `claim` makes of the true one."""
    def v(width, content, this):
        return vector(width, content, claim(width, len(content)) if this == field else None)

    def ext(kind, content, this):
        return number(2, kind) + v(2, content, this)

    extensions = (
        ext(0x0a0a, b"", "first-extension")
        + ext(0, v(2, b"\0" + v(2, NAME, "host-name"), "name-list"), "server-name")
        + ext(13, bytes.fromhex("000404030804"), "signatures")
        + ext(16, v(2, v(1, b"h2", "protocol-1") + v(1, b"http/1.1", "protocol-2"), "alpn-list"), "alpn")
        + ext(0x1a1a, b"\x7f" * 5, "last-extension"))
    return record(message(number(2, 0x0303) + RANDOM + v(1, SESSION, "session-id") + v(2, SUITES, "suites") + v(1, b"\0", "compression")
                          + v(2, extensions, "extensions")))


FIELDS = ("session-id", "suites", "compression", "extensions", "first-extension", "server-name", "name-list", "host-name", "signatures", "alpn",
          "alpn-list", "protocol-1", "protocol-2", "last-extension")
for field in FIELDS:
    for shown, claim in {
        "long": lambda width, length: length + 1,
        "short": lambda width, length: length - 1,
        "zero": lambda width, length: 0,
        "max": lambda width, length: (1 << 8 * width) - 1,
    }.items():
        if (field, shown) in {("first-extension", "short"), ("first-extension", "zero"), ("compression", "short")}:
            continue   # an empty one has none shorter and is zero in truth; one byte less than one is zero
        case(f"decode_error/length-{field}-{shown}.bin", lying(field, claim), "3.4: a length that does not fit")
case("decode_error/length-message-short.bin", record(message(body(), claim=len(body()) - 1)), "4: the extensions do not fit into the message")
case("decode_error/length-message-one.bin", record(message(body(), claim=1)), "4.1.2: the message ends too early")

case("decode_error/session-id-33.bin", hello(session=vector(1, b"s" * 33)), "4.1.2: legacy_session_id<0..32>")
case("decode_error/session-id-255.bin", hello(session=vector(1, b"s" * 255)), "4.1.2: legacy_session_id<0..32>")
case("decode_error/suites-none.bin", hello(suites=b"\0\0"), "4.1.2: cipher_suites<2..2^16-2>")
case("decode_error/suites-1-byte.bin", hello(suites=b"\0\1\x13"), "4.1.2: a suite has two bytes")
case("decode_error/suites-3-bytes.bin", hello(suites=b"\0\3\x13\1\x13"), "4.1.2: a suite has two bytes")
case("decode_error/suites-none-no-extensions.bin", hello(None, suites=b"\0\0"), "4.1.2: cipher_suites<2..2^16-2>")
case("decode_error/compression-none.bin", hello(compression=b"\0"), "4.1.2: legacy_compression_methods<1..2^8-1>")
case("decode_error/compression-none-no-extensions.bin", hello(None, compression=b"\0"), "4.1.2: legacy_compression_methods<1..2^8-1>")

case("decode_error/extensions-1-byte.bin", hello(b"\0"), "4.2: half a type")
case("decode_error/extensions-2-bytes.bin", hello(b"\0\x17"), "4.2: a type and no length")
case("decode_error/extensions-3-bytes.bin", hello(b"\0\x17\0"), "4.2: a type and half a length")
case("decode_error/extensions-5-bytes.bin", hello(extension(23) + b"\0"), "4.2: half a type after an extension")
case("decode_error/extensions-7-bytes.bin", hello(extension(23, b"abc", claim=4)), "4.2: the body ends too early")
case("decode_error/extensions-missing-body.bin", hello(SNI + extension(0x1234, b"", claim=1)), "4.2: the body ends too early")
case("decode_error/extensions-stray-byte.bin", hello(USUAL + b"\0"), "4.2: half a type after the last extension")
case("decode_error/extensions-stray-3-bytes.bin", hello(USUAL + b"\0\x15\0"), "4.2: a type and half a length after the last extension")
case("decode_error/after-extensions-1-byte.bin", record(message(body() + b"\0")), "4.1.2: nothing comes after the extensions")
case("decode_error/after-extensions-many-bytes.bin", record(message(body() + USUAL)), "4.1.2: nothing comes after the extensions")
case("decode_error/after-empty-extensions.bin", record(message(body(b"") + SNI)), "4.1.2: nothing comes after the extensions")
case("decode_error/stray-byte-in-records-of-1.bin", records(message(body() + b"\0"), 1), "4.1.2: nothing comes after the extensions")

case("decode_error/sni-empty.bin", with_names(b""), "RFC 6066 3: a client's server_name is never empty")
case("decode_error/sni-1-byte.bin", with_names(b"\0"), "RFC 6066 3: half a length")
case("decode_error/sni-list-empty.bin", with_names(name_list()), "RFC 6066 3: ServerNameList<1..2^16-1>")
case("decode_error/sni-list-one-long.bin", with_names(name_list(name_entry(NAME), claim=len(NAME) + 4)), "RFC 6066 3: the list does not fit")
case("decode_error/sni-list-one-short.bin", with_names(name_list(name_entry(NAME), claim=len(NAME) + 2)), "RFC 6066 3: the name does not fit")
case("decode_error/sni-list-type-only.bin", with_names(name_list(b"\0")), "RFC 6066 3: a type and no name")
case("decode_error/sni-list-half-a-length.bin", with_names(name_list(b"\0\0")), "RFC 6066 3: a type and half a length")
case("decode_error/sni-name-empty.bin", with_names(name_list(name_entry(b""))), "RFC 6066 3: HostName<1..2^16-1>")
case("decode_error/sni-name-empty-then-unknown.bin", with_names(name_list(name_entry(b""), name_entry(b"n", 1))),
     "RFC 6066 3: HostName<1..2^16-1>")
case("decode_error/sni-name-missing.bin", with_names(name_list(name_entry(b"", claim=15))), "RFC 6066 3: the name does not fit")
case("decode_error/sni-name-one-long.bin", with_names(name_list(name_entry(NAME, claim=len(NAME) + 1))), "RFC 6066 3: the name does not fit")
case("decode_error/sni-name-one-short.bin", with_names(name_list(name_entry(NAME, claim=len(NAME) - 1))), "RFC 6066 3: one byte is left over")
case("decode_error/sni-stray-byte-in-list.bin", with_names(name_list(name_entry(NAME), b"\1")),
     "RFC 6066 3: a type and no name after the name")
case("decode_error/sni-stray-type-and-length.bin", with_names(name_list(name_entry(NAME), b"\1\0")), "RFC 6066 3: half a name in the list")
case("decode_error/sni-stray-byte-after-list.bin", with_names(name_list(name_entry(NAME)) + b"\0"), "RFC 6066 3: a byte after the list")
case("decode_error/sni-entry-after-list.bin", with_names(name_list(name_entry(NAME)) + name_entry(b"n", 1)),
     "RFC 6066 3: bytes after the list")
case("decode_error/sni-two-lists.bin", with_names(name_list(name_entry(NAME)) * 2), "RFC 6066 3: bytes after the list")
case("decode_error/sni-bare-name.bin", with_names(NAME), "RFC 6066 3: a name without list, type and length")
case("decode_error/sni-entry-without-list.bin", with_names(name_entry(NAME)), "RFC 6066 3: a name without list")
case("decode_error/sni-list-without-type.bin", with_names(name_list(vector(2, NAME))), "RFC 6066 3: a name without type")
case("decode_error/sni-unknown-type-long.bin", with_names(name_list(name_entry(NAME), name_entry(b"n", 1, claim=2))),
     "RFC 6066 3: a name does not fit")
case("decode_error/sni-unknown-type-long-alone.bin", with_names(name_list(name_entry(b"n", 1, claim=2))), "RFC 6066 3: a name does not fit")
case("decode_error/sni-unknown-type-max.bin", with_names(name_list(name_entry(b"n", 200, claim=65535), name_entry(NAME))),
     "RFC 6066 3: a name does not fit")
case("decode_error/sni-name-in-next-extension.bin", hello(extension(0, b"\0\x12\0\0\x0f") + extension(0x7777, NAME)),
     "RFC 6066 3: a list that would reach into the next extension")

case("decode_error/alpn-empty.bin", with_protocols(b""), "RFC 7301 3.1: the list has a length")
case("decode_error/alpn-1-byte.bin", with_protocols(b"\0"), "RFC 7301 3.1: half a length")
case("decode_error/alpn-list-empty.bin", with_protocols(protocols()), "RFC 7301 3.1: ProtocolNameList<2..2^16-1>")
case("decode_error/alpn-list-1-byte.bin", with_protocols(b"\0\1\2"), "RFC 7301 3.1: ProtocolNameList<2..2^16-1>")
case("decode_error/alpn-list-one-long.bin", with_protocols(protocols(b"h2", claim=4)), "RFC 7301 3.1: the list does not fit")
case("decode_error/alpn-list-one-short.bin", with_protocols(protocols(b"h2", claim=2)), "RFC 7301 3.1: the name does not fit")
case("decode_error/alpn-list-last-byte-short.bin", with_protocols(protocols(b"h2", b"h3", claim=5)), "RFC 7301 3.1: the name does not fit")
case("decode_error/alpn-name-empty-alone.bin", with_protocols(protocols(b"")), "RFC 7301 3.1: ProtocolName<1..2^8-1>")
case("decode_error/alpn-name-empty-first.bin", with_protocols(protocols(b"", b"h2")), "RFC 7301 3.1: ProtocolName<1..2^8-1>")
case("decode_error/alpn-name-empty-inside.bin", with_protocols(protocols(b"h2", b"", b"http/1.1")), "RFC 7301 3.1: ProtocolName<1..2^8-1>")
case("decode_error/alpn-name-empty-last.bin", with_protocols(protocols(b"h2", b"")), "RFC 7301 3.1: ProtocolName<1..2^8-1>")
case("decode_error/alpn-name-long.bin", with_protocols(vector(2, b"\x03h2")), "RFC 7301 3.1: the name does not fit")
case("decode_error/alpn-name-short.bin", with_protocols(vector(2, b"\x02h2" + b"\x07http/1.1")),
     "RFC 7301 3.1: one byte is left over, a length without a name")
case("decode_error/alpn-name-max.bin", with_protocols(vector(2, b"\xffh2")), "RFC 7301 3.1: the name does not fit")
case("decode_error/alpn-stray-byte-after-list.bin", with_protocols(protocols(b"h2") + b"\0"), "RFC 7301 3.1: a byte after the list")
case("decode_error/alpn-two-lists.bin", with_protocols(protocols(b"h2") * 2), "RFC 7301 3.1: bytes after the list")
case("decode_error/alpn-without-list.bin", with_protocols(b"\x02h2"), "RFC 7301 3.1: a name without list")
case("decode_error/alpn-text.bin", with_protocols(b"h2,http/1.1"), "RFC 7301 3.1: not a list")
case("decode_error/alpn-bad-without-name.bin", hello(extension(16) + VERSIONS), "RFC 7301 3.1; speaks before the missing server name")
case("decode_error/alpn-bad-with-bad-name.bin", hello(server_name(b"192.0.2.7") + extension(16)),
     "RFC 7301 3.1; speaks before the name's form")
case("decode_error/stray-byte-with-bad-name.bin", record(message(body(server_name(b"192.0.2.7")) + b"\0")),
     "4.1.2: nothing comes after the extensions; speaks before the name's form")
case("decode_error/stray-byte-without-name.bin", record(message(body(VERSIONS) + b"\0")),
     "4.1.2: nothing comes after the extensions; speaks before the missing server name")

# --- incomplete: valid so far ---------------------------------------------------------------------------------------------------

case("incomplete/empty.bin", b"", "nothing came")
# Offsets into the usual hello: record header 0, handshake header 5, version 9, random 11, session id 43, suites 76, compression 90,
# extensions 92.
for size in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 43, 44, 60, 76, 77, 78, 85, 90, 91, 92, 93, 94, 95, 96, 98, 102, 107, 115, 122, 123,
             130, 160, 200):
    case(f"incomplete/first-{size}.bin", USUAL_HELLO[:size], "4.1.2: more must come")
case("incomplete/all-but-one.bin", USUAL_HELLO[:-1], "4.1.2: the last byte is missing")
case("incomplete/record-ends.bin", record(HALF), "5.1: the rest comes in another record")
case("incomplete/record-ends-in-header.bin", record(USUAL_MESSAGE[:1]), "5.1: the rest comes in another record")
case("incomplete/record-ends-after-header.bin", record(USUAL_MESSAGE[:4]), "5.1: the rest comes in another record")
case("incomplete/record-ends-before-last-byte.bin", record(USUAL_MESSAGE[:-1]), "5.1: the last byte comes in another record")
case("incomplete/second-record-type.bin", record(HALF) + b"\x16", "5.1: a cut in the second record's header")
case("incomplete/second-record-half-header.bin", record(HALF) + b"\x16\3\3\0", "5.1: a cut in the second record's header")
case("incomplete/second-record-header.bin", record(HALF) + record(REST)[:5], "5.1: a cut after the second record's header")
case("incomplete/second-record-cut.bin", record(HALF) + record(REST)[:-1], "5.1: the last byte is missing")
case("incomplete/records-of-1-cut.bin", records(USUAL_MESSAGE, 1)[:-6], "5.1: the last record is missing")
case("incomplete/records-of-1-header.bin", records(USUAL_MESSAGE, 1)[:23], "5.1: a cut inside the handshake header, over records")
case("incomplete/records-of-64-cut.bin", records(USUAL_MESSAGE, 64)[:-10], "5.1: the end of the last record is missing")
case("incomplete/message-one-long.bin", record(message(body(), claim=len(body()) + 1)),
     "4: by its header one byte is missing, and nothing refuses it yet")
case("incomplete/record-of-16384.bin", record(sized(1 << 14))[:-1], "5.1: the last byte of the greatest record is missing")
case("incomplete/max-size-header.bin", record(message(b"", claim=MAXIMUM - 4)), "contract: the greatest ClientHello, announced")
case("incomplete/max-size-cut.bin", records(sized(MAXIMUM), 1 << 14)[:-1], "contract: the last byte of the greatest ClientHello is missing")
case("incomplete/no-extensions-cut.bin", hello(None)[:-1], "4.1.2: the compression method is missing")
case("incomplete/shared-record-cut.bin", record(USUAL_MESSAGE + DATA)[:-len(DATA) - 1], "4.1.2: the last byte is missing")


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        for path, reason in REASONS.items():
            print(path, reason, sep="\t")
        sys.exit()
    for path, data in CASES.items():
        (HERE / path).parent.mkdir(exist_ok=True)
        (HERE / path).write_bytes(data)
    print(len(CASES), "files")
