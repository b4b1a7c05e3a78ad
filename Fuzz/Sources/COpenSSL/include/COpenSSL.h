// What OpenSSL's server makes of the first bytes of a connection.
#ifndef COPENSSL_H
#define COPENSSL_H

#include <stddef.h>
#include <stdint.h>

enum openssl_stage {
  // It did not take the ClientHello.
  openssl_before_hello,
  // It took the ClientHello's structure (SSL_CTX_set_client_hello_cb(3)).
  openssl_hello,
  // It had read all extensions and asked for the certificate of the name (SSL_CTX_set_tlsext_servername_callback(3)).
  openssl_name,
};

struct openssl_opinion {
  enum openssl_stage stage;
  // It waits for more (SSL_ERROR_WANT_READ).
  int wants_more;
  // The last error of the queue, "" if there is none (ERR_reason_error_string(3)).
  char reason[128];
  // -1 if there is no name.
  int name_length;
  uint8_t name[256];
};

struct openssl_opinion openssl_opinion_of(const uint8_t *bytes, size_t count);

#endif
