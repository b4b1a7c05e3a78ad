// A socket that was bound and does not listen yet. A server may have it in several processes, of which one makes the
// listener and the others want the same: uvicorn binds, and its workers listen. So it is a socket connected with itself,
// in whose queue there is one message: with the listener, once there is one. Who takes the message out alone may make it.
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "handoff.h"

// How long another process may take to make the listener.
static const int patience = 3000;

int make_bound(const struct listener *listener) {
  int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (made == -1) return -1;
  union address address;
  socklen_t length = name_further_listener(listener, &address);
  if (ORIGINAL(bind)(made, &address.any, length) == 0 && ORIGINAL(connect)(made, &address.any, length) == 0) {
    // From now on nobody else can send anything to it.
    char byte;
    while (recv(made, &byte, sizeof byte, MSG_DONTWAIT) != -1) continue;
    if (send_descriptor(made, -1)) return made;
  }
  int error = errno;
  close(made);
  errno = error;
  return -1;
}

bool is_bound(int descriptor) { return option_of(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM; }

// The listener; -1 with EPROTO if it has to be made. Either is followed by a call of put_back.
int take_out(int bound) {
  int listener = receive_descriptor(bound, MSG_CMSG_CLOEXEC);
  while (listener == -1 && errno == EAGAIN && poll(&(struct pollfd){.fd = bound, .events = POLLIN}, 1, patience) == 1)
    listener = receive_descriptor(bound, MSG_CMSG_CLOEXEC);
  return listener;
}

void put_back(int bound, int listener) { send_descriptor(bound, listener); }
