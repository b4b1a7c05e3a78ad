// The temporary name that a listener is bound to, which getsockname(2) goes on telling:
// .tls-handoff.USER PORT ADDRESS [FLOW SCOPE].KEY, all in hexadecimal, the numbers in network order. That of a further
// listener is of no file, but of the abstract namespace, and ends in one number more, of which nobody knows beforehand.
#include "handoff.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char start[] = ".tls-handoff.";

struct coded {
  uint32_t user;
  in_port_t port;
  uint8_t address[16];
  uint32_t flow, scope;
} __attribute__((packed));

enum { four_length = 4 + 2 + 4, six_length = sizeof(struct coded) };

uint32_t new_key(void) {
  uint32_t key;
  if (getentropy(&key, sizeof key) == -1) key = (uint32_t)getpid();
  return key;
}

void name_listener(const struct listener *listener, char name[NAME_ROOM]) {
  const union address *address = &listener->address;
  struct coded coded = {.user = htonl(listener->user), .port = port_of(address)};
  size_t length = four_length;
  if (address->any.sa_family == AF_INET) {
    memcpy(coded.address, &address->four.sin_addr, 4);
  } else {
    length = six_length;
    memcpy(coded.address, &address->six.sin6_addr, 16);
    coded.flow = address->six.sin6_flowinfo;
    coded.scope = htonl(address->six.sin6_scope_id);
  }
  const uint8_t *bytes = (const uint8_t *)&coded;
  char *end = stpcpy(name, start);
  for (size_t index = 0; index < length; index++) end += sprintf(end, "%02x", bytes[index]);
  sprintf(end, ".%08x", listener->key);
}

// An address in the abstract namespace, and its length. It is another one each time: everybody may take such a name, so
// that one which can be foreseen would be taken first.
socklen_t name_further_listener(const struct listener *listener, union address *address) {
  *address = (union address){.local = {.sun_family = AF_UNIX}};
  char *name = address->local.sun_path + 1;
  name_listener(listener, name);
  sprintf(name + strlen(name), ".%08x", new_key());
  return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}

static int digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

bool names_listener(const union address *address, socklen_t length, struct listener *listener) {
  const struct sockaddr_un *local = &address->local;
  size_t before = offsetof(struct sockaddr_un, sun_path);
  if (local->sun_family != AF_UNIX || length <= before) return false;
  bool further = local->sun_path[0] == 0;
  if (!further && local->sun_path[0] != '/') return false;
  char path[sizeof local->sun_path + 1] = {0};
  memcpy(path, local->sun_path, length - before < sizeof local->sun_path ? length - before : sizeof local->sun_path);
  const char *name = (further ? path : strrchr(path, '/')) + 1;
  if (strncmp(name, start, sizeof start - 1) != 0) return false;
  name += sizeof start - 1;

  struct coded coded = {0};
  uint8_t *bytes = (uint8_t *)&coded;
  size_t count = 0;
  for (; count < sizeof coded && digit(name[0]) >= 0 && digit(name[1]) >= 0; name += 2)
    bytes[count++] = (uint8_t)(digit(name[0]) << 4 | digit(name[1]));
  if (name[0] != '.' || (count != four_length && count != six_length)) return false;

  uint32_t key = (uint32_t)strtoul(name + 1, NULL, 16);
  *listener = (struct listener){.user = ntohl(coded.user), .key = key, .further = further};
  if (count == four_length) {
    listener->address.four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = coded.port};
    memcpy(&listener->address.four.sin_addr, coded.address, 4);
  } else {
    listener->address.six = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                                  .sin6_port = coded.port,
                                                  .sin6_flowinfo = coded.flow,
                                                  .sin6_scope_id = ntohl(coded.scope)};
    memcpy(&listener->address.six.sin6_addr, coded.address, 16);
  }
  return true;
}

// Whether it has such a name: a listener, or what the kernel gives for a peer of one.
bool is_of_listener(int descriptor, struct listener *listener) {
  union address address;
  socklen_t length = sizeof address;
  return ORIGINAL(getsockname)(descriptor, &address.any, &length) == 0 && names_listener(&address, length, listener);
}

bool is_listener(int descriptor, struct listener *listener) {
  if (!is_of_listener(descriptor, listener)) return false;
  if (listener->further) remember_further(descriptor);
  return true;
}
