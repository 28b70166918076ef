/* Times retraining a model on data; prints key=value lines for scripts/bench.
 * usage: c2s-benchmark-training MODEL.h5 DATA BATCH THREADS EPOCHS
 * DATA holds images of 0..255, which Keras gets divided by 255. Adam, learning rate 0.001. The best
 * epoch counts. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <c2s/keras.h>
#include <c2s/train.h>

static double images_per_s(const struct c2s_train_report *r)
{
    double best = 0;
    for (int i = 0; i < r->n_epochs; i++) {
        double speed = (double)r->n_data / r->epochs[i].seconds;
        best = r->epochs[i].epoch > 0 && speed > best ? speed : best;
    }
    return best;
}

static bool run(char **argv, struct c2s_error *err)
{
    struct c2s_dataset_options scaling = {.scale = 255};
    struct c2s_train_options options = c2s_train_defaults();
    struct c2s_train_report report = {0};
    struct c2s_model *m = NULL, *trained = NULL;
    struct c2s_dataset *d = NULL;
    struct rusage usage;
    options.batch = atoi(argv[3]);
    options.n_threads = atoi(argv[4]);
    options.epochs = atoi(argv[5]);
    options.learning_rate = 1e-3;
    options.optimizer.kind = C2S_ADAM;
    options.validation = 0;
    options.patience = 0;
    bool ok = c2s_keras_read(argv[1], NULL, &m, err) &&
              c2s_dataset_open(argv[2], &scaling, &d, err) &&
              c2s_train(&(struct c2s_train_request){.model = m, .data = d, .options = &options},
                        &trained, &report, err);
    getrusage(RUSAGE_SELF, &usage);
    if (ok)
        printf("images_per_s=%.0f\nloss=%.4f\npeak_mb=%.1f\n", images_per_s(&report),
               report.epochs[report.n_epochs - 1].loss, (double)usage.ru_maxrss / 1024);
    c2s_train_report_finish(&report);
    c2s_dataset_close(d);
    c2s_model_destroy(trained);
    c2s_model_destroy(m);
    return ok;
}

int main(int argc, char **argv)
{
    struct c2s_error err = {0};
    if (argc != 6 || atoi(argv[3]) < 1 || atoi(argv[5]) < 1) {
        fprintf(stderr, "usage: c2s-benchmark-training MODEL.h5 DATA BATCH THREADS EPOCHS\n");
        return 2;
    }
    if (run(argv, &err))
        return 0;
    fprintf(stderr, "%s: %s\n", argv[1], err.text);
    return 1;
}
