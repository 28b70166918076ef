-- Layout 3 of a workspace, from layout 2: trainings that made no version keep their story, and one
-- that was stopped can be gone on with.

ALTER TABLE run ADD COLUMN state TEXT NOT NULL DEFAULT 'open'; -- 'open' = has not ended, a shell is
                                  -- at work on it or could go on; 'ended' = no epoch was better than
                                  -- the model as it was: run_epoch tells its story, no tensors are left
ALTER TABLE run ADD COLUMN note TEXT NOT NULL DEFAULT ''; -- 'ended': why before its last epoch

-- For people: the epochs of all trainings, of trained versions and of runs; accuracies are 0..1.
DROP VIEW epochs;
CREATE VIEW epochs AS
    SELECT version, NULL AS run, epoch, learning_rate, loss, accuracy, validation_loss,
           validation_accuracy, seconds,
           epoch = (SELECT max(b.epoch) FROM epoch b WHERE b.version = e.version AND b.is_best)
               AS is_kept
    FROM epoch e
    UNION ALL
    SELECT NULL, run, epoch, learning_rate, loss, accuracy, validation_loss, validation_accuracy,
           seconds, 0
    FROM run_epoch
    ORDER BY 1, 2, 3;

-- For people: trainings that made no version, or could be gone on with, and how far they are.
DROP VIEW runs;
CREATE VIEW runs AS
    SELECT r.id, r.parent AS version, r.step, r.state,
           (SELECT max(e.epoch) FROM run_epoch e WHERE e.run = r.id) AS epochs,
           (SELECT max(e.epoch) FROM run_epoch e WHERE e.run = r.id AND e.is_best) AS best_epoch,
           r.note, datetime(r.begun, 'unixepoch') AS begun,
           datetime(r.updated, 'unixepoch') AS updated
    FROM run r ORDER BY r.id;
