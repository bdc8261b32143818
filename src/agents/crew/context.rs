//! What a new agent is given to read: every entry is had before anything is written, or refused.

use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde_json::Value;

use super::requests::Draft;
use super::{Crew, priming};
use crate::agents::context::host::{self, Asking, Told, Transcript};
use crate::agents::context::{self, BadContext, Block, Entry, Keep, Piece, Problem, Roots};
use crate::agents::error::AgentError;
use crate::agents::launch::{self, SpawnRequest};
use crate::agents::record::{Texts, read};
use crate::ids::{MemoryId, TaskId};
use crate::memory::prime::about;
use crate::memory::{Author, Memories, Query};
use crate::project::Project;
use crate::tasks::{Actor, TaskError, prime};

/// Characters of a label, and of a note, that are repeated.
const LABEL: usize = 60;
const NOTE: usize = 300;

impl Crew {
    /// The block in front of the prompt of `draft`: what its entries name, and what was learnt that fits
    /// the prompt of `request` and the `title` of its task; empty without any.
    ///
    /// # Errors
    /// [`AgentError::Context`] for the first that cannot be had, failures of the store.
    pub(super) async fn context_block(
        &self,
        draft: &Draft,
        request: &SpawnRequest,
        title: &str,
    ) -> Result<Block, AgentError> {
        let entries = context::parse(&draft.context)?;
        let memories = self.memories_of(Author::Agent {
            id: draft.id.clone(),
            definition: draft.plan.agent.clone(),
        });
        let (mut pieces, given) = match entries.is_empty() {
            true => (Vec::new(), Given::default()),
            false => self.read(entries, &memories, request).await?,
        };
        let mut primed = Vec::new();
        if draft.primes {
            let prompt = format!("{title}\n{}", request.prompt);
            let (ids, text) = self.priming(&memories, &prompt, &given.memories).await;
            if !ids.is_empty() {
                primed = ids;
                let text = self.store.redact(&context::clean(&text));
                pieces.insert(0, priming::piece(text));
            }
        }
        let mut block = context::quote(&pieces, self.ids.as_ref());
        block.primed = primed;
        block.tasks = given.tasks;
        block.notes = given.notes;
        Ok(block)
    }

    /// What `entries` bring.
    async fn read(
        &self,
        entries: Vec<(String, Entry)>,
        memories: &Memories<'_>,
        request: &SpawnRequest,
    ) -> Result<(Vec<Piece>, Given), AgentError> {
        let mut reader = Reader {
            crew: self,
            memories,
            roots: self.roots(request)?,
            request,
            transcript: None,
            given: Given::default(),
        };
        let mut pieces = Vec::with_capacity(entries.len());
        for (source, entry) in entries {
            let piece = match reader.piece(&source, entry).await {
                Ok(piece) => piece,
                Err(Refusal::Entry(problem)) => {
                    return Err(BadContext::new(&source, problem).into());
                }
                Err(Refusal::Agents(error)) => return Err(error),
            };
            pieces.push(piece);
        }
        Ok((pieces, reader.given))
    }

    /// Where files may come from: the caller's working tree and, if the agent is to work in another
    /// one of the same project, that one.
    fn roots(&self, request: &SpawnRequest) -> Result<Roots, AgentError> {
        let cwd = launch::directory(request.cwd.as_deref(), &self.host.cwd)?;
        let tree = |path: &Path| Project::discover(path).ok();
        let own = tree(&self.host.cwd);
        let other = tree(&cwd).filter(|other| own.as_ref().is_some_and(|own| own.key == other.key));
        let inside: Vec<_> = other.into_iter().chain(own).map(|it| it.root).collect();
        let from = std::iter::once(cwd).chain(inside.iter().cloned()).collect();
        Ok(Roots { inside, from })
    }
}

/// Why there is no piece.
enum Refusal {
    Entry(Problem),
    Agents(AgentError),
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Refusal::Entry(error.into())
    }
}

/// What an agent is given by its entries.
#[derive(Default)]
struct Given {
    tasks: Vec<TaskId>,
    memories: Vec<MemoryId>,
    /// What whoever spawns should know.
    notes: Vec<String>,
}

struct Reader<'a> {
    crew: &'a Crew,
    /// In the hands of the agent that is to read.
    memories: &'a Memories<'a>,
    roots: Roots,
    request: &'a SpawnRequest,
    /// Found once for all entries.
    transcript: Option<Arc<Transcript>>,
    given: Given,
}

impl Reader<'_> {
    async fn piece(&mut self, source: &str, entry: Entry) -> Result<Piece, Refusal> {
        let mut piece = Piece {
            source: source.to_owned(),
            about: String::new(),
            text: String::new(),
            unread: 0,
            keep: Keep::Beginning,
        };
        match entry {
            Entry::Summary => self.told(&mut piece, Transcript::summary).await?,
            Entry::Transcript(count) => {
                piece.keep = Keep::End;
                self.told(&mut piece, move |it| it.last(count as usize))
                    .await?;
            }
            Entry::File(path) => {
                let roots = self.roots.clone();
                let read = blocking(move || context::read_file(&roots, &path)).await?;
                (piece.text, piece.unread) = (read.text, read.unread);
            }
            Entry::Agent(name) => self.result(&mut piece, &name).await?,
            Entry::Task(id) => self.task(&mut piece, &id).await?,
            Entry::Memory(query) => self.recall(&mut piece, query).await?,
            Entry::Diff(revision) => {
                let said = context::diff(self.cwd(), revision.as_deref()).await?;
                (piece.about, piece.text, piece.unread) = (said.about, said.text, said.unread);
            }
            Entry::Log(count) => {
                let said = context::log(self.cwd(), count).await?;
                (piece.about, piece.text, piece.unread) = (said.about, said.text, said.unread);
            }
        }
        // Secrets are looked for before anything is cut, so that none is hidden from us by the cut.
        piece.text = self.crew.store.redact(&context::clean(&piece.text));
        piece.about = self.crew.store.redact(&piece.about);
        Ok(piece)
    }

    /// The directory in which the agent is to work, as far as the caller is concerned.
    fn cwd(&self) -> &Path {
        let first = self.roots.from.first();
        first.map_or(self.crew.host.cwd.as_path(), |cwd| cwd.as_path())
    }

    async fn told(
        &mut self,
        piece: &mut Piece,
        tell: impl FnOnce(&Transcript) -> Result<Told, Problem> + Send + 'static,
    ) -> Result<(), Refusal> {
        let transcript = match &self.transcript {
            Some(transcript) => Arc::clone(transcript),
            None => Arc::new(self.find().await?),
        };
        self.transcript = Some(Arc::clone(&transcript));
        let told = blocking(move || tell(&transcript)).await?;
        (piece.about, piece.text) = (told.about, told.text);
        Ok(())
    }

    async fn find(&self) -> Result<Transcript, Refusal> {
        let Crew { host, store, .. } = self.crew;
        let since = host.traces.since.duration_since(UNIX_EPOCH);
        let since_ms = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        let agents = read::sessions_since(store, since_ms).await;
        let cwd = host.cwd.canonicalize()?;
        let asking = Asking {
            caller: self.request.caller.clone(),
            traces: host.traces.clone(),
            cwd,
            agents: agents.map_err(|error| Refusal::Agents(error.into()))?,
        };
        Ok(blocking(move || host::find(&asking)).await?)
    }

    async fn task(&mut self, piece: &mut Piece, given: &str) -> Result<(), Refusal> {
        let failed = |error: TaskError| Refusal::Agents(error.into());
        let tracker = self.crew.tracker_of(Actor::Person);
        let id = tracker.find(given).await.map_err(failed)?;
        let facts = tracker.facts(&id).await.map_err(failed)?;
        piece.text = prime::about(&facts);
        piece.about = format!("the task {id} of the tracker");
        self.given.tasks.push(id);
        Ok(())
    }

    async fn recall(&mut self, piece: &mut Piece, query: String) -> Result<(), Refusal> {
        let query = Query {
            text: query,
            ..Query::default()
        };
        let recalled = self.memories.recall(&query).await;
        let recalled = recalled.map_err(|error| Refusal::Agents(error.into()))?;
        let mut notes = recalled.notes;
        if recalled.hits.is_empty() && notes.is_empty() {
            notes.push("nothing was found".to_owned());
        }
        "memories of ostler, the best first".clone_into(&mut piece.about);
        piece.text = about(&recalled.hits);
        for note in &notes {
            let note = context::one_line(note, NOTE);
            piece.text.push_str(&format!("[{note}]\n"));
            let source = context::one_line(&piece.source, LABEL);
            self.given.notes.push(format!("context `{source}`: {note}"));
        }
        let ids = recalled.hits.into_iter().map(|hit| hit.memory.id);
        self.given.memories.extend(ids);
        Ok(())
    }

    async fn result(&self, piece: &mut Piece, name: &str) -> Result<(), Refusal> {
        let crew = self.crew;
        let id = &crew.named(name).await.map_err(Refusal::Agents)?;
        let line = crew.line(id).await.map_err(Refusal::Agents)?;
        let store_failed = |error: crate::store::StoreError| Refusal::Agents(error.into());
        if read::project(&crew.store, id).await.map_err(store_failed)? != crew.project {
            return Err(Refusal::Entry(Problem::NoAgent));
        }
        if !line.status.is_terminal() {
            return Err(Refusal::Entry(Problem::NotEnded(line.status)));
        }
        let texts = read::texts(&crew.store, id, line.run_no).await;
        piece.text = whole_result(texts.map_err(store_failed)?);
        if piece.text.trim().is_empty() {
            return Err(Refusal::Entry(Problem::NoResult(line.status)));
        }
        let label = context::one_line(&line.label, LABEL);
        let provider = &line.plan.launch.provider;
        piece.about = format!("the result of {label:?}, {provider}, {}", line.status);
        Ok(())
    }
}

/// What a run has brought: what it handed in where a schema asked for that, and what it answered.
fn whole_result(texts: Texts) -> String {
    let Some(submitted) = texts.submitted else {
        return texts.result;
    };
    let answer = texts.result.trim();
    if answer.is_empty() || serde_json::from_str(answer).is_ok_and(|it: Value| it == submitted) {
        return submitted.to_string();
    }
    format!("{submitted}\n\n{}", texts.result)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Problem::Unreadable(std::io::Error::other(error))),
    }
}
