// What clients of a load need of OpenSSL, with functions in place of macros.
#pragma once

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

// A client as OpenSSL makes it, that takes any certificate. NULL where there is no memory.
static inline SSL_CTX *openssl_client(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (context) SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  return context;
}

// A connection to be made on the descriptor, which stays the caller's. NULL where there is no memory.
static inline SSL *openssl_begin(SSL_CTX *context, int fd, const char *name) {
  SSL *connection = SSL_new(context);
  if (connection == NULL) return NULL;
  if (SSL_set_tlsext_host_name(connection, name) != 1 || SSL_set_fd(connection, fd) != 1) {
    SSL_free(connection);
    return NULL;
  }
  SSL_set_connect_state(connection);
  return connection;
}

// What a call's result means (SSL_get_error(3)).
enum openssl_outcome { openssl_done, openssl_needs_bytes, openssl_needs_room, openssl_end, openssl_failed };

static inline enum openssl_outcome openssl_outcome(const SSL *connection, int result) {
  if (result > 0) return openssl_done;
  switch (SSL_get_error(connection, result)) {
    case SSL_ERROR_WANT_READ: return openssl_needs_bytes;
    case SSL_ERROR_WANT_WRITE: return openssl_needs_room;
    case SSL_ERROR_ZERO_RETURN: return openssl_end;
    default: return openssl_failed;
  }
}

// Why the last call failed; NULL if only errno knows.
static inline const char *openssl_failure(void) { return ERR_reason_error_string(ERR_peek_last_error()); }
