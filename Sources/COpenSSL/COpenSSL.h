// What sniproxy-check needs of OpenSSL, with functions in place of macros.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

// A client that knows the system's authorities, offers HTTP/2 and HTTP/1.1, and takes any certificate, to look at it. NULL where
// there is no memory.
static inline SSL_CTX *openssl_client(void) {
  static const unsigned char protocols[] = "\x02h2\x08http/1.1";
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (context == NULL) return NULL;
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_default_verify_paths(context);
  SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1);
  return context;
}

// How much a server may send until its handshake is done. A chain of certificates takes 100 KB at most
// (SSL_CTX_set_max_cert_list(3)).
enum { openssl_most_bytes = 262144 };

// Not 0 of a server that sent more than a handshake takes.
static inline int openssl_is_flooded(const SSL *connection) {
  return BIO_number_read(SSL_get_rbio(connection)) > openssl_most_bytes;
}

// Ends a handshake in which the server sends without end what OpenSSL skips before it comes back, such as HelloRequest
// messages (BIO_set_callback_ex(3): a result of 0 or less before the operation takes its place).
static inline long openssl_bound(BIO *bio, int operation, const char *bytes, size_t length, int argument, long number,
                                 int result, size_t *processed) {
  (void)bytes, (void)length, (void)argument, (void)number, (void)processed;
  if (operation != BIO_CB_READ || BIO_number_read(bio) <= openssl_most_bytes) return result;
  BIO_clear_retry_flags(bio);
  return -1;
}

// A connection to be made on the descriptor, which stays the caller's. NULL where there is no memory.
static inline SSL *openssl_begin(SSL_CTX *context, int fd, const char *name) {
  SSL *connection = SSL_new(context);
  if (connection == NULL) return NULL;
  if (SSL_set_tlsext_host_name(connection, name) != 1 || SSL_set_fd(connection, fd) != 1) {
    SSL_free(connection);
    return NULL;
  }
  BIO_set_callback_ex(SSL_get_rbio(connection), openssl_bound);
  SSL_set_connect_state(connection);
  return connection;
}

// Goes on with the handshake. 1: it is done; 0: it waits for the socket; -1: it failed (SSL_do_handshake(3), SSL_get_error(3)).
static inline int openssl_proceed(SSL *connection) {
  ERR_clear_error();
  int result = SSL_do_handshake(connection);
  if (result == 1) return 1;
  int error = SSL_get_error(connection, result);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

// Why the last call failed; NULL if only the system knows, or if the peer ended the connection.
static inline const char *openssl_failure(void) { return ERR_reason_error_string(ERR_peek_last_error()); }

// Not 0 if the server asked for a certificate of the client's, before TLS 1.3. Its own came before that (RFC 5246, section 7.3).
static inline int openssl_asks_for_certificate(SSL *connection) {
  return SSL_get0_certificate_types(connection, NULL) > 0;
}

static inline X509 *openssl_certificate(const SSL *connection) { return SSL_get1_peer_certificate(connection); }

// Why the certificate's chain is not to be trusted; NULL if it is.
static inline const char *openssl_distrust(const SSL *connection) {
  long result = SSL_get_verify_result(connection);
  return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

static inline int openssl_speaks_http2(const SSL *connection) {
  const unsigned char *protocol;
  unsigned length;
  SSL_get0_alpn_selected(connection, &protocol, &length);
  return length == 2 && protocol[0] == 'h' && protocol[1] == '2';
}

// Seconds since 1970; -1 if the certificate does not say it in a legal way (ASN1_TIME_to_tm(3)).
static inline int64_t openssl_seconds(const ASN1_TIME *time) {
  struct tm parts;
  return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : -1;
}
static inline int64_t openssl_not_before(const X509 *certificate) {
  return openssl_seconds(X509_get0_notBefore(certificate));
}
static inline int64_t openssl_not_after(const X509 *certificate) {
  return openssl_seconds(X509_get0_notAfter(certificate));
}

// The names of type dNSName among the certificate's subjectAltName, one after the other, each with its length in one byte before it. Names
// over 255 bytes are left out. Gives the bytes used.
static inline size_t openssl_dns_names(X509 *certificate, unsigned char *names, size_t capacity) {
  size_t used = 0;
  GENERAL_NAMES *all = (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  for (int index = 0; all != NULL && index < sk_GENERAL_NAME_num(all); index++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, index);
    if (name->type != GEN_DNS) continue;
    int length = ASN1_STRING_length(name->d.dNSName);
    if (length < 1 || length > 255 || used + 1 + (size_t)length > capacity) continue;
    names[used++] = (unsigned char)length;
    for (int byte = 0; byte < length; byte++) names[used++] = ASN1_STRING_get0_data(name->d.dNSName)[byte];
  }
  GENERAL_NAMES_free(all);
  return used;
}
