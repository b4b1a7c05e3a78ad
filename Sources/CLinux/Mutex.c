// For the thread sanitizer alone. Swift's library has been built without it: where a thread has to wait for a Mutex, the
// lock is passed on unseen, and what the mutex protects is taken for a race. These stand before the library's functions for
// that case, whose symbols they have, and tell. (The other case, which the compiler puts into the caller, is seen.)

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <stdint.h>
#include <stdlib.h>

#define METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *mutex

// _MutexHandle._lockSlow(UInt32) and _MutexHandle._unlockSlow() of Synchronization.
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

METHOD void linux_mutex_lock(uint32_t thread, SELF) __asm__(LOCK);
METHOD void linux_mutex_unlock(SELF) __asm__(UNLOCK);

static void *next(const char *symbol) {
  void *function = dlsym(RTLD_NEXT, symbol);
  if (!function) abort();
  return function;
}

METHOD void linux_mutex_lock(uint32_t thread, SELF) {
  ((METHOD void (*)(uint32_t, SELF))next(LOCK))(thread, mutex);
  __tsan_acquire(mutex);
}

METHOD void linux_mutex_unlock(SELF) {
  __tsan_release(mutex);
  ((METHOD void (*)(SELF))next(UNLOCK))(mutex);
}

#endif
#endif
