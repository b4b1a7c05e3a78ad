#include "handoff.h"

#include <dlfcn.h>

static struct originals found;
static atomic_bool complete;

// Before the server runs, since dlsym(3) takes locks that may be held for ever after a fork; but other libraries'
// constructors may call before this one has run.
__attribute__((constructor)) static void find(void) {
#define FIND(name) found.name = (__typeof__(&name))dlsym(RTLD_NEXT, #name);
  FUNCTIONS(FIND)
  atomic_store_explicit(&complete, true, memory_order_release);
}

const struct originals *originals(void) {
  if (!atomic_load_explicit(&complete, memory_order_acquire)) find();
  return &found;
}
