/* Rules about the graph as a whole: one way through, from one input to one output. */
#include "check/rule.h"

void c2s_rule_one_input(struct c2s_check_run *run)
{
    const struct c2s_model *m = run->m;
    if (m->n_inputs == 0)
        c2s_report(run, -1, "the model has no input layer; Akida takes one");
    for (int i = 1; i < m->n_inputs; i++)
        c2s_report(run, m->inputs[i], "input %d of %d; Akida takes one", i + 1, m->n_inputs);
}

void c2s_rule_one_output(struct c2s_check_run *run)
{
    const struct c2s_model *m = run->m;
    if (m->n_outputs == 0)
        c2s_report(run, -1, "the model has no output layer; Akida gives one");
    for (int i = 1; i < m->n_outputs; i++)
        c2s_report(run, m->outputs[i], "output %d of %d; Akida gives one", i + 1, m->n_outputs);
}

void c2s_rule_serial(struct c2s_check_run *run)
{
    const struct c2s_model *m = run->m;
    for (int i = 0; i < m->n_layers; i++) {
        int n_readers = c2s_model_n_readers(m, i, NULL);
        if (m->layers[i]->n_inputs > 1)
            c2s_report(run, i, "reads %d layers; Akida joins no paths", m->layers[i]->n_inputs);
        if (n_readers > 1)
            c2s_report(run, i, "feeds %d layers; on Akida a layer feeds one", n_readers);
    }
}

void c2s_rule_input_shape(struct c2s_check_run *run)
{
    const struct c2s_model *m = run->m;
    char shape[96];
    for (int i = 0; i < m->n_inputs; i++) {
        const struct c2s_layer *l = m->layers[m->inputs[i]];
        int64_t dims[3];
        if (!c2s_output_dims(l, dims))
            c2s_report(run, m->inputs[i],
                       "input shape %s; Akida takes a fixed (height, width, channels) or (N)",
                       l->rank < 0 ? "unknown"
                                   : c2s_shape_text(l->rank, l->dims, shape, sizeof shape));
    }
}
