// SNIPROXY_HANDOFF='443=/srv/sniproxy/example.com', more of them after a comma or a line's end; a backslash takes the
// next byte as it is. Read when the library is loaded: servers clear their environment.
#include "handoff.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
  in_port_t port;
  char *directory;
} places[PLACES];
static size_t count;
static bool misconfigured;

char *library, *places_setting, *user_setting;

// The next directory, without its escapes, or NULL. Moves to what follows it.
static char *read_directory(const char **text) {
  const char *from = *text;
  char *directory = malloc(strlen(from) + 1), *to = directory;
  if (directory == NULL) return NULL;
  while (*from != 0 && *from != ',' && *from != '\n') {
    if (*from == '\\' && from[1] != 0) from++;
    *to++ = *from++;
  }
  *to = 0;
  *text = *from == 0 ? from : from + 1;
  if (directory[0] == '/') return directory;
  free(directory);
  return NULL;
}

__attribute__((constructor)) static void configure(void) {
  static atomic_bool done;
  if (atomic_exchange(&done, true)) return;

  Dl_info self;
  if (dladdr((void *)configure, &self) != 0 && self.dli_fname != NULL)
    library = self.dli_fname[0] == '/' ? strdup(self.dli_fname) : realpath(self.dli_fname, NULL);
  const char *user = getenv("SNIPROXY_HANDOFF_USER");
  if (user != NULL) user_setting = strdup(user);
  const char *text = getenv("SNIPROXY_HANDOFF");
  if (text == NULL) return;
  places_setting = strdup(text);
  while (*text != 0) {
    if (*text == ',' || *text == '\n') {
      text++;
      continue;
    }
    char *end;
    unsigned long port = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (port < 1 || port > 65535 || *end != '=' || count == PLACES) {
      misconfigured = true;
      return;
    }
    text = end + 1;
    char *directory = read_directory(&text);
    if (directory == NULL) {
      misconfigured = true;
      return;
    }
    places[count].port = htons((uint16_t)port);
    places[count++].directory = directory;
  }
}

bool is_misconfigured(void) { return misconfigured; }

bool is_named(in_port_t port) {
  const char *directories[PLACES];
  return directories_of(port, directories) > 0;
}

size_t directories_of(in_port_t port, const char *directories[PLACES]) {
  size_t found = 0;
  configure();
  for (size_t index = 0; index < count; index++)
    if (places[index].port == port) directories[found++] = places[index].directory;
  return found;
}

// The port beside that one for which the directory is named too; 0 if there is none.
in_port_t other_port_of(in_port_t port, const struct stat *directory) {
  for (size_t index = 0; index < count; index++) {
    struct stat status;
    if (places[index].port != port && stat(places[index].directory, &status) == 0 && is_same(&status, directory))
      return places[index].port;
  }
  return 0;
}

// Who besides root may hand over: NOBODY if no user is named and there is none of the usual name. False if the one that
// is named does not exist.
bool trusted_user(uid_t *user) {
  const char *name = user_setting != NULL ? user_setting : "sniproxy";
  char *end;
  unsigned long number = strtoul(name, &end, 10);
  *user = NOBODY;
  if (*name >= '0' && *name <= '9' && *end == 0) {
    if (number < UINT32_MAX) *user = (uid_t)number;
    return number < UINT32_MAX;
  }
  struct passwd entry, *found = NULL;
  char room[16384];
  if (getpwnam_r(name, &entry, room, sizeof room, &found) == 0 && found != NULL) *user = found->pw_uid;
  return found != NULL || user_setting == NULL;
}

// Standard error may be a socket of the Internet: some servers close it, and then it is a client's.
static bool can_complain(void) {
  int domain = option_of(STDERR_FILENO, SOL_SOCKET, SO_DOMAIN);
  return domain != AF_INET && domain != AF_INET6;
}

// One line on standard error, and not again for each try of a server that tries again.
void complain(in_port_t port, const char *subject, const char *why, const char *what_to_do) {
  static _Atomic(const char *) last;
  if (atomic_exchange(&last, why) == why || !can_complain()) return;
  dprintf(STDERR_FILENO, "sniproxy-listen: cannot listen on port %u: %s: %s: %s\n", ntohs(port), subject, why,
          what_to_do);
}

// Of a system call that failed. Some errors tell by themselves what to do.
void complain_of_error(in_port_t port, const char *subject, int error, const char *what_to_do) {
  if (error == EMFILE || error == ENFILE) what_to_do = "let there be more open files";
  if (error == EAFNOSUPPORT) what_to_do = "let the server use AF_UNIX (in a unit: RestrictAddressFamilies=)";
  if (error == ENOSPC || error == EDQUOT) what_to_do = "make room there";
  if (error == EROFS) what_to_do = "let it be written to (in a unit: ReadWritePaths=)";
  complain(port, subject, strerror(error), what_to_do);
}

// One line on standard error, of a user who is not trusted. What to set follows, where it can help.
void complain_of(uid_t who, in_port_t port, uid_t trusted) {
  if (!can_complain()) return;
  char also[32] = "";
  char what_to_do[160] =
      "if that is sniproxy, run it as a user whom the kernel can tell, and the server in no user namespace of its own "
      "(in a unit: PrivateUsers=)";
  if (trusted != NOBODY && trusted != 0) snprintf(also, sizeof also, " and user %u", trusted);
  if (who != NOBODY)
    snprintf(what_to_do, sizeof what_to_do,
             "if that is sniproxy, start with --user %u, or with SNIPROXY_HANDOFF_USER=%u", who, who);
  dprintf(STDERR_FILENO,
          "sniproxy-listen: sent away who came to tls-handoff: port %u: user %u: only root%s may hand clients over: "
          "%s\n",
          ntohs(port), who, also, what_to_do);
}
