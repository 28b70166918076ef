/* How a layer may be computed fast without losing a bit. */
#ifndef C2S_AKIDA_ROUTES_H
#define C2S_AKIDA_ROUTES_H

#include "akida/simulate.h"

enum route {
    ROUTE_LOOPS,   /* naive loops: always right */
    ROUTE_WIDE,    /* uint8 x int8 -> int32, pooling and levels by naive loops */
    ROUTE_INTEGER, /* uint8 x int8, sums of at most 2^24 as float32 */
    ROUTE_FLOAT    /* float32, where every partial sum is an integer of at most 2^24 */
};

/* The fastest route that is exact for every input the layer can get, whatever instructions the
 * machine has. pads_input: the layer pads with another value than 0, which oneDNN does not know. */
enum route akida_choose_route(const struct c2s_akida_layer *l, const int8_t *plain,
                              bool pads_input);

#endif
