// libsniproxy-listen.so: what a server means for a TCP listener is a socket in a host directory, on which sniproxy(8)
// hands it its clients. See sniproxy-listen(1).
//
// What has to outlive the process that made it is kept by the kernel: the name that a listener is bound to tells what
// the server takes it for, so that fork, exec, dup and SCM_RIGHTS carry it along; a client's socket tells by an option
// that means nothing to TCP how to present it.
#pragma once

#include <netinet/in.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

// original.c: the functions as they are without this library.
#define FUNCTIONS(X)                                                                                                   \
  X(accept4)                                                                                                           \
  X(bind)                                                                                                              \
  X(connect)                                                                                                           \
  X(execve) X(execvpe) X(fexecve) X(getpeername) X(getsockname) X(getsockopt) X(listen) X(posix_spawn) X(posix_spawnp) \
      X(setsockopt)

struct originals {
#define POINTER(name) __typeof__(&name) name;
  FUNCTIONS(POINTER)
};

const struct originals *originals(void);
#define ORIGINAL(name) (originals()->name)

union address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
  struct sockaddr_un local;
  struct sockaddr_storage room;
};

// What a server takes a hand-off listener for, and who besides root may hand over to it (NOBODY: no one).
struct listener {
  union address address;
  uid_t user;
  // The same for all of a server's listeners for one port.
  uint32_t key;
  // Not the one that sniproxy comes to.
  bool further;
};

// The kernel's number for a user whom it cannot tell: no process is trusted for having it.
#define NOBODY 65534

// address.c
socklen_t length_of(const union address *);
in_port_t port_of(const union address *);
bool same_address(const union address *, const union address *);
bool is_mapped(const union address *);
void translate(union address *, socklen_t room);
bool can_take(const struct sockaddr *, const socklen_t *);
void give(const union address *, struct sockaddr *, socklen_t *);

// name.c
#define NAME_ROOM 88
uint32_t new_key(void);
void name_listener(const struct listener *, char name[NAME_ROOM]);
socklen_t name_further_listener(const struct listener *, union address *);
bool is_of_listener(int descriptor, struct listener *);
bool is_listener(int descriptor, struct listener *);
bool names_listener(const union address *, socklen_t, struct listener *);

// configuration.c
#define PLACES 64
bool is_named(in_port_t);
size_t directories_of(in_port_t, const char *directories[PLACES]);
in_port_t other_port_of(in_port_t, const struct stat *directory);
bool is_misconfigured(void);
bool trusted_user(uid_t *);
extern char *library, *places_setting, *user_setting;
void complain_of(uid_t who, in_port_t, uid_t trusted);
void complain(in_port_t, const char *subject, const char *why, const char *what_to_do);
void complain_of_error(in_port_t, const char *subject, int error, const char *what_to_do);

// directory.c
bool is_same(const struct stat *, const struct stat *);
int check(in_port_t);
int make_listener(const struct listener *, int backlog);

// message.c
int receive_descriptor(int peer, int flags);
bool send_descriptor(int peer, int descriptor);

// bound.c
int make_bound(const struct listener *);
bool is_bound(int descriptor);
int take_out(int bound);
void put_back(int bound, int listener);

// further.c
void remember_further(int descriptor);
bool has_seen_further(void);
int make_further_listener(const struct listener *, int backlog);
bool pass_on(int client, const struct listener *);

// descriptors.c
int option_of(int descriptor, int level, int name);
int find_descriptor(bool (*)(int, const void *), const void *);

// succession.c
bool has_listener(in_port_t);
int make_beside(struct listener *, int backlog);

// listener.c
int take_place(int descriptor, int made);
void present_in_other_family(int client, sa_family_t own);

// client.c
void expect_clients(int descriptor);
bool has_accepted(void);

// options.c
uint64_t cookie_of(int descriptor);
void keep_options(int tcp, int listener);
void hand_down_options(uint64_t listener, int client);
