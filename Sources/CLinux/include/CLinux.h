// What Glibc's Swift module does not show of Linux and glibc.
#pragma once

#ifndef _GNU_SOURCE
#error "every target that imports CLinux defines _GNU_SOURCE"
#endif

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <syslog.h>
#include <unistd.h>

// An argument of main, NULL after the last.
const char *linux_argument(int index);

// Lets malloc's heap of the calling thread, which is not the first thread, grow and shrink.
void linux_try_out_malloc(void);

// Lets the process outlive it when somebody cuts the file short that this memory is of, or the file system has no room for what
// is written: from the first touch that fails on the memory is the process's own, all 0, and this eventfd is signalled. Any
// other SIGBUS ends the process, as by abort(3). There is one such memory: the last.
int linux_outlive_file(void *memory, size_t length, int told);

// Macros that Swift cannot import.
static const long linux_PROC_SUPER_MAGIC = PROC_SUPER_MAGIC;
static const int linux_SO_PEEK_OFF = SO_PEEK_OFF;
static const int linux_SO_SNDBUFFORCE = SO_SNDBUFFORCE;
static const int linux_FUTEX_CMD_MASK = FUTEX_CMD_MASK;
static const int linux_MAP_ANONYMOUS = MAP_ANONYMOUS;
static const int linux_SOCK_STREAM = SOCK_STREAM;
static const int linux_SOCK_DGRAM = SOCK_DGRAM;
static const int linux_SOCK_SEQPACKET = SOCK_SEQPACKET;
static const int linux_SOCK_NONBLOCK = SOCK_NONBLOCK;
static const int linux_SOCK_CLOEXEC = SOCK_CLOEXEC;
static const int linux_SIOCOUTQ = SIOCOUTQ;
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
static inline int linux_create(int directory, const char *path, int flags, mode_t mode) {
  return openat(directory, path, flags | O_CLOEXEC, mode);
}
static inline int linux_fcntl(int fd, int command, int argument) { return fcntl(fd, command, argument); }
static inline int linux_outq(int fd, int *bytes) { return ioctl(fd, SIOCOUTQ, bytes); }
static inline int linux_prctl(int option, unsigned long argument, unsigned long second) {
  return prctl(option, argument, second, 0ul, 0ul);
}

// A lock on the whole of an open file, F_RDLCK or F_WRLCK, and whether another open file has one that forbids such a lock:
// fcntl(2), open file description locks.
static inline int linux_hold(int fd, short type) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
  return fcntl(fd, F_OFD_SETLK, &lock);
}
static inline int linux_is_held(int fd, short type) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
  return fcntl(fd, F_OFD_GETLK, &lock) != 0 ? -1 : lock.l_type != F_UNLCK;
}

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
static inline int linux_packet_socket(void) { return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// sendmsg of one message with a descriptor (SCM_RIGHTS, unix(7)).
static inline ssize_t linux_pass(int fd, const void *bytes, size_t count, int passed) {
  struct iovec region = {(void *)bytes, count};
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof passed)];
  } control = {.header = {CMSG_LEN(sizeof passed), SOL_SOCKET, SCM_RIGHTS}};
  __builtin_memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
  struct msghdr message = {
      .msg_iov = &region, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  return sendmsg(fd, &message, MSG_NOSIGNAL);
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

// capget(2) and capset(2), which have no functions in glibc: takes the calling thread's capabilities from it, of all three
// sets. Where there are none it does not ask, since a service manager's filter may forbid it then.
static inline int linux_drop_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  unsigned any = 0;
  if (syscall(SYS_capget, &header, sets) != 0) return -1;
  for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; half++) {
    any |= sets[half].effective | sets[half].permitted | sets[half].inheritable;
    sets[half].effective = sets[half].permitted = sets[half].inheritable = 0;
  }
  return any == 0 ? 0 : (int)syscall(SYS_capset, &header, sets);
}

static inline uint64_t linux_effective_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
  if (syscall(SYS_capget, &header, sets) != 0) return 0;
  return (uint64_t)sets[1].effective << 32 | sets[0].effective;
}

// landlock(7), which has no functions in glibc. The structures are those of the newest kernel that is known here; an older one
// takes them for as long as it is asked for nothing that it does not know.
struct linux_landlock_ruleset {
  uint64_t files, network, scope;
};
struct __attribute__((packed)) linux_landlock_beneath {
  uint64_t allowed;
  int32_t directory;
};
static inline int linux_landlock_version(void) {
  return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
}
static inline int linux_landlock_create(uint64_t files, uint64_t network, uint64_t scope) {
  struct linux_landlock_ruleset ruleset = {files, network, scope};
  return (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
}
static inline int linux_landlock_allow(int ruleset, int directory, uint64_t files) {
  struct linux_landlock_beneath rule = {files, directory};
  return (int)syscall(SYS_landlock_add_rule, ruleset, 1 /* LANDLOCK_RULE_PATH_BENEATH */, &rule, 0);
}
static inline int linux_landlock_restrict(int ruleset) { return (int)syscall(SYS_landlock_restrict_self, ruleset, 0); }
