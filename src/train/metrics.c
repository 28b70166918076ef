/* Uncertainty of an accuracy, and whether two accuracies on the same samples differ. */
#include <c2s/metrics.h>

#include <math.h>

double c2s_accuracy(const struct c2s_metrics *m)
{
    return m->n > 0 ? (double)m->correct / (double)m->n : NAN;
}

void c2s_wilson_interval(int64_t correct, int64_t n, double *low, double *high)
{
    const double z = 1.959963984540054; /* 97.5 % quantile of the normal distribution */
    *low = 0;
    *high = 1;
    if (n <= 0)
        return;
    double count = (double)n, p = (double)correct / count, share = z * z / count;
    double centre = (p + share / 2) / (1 + share);
    double half = z / (1 + share) * sqrt(p * (1 - p) / count + share / (4 * count));
    *low = correct == 0 ? 0 : centre - half; /* exact at both ends, where rounding would show */
    *high = correct == n ? 1 : centre + half;
}

static double log_choose(double n, double k)
{
    int sign;
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

double c2s_mcnemar(int64_t only_first_right, int64_t only_second_right)
{
    double n = (double)(only_first_right + only_second_right), tail = 0;
    int64_t fewer = only_first_right < only_second_right ? only_first_right : only_second_right;
    for (int64_t k = 0; k <= fewer; k++)
        tail += exp(log_choose(n, (double)k) - n * log(2));
    return fmin(1, 2 * tail);
}
