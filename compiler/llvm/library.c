/* library.c - what libgan_llvm.so shows. */
#include "compiler/llvm/object.h"

extern const LlvmDoor gan_llvm_door;
const LlvmDoor gan_llvm_door = {llvm_objects, llvm_objects_free, llvm_about};
