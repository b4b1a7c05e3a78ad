// What Glibc's Swift module does not show of Linux and glibc.
#pragma once

#ifndef _GNU_SOURCE
#error "every target that imports CLinux defines _GNU_SOURCE"
#endif

#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <unistd.h>

// An argument of main, NULL after the last.
const char *linux_argument(int index);

// Macros that Swift cannot import.
static const long linux_PROC_SUPER_MAGIC = PROC_SUPER_MAGIC;
static const int linux_SO_PEEK_OFF = SO_PEEK_OFF;
static const int linux_SOCK_STREAM = SOCK_STREAM;
static const int linux_MSG_PEEK = MSG_PEEK;
static const int linux_F_SETPIPE_SZ = F_SETPIPE_SZ;
static const int linux_F_GETPIPE_SZ = F_GETPIPE_SZ;
static const unsigned linux_SPLICE_F_NONBLOCK = SPLICE_F_NONBLOCK;
static const int linux_MSG_MORE = MSG_MORE;
static const int linux_MSG_NOSIGNAL = MSG_NOSIGNAL;
static const unsigned linux_EPOLLRDHUP = EPOLLRDHUP;
static const unsigned linux_EPOLLET = EPOLLET;
static const unsigned linux_EPOLLEXCLUSIVE = EPOLLEXCLUSIVE;

// Variadic functions, which Swift cannot call.
static inline int linux_openat(int directory, const char *path, int flags) {
  return openat(directory, path, flags | O_CLOEXEC);
}
static inline int linux_fcntl(int fd, int command, int argument) { return fcntl(fd, command, argument); }
static inline int linux_outq(int fd, int *bytes) { return ioctl(fd, SIOCOUTQ, bytes); }

// Functions whose address arguments are transparent unions, which Swift cannot pass.
static inline int linux_bind(int fd, const struct sockaddr_storage *address, socklen_t length) {
  return bind(fd, (const struct sockaddr *)address, length);
}
static inline int linux_connect(int fd, const struct sockaddr_storage *address, socklen_t length) {
  return connect(fd, (const struct sockaddr *)address, length);
}
static inline int linux_accept(int fd, struct sockaddr_storage *address, socklen_t *length) {
  return accept4(fd, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
static inline int linux_getsockname(int fd, struct sockaddr_storage *address, socklen_t *length) {
  return getsockname(fd, (struct sockaddr *)address, length);
}
static inline int linux_stream_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// recvmsg without room for control data: was_cut tells that there was some.
static inline ssize_t linux_receive(int fd, void *buffer, size_t count, int *was_cut) {
  struct iovec region = {buffer, count};
  struct msghdr message = {.msg_iov = &region, .msg_iovlen = 1};
  ssize_t result = recvmsg(fd, &message, 0);
  *was_cut = result >= 0 && message.msg_flags & MSG_CTRUNC;
  return result;
}

static inline void linux_syslog(int priority, const char *message) { syslog(priority, "%s", message); }
