-- Tasks. What is derived is kept up by deltas, in the transaction that causes them; see tasks/graph.
CREATE TABLE task (
  n              INTEGER PRIMARY KEY,          -- the order of creation; for the full-text index
  id             TEXT NOT NULL UNIQUE,
  project_id     TEXT NOT NULL REFERENCES project(id),
  parent         TEXT REFERENCES task(id),
  title          TEXT NOT NULL,
  description    TEXT NOT NULL DEFAULT '',
  acceptance     TEXT NOT NULL DEFAULT '',     -- what must hold before it may be closed as done
  kind           TEXT NOT NULL CHECK (kind IN ('task','bug','feature','chore','epic','question')),
  priority       INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 4),
  writes         INTEGER NOT NULL,             -- 1: the work changes files
  estimate_min   INTEGER NOT NULL DEFAULT 0,   -- 0: none
  defer_until_ms INTEGER NOT NULL DEFAULT 0,   -- not ready before
  external_ref   TEXT NOT NULL DEFAULT '',
  status         TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open','in_progress','closed')),
  reason         TEXT NOT NULL DEFAULT ''      -- of a closed one
                   CHECK (reason IN ('','done','wont_do','duplicate','superseded')),
  why            TEXT NOT NULL DEFAULT '',     -- the same in words
  evidence       TEXT NOT NULL DEFAULT '',     -- JSON: what has shown that it is done
  created_ms     INTEGER NOT NULL,
  created_by     TEXT NOT NULL,
  updated_ms     INTEGER NOT NULL,
  closed_ms      INTEGER NOT NULL DEFAULT 0,
  closed_by      TEXT NOT NULL DEFAULT '',
  stamps         TEXT NOT NULL DEFAULT '{}',   -- JSON: when a field was set, if after the creation
  -- Derived.
  held           INTEGER NOT NULL DEFAULT 0,   -- edges that hold it or one of the tasks above it
  unblocks       INTEGER NOT NULL DEFAULT 0,   -- edges by which it holds others
  children       INTEGER NOT NULL DEFAULT 0,
  open_children  INTEGER NOT NULL DEFAULT 0,   -- those that are not closed
  -- The claim; `holder` is empty when there is none.
  fence          INTEGER NOT NULL DEFAULT 0,   -- how often it was claimed
  holder         TEXT NOT NULL DEFAULT '',     -- an agent id, or 'session:' and the session's id
  dies_with      TEXT NOT NULL DEFAULT '',     -- the owner whose end is that of the claim
  claimed_ms     INTEGER NOT NULL DEFAULT 0,
  lease_ms       INTEGER NOT NULL DEFAULT 0,   -- by how much a call renews it; 0: it is no lease
  lease_until_ms INTEGER NOT NULL DEFAULT 0,   -- 0: it is no lease
  CHECK ((status = 'closed') = (reason <> '')),
  CHECK ((status = 'in_progress') = (holder <> ''))
) STRICT;
CREATE INDEX task_ready  ON task(project_id, priority, unblocks DESC, created_ms, n)
  WHERE status = 'open' AND held = 0 AND open_children = 0;
CREATE INDEX task_held   ON task(project_id, priority, created_ms, n)
  WHERE status = 'open' AND held > 0;
CREATE INDEX task_open   ON task(project_id, priority, created_ms, n) WHERE status <> 'closed';
-- These two grow for ever; the kind is there so that a filter by it need not look at the rows.
CREATE INDEX task_closed ON task(project_id, closed_ms, n, kind) WHERE status = 'closed';
CREATE INDEX task_all    ON task(project_id, created_ms, n, kind);
CREATE INDEX task_parent ON task(parent) WHERE parent IS NOT NULL;
CREATE INDEX task_holder ON task(holder, claimed_ms, n) WHERE holder <> '';
CREATE INDEX task_bound  ON task(dies_with) WHERE dies_with <> '';
CREATE INDEX task_lease  ON task(lease_until_ms) WHERE lease_until_ms > 0;
CREATE INDEX task_ref    ON task(project_id, external_ref) WHERE external_ref <> '';

-- A removed edge or label stays as `gone`, so that a merge of two copies knows that it was removed.
CREATE TABLE task_edge (
  task_id  TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
  kind     TEXT NOT NULL CHECK (kind IN ('blocked_by','on_failure','waits_children',
             'related','discovered_from','duplicates','supersedes','validates')),
  other_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
  at_ms    INTEGER NOT NULL,                   -- when it was last added or removed
  gone     INTEGER NOT NULL DEFAULT 0,
  holds    INTEGER NOT NULL DEFAULT 0,         -- derived; 1: keeps task_id from being ready
  PRIMARY KEY (task_id, kind, other_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_edge_other ON task_edge(other_id, holds);

CREATE TABLE task_label (
  task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
  label   TEXT NOT NULL,
  at_ms   INTEGER NOT NULL,
  gone    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (task_id, label)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_label_of ON task_label(label, task_id) WHERE gone = 0;

-- What was said of a task and what happened to it; only ever added to.
CREATE TABLE task_note (
  task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
  id      TEXT NOT NULL,
  at_ms   INTEGER NOT NULL,
  kind    TEXT NOT NULL CHECK (kind IN ('note','result','claimed','released','closed','reopened','changed')),
  by      TEXT NOT NULL,
  text    TEXT NOT NULL,
  PRIMARY KEY (task_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_note_of ON task_note(task_id, at_ms, id);

-- Agents, branches and commits that have to do with a task.
CREATE TABLE task_link (
  task_id TEXT NOT NULL REFERENCES task(id) ON DELETE CASCADE,
  kind    TEXT NOT NULL CHECK (kind IN ('worker','reader','branch','commit')),
  target  TEXT NOT NULL,
  at_ms   INTEGER NOT NULL,
  PRIMARY KEY (task_id, kind, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_link_target ON task_link(target);

-- Tasks that were deleted.
CREATE TABLE task_gone (
  id         TEXT PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES project(id),
  at_ms      INTEGER NOT NULL,
  by         TEXT NOT NULL,
  why        TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE task_fts USING fts5(title, description, acceptance, content='task',
  content_rowid='n', tokenize="porter unicode61 remove_diacritics 2", prefix='2 3');
CREATE TRIGGER task_fts_add AFTER INSERT ON task BEGIN
  INSERT INTO task_fts(rowid, title, description, acceptance)
  VALUES (new.n, new.title, new.description, new.acceptance);
END;
CREATE TRIGGER task_fts_remove AFTER DELETE ON task BEGIN
  INSERT INTO task_fts(task_fts, rowid, title, description, acceptance)
  VALUES ('delete', old.n, old.title, old.description, old.acceptance);
END;
CREATE TRIGGER task_fts_change AFTER UPDATE OF title, description, acceptance ON task BEGIN
  INSERT INTO task_fts(task_fts, rowid, title, description, acceptance)
  VALUES ('delete', old.n, old.title, old.description, old.acceptance);
  INSERT INTO task_fts(rowid, title, description, acceptance)
  VALUES (new.n, new.title, new.description, new.acceptance);
END;

-- Agents that work the ready tasks down. One that is not over is taken up again by whoever asks for
-- the same.
CREATE TABLE drain (
  id         TEXT PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES project(id),
  wanted     TEXT NOT NULL,             -- JSON: which tasks
  repository TEXT NOT NULL,             -- git common directory
  branch     TEXT NOT NULL,             -- where the work comes together
  base       TEXT NOT NULL,             -- the commit that it starts from
  owner_id   TEXT NOT NULL,             -- the process that took it up last; empty when that has left it in order
  created_ms INTEGER NOT NULL,
  since_ms   INTEGER NOT NULL,          -- when a person last began to spend on it
  ended_ms   INTEGER NOT NULL DEFAULT 0 -- when nothing was left
) STRICT;
CREATE INDEX drain_open ON drain(project_id) WHERE ended_ms = 0;

-- Which agents a drain has had work on which task; written with the first run of the agent.
CREATE TABLE drain_task (
  drain_id TEXT NOT NULL REFERENCES drain(id) ON DELETE CASCADE,
  task_id  TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  at_ms    INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,  -- runs that were found not to have done the task
  judged   INTEGER NOT NULL DEFAULT 0,  -- the last of these runs
  why      TEXT NOT NULL DEFAULT '',    -- what it lacked
  tip      TEXT NOT NULL DEFAULT '',    -- the commit of the agent that is to be merged
  commits  INTEGER NOT NULL DEFAULT 0,  -- how many it brings
  merged   TEXT NOT NULL DEFAULT '',    -- its merge, once it is to be closed; - for an answer
  PRIMARY KEY (drain_id, task_id, agent_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX drain_task_of ON drain_task(task_id);
