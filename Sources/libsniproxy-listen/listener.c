// bind(2), listen(2) and getsockname(2) of a TCP socket that is to be a hand-off listener, and of one that is.
#include "handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

// A socket that was bound and does not listen yet. Until then it stays the TCP socket that it is. None is ever freed: nobody tells
// when such a socket is closed, and servers bind few.
struct bound {
  uint64_t cookie;
  struct listener listener;
  const struct bound *next;
};

static _Atomic(const struct bound *) bounds;

static const struct bound *find_bound(int descriptor) {
  const struct bound *bound = atomic_load(&bounds);
  if (bound == NULL) return NULL;
  uint64_t cookie = cookie_of(descriptor);
  while (bound != NULL && bound->cookie != cookie) bound = bound->next;
  return bound;
}

static int option(int descriptor, int level, int name) {
  int value = -1;
  ORIGINAL(getsockopt)(descriptor, level, name, &value, &(socklen_t){sizeof value});
  return value;
}

// Whether to bind the socket there is for this library to do. If so, what the address is.
static bool is_ours(int descriptor, const struct sockaddr *to, socklen_t length, union address *address) {
  if (to == NULL || length < sizeof(struct sockaddr_in)) return false;
  int family = to->sa_family;
  // RFC 2133 had the address without the scope, and the kernel takes it.
  if (family != AF_INET && (family != AF_INET6 || length < offsetof(struct sockaddr_in6, sin6_scope_id))) return false;
  *address = (union address){0};
  if (family == AF_INET) {
    address->four = *(const struct sockaddr_in *)to;
  } else {
    __builtin_memcpy(&address->six, to, length < sizeof address->six ? length : sizeof address->six);
  }
  if (!is_misconfigured() && !is_named(port_of(address))) return false;
  int protocol = option(descriptor, SOL_SOCKET, SO_PROTOCOL);
  return option(descriptor, SOL_SOCKET, SO_DOMAIN) == family && option(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
         (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

// What a server that has listeners for the same port already gets.
enum part { first, duplicate, idle, in_use };

static bool has_port(int descriptor, const void *address) {
  struct listener listener;
  return is_listener(descriptor, &listener) && port_of(&listener.address) == port_of(address);
}

static bool has_address(int descriptor, const void *address) {
  struct listener listener;
  return is_listener(descriptor, &listener) && same_address(&listener.address, address);
}

static enum part part_of(int descriptor, const union address *address, int *twin) {
  *twin = find_descriptor(has_address, address);
  if (*twin != -1) return option(descriptor, SOL_SOCKET, SO_REUSEPORT) > 0 ? duplicate : in_use;
  return find_descriptor(has_port, address) == -1 ? first : idle;
}

EXPORTED int bind(int descriptor, __CONST_SOCKADDR_ARG to, socklen_t length) {
  union address address;
  if (!is_ours(descriptor, to.__sockaddr__, length, &address)) return ORIGINAL(bind)(descriptor, to, length);
  if (is_misconfigured()) {
    complain(port_of(&address), "SNIPROXY_HANDOFF", "cannot be understood",
             "write PORT=DIRECTORY, more of them after a comma, with a backslash before a comma or backslash in a name");
    errno = EINVAL;
    return -1;
  }
  if (find_bound(descriptor) != NULL) {
    errno = EINVAL;
    return -1;
  }
  struct bound *bound = calloc(1, sizeof *bound);
  if (bound == NULL) return -1;
  bound->cookie = cookie_of(descriptor);
  bound->listener = (struct listener){.address = address, .user = trusted_user()};
  int twin;
  enum part part = part_of(descriptor, &address, &twin);
  int error = part == in_use ? EADDRINUSE : part == first ? check(&bound->listener) : 0;
  if (error != 0) {
    free(bound);
    errno = error;
    return -1;
  }
  bound->next = atomic_load(&bounds);
  while (!atomic_compare_exchange_weak(&bounds, &bound->next, bound)) {
  }
  return 0;
}

// Puts the listener in the place of the server's own socket, whose number and flags it takes over.
static int replace(int descriptor, int made) {
  int on_exec = fcntl(descriptor, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0;
  int result = 0;
  if (made == descriptor) return 0;
  keep_options(descriptor, made);
  if (fcntl(made, F_SETFL, fcntl(descriptor, F_GETFL)) == -1 || dup3(made, descriptor, on_exec) == -1) result = -1;
  return result;
}

EXPORTED int listen(int descriptor, int backlog) {
  const struct bound *bound = find_bound(descriptor);
  if (bound == NULL) return ORIGINAL(listen)(descriptor, backlog);
  int twin;
  enum part part = part_of(descriptor, &bound->listener.address, &twin);
  if (part == in_use) {
    errno = EADDRINUSE;
    return -1;
  }
  if (part == duplicate) return replace(descriptor, twin);
  int made = (part == first ? make_listener : make_idle_listener)(&bound->listener, backlog);
  if (made == -1) return -1;
  int result = replace(descriptor, made), error = errno;
  close(made);
  errno = error;
  return result;
}

// The kernel keeps for a client's socket whether the server is to see it in the other family: an option that means nothing to TCP,
// and that everybody who gets the socket finds there.
static const struct {
  int level, name;
} of_four = {IPPROTO_IP, IP_MULTICAST_LOOP}, of_six = {IPPROTO_IPV6, IPV6_MULTICAST_LOOP};

void present_in_other_family(int client, const union address *address) {
  bool four = address->any.sa_family == AF_INET;
  ORIGINAL(setsockopt)(client, four ? of_four.level : of_six.level, four ? of_four.name : of_six.name, &(int){0}, sizeof(int));
}

static void present(int descriptor, union address *address) {
  if (address->any.sa_family == AF_INET) {
    if (option(descriptor, of_four.level, of_four.name) == 0 && option(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM)
      map(address);
  } else if (is_mapped(address)) {
    if (option(descriptor, of_six.level, of_six.name) == 0 && option(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM)
      unmap(address);
  }
}

EXPORTED int getsockname(int descriptor, __SOCKADDR_ARG room, socklen_t *length) {
  union address address;
  socklen_t full = sizeof address;
  struct listener listener;
  const struct bound *bound;
  if (ORIGINAL(getsockname)(descriptor, &address.any, &full) == -1) return -1;
  if (names_listener(&address, full, &listener)) {
    give(&listener.address, room.__sockaddr__, length);
    return 0;
  }
  if (address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6)
    return ORIGINAL(getsockname)(descriptor, room, length);
  if (port_of(&address) == 0 && (bound = find_bound(descriptor)) != NULL) {
    give(&bound->listener.address, room.__sockaddr__, length);
    return 0;
  }
  present(descriptor, &address);
  give(&address, room.__sockaddr__, length);
  return 0;
}

EXPORTED int getpeername(int descriptor, __SOCKADDR_ARG room, socklen_t *length) {
  union address address;
  socklen_t full = sizeof address;
  if (ORIGINAL(getpeername)(descriptor, &address.any, &full) == -1) return -1;
  if (address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6)
    return ORIGINAL(getpeername)(descriptor, room, length);
  present(descriptor, &address);
  give(&address, room.__sockaddr__, length);
  return 0;
}
