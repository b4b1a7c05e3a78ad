#include "CLinux.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static int argument_count;
static char **arguments;

const char *linux_argument(int index) { return index < argument_count ? arguments[index] : NULL; }

// glibc calls this before the Swift runtime's own start, and with the program's arguments.
__attribute__((constructor(101))) static void prepare_for_life_without_proc(int argc, char **argv) {
  // The runtime looks for its crash reporter through /proc, and ends the program where there is none, as in an empty
  // chroot. A daemon that starts no programs has no use for it; this is the setting that says so.
  setenv("SWIFT_BACKTRACE", "enable=no,swift-backtrace=/", 0);
  // The runtime finds the arguments beside the environment on the stack, from where setenv has just moved it: its
  // CommandLine is empty from now on.
  argument_count = argc;
  arguments = argv;
}

void linux_try_out_malloc(void) {
  // Smaller than what mmap would serve, and together more than what is kept for the next use (mallopt(3)).
  void *volatile blocks[4];
  for (int index = 0; index < 4; index++) blocks[index] = malloc(100000);
  for (int index = 0; index < 4; index++) free(blocks[index]);
}

static struct {
  void *memory;
  size_t length;
  int told;
} of_file;

// mmap(2), "SIGBUS". Only calls that the filter of system calls lets through, and that are plain system calls: this may stand
// in the midst of anything.
static void replace_memory_of_file(int signal, siginfo_t *information, void *context) {
  int error = errno;
  size_t place = (uintptr_t)information->si_addr - (uintptr_t)of_file.memory;
  // One that a process sent has no address.
  if (information->si_code <= 0 || place >= of_file.length) abort();
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (mmap(of_file.memory, of_file.length, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) abort();
  eventfd_write(of_file.told, 1);
  errno = error;
}

int linux_outlive_file(void *memory, size_t length, int told) {
  of_file.memory = memory;
  of_file.length = length;
  of_file.told = told;
  struct sigaction action = {.sa_sigaction = replace_memory_of_file, .sa_flags = SA_SIGINFO | SA_RESTART};
  return sigaction(SIGBUS, &action, NULL);
}
