#include "CBench.h"

static volatile sig_atomic_t interrupted;

static void note(int signal) { interrupted = signal; }

int bench_interrupted(void) { return interrupted; }

void bench_catch_signals(void) {
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  // Nobody reads what is printed.
  sigaction(SIGPIPE, &action, NULL);
}
