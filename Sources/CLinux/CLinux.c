#include "CLinux.h"

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
