// What an intruder would try, as bare system calls.
#pragma once

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// The error number of the call, 0 if it succeeds.
static inline int probe_call(long number, long a, long b, long c, long d, long e) {
  return syscall(number, a, b, c, d, e, 0L) == -1 ? errno : 0;
}

// capget(2): the calling thread's effective, permitted and inheritable set, one or the other that is not empty being enough.
static inline uint64_t probe_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
  syscall(SYS_capget, &header, sets);
  uint64_t any = 0;
  for (int half = 0; half < 2; half++)
    any |= (uint64_t)(sets[half].effective | sets[half].permitted | sets[half].inheritable) << (32 * half);
  return any;
}

// What glibc finds and ends with abort(3).
void probe_broken_heap(void);

// A TCP socket that is connected to a listener of this process; -1 if there is none.
int probe_connected(void);

// Connects it to that listener once more, with an address of this family and length. Gives the error, or 0.
int probe_connect(int socket, int family, unsigned length);
