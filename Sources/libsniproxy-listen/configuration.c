// SNIPROXY_HANDOFF='443=/srv/sniproxy/example.com', more of them after a comma or a line's end; a backslash takes the next byte
// as it is. Read when the library is loaded: servers clear their environment.
#include "handoff.h"

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
  if (dladdr((void *)configure, &self) != 0 && self.dli_fname != NULL) library = strdup(self.dli_fname);
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

// Who besides root may hand over. NOBODY if there is no such user.
uid_t trusted_user(void) {
  const char *name = user_setting != NULL ? user_setting : "sniproxy";
  char *end;
  unsigned long number = strtoul(name, &end, 10);
  if (*name >= '0' && *name <= '9' && *end == 0) return number < UINT32_MAX ? (uid_t)number : NOBODY;
  struct passwd entry, *found = NULL;
  char room[16384];
  return getpwnam_r(name, &entry, room, sizeof room, &found) == 0 && found != NULL ? found->pw_uid : NOBODY;
}

// One line on standard error. Nothing where that is a socket of the Internet: some servers close it, and it is a client's then.
void complain(in_port_t port, const char *subject, const char *why, const char *what_to_do) {
  int domain = AF_UNIX;
  ORIGINAL(getsockopt)(STDERR_FILENO, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain});
  if (domain != AF_UNIX) return;
  dprintf(STDERR_FILENO, "sniproxy-listen: cannot listen on port %u: %s: %s: %s\n", ntohs(port), subject, why, what_to_do);
}
