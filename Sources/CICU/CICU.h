// ICU's functions are macros that add the library's version; Swift sees them through these.
#include <unicode/uidna.h>
