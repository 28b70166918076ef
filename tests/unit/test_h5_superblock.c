/* Files of every superblock that HDF5 writes, with and without a user block in front: they are
 * read, and refused before HDF5 sees them when their first object claims more than the file has. */
#include "files.h"
#include "support.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "h5/h5.h"

struct kind {
    int version; /* of the superblock */
    H5F_libver_t low;
    unsigned chunk_k; /* other than HDF5's own makes version 1 */
};

static const struct kind kinds[] = {{0, H5F_LIBVER_EARLIEST, 32},
                                    {1, H5F_LIBVER_EARLIEST, 33},
                                    {2, H5F_LIBVER_V18, 32},
                                    {3, H5F_LIBVER_V110, 32}};

/* Where the root group's object header is, behind the user block. */
static size_t write_kind(const char *path, const struct kind *k, size_t user_block)
{
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    const hsize_t dims[] = {3};
    const float numbers[] = {1, 2, 3};
    H5O_info_t root;
    H5Pset_userblock(creation, user_block);
    H5Pset_istore_k(creation, k->chunk_k);
    H5Pset_libver_bounds(access, k->low, H5F_LIBVER_V110);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    hid_t space = H5Screate_simple(1, dims, NULL);
    hid_t data =
        H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) >= 0);
    assert_true(H5Oget_info2(file, &root, H5O_INFO_BASIC) >= 0);
    H5Dclose(data);
    H5Sclose(space);
    H5Fclose(file);
    H5Pclose(access);
    H5Pclose(creation);
    return root.addr;
}

/* As large as the field can say. */
static void claim_everything(unsigned char *header)
{
    if (header[0] == 1) {
        memset(header + 8, 0xff, 4);
        return;
    }
    assert_memory_equal(header, "OHDR", 4);
    header[5] |= 3; /* a size of 8 bytes */
    memset(header + 6 + (header[5] & 0x20 ? 16 : 0) + (header[5] & 0x10 ? 4 : 0), 0xff, 8);
}

static void check_kind(const struct kind *k, size_t user_block)
{
    struct c2s_error err = {0};
    struct h5_file *f;
    struct c2s_tensor *t;
    const char *path = in_test_folder("kind.h5");
    size_t n, root = write_kind(path, k, user_block);
    unsigned char *bytes = read_file(path, &n);
    assert_int_equal(bytes[user_block + 8], k->version);
    assert_ok(h5_open(path, &f, &err), &err);
    assert_ok(h5_read(f, "/x", C2S_F32, &t, &err), &err);
    assert_float_equal(c2s_f32(t)[2], 3, 0);
    c2s_tensor_unref(t);
    h5_close(f);
    claim_everything(bytes + user_block + root);
    write_file(path, bytes, n);
    assert_false(h5_open(path, &f, &err));
    assert_int_equal(err.code, C2S_FORMAT);
    if (!strstr(err.text, "claims more than the file has"))
        fail_msg("superblock %d behind %zu bytes: %s", k->version, user_block, err.text);
    free(bytes);
}

/* Versions 0 and 1 may name a block that describes a file driver. */
static void a_driver_that_claims_more(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct h5_file *f;
    const char *path = in_test_folder("driver.h5");
    for (int version = 0; version < 2; version++) {
        size_t n, root = write_kind(path, &kinds[version], 0);
        unsigned char *bytes = read_file(path, &n);
        unsigned char *driver = bytes + (version == 0 ? 48 : 52);
        const uint64_t none = UINT64_MAX, at = root;
        assert_memory_equal(driver, &none, sizeof none);
        memcpy(driver, &at, sizeof at);
        memset(bytes + root + 4, 0xff, 4);
        write_file(path, bytes, n);
        err = (struct c2s_error){0};
        assert_false(h5_open(path, &f, &err));
        assert_non_null(strstr(err.text, "first block claims more"));
        free(bytes);
    }
}

static void every_superblock(void **state)
{
    (void)state;
    static const size_t user_blocks[] = {0, 512, 2048};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (int u = 0; u < 3; u++)
            check_kind(&kinds[i], user_blocks[u]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_superblock, make_test_folder, remove_test_folder),
        cmocka_unit_test_setup_teardown(a_driver_that_claims_more, make_test_folder,
                                        remove_test_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
