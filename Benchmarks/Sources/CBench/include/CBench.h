// What Glibc's Swift module does not show of Linux and glibc.
#pragma once

#ifndef _GNU_SOURCE
#error "every target that imports CBench defines _GNU_SOURCE"
#endif

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Macros that Swift cannot import.
static const int bench_MSG_TRUNC = MSG_TRUNC;
static const int bench_MSG_NOSIGNAL = MSG_NOSIGNAL;
static const int bench_MSG_PEEK = MSG_PEEK;

static inline int bench_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static inline int bench_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

// From `source` to `port` of 127.0.0.1; `source` is an address in host order, 0 for any. The port of a bound source is
// chosen at connect, for the whole way, so that each source has all ports to one destination.
static inline int bench_connect(int fd, uint32_t source, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (source) {
    int yes = 1;
    address.sin_addr.s_addr = htonl(source);
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes)) return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address)) return -1;
  }
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static inline int bench_bind_unix(int fd, const struct sockaddr_un *address) {
  return bind(fd, (const struct sockaddr *)address, sizeof *address);
}

// A port of 127.0.0.1 that nobody has at the moment, or -1.
static inline int bench_free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int failed = bind(fd, (struct sockaddr *)&address, sizeof address) ||
               getsockname(fd, (struct sockaddr *)&address, &length);
  close(fd);
  return failed ? -1 : ntohs(address.sin_port);
}

// Pins the calling thread, and what it starts from now on, to these cores (bit by bit).
static inline int bench_pin(uint64_t cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int core = 0; core < 64; core++)
    if (cores >> core & 1) CPU_SET(core, &set);
  return sched_setaffinity(0, sizeof set, &set);
}

// The first 64 cores the calling thread may run on.
static inline uint64_t bench_cores(void) {
  cpu_set_t set;
  uint64_t cores = 0;
  if (sched_getaffinity(0, sizeof set, &set)) return 0;
  for (int core = 0; core < 64; core++)
    if (CPU_ISSET(core, &set)) cores |= UINT64_C(1) << core;
  return cores;
}

static inline int bench_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return -1;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit)) return -1;
  return limit.rlim_cur > 1 << 20 ? 1 << 20 : (int)limit.rlim_cur;
}

// Prints a line at a time, also into a pipe.
static inline void bench_print_lines(void) { setvbuf(stdout, NULL, _IOLBF, 0); }

// Whether waitid has found an ended child.
static inline int bench_ended(const siginfo_t *information) { return information->si_pid != 0; }

// Where a service manager would hear of readiness; receiving from it waits for 0.1 seconds. -1 if it cannot be made.
static inline int bench_notification_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_usec = 100000};
  if (strlen(path) >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)) return -1;
  return bind(fd, (struct sockaddr *)&address, sizeof address) ? -1 : fd;
}

// Set by SIGINT, SIGTERM, SIGHUP and SIGPIPE after bench_catch_signals; waiting calls then end with EINTR.
int bench_interrupted(void);
void bench_catch_signals(void);

// Binds to a path, which nothing has, and listens.
static inline int bench_listen_unix(int fd, const char *path, int backlog) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
  strcpy(address.sun_path, path);
  return bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, backlog) ? -1 : 0;
}

static inline int bench_connect_unix(int fd, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
  strcpy(address.sun_path, path);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

// Listens on a port of 127.0.0.1 that the kernel chooses, and returns the port, or -1.
static inline int bench_listen_anywhere(int fd, int backlog) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, backlog)) return -1;
  return getsockname(fd, (struct sockaddr *)&address, &length) ? -1 : ntohs(address.sin_port);
}

// The address of this end, in host order, and its port.
static inline int bench_local_address(int fd, uint32_t *host, uint16_t *port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length)) return -1;
  *host = ntohl(address.sin_addr.s_addr);
  *port = ntohs(address.sin_port);
  return 0;
}
