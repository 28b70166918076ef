/* The integer that a weight becomes, as loops that compilers turn into vector code want it. */
#ifndef C2S_QUANT_LEVEL_H
#define C2S_QUANT_LEVEL_H

/* round(w * sf), half to even, within +-limit, which is an integer up to 2^21. Without a call:
 * adding 1.5 * 2^23 leaves no bit for a fraction. */
static inline float quantizer_level(float w, float sf, float limit)
{
    const float shift = 12582912.0f;
    float u = w * sf;
    u = u > limit ? limit : u;
    u = u < -limit ? -limit : u;
    return (u + shift) - shift;
}

#endif
