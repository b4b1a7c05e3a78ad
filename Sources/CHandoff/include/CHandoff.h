// The system calls of a receiver of handed-over clients. Each gives -1 and errno where it fails. The header shows nothing of
// glibc, so that who imports it needs no flags.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A non-blocking Unix socket of type SOCK_SEQPACKET: socket(2).
int handoff_socket(void);

// Binds it to a name in the directory, or connects it to one; the length of the directory's path is no matter.
int handoff_bind(int socket, int directory, const char *name);
int handoff_connect(int socket, int directory, const char *name);

// 1 if it is a Unix socket of type SOCK_SEQPACKET that listens, 0 if not: socket(7).
int handoff_is_listener(int fd);

// The next peer, non-blocking: accept4(2).
int handoff_accept(int listener);

// Who connected: SO_PEERCRED, unix(7).
int handoff_peer(int socket, uint32_t *user);

// A message with at most one descriptor, which does not survive execve(2): recvmsg(2).
struct handoff_message {
  size_t length;
  // -1 where there came none, or several, which are closed then.
  int descriptor;
  int descriptors;
  // The bytes, or the descriptors, were more than there was room for.
  int bytes_were_cut, descriptors_were_cut;
};
int handoff_receive(int socket, void *buffer, size_t size, struct handoff_message *message);

// One end of an Internet socket, in network order: getsockname(2), getpeername(2).
struct handoff_address {
  // 4 or 16 bytes; 0 for other families.
  unsigned size;
  uint8_t bytes[16];
  uint16_t port;
};
int handoff_local(int socket, struct handoff_address *address);
int handoff_remote(int socket, struct handoff_address *address);

// 1 if it is a stream socket that does not listen, 0 if not.
int handoff_is_stream(int fd);

// Which of a set of sockets have something to read: epoll(7).
int handoff_poller(void);
int handoff_watch(int poller, int fd);
// One that has, or -2 where none had within the time. A time below 0 has no end.
int handoff_wait(int poller, int milliseconds);

// A directory, opened for its names alone if it may not be read: open(2).
int handoff_directory(const char *path);
// 1 where there is such a socket in it, 0 where nothing has the name, -2 where it is something else: fstatat(2).
int handoff_has_socket(int directory, const char *name);

// The user's number; -2 if there is no such user: getpwnam_r(3).
int handoff_user(const char *name, uint32_t *user);

// Another descriptor of the same open file: fcntl(2), F_DUPFD_CLOEXEC.
int handoff_copy(int fd);
int handoff_set_nonblocking(int fd);
int handoff_set_cloexec(int fd);
