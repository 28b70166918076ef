/* Convolutions and matrix products of small integers on oneDNN. The caller chooses the numbers so
 * that the result is exact (runner.c); nothing here rounds. */
#ifndef C2S_AKIDA_DNNL_INTEGER_H
#define C2S_AKIDA_DNNL_INTEGER_H

#include <stdint.h>
#include <c2s/error.h>

struct akida_dnnl;    /* an engine and its stream */
struct akida_product; /* one prepared computation */

bool akida_dnnl_create(struct akida_dnnl **out, struct c2s_error *err) C2S_MUST_CHECK;
void akida_dnnl_destroy(struct akida_dnnl *d); /* accepts NULL */

/* Types of source and destination; weights are int8 or, for FLOAT sources, float32. */
enum akida_numbers { AKIDA_U8_TO_I32, AKIDA_U8_TO_F32, AKIDA_F32_TO_F32 };

/* source [batch, in], destination [batch, out], both N,H,W,C; in = H,W,C, out = H,W. weights:
 * int8 [KH,KW,C,filters], or [KH,KW,C] when depthwise. pad: in front; what the last window needs
 * behind follows from the shapes. Padding is zeros. *out is new. */
struct akida_window {
    int64_t batch, in[3], out[2], pad[2];
    int kernel[2], strides[2];
    int filters;
    bool is_depthwise;
};
bool akida_product_window(struct akida_dnnl *d, const struct akida_window *w,
                          enum akida_numbers numbers, const int8_t *weights,
                          struct akida_product **out, struct c2s_error *err) C2S_MUST_CHECK;
/* source [rows, k] times int8 weights [k, n]. */
bool akida_product_matrix(struct akida_dnnl *d, const int64_t shape[3], enum akida_numbers numbers,
                          const int8_t *weights, struct akida_product **out,
                          struct c2s_error *err) C2S_MUST_CHECK;
bool akida_product_run(struct akida_product *p, const void *source, void *destination,
                       struct c2s_error *err) C2S_MUST_CHECK;
void akida_product_destroy(struct akida_product *p); /* accepts NULL */

#endif
