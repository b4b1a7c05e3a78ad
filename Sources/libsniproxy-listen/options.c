// Options of a hand-off listener, as of a TCP one. Its socket knows nothing of TCP; so what the server sets is kept as
// a list, and a fresh TCP socket on which the list is set once more answers every question. The list is the process's:
// fork copies it, but exec and SCM_RIGHTS lose it.
#include "handoff.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { value_room = 16 };

struct kept {
  uint64_t cookie;
  int level, name;
  socklen_t length;
  char value[value_room];
  const struct kept *next;
};

// The last one first. None is ever freed, so that they can be read without a lock.
static _Atomic(const struct kept *) list;

// What servers set before they listen. What is inherited, a client gets from the listener.
static const struct known {
  int level, name;
  socklen_t length;
  bool inherited, doubled;
} known[] = {
    {SOL_SOCKET, SO_REUSEADDR, 4, false, false},
    {SOL_SOCKET, SO_REUSEPORT, 4, false, false},
    {SOL_SOCKET, SO_KEEPALIVE, 4, true, false},
    {SOL_SOCKET, SO_OOBINLINE, 4, true, false},
    {SOL_SOCKET, SO_DONTROUTE, 4, true, false},
    {SOL_SOCKET, SO_LINGER, sizeof(struct linger), true, false},
    {SOL_SOCKET, SO_RCVBUF, 4, true, true},
    {SOL_SOCKET, SO_SNDBUF, 4, true, true},
    {SOL_SOCKET, SO_RCVLOWAT, 4, true, false},
    {SOL_SOCKET, SO_RCVTIMEO, 16, true, false},
    {SOL_SOCKET, SO_SNDTIMEO, 16, true, false},
    {SOL_SOCKET, SO_MARK, 4, true, false},
    {SOL_SOCKET, SO_BUSY_POLL, 4, true, false},
    {SOL_SOCKET, SO_MAX_PACING_RATE, 4, true, false},
    {SOL_SOCKET, SO_ZEROCOPY, 4, true, false},
    {IPPROTO_IP, IP_TOS, 4, true, false},
    {IPPROTO_IP, IP_TTL, 4, true, false},
    {IPPROTO_IP, IP_MTU_DISCOVER, 4, true, false},
    {IPPROTO_IP, IP_FREEBIND, 4, false, false},
    {IPPROTO_IP, IP_TRANSPARENT, 4, false, false},
    {IPPROTO_IPV6, IPV6_V6ONLY, 4, false, false},
    {IPPROTO_IPV6, IPV6_TCLASS, 4, true, false},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 4, true, false},
    // After the type of service, which sets it.
    {SOL_SOCKET, SO_PRIORITY, 4, true, false},
    {IPPROTO_TCP, TCP_NODELAY, 4, true, false},
    {IPPROTO_TCP, TCP_CORK, 4, true, false},
    {IPPROTO_TCP, TCP_KEEPIDLE, 4, true, false},
    {IPPROTO_TCP, TCP_KEEPINTVL, 4, true, false},
    {IPPROTO_TCP, TCP_KEEPCNT, 4, true, false},
    {IPPROTO_TCP, TCP_SYNCNT, 4, true, false},
    {IPPROTO_TCP, TCP_LINGER2, 4, true, false},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, 4, true, false},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 4, true, false},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4, true, false},
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 4, true, false},
    {IPPROTO_TCP, TCP_CONGESTION, 16, true, false},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, 4, false, false},
    {IPPROTO_TCP, TCP_FASTOPEN, 4, false, false},
    {IPPROTO_TCP, TCP_QUICKACK, 4, false, false},
    {IPPROTO_TCP, TCP_MAXSEG, 4, false, false},
};

static const size_t known_count = sizeof known / sizeof *known;

// The kernel's number for a socket, which no other ever gets, whatever process has it; 0 if it is none.
uint64_t cookie_of(int descriptor) {
  uint64_t cookie = 0;
  ORIGINAL(getsockopt)(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &(socklen_t){sizeof cookie});
  return cookie;
}

// Filters are no values: they are pointers or descriptors, and mean nothing to whoever is handed a client.
static bool is_filter(int level, int name) {
  return level == SOL_SOCKET && (name == SO_ATTACH_FILTER || name == SO_ATTACH_BPF ||
                                 name == SO_ATTACH_REUSEPORT_CBPF || name == SO_ATTACH_REUSEPORT_EBPF);
}

static void keep(uint64_t cookie, int level, int name, const void *value, socklen_t length) {
  if (length > value_room || is_filter(level, name)) return;
  const struct kept *last = atomic_load(&list);
  while (last != NULL && (last->cookie != cookie || last->level != level || last->name != name)) last = last->next;
  if (last != NULL && last->length == length && memcmp(last->value, value, length) == 0) return;
  struct kept *kept = malloc(sizeof *kept);
  if (kept == NULL) return;
  *kept = (struct kept){.cookie = cookie, .level = level, .name = name, .length = length, .next = atomic_load(&list)};
  memcpy(kept->value, value, length);
  while (!atomic_compare_exchange_weak(&list, &kept->next, kept)) {
  }
}

// Keeps what is kept for one socket for its successor too.
static void keep_again(const struct kept *kept, uint64_t one, uint64_t successor) {
  if (kept == NULL) return;
  keep_again(kept->next, one, successor);
  if (kept->cookie == one) keep(successor, kept->level, kept->name, kept->value, kept->length);
}

// Keeps for the listener what the server has set of its socket: a TCP socket, or a listener that was shut down.
void keep_options(int own, int listener) {
  int fresh = socket(option_of(own, SOL_SOCKET, SO_DOMAIN), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fresh == -1) return;
  uint64_t cookie = cookie_of(listener);
  keep_again(atomic_load(&list), cookie_of(own), cookie);
  for (const struct known *option = known; option < known + known_count; option++) {
    char set[value_room] = {0}, usual[value_room] = {0};
    socklen_t length = option->length, usual_length = option->length;
    if (ORIGINAL(getsockopt)(own, option->level, option->name, set, &length) == -1 ||
        ORIGINAL(getsockopt)(fresh, option->level, option->name, usual, &usual_length) == -1 ||
        (length == usual_length && memcmp(set, usual, length) == 0))
      continue;
    // The kernel takes half of what it tells.
    if (option->doubled) *(int *)set /= 2;
    keep(cookie, option->level, option->name, set, length);
    if (option->name == SO_RCVTIMEO && option->level == SOL_SOCKET)
      ORIGINAL(setsockopt)(listener, option->level, option->name, set, length);
  }
  close(fresh);
}

static bool is_inherited(const struct kept *kept) {
  for (const struct known *option = known; option < known + known_count; option++)
    if (option->level == kept->level && option->name == kept->name) return option->inherited;
  return false;
}

// Sets what is kept for the listener, the oldest first.
static void set_all(const struct kept *kept, uint64_t cookie, int socket, bool only_inherited) {
  if (kept == NULL) return;
  set_all(kept->next, cookie, socket, only_inherited);
  if (kept->cookie == cookie && (!only_inherited || is_inherited(kept)))
    ORIGINAL(setsockopt)(socket, kept->level, kept->name, kept->value, kept->length);
}

void hand_down_options(uint64_t listener, int client) { set_all(atomic_load(&list), listener, client, true); }

// A TCP socket with the listener's options.
static int model_of(int descriptor, const struct listener *listener) {
  int model = socket(listener->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (model != -1) set_all(atomic_load(&list), cookie_of(descriptor), model, false);
  return model;
}

EXPORTED int setsockopt(int descriptor, int level, int name, const void *value, socklen_t length) {
  // A socket of the Internet answers at once; the listener knows none but the first level.
  if (level != SOL_SOCKET) {
    int result = ORIGINAL(setsockopt)(descriptor, level, name, value, length);
    if (result == 0 || errno != EOPNOTSUPP) return result;
  }
  struct listener listener;
  if (!is_listener(descriptor, &listener)) {
    if (level == SOL_SOCKET) return ORIGINAL(setsockopt)(descriptor, level, name, value, length);
    errno = EOPNOTSUPP;
    return -1;
  }
  int model = model_of(descriptor, &listener);
  if (model == -1) return -1;
  int result = ORIGINAL(setsockopt)(model, level, name, value, length), error = errno;
  if (result == 0) keep(cookie_of(descriptor), level, name, value, length);
  close(model);
  errno = error;
  // How long accept(2) waits.
  if (result == 0 && level == SOL_SOCKET && name == SO_RCVTIMEO)
    return ORIGINAL(setsockopt)(descriptor, level, name, value, length);
  return result;
}

EXPORTED int getsockopt(int descriptor, int level, int name, void *value, socklen_t *length) {
  bool by_itself = level == SOL_SOCKET && (name == SO_ERROR || name == SO_ACCEPTCONN || name == SO_COOKIE);
  if (by_itself) return ORIGINAL(getsockopt)(descriptor, level, name, value, length);
  if (level != SOL_SOCKET) {
    int result = ORIGINAL(getsockopt)(descriptor, level, name, value, length);
    if (result == 0 || errno != EOPNOTSUPP) return result;
  }
  struct listener listener;
  if (!is_listener(descriptor, &listener)) {
    if (level == SOL_SOCKET) return ORIGINAL(getsockopt)(descriptor, level, name, value, length);
    errno = EOPNOTSUPP;
    return -1;
  }
  int model = model_of(descriptor, &listener);
  if (model == -1) return -1;
  int result = ORIGINAL(getsockopt)(model, level, name, value, length), error = errno;
  close(model);
  errno = error;
  return result;
}
