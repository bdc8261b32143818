-- Where memories lie: those of a project, of its agents of one definition, and those of the user.
-- What a search needs to know of a place is kept with it.
CREATE TABLE memory_place (
  n INTEGER PRIMARY KEY,
  -- A project id, a project id with `/` and a definition behind it, or `user`.
  name TEXT NOT NULL UNIQUE,
  -- What a search finds there, and its words altogether.
  memories INTEGER NOT NULL DEFAULT 0,
  words INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One statement. Its text, kind, subject and source are never written again: what is wrong is
-- superseded or forgotten.
CREATE TABLE memory (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  place INTEGER NOT NULL REFERENCES memory_place(n),
  -- Where it was learnt, also if it is the user's.
  project_id TEXT NOT NULL REFERENCES project(id),
  text TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL DEFAULT '',
  importance REAL NOT NULL,
  trust TEXT NOT NULL,
  source TEXT NOT NULL,
  source_id TEXT NOT NULL DEFAULT '',
  -- The conversation it belongs to and its place within it, from 1; 0 where there is none.
  session TEXT NOT NULL DEFAULT '',
  turn INTEGER NOT NULL DEFAULT 0,
  -- When it happened; else when it was written.
  at_ms INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  -- Of trust, importance and tags.
  changed_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL DEFAULT 0,
  uses INTEGER NOT NULL DEFAULT 0,
  -- 0: always.
  valid_from_ms INTEGER NOT NULL DEFAULT 0,
  valid_to_ms INTEGER NOT NULL DEFAULT 0,
  superseded_by TEXT NOT NULL DEFAULT '',
  forgotten_ms INTEGER NOT NULL DEFAULT 0,
  forgotten_by TEXT NOT NULL DEFAULT '',
  forgotten_why TEXT NOT NULL DEFAULT '',
  -- The text as words that are compared, with a space between them, and how many there are; that of
  -- the tags and the subject.
  lexical TEXT NOT NULL,
  words INTEGER NOT NULL,
  lexical_tags TEXT NOT NULL,
  -- A number that is the same for texts that differ in nothing but capitals, spaces and marks.
  mark INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX memory_same ON memory(place, mark) WHERE forgotten_ms = 0;
CREATE INDEX memory_newest ON memory(place, n) WHERE forgotten_ms = 0 AND superseded_by = '';
-- What happened at a time that is named.
CREATE INDEX memory_happened ON memory(place, at_ms) WHERE forgotten_ms = 0 AND superseded_by = '';
CREATE INDEX memory_quarantined ON memory(place)
  WHERE trust = 'quarantined' AND forgotten_ms = 0 AND superseded_by = '';
-- What may not hold now, though nothing has taken its place.
CREATE INDEX memory_bounded ON memory(n)
  WHERE forgotten_ms = 0 AND superseded_by = '' AND (valid_from_ms <> 0 OR valid_to_ms <> 0);
-- Two copies of a project that both went on may each have a turn of that number.
CREATE INDEX memory_turn ON memory(place, session, turn) WHERE session <> '';
CREATE INDEX memory_chain ON memory(superseded_by) WHERE superseded_by <> '';
CREATE INDEX memory_project ON memory(project_id);
CREATE INDEX memory_source ON memory(source_id, created_ms) WHERE source_id <> '';

CREATE TABLE memory_tag (
  memory INTEGER NOT NULL REFERENCES memory(n) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (memory, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_tagged ON memory_tag(tag, memory);

-- What a memory is about: a task, an agent, a file or a commit.
CREATE TABLE memory_link (
  memory INTEGER NOT NULL REFERENCES memory(n) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (memory, kind, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_linked ON memory_link(target, memory);

-- How many memories of a place a word is in. The word of a superseded one is not counted.
CREATE TABLE memory_word (
  place INTEGER NOT NULL,
  word TEXT NOT NULL,
  memories INTEGER NOT NULL,
  PRIMARY KEY (place, word)
) STRICT, WITHOUT ROWID;

-- Which memories a word of a place is in. Every word stands behind the number of its place, as in
-- `7/deploy`, so that a search never touches another one; those of superseded memories have an `x` in
-- front: `x7/deploy`. What is forgotten is not in it. Nothing is kept but the words.
CREATE VIRTUAL TABLE memory_index USING fts5(
  words, content='', contentless_delete=1, detail=none, tokenize="ascii tokenchars '/'"
);

-- Writing to one of these lets a memory be found, or be found no more: `words` are its words as a JSON
-- array, each once, and `length` is how many it has altogether. Everything that has to go together is
-- thus one statement, for each statement is a way to another thread and back. Nothing is ever read from
-- them. PostgreSQL has such triggers on views as well, with the same statements in a function.
CREATE VIEW memory_enter(n, place, words, length) AS SELECT 0, 0, '[]', 0 WHERE false;
CREATE TRIGGER memory_enters INSTEAD OF INSERT ON memory_enter BEGIN
  INSERT INTO memory_index(rowid, words)
    SELECT new.n, group_concat(new.place || '/' || value, ' ') FROM json_each(new.words);
  INSERT INTO memory_word(place, word, memories)
    SELECT new.place, value, 1 FROM json_each(new.words) WHERE true
    ON CONFLICT (place, word) DO UPDATE SET memories = memories + 1;
  UPDATE memory_place SET memories = memories + 1, words = words + new.length WHERE n = new.place;
END;
CREATE VIEW memory_leave(n, place, words, length) AS SELECT 0, 0, '[]', 0 WHERE false;
CREATE TRIGGER memory_leaves INSTEAD OF INSERT ON memory_leave BEGIN
  DELETE FROM memory_index WHERE rowid = new.n;
  UPDATE memory_word SET memories = memories - 1
    WHERE place = new.place AND word IN (SELECT value FROM json_each(new.words));
  DELETE FROM memory_word
    WHERE place = new.place AND word IN (SELECT value FROM json_each(new.words)) AND memories <= 0;
  UPDATE memory_place SET memories = memories - 1, words = words - new.length WHERE n = new.place;
END;

-- Models that meanings were compared by. What one of them has made is of no use to another, nor what it
-- made with other dimensions: then it is another one, and no number is used twice.
CREATE TABLE memory_model (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  -- Numbers in a vector of it.
  dimensions INTEGER NOT NULL,
  -- When it was last the configured one somewhere.
  used_ms INTEGER NOT NULL
) STRICT;

-- The meaning of a memory that is found, as a model sees it: 32-bit floats, the lowest byte first, of
-- length 1. Rows are numbered in the order in which they were written, and no number is used twice.
CREATE TABLE memory_vector (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  memory INTEGER NOT NULL REFERENCES memory(n) ON DELETE CASCADE,
  model INTEGER NOT NULL REFERENCES memory_model(n),
  -- That of the memory, which never changes.
  place INTEGER NOT NULL REFERENCES memory_place(n),
  vector BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX memory_vector_of ON memory_vector(memory, model);
CREATE INDEX memory_vector_in ON memory_vector(model, place);
