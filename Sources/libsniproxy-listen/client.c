// accept(2) on a hand-off listener: takes the client that sniproxy hands over.
#include "handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// How long a call waits for the message of a trusted peer, and for those of all of them.
static const int64_t patience = 100 * 1000 * 1000, patience_in_all = 1000 * 1000 * 1000;

// How many bad peers in a row a call on a non-blocking listener sends away, before it lets the server do something
// else.
static const int bad_peers = 64;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

// Each user is told of once, and not more than a few are: everybody may come.
static void tell_refused(uid_t user, const struct listener *listener) {
  static _Atomic(uid_t) told[8];
  for (size_t index = 0; index < sizeof told / sizeof *told; index++) {
    uid_t none = 0;
    if (atomic_compare_exchange_strong(&told[index], &none, user))
      return complain_of(user, port_of(&listener->address), listener->user);
    if (none == user) return;
  }
}

static bool is_trusted(int peer, const struct listener *listener) {
  struct ucred credentials;
  if (ORIGINAL(getsockopt)(peer, SOL_SOCKET, SO_PEERCRED, &credentials, &(socklen_t){sizeof credentials}) == -1)
    return false;
  if (listener->further) return credentials.uid == 0 || credentials.uid == geteuid();
  if (credentials.uid == 0 || (credentials.uid == listener->user && listener->user != NOBODY)) return true;
  tell_refused(credentials.uid, listener);
  return false;
}

static bool is_client(int descriptor, union address *address) {
  return option_of(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
         ORIGINAL(getpeername)(descriptor, &address->any, &(socklen_t){sizeof *address}) == 0 &&
         (address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6);
}

enum { none = -1, passed_on = -2 };

// The client whom the peer hands over, with its address as a client of that listener has it.
static int take(int peer, const struct listener *listener, bool may_pass_on, int flags, int64_t *deadline,
                union address *address, socklen_t room) {
  if (!is_trusted(peer, listener)) return none;
  int on_exec = flags & SOCK_CLOEXEC ? MSG_CMSG_CLOEXEC : 0;
  int client = receive_descriptor(peer, on_exec);
  int64_t own_deadline = 0;
  while (client == -1 && errno == EAGAIN) {
    int64_t time = now();
    if (*deadline == 0) *deadline = time + patience_in_all;
    if (own_deadline == 0) own_deadline = time + patience < *deadline ? time + patience : *deadline;
    if (time >= own_deadline) return none;
    struct timespec rest = {.tv_nsec = own_deadline - time};
    ppoll(&(struct pollfd){.fd = peer, .events = POLLIN}, 1, &rest, NULL);
    client = receive_descriptor(peer, on_exec);
  }
  if (client == -1) return none;
  if (!is_client(client, address) || fcntl(client, F_SETFL, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0) == -1) {
    close(client);
    return none;
  }
  if (may_pass_on && pass_on(client, listener)) {
    close(client);
    return passed_on;
  }
  sa_family_t own = address->any.sa_family;
  if (own != listener->address.any.sa_family) {
    present_in_other_family(client, own);
    translate(address, room);
  }
  return client;
}

// Descriptors that became, or turned out to be, hand-off listeners. A hint: the number may have become something else.
static _Atomic(bool) hinted[4096];

static atomic_bool accepted_any;

// Whether this process, or one from which it was forked, has taken what came to a hand-off listener: it is no master
// that only starts workers.
bool has_accepted(void) { return accepted_any; }

void expect_clients(int descriptor) {
  if (descriptor >= 0 && descriptor < (int)(sizeof hinted / sizeof *hinted)) hinted[descriptor] = true;
}

static bool is_hinted(int descriptor) {
  return descriptor >= 0 && descriptor < (int)(sizeof hinted / sizeof *hinted) && hinted[descriptor];
}

// A client takes two descriptors for a moment. Where only one is left it would be lost, while accept(2) of a TCP
// listener fails and leaves it in the queue. (Threads that open something at that moment may still take what is left.)
static bool has_room(int descriptor) {
  int one = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (one == -1) return errno == EBADF;
  int two = fcntl(descriptor, F_DUPFD_CLOEXEC, 0), error = errno;
  close(one);
  if (two != -1) close(two);
  errno = error;
  return two != -1;
}

static int accept_client(int descriptor, struct sockaddr *room, socklen_t *length, int flags) {
  if (room != NULL && !can_take(room, length)) return ORIGINAL(accept4)(descriptor, room, length, flags);
  int64_t deadline = 0;
  for (int bad = 0;; bad++) {
    union address address = {0};
    socklen_t full = sizeof address;
    // What other listeners take costs nothing more.
    bool expected = is_hinted(descriptor);
    uint64_t cookie = expected ? cookie_of(descriptor) : 0;
    if (expected && !has_room(descriptor)) return -1;
    int accepted = ORIGINAL(accept4)(descriptor, &address.any, &full, flags);
    if (accepted == -1) return -1;
    // Its own name is the listener's. The number may be something else by now: a signal's handler may have closed it.
    struct listener listener;
    if (address.any.sa_family != AF_UNIX || !is_of_listener(accepted, &listener)) {
      if (room != NULL) {
        memcpy(room, &address, *length < full ? *length : full);
        *length = full;
      }
      return accepted;
    }
    if (!expected) cookie = cookie_of(descriptor);
    accepted_any = true;
    expect_clients(descriptor);

    int cancellation;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    // A call that blocks must not wait for another client while the server has one elsewhere.
    bool blocks = (fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0;
    socklen_t most = room == NULL ? sizeof address : *length;
    int client = take(accepted, &listener, !blocks, flags, &deadline, &address, most);
    close(accepted);
    if (client >= 0) {
      hand_down_options(cookie, client);
      give(&address, room, length);
    }
    pthread_setcancelstate(cancellation, NULL);
    if (client >= 0) return client;
    if (client == passed_on) bad = 0;
    // The server may have waited for this one in poll(2), and be needed elsewhere. It goes on as after a signal.
    if (blocks && poll(&(struct pollfd){.fd = descriptor, .events = POLLIN}, 1, 0) == 0) {
      errno = EINTR;
      return -1;
    }
    if (bad >= bad_peers && !blocks) {
      errno = ECONNABORTED;
      return -1;
    }
  }
}

EXPORTED int accept(int descriptor, __SOCKADDR_ARG room, socklen_t *length) {
  return accept_client(descriptor, room.__sockaddr__, length, 0);
}

EXPORTED int accept4(int descriptor, __SOCKADDR_ARG room, socklen_t *length, int flags) {
  return accept_client(descriptor, room.__sockaddr__, length, flags);
}
