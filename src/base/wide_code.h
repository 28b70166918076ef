/* Compiling a function several times, for vectors of several widths; the machine chooses when the
 * program starts. Arithmetic is the same to the bit: nothing is contracted or reordered. */
#ifndef C2S_BASE_WIDE_CODE_H
#define C2S_BASE_WIDE_CODE_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE_CODE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE_CODE
#endif

#endif
