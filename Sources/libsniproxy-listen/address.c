#include "handoff.h"

#include <string.h>

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

// Whether it is an IPv4 address in the form of an IPv6 one.
bool is_mapped(const union address *address) {
  return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->six.sin6_addr);
}

// Makes an address one of the other family, for a server with a listener of that. An IPv6 address that is none of IPv4
// stays what it is where there is room for it; elsewhere it becomes 0.0.0.0, so that no cut one is taken for
// somebody's.
void translate(union address *address, socklen_t room) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  if (address->any.sa_family == AF_INET) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = port_of(address)};
    memcpy(six.sin6_addr.s6_addr, mapped, sizeof mapped);
    memcpy(six.sin6_addr.s6_addr + sizeof mapped, &address->four.sin_addr, sizeof address->four.sin_addr);
    address->six = six;
  } else if (is_mapped(address) || room < sizeof address->six) {
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = port_of(address)};
    if (is_mapped(address))
      memcpy(&four.sin_addr, address->six.sin6_addr.s6_addr + sizeof mapped, sizeof four.sin_addr);
    address->four = four;
  }
}

// Where not, the kernel is to say what is wrong.
bool can_take(const struct sockaddr *room, const socklen_t *length) {
  return room != NULL && length != NULL && *length <= INT32_MAX;
}

// As accept(2) has it: what does not fit is cut off, and the length tells what there would have been.
void give(const union address *address, struct sockaddr *room, socklen_t *length) {
  if (room == NULL) return;
  socklen_t full = length_of(address);
  memcpy(room, address, *length < full ? *length : full);
  *length = full;
}
