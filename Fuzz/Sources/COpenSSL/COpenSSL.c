#include "COpenSSL.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hello_was_read(SSL *ssl, int *alert, void *argument) {
  (void)alert, (void)argument;
  ((struct openssl_opinion *)SSL_get_app_data(ssl))->stage = openssl_hello;
  return SSL_CLIENT_HELLO_SUCCESS;
}

// Nothing after the name is of interest.
static int name_is_known(SSL *ssl, int *alert, void *argument) {
  (void)alert, (void)argument;
  ((struct openssl_opinion *)SSL_get_app_data(ssl))->stage = openssl_name;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// As much as can be is allowed, so that what is refused is refused for its form.
static SSL_CTX *make_context(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (context == NULL) abort();
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, 0);
  if (SSL_CTX_set_cipher_list(context, "ALL:COMPLEMENTOFALL") != 1) abort();
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_client_hello_cb(context, hello_was_read, NULL);
  SSL_CTX_set_tlsext_servername_callback(context, name_is_known);
  return context;
}

struct openssl_opinion openssl_opinion_of(const uint8_t *bytes, size_t count) {
  static SSL_CTX *context;
  if (context == NULL) context = make_context();
  struct openssl_opinion opinion = {.stage = openssl_before_hello, .name_length = -1};
  SSL *ssl = SSL_new(context);
  BIO *input = BIO_new_mem_buf(bytes, (int)count);
  BIO *output = BIO_new(BIO_s_null());
  if (ssl == NULL || input == NULL || output == NULL) abort();
  // At the end of the bytes there is nothing yet, rather than the end of the stream.
  BIO_set_mem_eof_return(input, -1);
  SSL_set_bio(ssl, input, output);
  SSL_set_app_data(ssl, &opinion);

  ERR_clear_error();
  int result = SSL_accept(ssl);
  opinion.wants_more = SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ;
  unsigned long error = ERR_peek_last_error();
  if (error != 0) {
    const char *reason = ERR_reason_error_string(error);
    snprintf(opinion.reason, sizeof opinion.reason, "%s", reason != NULL ? reason : "unknown");
  }
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != NULL) {
    opinion.name_length = (int)strnlen(name, sizeof opinion.name);
    memcpy(opinion.name, name, (size_t)opinion.name_length);
  }
  SSL_free(ssl);
  return opinion;
}
