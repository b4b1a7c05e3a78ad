// bind(2), listen(2) and getsockname(2) of a TCP socket that is to be a hand-off listener, and of one that is.
#include "handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// Whether the eight bytes there can be read. sigprocmask(2) reads a mask before it refuses to do that with it.
static bool can_read(const void *mask) {
  return syscall(SYS_rt_sigprocmask, -1, mask, NULL, 8) == 0 || errno != EFAULT;
}

// Whether to bind the socket there is for this library to do. If so, what the address is.
static bool is_ours(int descriptor, const struct sockaddr *to, socklen_t length, union address *address) {
  if (to == NULL || length < sizeof(struct sockaddr_in) || length > sizeof(struct sockaddr_storage)) return false;
  size_t read = length < sizeof(struct sockaddr_in6) ? length : sizeof(struct sockaddr_in6);
  if (!can_read(to) || !can_read((const char *)to + read - 8)) return false;
  int family = to->sa_family;
  // RFC 2133 had the address without the scope, and the kernel takes it.
  if (family != AF_INET && (family != AF_INET6 || length < offsetof(struct sockaddr_in6, sin6_scope_id))) return false;
  *address = (union address){0};
  if (family == AF_INET) {
    address->four = *(const struct sockaddr_in *)to;
  } else {
    memcpy(&address->six, to, length < sizeof address->six ? length : sizeof address->six);
  }
  if (!is_misconfigured() && !is_named(port_of(address))) return false;
  // One that is bound already is the kernel's to refuse.
  union address now;
  if (ORIGINAL(getsockname)(descriptor, &now.any, &(socklen_t){sizeof now}) == -1 || port_of(&now) != 0) return false;
  int protocol = option_of(descriptor, SOL_SOCKET, SO_PROTOCOL);
  return option_of(descriptor, SOL_SOCKET, SO_DOMAIN) == family &&
         option_of(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
         (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

// What a server that has listeners for the same port already gets.
enum part { first, duplicate, further, in_use };

static bool has_address(int descriptor, const void *address) {
  struct listener listener;
  return is_listener(descriptor, &listener) && !is_bound(descriptor) && same_address(&listener.address, address);
}

struct candidate {
  int descriptor;
  const union address *address;
};

// As on TCP two sockets may be bound to one address, while neither listens, where both allow it.
static bool excludes(int descriptor, const void *context) {
  const struct candidate *candidate = context;
  struct listener listener;
  if (!is_listener(descriptor, &listener) || !is_bound(descriptor) ||
      !same_address(&listener.address, candidate->address))
    return false;
  for (int option = 0; option < 2; option++) {
    int name = option == 0 ? SO_REUSEADDR : SO_REUSEPORT, theirs = 0;
    getsockopt(descriptor, SOL_SOCKET, name, &theirs, &(socklen_t){sizeof theirs});
    if (theirs && option_of(candidate->descriptor, SOL_SOCKET, name) == 1) return false;
  }
  return true;
}

// The twin is the listener that the server has already for that very address.
static enum part part_of(int descriptor, const union address *address, int *twin) {
  *twin = find_descriptor(has_address, address);
  int reuses = 0;
  if (*twin != -1) getsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &reuses, &(socklen_t){sizeof reuses});
  if (*twin != -1) return reuses ? duplicate : in_use;
  return has_listener(port_of(address)) ? further : first;
}

static int refuse(int error) {
  errno = error;
  return -1;
}

struct replacement {
  uint64_t cookie;
  int made;
};

// Puts it in the place of the server's own socket, if the descriptor is one of it, and keeps the descriptor's
// flag.
static bool replace_one(int descriptor, const void *context) {
  const struct replacement *replacement = context;
  if (cookie_of(descriptor) == replacement->cookie) {
    dup3(replacement->made, descriptor, fcntl(descriptor, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
    expect_clients(descriptor);
  }
  return false;
}

static int replace(int descriptor, int made) {
  keep_options(descriptor, made);
  struct replacement replacement = {cookie_of(descriptor), made};
  replace_one(descriptor, &replacement);
  find_descriptor(replace_one, &replacement);
  close(made);
  return 0;
}

static void copy_flags(int descriptor, int made) { fcntl(made, F_SETFL, fcntl(descriptor, F_GETFL)); }

int take_place(int descriptor, int made) {
  copy_flags(descriptor, made);
  return replace(descriptor, made);
}

EXPORTED int bind(int descriptor, __CONST_SOCKADDR_ARG to, socklen_t length) {
  union address address;
  if (!is_ours(descriptor, to.__sockaddr__, length, &address)) return ORIGINAL(bind)(descriptor, to, length);
  in_port_t port = port_of(&address);
  if (is_misconfigured()) {
    complain(port, "SNIPROXY_HANDOFF", "cannot be understood",
             "write PORT=DIRECTORY with the directory's whole path, more after a comma, and a backslash before each comma "
             "or backslash of a name");
    return refuse(EINVAL);
  }
  uid_t user;
  if (!trusted_user(&user)) {
    complain(port, "SNIPROXY_HANDOFF_USER", "there is no such user", "name the user that sniproxy runs as");
    return refuse(EINVAL);
  }
  int twin;
  enum part part = part_of(descriptor, &address, &twin);
  struct candidate candidate = {descriptor, &address};
  if (part != in_use && find_descriptor(excludes, &candidate) != -1) part = in_use;
  int error = part == in_use ? EADDRINUSE : part == first ? check(port) : 0;
  if (error != 0) return refuse(error);

  struct listener listener = {.address = address, .user = user, .key = new_key()};
  int made = make_bound(&listener);
  if (made != -1) return take_place(descriptor, made);
  error = errno;
  complain_of_error(port, "a Unix socket", error, "see what keeps the server from making one");
  return refuse(error);
}

static bool is_shut_down(int descriptor) {
  struct pollfd state = {.fd = descriptor, .events = POLLRDHUP};
  return poll(&state, 1, 0) == 1 && (state.revents & POLLRDHUP) != 0;
}

static int make(int descriptor, struct listener *listener, int backlog) {
  int twin;
  enum part part = part_of(descriptor, &listener->address, &twin);
  if (part == in_use) return refuse(EADDRINUSE);
  if (part == duplicate) return fcntl(twin, F_DUPFD_CLOEXEC, 0);
  return part == first ? make_listener(listener, backlog) : make_beside(listener, backlog);
}

EXPORTED int listen(int descriptor, int backlog) {
  struct listener listener;
  if (!is_listener(descriptor, &listener) || !is_named(port_of(&listener.address)))
    return ORIGINAL(listen)(descriptor, backlog);
  if (is_bound(descriptor)) {
    int made = take_out(descriptor);
    if (made != -1) {
      ORIGINAL(listen)(made, backlog);
    } else if (errno != EPROTO) {
      return refuse(EADDRINUSE);
    } else {
      made = make(descriptor, &listener, backlog);
      // Once others have it, its flags are theirs too.
      if (made != -1) copy_flags(descriptor, made);
    }
    int error = errno;
    put_back(descriptor, made);
    return made == -1 ? refuse(error) : replace(descriptor, made);
  }
  if (!is_shut_down(descriptor)) return ORIGINAL(listen)(descriptor, backlog);
  // A TCP listener that was shut down can listen again, as HAProxy's do; a Unix one needs a successor.
  int made = (listener.further ? make_further_listener : make_listener)(&listener, backlog);
  return made == -1 ? -1 : take_place(descriptor, made);
}

// On TCP an address of no family ends a listener's listening, and leaves it bound: so HAProxy pauses it.
EXPORTED int connect(int descriptor, __CONST_SOCKADDR_ARG to, socklen_t length) {
  int result = ORIGINAL(connect)(descriptor, to, length);
  struct listener listener;
  if (result == 0 || errno != EINVAL || length < sizeof(sa_family_t) || length > sizeof(union address) ||
      to.__sockaddr__->sa_family != AF_UNSPEC)
    return result;
  if (is_listener(descriptor, &listener) && !is_bound(descriptor)) return shutdown(descriptor, SHUT_RDWR);
  return refuse(EINVAL);
}

// The kernel keeps for a client's socket whether the server is to see it in the other family: by an option that means
// nothing to TCP, and that everybody who gets the socket finds there.
static const struct {
  int level, name;
} of_four = {IPPROTO_IP, IP_MULTICAST_LOOP}, of_six = {IPPROTO_IPV6, IPV6_MULTICAST_LOOP};

void present_in_other_family(int client, sa_family_t own) {
  int off = 0;
  if (own == AF_INET) {
    ORIGINAL(setsockopt)(client, of_four.level, of_four.name, &off, sizeof off);
  } else {
    ORIGINAL(setsockopt)(client, of_six.level, of_six.name, &off, sizeof off);
  }
}

static bool is_in_other_family(int descriptor, sa_family_t own) {
  int on = own == AF_INET ? option_of(descriptor, of_four.level, of_four.name)
                          : option_of(descriptor, of_six.level, of_six.name);
  return on == 0 && option_of(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
}

static int tell(int descriptor, const union address *address, struct sockaddr *room, socklen_t *length) {
  union address told = *address;
  if (is_in_other_family(descriptor, told.any.sa_family)) translate(&told, *length);
  give(&told, room, length);
  return 0;
}

static bool is_internet(const union address *address) {
  return address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6;
}

EXPORTED int getsockname(int descriptor, __SOCKADDR_ARG room, socklen_t *length) {
  struct sockaddr *to = room.__sockaddr__;
  union address address;
  socklen_t full = sizeof address;
  if (!can_take(to, length) || ORIGINAL(getsockname)(descriptor, &address.any, &full) == -1)
    return ORIGINAL(getsockname)(descriptor, room, length);
  struct listener listener;
  if (address.any.sa_family == AF_UNIX && is_listener(descriptor, &listener)) {
    give(&listener.address, to, length);
    return 0;
  }
  if (!is_internet(&address)) return ORIGINAL(getsockname)(descriptor, room, length);
  return tell(descriptor, &address, to, length);
}

EXPORTED int getpeername(int descriptor, __SOCKADDR_ARG room, socklen_t *length) {
  struct sockaddr *to = room.__sockaddr__;
  union address address;
  socklen_t full = sizeof address;
  if (!can_take(to, length) || ORIGINAL(getpeername)(descriptor, &address.any, &full) == -1 || !is_internet(&address))
    return ORIGINAL(getpeername)(descriptor, room, length);
  return tell(descriptor, &address, to, length);
}
