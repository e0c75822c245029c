# What a file is, as a header: its hash.
printf '#define GAN_LLVM_ID "%s"\n' "$(sha256sum "$1" | cut -c 1-16)"
