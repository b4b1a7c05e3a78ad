// ICU's functions are macros that add the library's version; Swift sees them through these.
#pragma once

#include <unicode/uidna.h>

// The name's ASCII form by UTS #46, non-transitional, as browsers have it. What is wrong with the name is in `errors`
// (UIDNA_ERROR_...); what failed otherwise is in `status`. Gives the length, also where it is over the capacity.
static inline int32_t icu_name_to_ascii(const char *name, int32_t length, char *ascii, int32_t capacity,
                                        uint32_t *errors, UErrorCode *status) {
  UIDNAInfo info = UIDNA_INFO_INITIALIZER;
  UIDNA *idna = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ, status);
  int32_t count = uidna_nameToASCII_UTF8(idna, name, length, ascii, capacity, &info, status);
  uidna_close(idna);
  *errors = info.errors;
  return count;
}

static inline const char *icu_error_name(UErrorCode status) { return u_errorName(status); }
