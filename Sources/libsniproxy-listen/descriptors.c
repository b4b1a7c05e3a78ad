#include "handoff.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

// An option's value; -1 if it cannot be told.
int option_of(int descriptor, int level, int name) {
  int value = -1;
  if (ORIGINAL(getsockopt)(descriptor, level, name, &value, &(socklen_t){sizeof value}) == -1) return -1;
  return value;
}

// The first open descriptor for which the question is answered with yes; -1 if there is none. Without memory of its
// own, so that it may be called between fork and exec.
int find_descriptor(bool (*question)(int, const void *), const void *about) {
  int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory == -1) return -1;
  _Alignas(struct dirent64) char entries[4096];
  int found = -1;
  ssize_t length;
  while (found == -1 && (length = getdents64(directory, entries, sizeof entries)) > 0) {
    for (ssize_t place = 0; found == -1 && place < length;) {
      const struct dirent64 *entry = (const struct dirent64 *)(entries + place);
      place += entry->d_reclen;
      if (entry->d_name[0] == '.') continue;
      int descriptor = 0;
      for (const char *digit = entry->d_name; *digit != 0; digit++) descriptor = descriptor * 10 + (*digit - '0');
      if (descriptor != directory && question(descriptor, about)) found = descriptor;
    }
  }
  close(directory);
  return found;
}
