-- Layout 1 of a workspace. Everybody may read it; 'sql SELECT ...' in the shell, or sqlite3(1).
-- The views at the end are for people and stay as they are; the tables may change between layouts.
-- Facts are never changed once written. What can be computed again is called a cache.

-- A model without its numbers. Versions that are equal share one row.
CREATE TABLE model(
    hash TEXT NOT NULL PRIMARY KEY,   -- SHA-256 of the description, hexadecimal
    description TEXT NOT NULL         -- JSON: layers, attributes, and the hash of each parameter
) WITHOUT ROWID;

-- The numbers. A tensor is stored once, however many models and layers use it.
CREATE TABLE tensor(
    hash TEXT NOT NULL PRIMARY KEY,   -- SHA-256 of type, shape and numbers, hexadecimal
    dtype TEXT NOT NULL,              -- float32, int32, int8, uint8
    shape TEXT NOT NULL,              -- dimensions with commas, channels last: 3,3,1,32; '' = scalar
    data BLOB NOT NULL                -- row-major, little-endian
);

-- Which tensors a model uses, so that the others can be removed.
CREATE TABLE model_tensor(
    model TEXT NOT NULL REFERENCES model(hash) ON DELETE CASCADE,
    tensor TEXT NOT NULL REFERENCES tensor(hash),
    PRIMARY KEY(model, tensor)
) WITHOUT ROWID;
CREATE INDEX model_tensor_tensor ON model_tensor(tensor);

-- Versions: immutable states of a model, each made from its parent by one step.
CREATE TABLE version(
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- shown as v1, v2, ...; never used again after removal
    parent INTEGER REFERENCES version(id),-- NULL = made by load
    model TEXT NOT NULL REFERENCES model(hash),
    step TEXT NOT NULL,               -- the command that made it, in its canonical form
    name TEXT NOT NULL,               -- the model's name, from the file it was loaded from
    tool TEXT NOT NULL,               -- program and release that made it
    note TEXT NOT NULL,               -- what the step said, or ''
    created INTEGER NOT NULL,         -- seconds since 1970, UTC
    source TEXT NOT NULL,             -- absolute path of the loaded file, or ''
    source_hash TEXT NOT NULL         -- SHA-256 of that file, or ''
);
CREATE INDEX version_parent ON version(parent);
CREATE INDEX version_model ON version(model);

-- Data sets that were used, with how they are read.
CREATE TABLE dataset(
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,               -- SHA-256 of the chosen samples, labels and scaling
    name TEXT NOT NULL,               -- short name for tables
    path TEXT NOT NULL,               -- file or folder
    split TEXT NOT NULL,              -- test or train
    scale REAL NOT NULL,              -- model input = (raw - shift) / scale
    shift REAL NOT NULL,
    n_limit INTEGER NOT NULL,         -- number of samples taken, 0 = all
    seed INTEGER NOT NULL,            -- which ones when limited, 0 = the first
    labels TEXT                       -- path of a separate label file, or NULL
);
CREATE INDEX dataset_hash ON dataset(hash);

-- How good a version is: one row for version, data and engine.
CREATE TABLE measure(
    version INTEGER NOT NULL REFERENCES version(id) ON DELETE CASCADE,
    dataset TEXT NOT NULL,            -- hash of the data set
    dataset_name TEXT NOT NULL,
    engine TEXT NOT NULL,             -- ref, dnnl (float); akida (integers, as on the chip)
    n INTEGER NOT NULL,               -- samples
    correct INTEGER NOT NULL,         -- samples put in the right class
    loss REAL,                        -- mean cross-entropy, nats; NULL = not a number
    seconds REAL NOT NULL,            -- wall clock of the evaluation
    taken INTEGER NOT NULL,           -- seconds since 1970, UTC
    PRIMARY KEY(version, dataset, engine)
) WITHOUT ROWID;

-- Cache: the class of each sample, so that comparing two versions runs neither again.
CREATE TABLE prediction(
    version INTEGER NOT NULL,
    dataset TEXT NOT NULL,
    engine TEXT NOT NULL,
    classes BLOB NOT NULL,            -- int32, little-endian, one for each sample
    PRIMARY KEY(version, dataset, engine),
    FOREIGN KEY(version, dataset, engine) REFERENCES measure(version, dataset, engine)
        ON DELETE CASCADE
);

-- Names that people give to versions.
CREATE TABLE tag(
    name TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL REFERENCES version(id)
) WITHOUT ROWID;
CREATE INDEX tag_version ON tag(version);

-- Where the workspace stands: 'head' (version new shells begin at), 'dataset' (row in use).
CREATE TABLE setting(
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- For people: one row for each version, with its tags and whether it is the head.
CREATE VIEW versions AS
    SELECT v.id, v.parent, v.step, v.name, v.tool, v.note,
           datetime(v.created, 'unixepoch') AS created,
           (SELECT group_concat(t.name, ' ') FROM tag t WHERE t.version = v.id) AS tags,
           v.id IS (SELECT value FROM setting WHERE setting.name = 'head') AS is_head,
           v.model AS model_hash, v.source, v.source_hash
    FROM version v ORDER BY v.id;

-- For people: accuracies (0..1) of the versions.
CREATE VIEW measures AS
    SELECT m.version, m.dataset_name AS dataset, m.engine, m.n, m.correct,
           CAST(m.correct AS REAL) / nullif(m.n, 0) AS accuracy, m.loss, m.seconds,
           datetime(m.taken, 'unixepoch') AS taken, m.dataset AS dataset_hash
    FROM measure m ORDER BY m.version, m.dataset, m.engine;

-- For people: stored tensors with their size and how many versions use them.
CREATE VIEW tensors AS
    SELECT t.hash, t.dtype, t.shape, length(t.data) AS bytes,
           (SELECT count(*) FROM model_tensor mt JOIN version v ON v.model = mt.model
            WHERE mt.tensor = t.hash) AS n_versions
    FROM tensor t ORDER BY t.hash;

-- For people: data sets, and which one is in use.
CREATE VIEW datasets AS
    SELECT d.id, d.name, d.path, d.split, d.scale, d.shift, d.n_limit AS "limit", d.seed, d.labels,
           d.id IS (SELECT value FROM setting WHERE setting.name = 'dataset') AS in_use, d.hash
    FROM dataset d ORDER BY d.id;

-- For people: tags.
CREATE VIEW tags AS SELECT name AS tag, version FROM tag ORDER BY name;
