/* Commands in a thread of their own: the screen shows progress, takes keys and can cancel. */
#include "tui_private.h"

#include "text/sink_text.h"
#include "view/glyph.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_MS   30 /* most commands end before anything need be shown */
#define REDRAW_MS 100

/* "training v2  45 %  12 s left" */
static void tell_how_far(struct tui_job *job, const struct c2s_progress_event *e)
{
    char count[80] = "", left[32] = "", done[32], total[32];
    double now = progress_seconds();
    progress_pace_note(&job->pace, e, now);
    double seconds = progress_pace_left(&job->pace, e, now);
    if (!e->training)
        snprintf(count, sizeof count, "  %s of %s", sheet_group_digits(e->done, done, sizeof done),
                 sheet_group_digits(e->total, total, sizeof total));
    if (seconds >= 0 && now - job->pace.begun >= 1)
        snprintf(left, sizeof left, "  %.0f s left", seconds);
    if (e->total > 0)
        snprintf(job->how_far, sizeof job->how_far, "%.30s%s  %.0f %%%s", e->what, count,
                 100.0 * (double)e->done / (double)e->total, left);
    else
        snprintf(job->how_far, sizeof job->how_far, "%.30s ...", e->what);
}

/* What trains stands above its epochs: auto-quantize trains several times. */
static void note_epoch(struct tui_job *job, const struct c2s_progress_event *e)
{
    char line[200];
    if (!job->epochs)
        job->epochs = sheet_create("%s", "");
    if (strcmp(job->trained, e->what) != 0) {
        snprintf(job->trained, sizeof job->trained, "%.60s", e->what);
        sheet_before(job->epochs, SHEET_PLAIN, "%s", job->trained);
    }
    sheet_before(job->epochs, SHEET_PLAIN, "  %s", view_ended_line(e->training, line, sizeof line));
    job->has_new_epoch = job->epochs != NULL;
}

/* Called by the thread of the job. */
static bool note_progress(void *arg, const struct c2s_progress_event *event)
{
    struct tui_job *job = arg;
    pthread_mutex_lock(&job->lock);
    tell_how_far(job, event);
    job->training[0] = '\0';
    if (event->training) {
        view_curve_add(&job->curve, event->training);
        view_train_line(event->training, &job->curve, job->training, sizeof job->training);
        if (event->training->ended)
            note_epoch(job, event);
    }
    bool goes_on = !job->is_cancelled;
    pthread_mutex_unlock(&job->lock);
    return goes_on;
}

static void *run_job(void *arg)
{
    struct tui_job *job = arg;
    bool ok = cmd_run_line(job->ctx, job->line, &job->err);
    pthread_mutex_lock(&job->lock);
    job->ok = ok;
    job->is_done = true;
    pthread_cond_signal(&job->ended);
    pthread_mutex_unlock(&job->lock);
    return NULL;
}

static bool wait_shortly(struct tui_job *job)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_mutex_lock(&job->lock);
    while (!job->is_done && pthread_cond_timedwait(&job->ended, &job->lock, &until) == 0)
        ;
    bool is_done = job->is_done;
    pthread_mutex_unlock(&job->lock);
    return is_done;
}

static void handle_key(struct tui *t, struct tui_job *job, int key)
{
    int room = (int)(sizeof t->typed_ahead / sizeof t->typed_ahead[0]);
    if (key == KEY_IS_ESCAPE || key == 3) {
        pthread_mutex_lock(&job->lock);
        job->is_cancelled = true;
        pthread_mutex_unlock(&job->lock);
        if (t->ctx->cancelled)
            *t->ctx->cancelled = 1; /* for programs that a command waits for */
    } else if (key == KEY_IS_RESIZE) {
        tui_arrange(t);
    } else if (key != KEY_IS_NONE && t->n_typed_ahead < room) {
        t->typed_ahead[t->n_typed_ahead++] = key;
    }
}

/* The detail pane belongs to the screen's thread; it gets a copy. */
static void show_epochs(struct tui *t, struct tui_job *job)
{
    struct pane *detail = &t->panes[TUI_DETAIL];
    pane_clear(detail);
    detail->mode = TEXT_TABLE;
    pthread_mutex_lock(&job->lock);
    (void)pane_add(detail, job->epochs); /* without memory it stays empty until the end */
    job->has_new_epoch = false;
    pthread_mutex_unlock(&job->lock);
    t->shows_keys = t->needs_follow = false;
    snprintf(detail->heading, sizeof detail->heading, "[3] %.80s", job->line);
    pane_layout(detail);
    pane_move_to(detail, -1);
}

static void show_progress(struct tui *t, struct tui_job *job)
{
    int height, width;
    screen_size(&height, &width);
    pthread_mutex_lock(&job->lock);
    const char *how = job->is_cancelled  ? "stopping"
                      : job->training[0] ? "Esc stops"
                                         : "Esc cancels";
    tui_say(t, SHEET_PLAIN, "%s%s   %s%s%s", job->how_far[0] ? job->how_far : job->line,
            job->how_far[0] ? "" : " ...", how, job->training[0] ? "   " : "", job->training);
    bool has_new_epoch = job->has_new_epoch;
    pthread_mutex_unlock(&job->lock);
    glyph_keep_parts(t->status, width);
    if (has_new_epoch)
        show_epochs(t, job);
    tui_paint(t);
}

static void attend(struct tui *t, struct tui_job *job)
{
    while (!wait_shortly(job)) {
        show_progress(t, job);
        handle_key(t, job, screen_key(REDRAW_MS));
    }
}

bool tui_job_run(struct tui *t, const char *line, struct pane *out, struct c2s_error *err)
{
    struct tui_job job = {.ctx = t->ctx, .line = line};
    pthread_t thread;
    bool (*progress)(void *, const struct c2s_progress_event *) = t->ctx->progress;
    void *progress_arg = t->ctx->progress_arg;
    pthread_mutex_init(&job.lock, NULL);
    pthread_cond_init(&job.ended, NULL);
    t->ctx->progress = note_progress;
    t->ctx->progress_arg = &job;
    if (t->ctx->cancelled)
        *t->ctx->cancelled = 0;
    t->sink.target = out;
    if (pthread_create(&thread, NULL, run_job, &job) == 0) {
        attend(t, &job);
        pthread_join(thread, NULL);
    } else {
        run_job(&job); /* no thread to be had: the screen waits */
    }
    t->ctx->progress = progress;
    t->ctx->progress_arg = progress_arg;
    sheet_destroy(job.epochs);
    pthread_cond_destroy(&job.ended);
    pthread_mutex_destroy(&job.lock);
    *err = job.err;
    return job.ok;
}
