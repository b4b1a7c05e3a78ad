// A server's listeners for one port, where it has more than one, such as 0.0.0.0:443 and [::]:443. sniproxy comes to the
// first. A client of the other family is passed on to the listener for that, if there is one: servers count on a
// listener's clients being of its family.
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "handoff.h"

// Descriptors that turned out to be further listeners. A hint: the number may have become something else.
static _Atomic(bool) seen[65536];

// After the last of them.
static atomic_int end;

void remember_further(int descriptor) {
  if (descriptor < 0 || descriptor >= (int)sizeof seen) return;
  seen[descriptor] = true;
  int now = end;
  while (now <= descriptor && !atomic_compare_exchange_weak(&end, &now, descriptor + 1)) continue;
}

// Whether this process, or one from which it was forked, has had such a listener.
bool has_seen_further(void) { return end > 0; }

static bool look(int descriptor, const void *unused) {
  (void)unused;
  struct listener listener;
  is_listener(descriptor, &listener);
  return false;
}

// Those that a program inherits.
__attribute__((constructor)) static void look_around(void) { find_descriptor(look, NULL); }

// It is reached by a name in the abstract namespace: by all processes of the server, whatever user they have become.
int make_further_listener(const struct listener *listener, int backlog) {
  int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (made == -1) return -1;
  union address address;
  socklen_t length = name_further_listener(listener, &address);
  if (ORIGINAL(bind)(made, &address.any, length) == 0 && ORIGINAL(listen)(made, backlog) == 0) return made;
  int error = errno;
  close(made);
  errno = error;
  return -1;
}

// Those that came to it under a number that nobody asked about. False if that was just done.
static bool look_again(void) {
  static _Atomic(time_t) last;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  if (atomic_exchange(&last, now.tv_sec) == now.tv_sec) return false;
  look_around();
  return true;
}

static int find_seen(const struct listener *listener) {
  for (int descriptor = 0; descriptor < end; descriptor++) {
    struct listener found;
    if (seen[descriptor] && is_listener(descriptor, &found) && found.further && found.key == listener->key &&
        same_address(&found.address, &listener->address))
      return descriptor;
  }
  return -1;
}

// The one of the server's own for that address; -1 if there is none.
static int find_further(const struct listener *listener) {
  int found = find_seen(listener);
  return found == -1 && look_again() ? find_seen(listener) : found;
}

// A name that was given up is free for everybody: what is reached must be a listener of root's or of the server's own
// user.
static bool reach(int peer, const struct listener *listener) {
  union address address;
  socklen_t length = sizeof address;
  struct ucred credentials;
  return ORIGINAL(getsockname)(find_further(listener), &address.any, &length) == 0 &&
         ORIGINAL(connect)(peer, &address.any, length) == 0 &&
         ORIGINAL(getsockopt)(peer, SOL_SOCKET, SO_PEERCRED, &credentials, &(socklen_t){sizeof credentials}) == 0 &&
         (credentials.uid == 0 || credentials.uid == geteuid());
}

// Whether a client of the other family went to a listener for that: the one for the very address to which it came, or
// else the one for every address.
bool pass_on(int client, const struct listener *listener) {
  if (listener->further) return false;
  struct listener other = *listener;
  other.address = (union address){0};
  if (ORIGINAL(getsockname)(client, &other.address.any, &(socklen_t){sizeof other.address}) == -1) return false;
  if (is_mapped(&other.address)) translate(&other.address, sizeof other.address);
  sa_family_t family = other.address.any.sa_family;
  if (family == listener->address.any.sa_family) return false;
  other.address.four.sin_port = port_of(&listener->address);

  int peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (peer == -1) return false;
  bool reached = reach(peer, &other);
  if (!reached) {
    other.address = (union address){0};
    other.address.any.sa_family = family;
    other.address.four.sin_port = port_of(&listener->address);
    reached = reach(peer, &other);
  }
  bool passed = reached && send_descriptor(peer, client);
  close(peer);
  return passed;
}
