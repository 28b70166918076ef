/* Conversion, execution and image when memory runs out at any allocation: NOMEM, nothing leaked,
 * no file half written. */
#include "support.h"
#include "files.h"

#include <stdio.h>

#include <c2s/akida.h>
#include <c2s/keras.h>
#include "base/alloc.h"
#include "h5/h5.h"

struct job {
    struct c2s_model *model;
    struct c2s_tensor *x;
    char *dir;
    char path[300];
};

static bool work(const struct job *j, struct c2s_error *err)
{
    struct c2s_convert_options options = {.input_scale = 255};
    struct c2s_akida_net *net = NULL, *back = NULL;
    struct c2s_tensor *y = NULL, *rescaled = NULL;
    bool ok = c2s_akida_convert(j->model, &options, &net, err) &&
              c2s_akida_forward(net, j->x, true, NULL, NULL, &y, err) &&
              c2s_akida_rescale(net, y, &rescaled, err) &&
              c2s_akida_image_write(net, j->path, true, j->x, y, err) &&
              c2s_akida_image_read(j->path, &back, err);
    c2s_akida_net_destroy(net);
    c2s_akida_net_destroy(back);
    c2s_tensor_unref(y);
    c2s_tensor_unref(rescaled);
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct job j = {0};
    struct h5_file *f = NULL;
    assert_ok(c2s_keras_read(data_path("expected/ds_cnn.expected_v22_iq8_wq4_aq4.h5"), NULL,
                             &j.model, &err),
              &err);
    assert_ok(h5_open(data_path("expected/ds_cnn.expected.h5"), &f, &err), &err);
    assert_ok(h5_read_rows(f, "/inputs", C2S_U8, 0, 2, &j.x, &err), &err);
    h5_close(f);
    j.dir = make_temp_dir();
    snprintf(j.path, sizeof j.path, "%s/image.h5", j.dir);
    long n = 1;
    for (bool ok = false; !ok; n++) {
        struct c2s_error problem = {0};
        c2s_alloc_fail_after(n);
        ok = work(&j, &problem);
        c2s_alloc_fail_after(0);
        if (!ok && problem.code != C2S_NOMEM)
            fail_msg("allocation %ld: %s: %s", n, problem.where, problem.text);
        assert_true(count_files(j.dir) <= 1); /* the image, no temporary file */
    }
    assert_true(n > 100);
    c2s_model_destroy(j.model);
    c2s_tensor_unref(j.x);
    remove_temp_dir(j.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
