#include "CLinux.h"

#include <stdlib.h>

static int argument_count;
static char **arguments;

const char *linux_argument(int index) { return index < argument_count ? arguments[index] : NULL; }

// What the Swift runtime does before main, it does by looking in /proc, which an empty chroot does not have. So this is
// done before that, by a function that glibc calls first and with the program's arguments.
__attribute__((constructor(101))) static void prepare_for_life_without_proc(int argc, char **argv) {
  // The runtime takes the arguments from /proc/self/cmdline.
  argument_count = argc;
  arguments = argv;
  // It looks for its crash reporter, and ends the program where it cannot look. A daemon that starts no programs has no
  // use for it; this is the setting that says so.
  setenv("SWIFT_BACKTRACE", "enable=no,swift-backtrace=/", 0);
}
