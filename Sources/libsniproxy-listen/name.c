// The temporary name that a listener is bound to, which getsockname(2) goes on telling:
// .tls-handoff.USER PORT ADDRESS [FLOW SCOPE].RANDOM, all in hexadecimal, the numbers in network order.
#include "handoff.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static const char start[] = ".tls-handoff.";

struct coded {
  uint32_t user;
  in_port_t port;
  uint8_t address[16];
  uint32_t flow, scope;
} __attribute__((packed));

enum { four_length = 4 + 2 + 4, six_length = sizeof(struct coded) };

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
  uint32_t random;
  if (getentropy(&random, sizeof random) == -1) random = (uint32_t)getpid();
  sprintf(end, ".%08x", random);
}

static int digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

bool names_listener(const union address *address, socklen_t length, struct listener *listener) {
  const struct sockaddr_un *local = &address->local;
  size_t before = offsetof(struct sockaddr_un, sun_path);
  if (local->sun_family != AF_UNIX || length <= before || local->sun_path[0] != '/') return false;
  char path[sizeof local->sun_path + 1] = {0};
  memcpy(path, local->sun_path, length - before < sizeof local->sun_path ? length - before : sizeof local->sun_path);
  const char *name = strrchr(path, '/') + 1;
  if (strncmp(name, start, sizeof start - 1) != 0) return false;
  name += sizeof start - 1;

  struct coded coded = {0};
  uint8_t *bytes = (uint8_t *)&coded;
  size_t count = 0;
  for (; count < sizeof coded && digit(name[0]) >= 0 && digit(name[1]) >= 0; name += 2)
    bytes[count++] = (uint8_t)(digit(name[0]) << 4 | digit(name[1]));
  if (name[0] != '.' || (count != four_length && count != six_length)) return false;

  *listener = (struct listener){.user = ntohl(coded.user)};
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

bool is_listener(int descriptor, struct listener *listener) {
  union address address;
  socklen_t length = sizeof address;
  return ORIGINAL(getsockname)(descriptor, &address.any, &length) == 0 && names_listener(&address, length, listener);
}
