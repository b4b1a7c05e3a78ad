// A server's listeners for one port, where it has more than one, such as 0.0.0.0:443 and [::]:443. sniproxy comes to the
// first. A client of the other family is passed on to the listener for that, if there is one: servers count on a
// listener's clients being of its family.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "handoff.h"

static bool bind_further(int descriptor, const struct listener *listener) {
  union address address;
  socklen_t length = name_further_listener(listener, &address);
  return ORIGINAL(bind)(descriptor, &address.any, length) == 0;
}

// It is reached by a name in the abstract namespace: by all processes of the server, whatever user they have become.
int make_further_listener(const struct listener *listener, int backlog) {
  int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (made == -1) return -1;
  // The name may be taken, by one that was shut down for example. Then the first listener keeps all clients.
  struct listener renamed = *listener;
  renamed.key = new_key();
  if ((bind_further(made, listener) || bind_further(made, &renamed)) && ORIGINAL(listen)(made, backlog) == 0)
    return made;
  int error = errno;
  close(made);
  errno = error;
  return -1;
}

// Everybody may take such a name: what is reached must be a listener of root's or of the server's own user.
static bool reach(int peer, const struct listener *listener) {
  union address address;
  socklen_t length = name_further_listener(listener, &address);
  struct ucred credentials;
  return ORIGINAL(connect)(peer, &address.any, length) == 0 &&
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
