/* Which stored types of number are read: those that hardware has. HDF5 describes a number bit by
 * bit, and 1.10 reads and writes outside its memory when a damaged file describes one that cannot
 * be. */
#include "h5/h5_object.h"

static bool is_plain(hid_t type, size_t largest)
{
    size_t size = H5Tget_size(type);
    H5T_order_t order = H5Tget_order(type);
    return size >= 1 && size <= largest && (size & (size - 1)) == 0 &&
           H5Tget_precision(type) == 8 * size && H5Tget_offset(type) == 0 &&
           (order == H5T_ORDER_LE || order == H5T_ORDER_BE || order == H5T_ORDER_NONE);
}

/* IEEE 754's formats, and bfloat16. */
static bool is_float(hid_t type)
{
    static const struct {
        size_t size, exponent_bits, mantissa_bits, bias;
    } known[] = {{2, 5, 10, 15}, {2, 8, 7, 127}, {4, 8, 23, 127}, {8, 11, 52, 1023}};
    size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    if (!is_plain(type, 8) || H5Tget_norm(type) != H5T_NORM_IMPLIED ||
        H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0)
        return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (H5Tget_size(type) == known[i].size && exponent_bits == known[i].exponent_bits &&
            mantissa_bits == known[i].mantissa_bits && H5Tget_ebias(type) == known[i].bias)
            return mantissa == 0 && exponent == mantissa_bits &&
                   sign == mantissa_bits + exponent_bits;
    return false;
}

bool h5_type_is_number(hid_t type)
{
    H5T_class_t kind = H5Tget_class(type);
    if (kind == H5T_FLOAT)
        return is_float(type);
    if (kind != H5T_ENUM) /* h5py stores booleans as an enumeration */
        return kind == H5T_INTEGER && is_plain(type, 8);
    hid_t super = H5Tget_super(type);
    bool ok = super >= 0 && H5Tget_class(super) == H5T_INTEGER && is_plain(super, 8);
    if (super >= 0)
        H5Tclose(super);
    return ok;
}
