#!/usr/bin/python3
"""receiver.py CERTIFICATE KEY [USER]

An HTTPS server for clients that sniproxy hands over. The listening socket is descriptor 3, as systemd passes it. USER, the
proxy's, may hand over beside root.
"""

import http.server
import os
import pwd
import socket
import ssl
import struct
import sys


def server_name(header):
    """The PP2_TYPE_AUTHORITY of a PROXY header of version 2."""
    start, family, length = struct.unpack("!13sBH", header[:16])
    if start != b"\r\n\r\n\0\r\nQUIT\n\x21" or len(header) != 16 + length:
        raise ValueError("no PROXY header of version 2")
    rest = header[16 + {0x11: 12, 0x21: 36}[family] :]
    while rest:
        kind, length = struct.unpack("!BH", rest[:3])
        if kind == 2:
            return rest[3 : 3 + length].decode("ascii")
        rest = rest[3 + length :]
    raise ValueError("no server name")


def receive(peer):
    """The client that the peer hands over, and the name that it asks for."""
    _, user, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user not in USERS:
        raise PermissionError(f"user {user} may hand over nothing")
    # There is room for one descriptor; the kernel closes more.
    header, descriptors, _, _ = socket.recv_fds(peer, 4096, 1)
    if not descriptors:
        raise ValueError("no descriptor")
    try:
        client = socket.socket(fileno=descriptors[0])
    except OSError:
        os.close(descriptors[0])
        raise
    if client.family not in (socket.AF_INET, socket.AF_INET6) or client.type != socket.SOCK_STREAM:
        client.close()
        raise ValueError("no TCP connection")
    return client, server_name(header)


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, listener):
        super().__init__(None, Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def finish_request(self, peer, _):
        # In a thread of its own, so that a peer or client who says nothing holds up nobody.
        peer.settimeout(30)
        client, name = receive(peer)
        with client:
            address = client.getpeername()
            print(f"{address[0]} port {address[1]} asks for {name}", flush=True)
            client.settimeout(30)
            with TLS.wrap_socket(client, server_side=True) as connection:
                super().finish_request(connection, address)

    def handle_error(self, peer, _):
        print(f"not served: {sys.exc_info()[1]!r}", file=sys.stderr, flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        address, port, *_ = self.client_address
        text = f"hello, {address} port {port}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or os.environ.get("LISTEN_PID") != str(os.getpid()):
        sys.exit(__doc__)
    USERS = {0} | {pwd.getpwnam(user).pw_uid for user in sys.argv[3:]}
    TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    TLS.load_cert_chain(sys.argv[1], sys.argv[2])
    Server(socket.socket(fileno=3)).serve_forever()
