/* Models written as one line of text, for tests that need hundreds of them:
 *   NAME image|integers W/A/I: in 16,16,3; conv 8 3 same; bn; relu 6; flatten; dense 4
 * W/A/I are the bits that quantize is asked for. Layers read the one before them:
 *   in H,W,C | in N                conv F K, sep F K, dw K, dense N      K is 3 or 3x5
 *   relu [MAX], leaky [SLOPE], prelu, softmax, act relu|relu6|tanh|sigmoid|softmax
 *   max K, avg K, gap              bn, flatten, reshape A,B,C, drop, pad N, pad T,B,L,R, up N,
 * rescale S,O add N, concat N                also read layer number N of the line (0 = the input)
 * Words behind that, in any order: same (default: valid), s=2 or s=1x2 (strides; of pools the size
 * when left out), d=2 (dilation), g=2 (groups), m=2 (depth multiplier), nobias, act=NAME (inlined),
 * axis=1, slope=0.1, threshold=0.1, out (is an output as well, as the last layer is), and what is
 * planted in the first numbers: gamma=zero|negative|tiny, w=nan|inf|filter|zero|tiny|huge (filter:
 * the first filter is 0), bias=huge. All other numbers come from a generator seeded by NAME, and
 * layers are named by their word and number: conv_1. */
#ifndef TESTS_SKETCH_H
#define TESTS_SKETCH_H

#include <c2s/model.h>
#include <c2s/quantize.h>

struct sketch {
    char name[32];
    bool input_is_integers;
    struct c2s_quantize_plan plan; /* rule 2.2 */
    struct c2s_model *model;       /* owned */
};

/* Fails with FORMAT (not such a line) or what c2s_model_infer_shapes says. */
bool sketch_read(const char *line, struct sketch *out, struct c2s_error *err);
void sketch_finish(struct sketch *s);

/* A model "net" of the layers alone ("in 16,16,3; conv 8 3 same"), new. Its numbers are seeded by
 * the text and spread so wide that ReLUs saturate and normalizations move: a rewrite that is not
 * exact shows. NULL as sketch_read fails. */
struct c2s_model *sketch_layers(const char *layers, struct c2s_error *err);

/* Calls act for every line of a file; # begins a comment line. False when it cannot be read or act
 * returns false. */
bool sketch_each(const char *path, bool (*act)(void *arg, const char *line), void *arg);

#endif
