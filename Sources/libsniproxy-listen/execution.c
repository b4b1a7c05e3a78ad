// What a server starts that inherits a hand-off listener gets this library and its settings too, whatever the server
// leaves of the environment: nginx clears it for the program it upgrades to.
#include "handoff.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool is_inherited(int descriptor, const void *unused) {
  (void)unused;
  struct listener listener;
  int flags = fcntl(descriptor, F_GETFD);
  return flags != -1 && (flags & FD_CLOEXEC) == 0 && is_listener(descriptor, &listener);
}

static const char *value_in(char *const environment[], const char *name) {
  size_t length = strlen(name);
  for (; environment != NULL && *environment != NULL; environment++)
    if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') return *environment + length + 1;
  return NULL;
}

static size_t count_of(char *const list[]) {
  size_t count = 0;
  while (list != NULL && list[count] != NULL) count++;
  return count;
}

// ld.so(8) takes colons and spaces between libraries.
static bool is_preloaded(const char *preload) {
  for (const char *place = preload; place != NULL && (place = strstr(place, library)) != NULL; place++) {
    char end = place[strlen(library)];
    if ((place == preload || place[-1] == ':' || place[-1] == ' ') && (end == 0 || end == ':' || end == ' '))
      return true;
  }
  return false;
}

// What is missing of the environment. All memory is the caller's: this runs between fork and exec.
struct addition {
  const char *preload;
  size_t preload_length;
  bool places, user;
};

static bool is_complete(char *const environment[], struct addition *addition) {
  *addition = (struct addition){0};
  if (library == NULL || find_descriptor(is_inherited, NULL) == -1) return true;
  addition->preload = value_in(environment, "LD_PRELOAD");
  bool preloaded = addition->preload != NULL && is_preloaded(addition->preload);
  if (!preloaded) addition->preload_length = strlen(library) + (addition->preload ? strlen(addition->preload) : 0) + 16;
  addition->places = places_setting != NULL && value_in(environment, "SNIPROXY_HANDOFF") == NULL;
  addition->user = user_setting != NULL && value_in(environment, "SNIPROXY_HANDOFF_USER") == NULL;
  return preloaded && !addition->places && !addition->user;
}

static size_t length_of_setting(const char *value) { return value == NULL ? 1 : strlen(value) + 32; }

static void complete(char *const environment[], const struct addition *addition, char *list[], char preload[],
                     char places[], char user[]) {
  size_t count = 0;
  for (; environment != NULL && *environment != NULL; environment++)
    if (addition->preload_length == 0 || strncmp(*environment, "LD_PRELOAD=", 11) != 0) list[count++] = *environment;
  if (addition->preload_length != 0) {
    char *end = stpcpy(stpcpy(preload, "LD_PRELOAD="), library);
    if (addition->preload != NULL) stpcpy(stpcpy(end, ":"), addition->preload);
    list[count++] = preload;
  }
  if (addition->places) {
    stpcpy(stpcpy(places, "SNIPROXY_HANDOFF="), places_setting);
    list[count++] = places;
  }
  if (addition->user) {
    stpcpy(stpcpy(user, "SNIPROXY_HANDOFF_USER="), user_setting);
    list[count++] = user;
  }
  list[count] = NULL;
}

// Makes `environment` complete for as long as the caller's block lasts.
#define COMPLETED(environment)                                                                       \
  struct addition addition;                                                                          \
  bool enough = is_complete(environment, &addition);                                                 \
  char *list[enough ? 1 : count_of(environment) + 4];                                                \
  char preload[addition.preload_length + 1], places[enough ? 1 : length_of_setting(places_setting)], \
      user[enough ? 1 : length_of_setting(user_setting)];                                            \
  if (!enough) {                                                                                     \
    complete(environment, &addition, list, preload, places, user);                                   \
    environment = list;                                                                              \
  }

static int execute(const char *path, char *const arguments[], char *const environment[]) {
  COMPLETED(environment)
  return ORIGINAL(execve)(path, arguments, environment);
}

static int execute_found(const char *file, char *const arguments[], char *const environment[]) {
  COMPLETED(environment)
  return ORIGINAL(execvpe)(file, arguments, environment);
}

EXPORTED int execve(const char *path, char *const arguments[], char *const environment[]) {
  return execute(path, arguments, environment);
}

EXPORTED int execv(const char *path, char *const arguments[]) { return execute(path, arguments, environ); }

EXPORTED int execvp(const char *file, char *const arguments[]) { return execute_found(file, arguments, environ); }

EXPORTED int execvpe(const char *file, char *const arguments[], char *const environment[]) {
  return execute_found(file, arguments, environment);
}

EXPORTED int fexecve(int descriptor, char *const arguments[], char *const environment[]) {
  COMPLETED(environment)
  return ORIGINAL(fexecve)(descriptor, arguments, environment);
}

// The arguments of the variadic ones as an array on the stack, and those after them.
#define LISTED(first)                           \
  va_list rest;                                 \
  size_t count = 1;                             \
  va_start(rest, first);                        \
  while (va_arg(rest, char *) != NULL) count++; \
  va_end(rest);                                 \
  char *arguments[count + 1];                   \
  arguments[0] = (char *)first;                 \
  va_start(rest, first);                        \
  for (size_t index = 1; index <= count; index++) arguments[index] = va_arg(rest, char *);

EXPORTED int execl(const char *path, const char *first, ...) {
  LISTED(first)
  va_end(rest);
  return execute(path, arguments, environ);
}

EXPORTED int execlp(const char *file, const char *first, ...) {
  LISTED(first)
  va_end(rest);
  return execute_found(file, arguments, environ);
}

EXPORTED int execle(const char *path, const char *first, ...) {
  LISTED(first)
  char *const *environment = va_arg(rest, char *const *);
  va_end(rest);
  return execute(path, arguments, environment);
}

EXPORTED int posix_spawn(pid_t *restrict pid, const char *restrict path,
                         const posix_spawn_file_actions_t *restrict actions,
                         const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
                         char *const environment[restrict]) {
  COMPLETED(environment)
  return ORIGINAL(posix_spawn)(pid, path, actions, attributes, arguments, environment);
}

EXPORTED int posix_spawnp(pid_t *restrict pid, const char *restrict file,
                          const posix_spawn_file_actions_t *restrict actions,
                          const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
                          char *const environment[restrict]) {
  COMPLETED(environment)
  return ORIGINAL(posix_spawnp)(pid, file, actions, attributes, arguments, environment);
}
