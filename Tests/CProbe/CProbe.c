#include "CProbe.h"

#include <stdlib.h>

void probe_broken_heap(void) {
  char *volatile block = malloc(100);
  free(block);
  free(block);
}
