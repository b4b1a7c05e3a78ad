#!/usr/bin/env python3
"""Records the ClientHellos of real TLS clients for this corpus. Loopback only.

    capture.py --list             show every recipe
    capture.py NAME...            capture these again (default: all), beside this file
    capture.py --out DIR NAME...  put them elsewhere

A capture is not reproducible byte for byte (keys and randoms are fresh): do it again only to add a client or a version, then write the
new file's line into hellos.tsv and README.md.

Each recipe is one shell command (bash), run with these variables:

    PORT   the recording port on 127.0.0.1
    DIR    an empty temporary directory

A "record" recipe talks to a listener that only reads: the file is what the first connection that says anything has sent when it falls
silent. A "relay" recipe talks through a recording relay to a real server (`openssl s_server`), because resumption and early data need
one: the file is what the recipe's last connection has sent before the server's first byte.

Needed for all recipes, on Debian 12: openssl gnutls-bin curl libnss3-tools golang-go nodejs openjdk-17-jdk-headless botan firefox-esr
chromium libwolfssl-dev gcc, and `curl_cffi` and `tlslite-ng` from pip in the environment whose `python3` comes first in PATH.
"""

import argparse
import os
import pathlib
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
QUIET = 0.5      # seconds of silence that end a recording
PATIENCE = 120   # seconds for one recipe, compilation included

# What clients without a command line of their own are driven with; written into DIR.
FILES = {
    "hello.go": r'''
package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
)

func main() {
	address := "127.0.0.1:" + os.Getenv("PORT")
	switch os.Args[1] {
	case "http": // net/http with its defaults
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DialContext = func(_ context.Context, network, _ string) (net.Conn, error) { return net.Dial(network, address) }
		(&http.Client{Transport: transport}).Get("https://go.example.com/")
	case "tls": // crypto/tls with its defaults
		tls.Dial("tcp", address, &tls.Config{ServerName: "go-tls.example.org"})
	case "tls12":
		tls.Dial("tcp", address, &tls.Config{ServerName: "go-tls12.example.org", MaxVersion: tls.VersionTLS12})
	case "resume": // the second connection carries the ticket of the first
		config := &tls.Config{ServerName: "go-resume.example.com", InsecureSkipVerify: true, NextProtos: []string{"h2"},
			ClientSessionCache: tls.NewLRUClientSessionCache(4)}
		for i := 0; i < 2; i++ {
			if c, err := tls.Dial("tcp", address, config); err == nil {
				c.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
				buffer := make([]byte, 65536)
				for err == nil {
					_, err = c.Read(buffer)
				}
				c.Close()
			}
		}
	}
}
''',
    "Hello.java": r'''
import javax.net.ssl.*;
import java.net.*;
import java.util.List;

class Hello {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(System.getenv("PORT"));
        SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        Socket plain = new Socket("127.0.0.1", port);
        SSLSocket socket = (SSLSocket) factory.createSocket(plain, "java.example.com", port, true);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName("java-" + arguments[0] + ".example.com")));
        if (arguments[0].equals("alpn")) parameters.setApplicationProtocols(new String[] {"h2", "http/1.1"});
        if (arguments[0].equals("tls12")) parameters.setProtocols(new String[] {"TLSv1.2"});
        socket.setSSLParameters(parameters);
        socket.startHandshake();
    }
}
''',
    "wolf.c": r'''
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(getenv("PORT"))), .sin_addr.s_addr = htonl(0x7f000001)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) return 1;
    wolfSSL_Init();
    WOLFSSL *s = wolfSSL_new(wolfSSL_CTX_new(wolfTLS_client_method()));
    const char *name = "wolfssl.example.com";
    wolfSSL_UseSNI(s, WOLFSSL_SNI_HOST_NAME, name, strlen(name));
    wolfSSL_set_fd(s, fd);
    return wolfSSL_connect(s) != SSL_SUCCESS;
}
''',
    "impersonate.py": r'''
import os, sys
from curl_cffi import CurlOpt, requests

target, name = sys.argv[1:]
port = os.environ["PORT"]
requests.get(f"https://{name}:{port}/", impersonate=target, timeout=5,
             curl_options={CurlOpt.RESOLVE: [f"{name}:{port}:127.0.0.1".encode()]})
''',
    "lite.py": r'''
import os, socket
from tlslite.api import TLSConnection

s = socket.create_connection(("127.0.0.1", int(os.environ["PORT"])))
TLSConnection(s).handshakeClientCert(serverName="tlslite.example.com", alpn=[b"http/1.1"])
''',
    # An ECHConfigList (RFC 9849) with one made-up X25519 key and the public name ech-public.example.com.
    "echconfig.py": r'''
import base64
vector = lambda width, body: len(body).to_bytes(width, "big") + body
key = b"\x07\x00\x20" + vector(2, bytes([9] + [0] * 31)) + vector(2, b"\x00\x01\x00\x01")
contents = key + b"\x40" + vector(1, b"ech-public.example.com") + vector(2, b"")
print(base64.b64encode(vector(2, b"\xfe\x0d" + vector(2, contents))).decode())
''',
}

S_CLIENT = "openssl s_client -connect 127.0.0.1:$PORT "
GNUTLS = "gnutls-cli --insecure -p $PORT 127.0.0.1 "
CURL = "curl -sk --resolve '*:'$PORT:127.0.0.1 "
NSS = "tstclnt -D -h 127.0.0.1 -p $PORT -o -b "
CHROMIUM = ("chromium --headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run "
            "--user-data-dir=$DIR/profile --host-resolver-rules=\"MAP *.example.com 127.0.0.1:$PORT, MAP * ~NOTFOUND\" --dump-dom ")
FIREFOX = r'''mkdir $DIR/profile; printf 'user_pref("%s", %s);\n' network.dns.forceResolve '"127.0.0.1"' \
network.captive-portal-service.enabled false network.connectivity-service.enabled false app.normandy.enabled false \
browser.safebrowsing.malware.enabled false browser.safebrowsing.phishing.enabled false datareporting.policy.dataSubmissionEnabled false \
services.settings.server '"data:,"' >$DIR/profile/user.js; HOME=$DIR MOZ_HEADLESS=1 firefox-esr --no-remote --profile $DIR/profile '''
IMPERSONATE = "python3 $DIR/impersonate.py "
NODE = "node -e 'require(\"tls\").connect({host: \"127.0.0.1\", port: process.env.PORT, "
PYTHON = ("python3 -c 'import os, socket, ssl; c = ssl.create_default_context(); %s; "
          "c.wrap_socket(socket.create_connection((\"127.0.0.1\", int(os.environ[\"PORT\"]))), server_hostname=\"%s\")'")

# (file, "record" or "relay", command, options of s_server)
RECIPES = [
    # OpenSSL
    ("hello/openssl-tls13.bin", "record", S_CLIENT + "-servername openssl.example.com"),
    ("hello/openssl-tls13-only.bin", "record", S_CLIENT + "-tls1_3 -servername openssl-13.example.com"),
    ("hello/openssl-tls12.bin", "record", S_CLIENT + "-tls1_2 -servername openssl-12.example.com"),
    ("hello/openssl-tls10.bin", "record", S_CLIENT + "-tls1 -cipher ALL:@SECLEVEL=0 -servername openssl-10.example.com"),
    ("hello/openssl-upper-case.bin", "record", S_CLIENT + "-servername WWW.Example.COM -alpn h2,http/1.1"),
    ("hello/openssl-alpn-one.bin", "record", S_CLIENT + "-servername xmpp.example.org -alpn xmpp-client"),
    ("hello/openssl-every-option.bin", "record", S_CLIENT + "-servername all.example.org -alpn h2,http/1.1,http/1.0 -status -fallback_scsv "
     "-maxfraglen 512 -nextprotoneg h2 -use_srtp SRTP_AES128_CM_SHA1_80 -serverinfo 4660,4661 -cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0"),
    ("hello/openssl-psk-external.bin", "record", S_CLIENT + "-tls1_3 -servername psk.example.org -psk 00112233445566778899aabbccddeeff"),
    ("hello/openssl-tls12-ticket.bin", "relay", "(sleep 1) | " + S_CLIENT + "-tls1_2 -servername ticket.example.com -sess_out $DIR/s; "
     + S_CLIENT + "-tls1_2 -servername ticket.example.com -sess_in $DIR/s </dev/null", "-www"),
    ("hello/openssl-tls12-session-id.bin", "relay", "(sleep 1) | " + S_CLIENT + "-tls1_2 -no_ticket -servername session.example.com -sess_out "
     "$DIR/s; " + S_CLIENT + "-tls1_2 -no_ticket -servername session.example.com -sess_in $DIR/s </dev/null", "-www"),
    ("hello/openssl-tls13-psk.bin", "relay", "(sleep 1) | " + S_CLIENT + "-servername psk.example.com -sess_out $DIR/s; "
     + S_CLIENT + "-servername psk.example.com -sess_in $DIR/s </dev/null", "-www"),
    ("hello/openssl-early-data.bin", "relay", "(sleep 1) | " + S_CLIENT + "-servername early.example.com -sess_out $DIR/s; "
     "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >$DIR/early; " + S_CLIENT + "-servername early.example.com -sess_in $DIR/s -early_data $DIR/early "
     "</dev/null", "-early_data -max_early_data 16384"),
    ("hello/openssl-records-of-512.bin", "relay", "(sleep 1) | " + S_CLIENT + "-servername split.example.com -sess_out $DIR/s; "
     + S_CLIENT + "-max_send_frag 512 -servername split.example.com -alpn h2,http/1.1 -sess_in $DIR/s </dev/null", "-www"),
    ("missing_extension/openssl-no-name.bin", "record", S_CLIENT + "-noservername"),
    ("unrecognized_name/openssl-ipv4.bin", "record", S_CLIENT + "-servername 192.0.2.1"),
    # GnuTLS
    ("hello/gnutls.bin", "record", GNUTLS + "--sni-hostname gnutls.example.com"),
    ("hello/gnutls-tls12.bin", "record", GNUTLS + "--sni-hostname gnutls-12.example.com --priority NORMAL:-VERS-ALL:+VERS-TLS1.2"),
    ("hello/gnutls-alpn.bin", "record", GNUTLS + "--sni-hostname gnutls-alpn.example.com --alpn h2 --alpn http/1.1"),
    ("hello/gnutls-compat.bin", "record", GNUTLS + "--sni-hostname legacy.example.org --priority LEGACY:%COMPAT:%DUMBFW"),
    ("hello/gnutls-resume.bin", "relay", "(sleep 1) | " + GNUTLS + "--resume --sni-hostname gnutls-resume.example.com", "-www"),
    ("missing_extension/gnutls-no-extensions.bin", "record", GNUTLS + "--disable-sni "
     "--priority NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_EXTENSIONS"),
    ("missing_extension/gnutls-no-name.bin", "record", GNUTLS + "--disable-sni"),
    # curl on OpenSSL
    ("hello/curl.bin", "record", CURL + "https://curl.example.com:$PORT/"),
    ("hello/curl-http11.bin", "record", CURL + "--http1.1 https://curl-http11.example.com:$PORT/"),
    ("hello/curl-no-alpn.bin", "record", CURL + "--no-alpn --tls-max 1.2 https://curl_underscore.example.com:$PORT/"),
    ("missing_extension/curl-to-address.bin", "record", CURL + "https://127.0.0.1:$PORT/"),
    # NSS
    ("hello/nss.bin", "record", NSS + "-a nss.example.com"),
    ("hello/nss-tls12.bin", "record", NSS + "-a nss-12.example.com -V tls1.2:tls1.2"),
    ("hello/nss-ech.bin", "record", NSS + "-a hidden.example.org -V tls1.3:tls1.3 -N \"$(python3 $DIR/echconfig.py)\""),
    # Go
    ("hello/go-http.bin", "record", "go run $DIR/hello.go http"),
    ("hello/go-tls.bin", "record", "go run $DIR/hello.go tls"),
    ("hello/go-tls12.bin", "record", "go run $DIR/hello.go tls12"),
    ("hello/go-resume.bin", "relay", "go run $DIR/hello.go resume", "-www"),
    # Java, Node, Python
    ("hello/java.bin", "record", "java $DIR/Hello.java default"),
    ("hello/java-alpn.bin", "record", "java $DIR/Hello.java alpn"),
    ("hello/java-tls12.bin", "record", "java $DIR/Hello.java tls12"),
    ("hello/node.bin", "record", NODE + "servername: \"node.example.com\"})'"),
    ("hello/node-alpn.bin", "record", NODE + "servername: \"xn--bcher-kva.example.com\", ALPNProtocols: [\"h2\", \"http/1.1\"]})'"),
    ("hello/python-ssl.bin", "record", PYTHON % ("0", "python.example.com")),
    ("hello/python-ssl-idn.bin", "record", PYTHON % ("c.set_alpn_protocols([\"http/1.1\"])", "b\\u00fccher.python.test")),
    # Others
    ("hello/botan.bin", "record", "botan tls_client localhost --port=$PORT --next-protocols=h2,http/1.1"),
    ("hello/wolfssl.bin", "record", "gcc -o $DIR/wolf $DIR/wolf.c -lwolfssl && $DIR/wolf"),
    ("hello/tlslite.bin", "record", "python3 $DIR/lite.py"),
    # Browsers
    ("hello/chromium.bin", "record", CHROMIUM + "https://chromium.example.com/"),
    ("hello/firefox.bin", "record", FIREFOX + "https://firefox.example.com:$PORT/"),
    # curl_cffi: BoringSSL with the hellos of browsers
    ("hello/cffi-chrome99.bin", "record", IMPERSONATE + "chrome99 chrome99.example.com"),
    ("hello/cffi-chrome120.bin", "record", IMPERSONATE + "chrome120 chrome120.example.com"),
    ("hello/cffi-chrome124.bin", "record", IMPERSONATE + "chrome124 chrome124.example.com"),
    ("hello/cffi-chrome136.bin", "record", IMPERSONATE + "chrome136 chrome136.example.com"),
    ("hello/cffi-firefox135.bin", "record", IMPERSONATE + "firefox135 firefox135.example.com"),
    ("hello/cffi-safari155.bin", "record", IMPERSONATE + "safari155 safari155.example.com"),
    ("hello/cffi-safari180-ios.bin", "record", IMPERSONATE + "safari180_ios safari180.example.com"),
    ("hello/cffi-tor145.bin", "record", IMPERSONATE + "tor145 tor145.example.com"),
]


class Recorder:
    """Listens on a loopback port and keeps, for each connection, what the client has sent."""

    def __init__(self, backend=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.backend = backend
        self.flights = []     # relay: the first flight of each connection, in order
        self.first = None     # record: the first connection that said anything
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._relay if self.backend else self._record, args=(client,), daemon=True).start()

    def _record(self, client):
        data = b""
        try:
            while chunk := client.recv(65536):
                data += chunk
                client.settimeout(QUIET)
        except OSError:
            pass
        if data and self.first is None:
            self.first = data
        client.close()

    def _relay(self, client):
        server = socket.create_connection(("127.0.0.1", self.backend))
        flight, answered = b"", False
        with selectors.DefaultSelector() as both:
            both.register(client, selectors.EVENT_READ, server)
            both.register(server, selectors.EVENT_READ, client)
            index = len(self.flights)
            self.flights.append(b"")
            try:
                while both.get_map():
                    for key, _ in both.select():
                        chunk = key.fileobj.recv(65536)
                        if not chunk:
                            both.unregister(key.fileobj)
                            key.data.shutdown(socket.SHUT_WR)
                            continue
                        if key.fileobj is server:
                            answered = True
                        elif not answered:
                            flight += chunk
                            self.flights[index] = flight
                            time.sleep(0.2)   # what belongs to the same flight arrives before the server sees any of it
                            while True:
                                try:
                                    more = client.recv(65536, socket.MSG_DONTWAIT)
                                except BlockingIOError:
                                    break
                                if not more:
                                    break
                                flight, chunk = flight + more, chunk + more
                            self.flights[index] = flight
                        key.data.sendall(chunk)
            except OSError:
                pass
        client.close()
        server.close()


def start(command, **more):
    return subprocess.Popen(["bash", "-c", command], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def stop(process):
    """Ends a process that we started, and what it started (it leads a session of its own)."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(3)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def capture(kind, command, server_options=""):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        for name, text in FILES.items():
            path = pathlib.Path(directory, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.lstrip())
        server, backend = None, None
        if kind == "relay":
            with socket.create_server(("127.0.0.1", 0)) as probe:
                backend = probe.getsockname()[1]
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=corpus.test", "-keyout",
                            directory + "/key", "-out", directory + "/cert"], check=True, capture_output=True)
            server = start(f"openssl s_server -accept 127.0.0.1:{backend} -cert {directory}/cert -key {directory}/key {server_options}",
                           stdin=subprocess.PIPE)
            time.sleep(0.5)
        recorder = Recorder(backend)
        client = start(command, stdin=subprocess.PIPE, env={**os.environ, "PORT": str(recorder.port), "DIR": directory})
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and recorder.first is None and client.poll() is None:
            time.sleep(0.05)
        time.sleep(2 * QUIET)
        stop(client)
        if server:
            stop(server)
        return recorder.first if kind == "record" else (recorder.flights or [None])[-1]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--list", action="store_true", help="show the recipes")
    options.add_argument("--out", type=pathlib.Path, default=HERE, help="default: beside this file")
    options.add_argument("names", nargs="*", metavar="NAME", help="such as hello/curl.bin")
    arguments = options.parse_args()
    failed = False
    for name, *recipe in RECIPES:
        if arguments.names and name not in arguments.names:
            continue
        if arguments.list:
            print(name, *recipe, sep="\n    ")
            continue
        data = capture(*recipe)
        print(name, len(data) if data else "NOTHING CAME", flush=True)
        if data:
            (arguments.out / name).parent.mkdir(parents=True, exist_ok=True)
            (arguments.out / name).write_bytes(data)
        else:
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
