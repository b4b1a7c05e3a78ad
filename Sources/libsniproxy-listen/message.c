// Messages that carry a descriptor, unix(7).
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "handoff.h"

// The descriptor of a message that carries exactly one; -1 with errno if there is none. Others are closed.
int receive_descriptor(int peer, int flags) {
  char byte;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t result;
  do {
    result = recvmsg(peer, &message, MSG_DONTWAIT | flags);
  } while (result == -1 && errno == EINTR);
  if (result == -1) return -1;

  int received = -1, count = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t place = CMSG_LEN(0); place + sizeof(int) <= part->cmsg_len; place += sizeof(int), count++) {
      int descriptor;
      memcpy(&descriptor, (char *)part + place, sizeof descriptor);
      if (received != -1) close(received);
      received = descriptor;
    }
  }
  if (count == 1 && (message.msg_flags & MSG_CTRUNC) == 0) return received;
  if (received != -1) close(received);
  errno = EPROTO;
  return -1;
}

// One without a descriptor if it is -1.
bool send_descriptor(int peer, int descriptor) {
  struct iovec data = {.iov_base = "", .iov_len = 1};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {0};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  if (descriptor != -1) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  }
  return sendmsg(peer, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}
