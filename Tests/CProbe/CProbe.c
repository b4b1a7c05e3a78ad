#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "CProbe.h"

#include <stdlib.h>

void probe_broken_heap(void) {
  char *volatile block = malloc(100);
  free(block);
  free(block);
}

static struct sockaddr_in listening;

int probe_connected(void) {
  socklen_t length = sizeof listening;
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  if (listen(listener, 8) || getsockname(listener, (struct sockaddr *)&listening, &length)) return -1;
  listening.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(client, (struct sockaddr *)&listening, length) ? -1 : client;
}

int probe_connect(int socket, int family, unsigned length) {
  listening.sin_family = family;
  return connect(socket, (struct sockaddr *)&listening, length) ? errno : 0;
}
