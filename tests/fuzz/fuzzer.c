/* fuzzer.c - a target for LLVM's libFuzzer. */
#include "target.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    target_try((const char *)bytes, n);
    return 0;
}
