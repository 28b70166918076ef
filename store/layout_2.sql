-- Layout 2 of a workspace, from layout 1 (schema.sql): trainings. Comments as there.

-- The story of the training that made a version: one row for each epoch.
CREATE TABLE epoch(
    version INTEGER NOT NULL REFERENCES version(id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,           -- 0 = the model as it was before, then from 1
    learning_rate REAL,               -- at the epoch's end
    loss REAL,                        -- mean over the training samples, while training
    accuracy REAL,                    -- 0..1, of the same
    validation_loss REAL,             -- NULL = no validation
    validation_accuracy REAL,
    seconds REAL NOT NULL,            -- wall clock
    is_best INTEGER NOT NULL,         -- 1 = better than all rows before; the last such row was kept
    PRIMARY KEY(version, epoch)
) WITHOUT ROWID;

-- Trainings that have not ended: of a shell at work now, or interrupted.
CREATE TABLE run(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    parent INTEGER NOT NULL REFERENCES version(id) ON DELETE CASCADE, -- what is trained
    step TEXT NOT NULL,               -- the command in its canonical form
    data TEXT NOT NULL,               -- SHA-256 of the data it is trained and validated on
    owner TEXT NOT NULL,              -- boot, process id and start of the shell at work
    n_steps INTEGER NOT NULL,         -- batches trained so far
    begun INTEGER NOT NULL,           -- seconds since 1970, UTC
    updated INTEGER NOT NULL          -- end of the last epoch
);
CREATE INDEX run_parent ON run(parent);
CREATE TABLE run_epoch(               -- as epoch
    run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    learning_rate REAL,
    loss REAL,
    accuracy REAL,
    validation_loss REAL,
    validation_accuracy REAL,
    seconds REAL NOT NULL,
    is_best INTEGER NOT NULL,
    PRIMARY KEY(run, epoch)
) WITHOUT ROWID;
CREATE TABLE run_tensor(              -- its checkpoint: parameters now, the best ones, moments
    run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    place INTEGER NOT NULL,           -- from 0
    tensor TEXT NOT NULL REFERENCES tensor(hash),
    PRIMARY KEY(run, place)
) WITHOUT ROWID;
CREATE INDEX run_tensor_tensor ON run_tensor(tensor);

-- For people: the epochs of trained versions; accuracies are 0..1.
CREATE VIEW epochs AS
    SELECT version, epoch, learning_rate, loss, accuracy, validation_loss, validation_accuracy,
           seconds,
           epoch = (SELECT max(b.epoch) FROM epoch b WHERE b.version = e.version AND b.is_best)
               AS is_kept
    FROM epoch e ORDER BY version, epoch;

-- For people: trainings that have not ended, and how far they are.
CREATE VIEW runs AS
    SELECT r.id, r.parent AS version, r.step,
           (SELECT max(e.epoch) FROM run_epoch e WHERE e.run = r.id) AS epochs,
           (SELECT max(e.epoch) FROM run_epoch e WHERE e.run = r.id AND e.is_best) AS best_epoch,
           datetime(r.begun, 'unixepoch') AS begun, datetime(r.updated, 'unixepoch') AS updated
    FROM run r ORDER BY r.id;
