#include "handoff.h"

#include <string.h>

// Also of an IPv4 address in IPv6's clothes.
socklen_t length_of(const union address *address) {
  return address->any.sa_family == AF_INET ? sizeof address->four : sizeof address->six;
}

// In network order, as in the address. Both families have it in the same place.
in_port_t port_of(const union address *address) { return address->four.sin_port; }

bool same_address(const union address *one, const union address *other) {
  if (one->any.sa_family != other->any.sa_family || port_of(one) != port_of(other)) return false;
  if (one->any.sa_family == AF_INET) return one->four.sin_addr.s_addr == other->four.sin_addr.s_addr;
  return memcmp(&one->six.sin6_addr, &other->six.sin6_addr, sizeof one->six.sin6_addr) == 0 &&
         one->six.sin6_scope_id == other->six.sin6_scope_id;
}

bool is_mapped(const union address *address) {
  return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->six.sin6_addr);
}

// Makes an IPv4 address an IPv4-mapped one.
void map(union address *address) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = address->four.sin_port};
  six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
  memcpy(six.sin6_addr.s6_addr + 12, &address->four.sin_addr, 4);
  address->six = six;
}

// Makes an IPv4-mapped address an IPv4 one.
void unmap(union address *address) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = address->six.sin6_port};
  memcpy(&four.sin_addr, address->six.sin6_addr.s6_addr + 12, 4);
  address->four = four;
}

// As accept(2) has it: what does not fit is cut off, and the length tells what there would have been.
void give(const union address *address, struct sockaddr *room, socklen_t *length) {
  if (room == NULL) return;
  socklen_t full = length_of(address);
  memcpy(room, address, *length < full ? *length : full);
  *length = full;
}
