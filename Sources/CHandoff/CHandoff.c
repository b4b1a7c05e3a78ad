#define _GNU_SOURCE
#include "CHandoff.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int handoff_socket(void) { return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// A path through the directory's descriptor (proc(5), /proc/PID/fd) is short, whatever the directory's own path is.
static int in_directory(struct sockaddr_un *address, int directory, const char *name) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  size_t room = sizeof address->sun_path;
  if ((size_t)snprintf(address->sun_path, room, "/proc/self/fd/%d/%s", directory, name) < room) return 0;
  errno = ENAMETOOLONG;
  return -1;
}

int handoff_bind(int socket, int directory, const char *name) {
  struct sockaddr_un address;
  if (in_directory(&address, directory, name) != 0) return -1;
  return bind(socket, (struct sockaddr *)&address, sizeof address);
}

int handoff_connect(int socket, int directory, const char *name) {
  struct sockaddr_un address;
  if (in_directory(&address, directory, name) != 0) return -1;
  return connect(socket, (struct sockaddr *)&address, sizeof address);
}

// -1 where the file is no socket.
static int option(int fd, int name) {
  int value;
  socklen_t length = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

int handoff_is_listener(int fd) {
  return option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_TYPE) == SOCK_SEQPACKET && option(fd, SO_ACCEPTCONN) == 1;
}

int handoff_is_stream(int fd) { return option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_ACCEPTCONN) == 0; }

int handoff_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }

int handoff_peer(int socket, uint32_t *user) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -1;
  *user = peer.uid;
  return 0;
}

int handoff_receive(int socket, void *buffer, size_t size, struct handoff_message *message) {
  // With room for what a socket unit can ask for, such as PassCredentials=, which comes before the descriptors.
  union {
    struct cmsghdr header;
    char bytes[512];
  } control;
  struct iovec region = {buffer, size};
  struct msghdr header = {
      .msg_iov = &region, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  if (length < 0) return -1;
  *message = (struct handoff_message){
      .length = (size_t)length,
      .descriptor = -1,
      .bytes_were_cut = (header.msg_flags & MSG_TRUNC) != 0,
      .descriptors_were_cut = (header.msg_flags & MSG_CTRUNC) != 0,
  };
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&header); part != NULL; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < count; index++) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + index * sizeof fd, sizeof fd);
      if (message->descriptors++ == 0) {
        message->descriptor = fd;
      } else {
        close(fd);
      }
    }
  }
  if (message->descriptors > 1 || (message->descriptors_were_cut && message->descriptor >= 0)) {
    close(message->descriptor);
    message->descriptor = -1;
  }
  return 0;
}

static void fill(struct handoff_address *address, const struct sockaddr_storage *storage) {
  *address = (struct handoff_address){0};
  if (storage->ss_family == AF_INET) {
    const struct sockaddr_in *internet = (const struct sockaddr_in *)storage;
    address->size = 4;
    memcpy(address->bytes, &internet->sin_addr, 4);
    address->port = ntohs(internet->sin_port);
  } else if (storage->ss_family == AF_INET6) {
    const struct sockaddr_in6 *internet = (const struct sockaddr_in6 *)storage;
    address->size = 16;
    memcpy(address->bytes, &internet->sin6_addr, 16);
    address->port = ntohs(internet->sin6_port);
  }
}

int handoff_local(int socket, struct handoff_address *address) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (getsockname(socket, (struct sockaddr *)&storage, &length) != 0) return -1;
  fill(address, &storage);
  return 0;
}

int handoff_remote(int socket, struct handoff_address *address) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (getpeername(socket, (struct sockaddr *)&storage, &length) != 0) return -1;
  fill(address, &storage);
  return 0;
}

int handoff_poller(void) { return epoll_create1(EPOLL_CLOEXEC); }

int handoff_watch(int poller, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

int handoff_wait(int poller, int milliseconds) {
  struct epoll_event event;
  int count = epoll_wait(poller, &event, 1, milliseconds);
  return count < 0 ? -1 : count == 0 ? -2 : event.data.fd;
}

int handoff_directory(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 && errno == EACCES ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : fd;
}

int handoff_has_socket(int directory, const char *name) {
  struct stat status;
  if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : -1;
  return S_ISSOCK(status.st_mode) ? 1 : -2;
}

int handoff_user(const char *name, uint32_t *user) {
  struct passwd entry, *found = NULL;
  for (size_t size = 1024; size <= 1 << 20; size *= 4) {
    char *text = malloc(size);
    if (text == NULL) return -1;
    int error = getpwnam_r(name, &entry, text, size, &found);
    free(text);
    if (error == ERANGE) continue;
    // getpwnam_r(3): what else it may give where the name is unknown.
    if (found == NULL && (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)) return -2;
    errno = error;
    if (found == NULL) return -1;
    *user = entry.pw_uid;
    return 0;
  }
  errno = ERANGE;
  return -1;
}

int handoff_copy(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

int handoff_set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || flags & O_NONBLOCK) return flags < 0 ? -1 : 0;
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int handoff_set_cloexec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }
