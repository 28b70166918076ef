/* Changes HDF5 files where they stand: nothing moves, since every address in them would be wrong,
 * and mostly in what describes the data, since most bytes are weights. For fuzz_keras, fuzz_image
 * and fuzz_hdf5_data. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { MOST_MARKS = 4096, NEAR = 400, LONGEST = 24 };

/* Begins of structures, after the HDF5 File Format Specification 3.0; the last but one are begins
 * of object headers of version 1 as h5py and Keras have them, the last one is of texts in JSON. */
static const struct {
    const char *bytes;
    size_t n;
} marks[] = {{"\x89HDF", 4},
             {"TREE", 4},
             {"SNOD", 4},
             {"HEAP", 4},
             {"GCOL", 4},
             {"OHDR", 4},
             {"\x01\x00\x00\x00\x01\x00\x00\x00", 6},
             {"{\"", 2},
             {"PK\x01\x02", 4},
             {"PK\x03\x04", 4},
             {"PK\x05\x06", 4},
             {"NUMPY", 5}};

static size_t find_marks(const uint8_t *data, size_t size, size_t *found)
{
    size_t n = 0;
    for (size_t at = 0; at + 8 <= size && n < MOST_MARKS; at++)
        for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
            if (data[at] == (uint8_t)marks[i].bytes[0] &&
                memcmp(data + at, marks[i].bytes, marks[i].n) == 0) {
                found[n++] = at;
                break;
            }
    return n;
}

static size_t pick_place(const uint8_t *data, size_t size, unsigned *seed)
{
    static size_t found[MOST_MARKS];
    size_t n = find_marks(data, size, found), at = (size_t)rand_r(seed) % size;
    if (n > 0 && rand_r(seed) % 8 != 0)
        at = found[(size_t)rand_r(seed) % n] + (size_t)rand_r(seed) % NEAR;
    return at < size ? at : size - 1;
}

/* A number of 1, 2, 4 or 8 bytes becomes a small, a large, or a near one. */
static void change_number(uint8_t *at, size_t room, unsigned *seed)
{
    static const uint64_t values[] = {0, 1, 2, 7, 8, 255, 0x7fffffff, 0xffffffff, UINT64_MAX};
    size_t width = (size_t)1 << (rand_r(seed) % 4);
    uint64_t value = 0;
    if (width > room)
        width = 1;
    memcpy(&value, at, width);
    if (rand_r(seed) % 2)
        value = values[(size_t)rand_r(seed) % (sizeof values / sizeof values[0])];
    else
        value += (uint64_t)(rand_r(seed) % 17) - 8;
    memcpy(at, &value, width);
}

static void change(uint8_t *data, size_t size, unsigned *seed)
{
    size_t at = pick_place(data, size, seed), room = size - at < LONGEST ? size - at : LONGEST;
    switch (rand_r(seed) % 4) {
    case 0:
        data[at] ^= (uint8_t)(1 << (rand_r(seed) % 8));
        break;
    case 1:
        change_number(data + at, room, seed);
        break;
    case 2: /* an address or a piece of text from elsewhere */
        room = room < 8 ? room : 8;
        memmove(data + at, data + pick_place(data, size - room, seed), room);
        break;
    default:
        LLVMFuzzerMutate(data + at, room, room);
    }
}

static uint32_t number(const uint8_t *p, int n)
{
    uint32_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

/* Every stored member whose header and bytes are there gets the right checksum in the directory. */
static void fix_checksums(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + 46 <= size; at++) {
        if (memcmp(data + at, "PK\x01\x02", 4) != 0 || number(data + at + 10, 2) != 0)
            continue;
        size_t header = number(data + at + 42, 4), bytes = number(data + at + 20, 4);
        if (header > size || size - header < 30)
            continue;
        size_t begin = header + 30 + number(data + header + 26, 2) + number(data + header + 28, 2);
        if (begin > size || bytes > size - begin)
            continue;
        uint32_t crc = (uint32_t)crc32(0, data + begin, (uInt)bytes);
        memcpy(data + at + 16, &crc, sizeof crc);
        memcpy(data + header + 14, &crc, sizeof crc);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (size < 64)
        return LLVMFuzzerMutate(data, size, max_size);
    if (rand_r(&seed) % 100 == 0)
        return (size_t)rand_r(&seed) % size + 1;
    for (int n = 1 + rand_r(&seed) % 3; n > 0; n--)
        change(data, size, &seed);
    if (data[0] == 'P' && rand_r(&seed) % 8 != 0)
        fix_checksums(data, size);
    return size;
}
