// receiver CERTIFICATE KEY [USER]
//
// Answers TLS clients that sniproxy hands over, each in a process of its own. The listening socket is descriptor 3, as systemd
// passes it. USER, the proxy's, may hand over beside root.
//
//   cc -Wall -Wextra -O2 -o receiver receiver.c -lssl -lcrypto

#define _GNU_SOURCE
#include <err.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// The PP2_TYPE_AUTHORITY of a PROXY header of version 2. Returns 0 if there is none.
static int server_name(const unsigned char *header, size_t length, char name[256]) {
  if (length < 16 || memcmp(header, "\r\n\r\n\0\r\nQUIT\n\x21", 13) != 0) return 0;
  if (length != 16 + (size_t)(header[14] << 8 | header[15])) return 0;
  if (header[13] != 0x11 && header[13] != 0x21) return 0;
  size_t at = 16 + (header[13] == 0x11 ? 12 : 36);
  while (at + 3 <= length) {
    size_t count = (size_t)(header[at + 1] << 8 | header[at + 2]);
    const unsigned char *value = header + at + 3;
    at += 3 + count;
    if (at > length) return 0;
    if (header[at - count - 3] == 2 && count < 256) {
      memcpy(name, value, count);
      name[count] = 0;
      return 1;
    }
  }
  return 0;
}

// The client that the peer hands over, and the name that it asks for.
static int receive(int peer, uid_t user, char name[256]) {
  struct ucred sender;
  socklen_t size = sizeof sender;
  if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &sender, &size) != 0) err(111, "SO_PEERCRED");
  if (sender.uid != 0 && sender.uid != user) errx(100, "user %u may hand over nothing", sender.uid);

  unsigned char header[4096];
  struct iovec region = {header, sizeof header};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  // CMSG_LEN leaves room for one descriptor; the kernel closes more.
  struct msghdr message = {
      .msg_iov = &region, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_LEN(sizeof(int))};
  ssize_t length = recvmsg(peer, &message, MSG_CMSG_CLOEXEC);
  if (length < 0) err(111, "receiving a client");
  struct cmsghdr *part = CMSG_FIRSTHDR(&message);
  if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) exit(0);
  if (!server_name(header, (size_t)length, name)) errx(100, "no PROXY header of version 2 with a server name");
  int client;
  memcpy(&client, CMSG_DATA(part), sizeof client);
  return client;
}

static void serve(int client, const char *name, SSL_CTX *tls) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  char host[NI_MAXHOST], port[NI_MAXSERV], text[2048];
  if (getpeername(client, (struct sockaddr *)&address, &size) != 0) err(111, "the client's address");
  int failure = getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                            NI_NUMERICHOST | NI_NUMERICSERV);
  if (failure != 0) errx(111, "the client's address: %s", gai_strerror(failure));
  printf("%s port %s asks for %s\n", host, port, name);
  fflush(stdout);

  SSL *connection = SSL_new(tls);
  if (connection == NULL || SSL_set_fd(connection, client) != 1) errx(111, "no memory for TLS");
  if (SSL_accept(connection) == 1 && SSL_read(connection, text, sizeof text) > 0) {
    int length = snprintf(text, sizeof text, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello, %s port %s\n", host,
                          port);
    SSL_write(connection, text, length);
    SSL_shutdown(connection);
  }
}

int main(int argc, char **argv) {
  const char *passed = getenv("LISTEN_PID");
  if (argc < 3 || argc > 4 || passed == NULL || atol(passed) != getpid())
    errx(100, "usage: receiver CERTIFICATE KEY [USER], with a socket from systemd");
  struct passwd *user = argc == 4 ? getpwnam(argv[3]) : NULL;
  if (argc == 4 && user == NULL) errx(100, "%s: no such user", argv[3]);
  SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
  if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls, argv[2], SSL_FILETYPE_PEM) != 1)
    errx(111, "%s, %s: %s", argv[1], argv[2], ERR_reason_error_string(ERR_get_error()));

  // Children need not be waited for.
  signal(SIGCHLD, SIG_IGN);
  while (1) {
    int peer = accept4(3, NULL, NULL, SOCK_CLOEXEC);
    if (peer < 0) err(111, "accepting a hand-off");
    pid_t child = fork();
    if (child < 0) warn("starting a process for a client");
    if (child == 0) {
      // A peer or client who says nothing holds up nobody but this process, and that not for long.
      alarm(60);
      signal(SIGPIPE, SIG_IGN);
      char name[256];
      serve(receive(peer, user == NULL ? 0 : user->pw_uid, name), name, tls);
      exit(0);
    }
    close(peer);
  }
}
