// Which of a server's listeners for one port sniproxy comes to: the first; one that comes later has its place if it is of
// the same family, as where a reload changes the address; a further one, if a reload closes the first and keeps that.
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "handoff.h"

static bool is_for(int descriptor, in_port_t port, struct listener *listener) {
  return is_listener(descriptor, listener) && port_of(&listener->address) == port && !is_bound(descriptor);
}

static bool has_port(int descriptor, const void *port) {
  struct listener listener;
  return is_for(descriptor, *(const in_port_t *)port, &listener);
}

static bool has_directory(int descriptor, const void *port) {
  struct listener listener;
  return is_for(descriptor, *(const in_port_t *)port, &listener) && !listener.further;
}

bool has_listener(in_port_t port) { return find_descriptor(has_port, &port) != -1; }

// A listener of a server that has others for the port.
int make_beside(struct listener *listener, int backlog) {
  in_port_t port = port_of(&listener->address);
  struct listener first, any;
  bool has_first = is_listener(find_descriptor(has_directory, &port), &first);
  if (has_first)
    listener->key = first.key;
  else if (is_listener(find_descriptor(has_port, &port), &any))
    listener->key = any.key;
  bool succeeds = !has_first || first.address.any.sa_family == listener->address.any.sa_family;
  return (succeeds ? make_listener : make_further_listener)(listener, backlog);
}

static bool promote(int descriptor, const void *unused) {
  (void)unused;
  struct listener listener;
  if (!is_listener(descriptor, &listener) || !listener.further || is_bound(descriptor)) return false;
  in_port_t port = port_of(&listener.address);
  if (find_descriptor(has_directory, &port) != -1) return false;
  int made = make_listener(&listener, SOMAXCONN);
  if (made != -1) take_place(descriptor, made);
  return false;
}

// A master that closed the first listener has the others when it starts its next workers. A process that serves clients
// itself is none: it closes its listeners when it ends, while others have them.
static void before_fork(void) {
  if (!has_seen_further() || has_accepted()) return;
  int error = errno;
  find_descriptor(promote, NULL);
  errno = error;
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(before_fork, NULL, NULL); }
