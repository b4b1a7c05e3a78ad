// A host directory, and the socket in it.
#include "handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const char handoff[] = "tls-handoff";

// The way to a file through its directory's descriptor: a path of any length fits into a socket's address.
static void lead(union address *address, int directory, const char *name) {
  *address = (union address){.local = {.sun_family = AF_UNIX}};
  snprintf(address->local.sun_path, sizeof address->local.sun_path, "/proc/self/fd/%d/%s", directory, name);
}

// Whether it is connected to one of the server's listeners that have that key.
static bool is_own(int probe, const uint32_t *key) {
  union address address;
  socklen_t length = sizeof address;
  struct listener listener;
  return key != NULL && ORIGINAL(getpeername)(probe, &address.any, &length) == 0 &&
         names_listener(&address, length, &listener) && !listener.further && listener.key == *key;
}

// Whether somebody else than who has the key listens, as an error number: 0 if not, EADDRINUSE if so. Whoever takes
// clients sees a connection without a message.
static int probe(in_port_t port, int directory, const char *path, const uint32_t *key) {
  struct stat status;
  if (fstatat(directory, handoff, &status, AT_SYMLINK_NOFOLLOW) == -1) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(status.st_mode)) {
    complain(port, path, S_ISLNK(status.st_mode) ? "tls-handoff is a symbolic link" : "tls-handoff is no socket",
             S_ISLNK(status.st_mode) ? "name the directory that it leads to, or remove the link" : "remove it");
    return EADDRINUSE;
  }
  int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe == -1) {
    int error = errno;
    complain_of_error(port, path, error, "see what keeps the server from making a Unix socket");
    return error;
  }
  union address address;
  lead(&address, directory, handoff);
  int result = ORIGINAL(connect)(probe, &address.any, sizeof address.local), error = errno;
  bool free = result == 0 ? is_own(probe, key) : error == ECONNREFUSED || error == ENOENT;
  close(probe);
  if (free) return 0;
  complain(port, path, "somebody listens on tls-handoff",
           "stop that server, or give this one another directory; ss -xlpe tells which it is, by the inode");
  return EADDRINUSE;
}

// Its descriptor, or -1 with errno as bind(2) would set it.
static int open_directory(in_port_t port, const char *path) {
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory == -1) {
    int error = errno;
    bool missing = error == ENOENT || error == ENOTDIR;
    complain_of_error(port, path, error,
                      missing ? "make the directory" : "let the server's user read, write and search the directory");
    errno = missing ? EADDRNOTAVAIL : error;
    return -1;
  }
  if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == -1) {
    int error = errno;
    complain_of_error(port, path, error, "let the server's user write to the directory");
    close(directory);
    errno = EACCES;
    return -1;
  }
  return directory;
}

bool is_same(const struct stat *one, const struct stat *other) {
  return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

// Whether it is one of those, under whatever name.
static bool is_among(int directory, const int others[], size_t count) {
  struct stat status, other;
  if (fstat(directory, &status) == -1) return false;
  for (size_t index = 0; index < count; index++)
    if (fstat(others[index], &other) == 0 && is_same(&status, &other)) return true;
  return false;
}

// Whether the directories for that port can be used, as an error number. Nothing is changed there.
int check(in_port_t port) {
  const char *paths[PLACES];
  size_t count = directories_of(port, paths);
  for (size_t index = 0; index < count; index++) {
    int directory = open_directory(port, paths[index]);
    if (directory == -1) return errno;
    struct stat status;
    int error = fstat(directory, &status) == -1 ? errno : 0;
    if (error == 0 && other_port_of(port, &status) != 0) {
      complain(port, paths[index], "a directory has one tls-handoff, which cannot be for two ports",
               "give each port a directory of its own");
      error = EADDRINUSE;
    }
    if (error == 0) error = probe(port, directory, paths[index], NULL);
    close(directory);
    if (error != 0) return error;
  }
  return 0;
}

// Keeps others from replacing a stale socket at the same time. Everybody who may read the directory can hold the lock,
// but nobody who means well does for long.
static void lock(int directory, int *tries) {
  for (; *tries > 0 && flock(directory, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK; --*tries)
    nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
}

// Everybody may connect, whatever the umask: the credentials of who connects are what counts. Only what is certainly
// the socket just made is changed: in a directory of somebody else's the name may have become another file by now.
static int open_to_all(int directory, const char *name) {
  int file = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file == -1) return -1;
  struct stat status;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  int result = fstat(file, &status);
  if (result == 0 && (!S_ISSOCK(status.st_mode) || status.st_nlink != 1 || status.st_uid != geteuid())) {
    errno = EACCES;
    result = -1;
  }
  if (result == 0) result = chmod(path, 0666);
  int error = errno;
  close(file);
  errno = error;
  return result;
}

// A socket that listens under that name.
static int listen_at(int directory, const char *name, int backlog) {
  int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (made == -1) return -1;
  union address address;
  lead(&address, directory, name);
  bool bound = ORIGINAL(bind)(made, &address.any, sizeof address.local) == 0;
  if (bound && open_to_all(directory, name) == 0 && ORIGINAL(listen)(made, backlog) == 0) return made;
  int error = errno;
  if (bound) unlinkat(directory, name, 0);
  close(made);
  errno = error;
  return -1;
}

// The listener in all directories for its port, where it replaces one with the same key. -1, with errno as listen(2)
// would set it, if it cannot be.
int make_listener(const struct listener *listener, int backlog) {
  in_port_t port = port_of(&listener->address);
  const char *paths[PLACES];
  int directories[PLACES], made = -1, error = 0, tries = 100;
  size_t named = directories_of(port, paths), count = 0, linked = 0;
  char name[NAME_ROOM];
  name_listener(listener, name);

  for (size_t index = 0; error == 0 && index < named; index++) {
    int directory = open_directory(port, paths[index]);
    if (directory == -1) {
      error = errno;
      break;
    }
    if (is_among(directory, directories, count)) {
      close(directory);
      continue;
    }
    directories[count] = directory;
    paths[count] = paths[index];
    lock(directory, &tries);
    error = probe(port, directory, paths[count], &listener->key);
    count++;
  }
  if (error == 0) {
    made = listen_at(directories[0], name, backlog);
    if (made == -1) {
      error = errno;
      complain_of_error(port, paths[0], error,
                        error == ENOENT ? "see that /proc is mounted"
                                        : "see that the server's user may make a socket there, and open it to all");
    } else {
      linked = 1;
    }
  }
  for (; error == 0 && linked < count; linked++) {
    if (linkat(directories[0], name, directories[linked], name, 0) == 0) continue;
    error = errno;
    complain_of_error(port, paths[linked], error,
                      error == EXDEV
                          ? "all directories of a port must be on one file system, in one mount: use one, and make "
                            "the host's entry a symbolic link to it"
                          : "see that a file can be made in the directory");
    break;
  }
  size_t renamed = 0;
  for (; error == 0 && renamed < count; renamed++) {
    if (renameat(directories[renamed], name, directories[renamed], handoff) == 0) continue;
    error = errno;
    complain_of_error(port, paths[renamed], error, "see that the server's user may replace tls-handoff");
    break;
  }

  for (size_t index = renamed; index < linked; index++) unlinkat(directories[index], name, 0);
  for (size_t index = 0; index < count; index++) close(directories[index]);
  if (error == 0) return made;
  if (made != -1) close(made);
  errno = error;
  return -1;
}
