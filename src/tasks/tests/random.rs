//! Random graphs under random operations: after every one of them the tracker stands as the plain
//! [`Model`] says, and what it refuses is what the model refuses.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::super::rows::{self, task_columns};
use super::super::*;
use super::World;
use super::model::{Claim, Entry, Key, Model};
use crate::ids::{AgentId, ProjectId, RandomIds, TaskId};

const ALL: &str = concat!(
    "SELECT ",
    task_columns!(),
    " FROM task WHERE project_id = $1"
);
const LEASE_MS: i64 = 1_800_000;
const AGENT: &str = "a-000001";
/// Two sessions and an agent.
const ACTORS: usize = 3;
/// Where the agent stands among them.
const THE_AGENT: usize = 2;

/// One of the tasks: of those before the one that names it, unless it is `wild`. Were all of them
/// wild, most of what comes up would be refused and nothing would ever grow.
#[derive(Debug, Clone)]
struct Pick {
    index: Index,
    wild: bool,
}

impl Pick {
    fn of<'a, T>(&self, all: &'a [T], before: usize) -> Option<&'a T> {
        let from = if self.wild { all } else { &all[..before] };
        (!from.is_empty()).then(|| self.index.get(from))
    }
}

fn pick() -> impl Strategy<Value = Pick> {
    (any::<Index>(), prop::bool::weighted(0.05)).prop_map(|(index, wild)| Pick { index, wild })
}

#[derive(Debug, Clone)]
struct Spec {
    parent: Option<Pick>,
    edges: Vec<(EdgeKind, Pick)>,
    priority: u8,
    defer_s: i64,
}

#[derive(Debug, Clone)]
enum Op {
    Create(Vec<Spec>),
    Update {
        task: Index,
        parent: Option<Option<Pick>>,
        add: Vec<(EdgeKind, Pick)>,
        remove: Vec<Index>,
    },
    /// An edge is taken away and added the other way round.
    Turn(Index),
    Close(Index, Reason, usize),
    Reopen(Index),
    Delete(Index),
    Claim(Index, usize),
    ClaimNext(usize),
    Release(Index, usize),
    /// The run of the agent ends.
    AgentEnds,
    Later(i64),
}

fn edge() -> impl Strategy<Value = (EdgeKind, Pick)> {
    let kind = prop_oneof![
        4 => Just(EdgeKind::BlockedBy),
        3 => Just(EdgeKind::WaitsChildren),
        2 => Just(EdgeKind::OnFailure),
        1 => Just(EdgeKind::Related),
    ];
    (kind, pick())
}

fn spec() -> impl Strategy<Value = Spec> {
    let fields = (
        prop::option::of(pick()),
        prop::collection::vec(edge(), 0..3),
        1..3_u8,
        prop_oneof![6 => Just(0), 1 => Just(1000)],
    );
    fields.prop_map(|(parent, edges, priority, defer_s)| Spec {
        parent,
        edges,
        priority,
        defer_s,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let task = any::<Index>;
    let reason = prop_oneof![
        Just(Reason::Done),
        Just(Reason::WontDo),
        Just(Reason::Duplicate),
        Just(Reason::Superseded),
    ];
    let parent = prop::option::of(prop::option::weighted(0.8, pick()));
    let add = prop::collection::vec(edge(), 0..3);
    let remove = prop::collection::vec(task(), 0..2);
    prop_oneof![
        3 => prop::collection::vec(spec(), 1..5).prop_map(Op::Create),
        8 => (task(), parent, add, remove)
            .prop_map(|(task, parent, add, remove)| Op::Update { task, parent, add, remove }),
        2 => task().prop_map(Op::Turn),
        5 => (task(), reason, 0..ACTORS).prop_map(|(task, why, by)| Op::Close(task, why, by)),
        2 => task().prop_map(Op::Reopen),
        1 => task().prop_map(Op::Delete),
        2 => (task(), 0..ACTORS).prop_map(|(task, by)| Op::Claim(task, by)),
        2 => (0..ACTORS).prop_map(Op::ClaimNext),
        1 => (task(), 0..ACTORS).prop_map(|(task, by)| Op::Release(task, by)),
        1 => Just(Op::AgentEnds),
        1 => (1..2000_i64).prop_map(Op::Later),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let first = prop::collection::vec(spec(), 3..8).prop_map(Op::Create);
    (first, prop::collection::vec(op(), 1..40)).prop_map(|(first, mut ops)| {
        ops.insert(0, first);
        ops
    })
}

/// The names of refusals that there is a reason for; none when the operation has to succeed.
type Reasons = BTreeSet<&'static str>;

struct Run<'a> {
    world: &'a World,
    project: ProjectId,
    model: Model,
    created: Key,
}

impl Run<'_> {
    fn tracker(&self, actor: Actor) -> Tracker<'_> {
        Tracker {
            project: &self.project,
            ..self.world.tracker(actor)
        }
    }

    fn by(&self, actor: usize) -> Tracker<'_> {
        self.tracker(match actor {
            THE_AGENT => Actor::Agent {
                id: AgentId::stored(AGENT.to_owned()),
                read_only: false,
            },
            session => Actor::Session {
                id: format!("{}-{session}", self.project.as_str()),
                dies_with: None,
            },
        })
    }

    fn keys(&self) -> Vec<Key> {
        self.model.tasks.keys().copied().collect()
    }

    fn id(&self, key: Key) -> String {
        self.model.tasks[&key].id.clone()
    }

    fn key(&self, id: &TaskId) -> Key {
        let is_it = |(_, task): &(&Key, &Entry)| task.id == id.as_str();
        *self.model.tasks.iter().find(is_it).unwrap().0
    }

    fn claim(&self, actor: usize) -> Claim {
        let until_ms = (actor != THE_AGENT).then_some(self.model.now_ms + LEASE_MS);
        Claim { actor, until_ms }
    }

    async fn step(&mut self, op: &Op) {
        let keys = self.keys();
        match op {
            Op::Create(specs) => self.create(specs).await,
            Op::ClaimNext(actor) => self.claim_next(*actor).await,
            Op::Later(seconds) => self.later(*seconds).await,
            Op::AgentEnds => self.agent_ends().await,
            _ if keys.is_empty() => {}
            Op::Update {
                task,
                parent,
                add,
                remove,
            } => {
                let at = task.index(keys.len());
                let parent = parent.as_ref();
                let parent = parent.map(|to| to.as_ref().and_then(|to| to.of(&keys, at).copied()));
                let add = add.iter();
                let add = add.filter_map(|(kind, it)| Some((*kind, *it.of(&keys, at)?)));
                let own = self.model.edges.iter().filter(|it| it.0 == keys[at]);
                let own: Vec<_> = own.copied().collect();
                let remove = remove.iter().filter(|_| !own.is_empty());
                let remove = remove.map(|it| *it.get(&own)).collect();
                self.update(keys[at], parent, add.collect(), remove).await;
            }
            Op::Turn(edge) => {
                let edges: Vec<_> = self.model.edges.iter().copied().collect();
                if !edges.is_empty() {
                    self.turn(*edge.get(&edges)).await;
                }
            }
            Op::Close(task, reason, actor) => {
                self.close(*task.get(&keys), *reason, *actor).await;
            }
            Op::Reopen(task) => self.reopen(*task.get(&keys)).await,
            Op::Delete(task) => self.delete(*task.get(&keys)).await,
            Op::Claim(task, actor) => self.claim_one(*task.get(&keys), *actor).await,
            Op::Release(task, actor) => self.release(*task.get(&keys), *actor).await,
        }
    }

    async fn create(&mut self, specs: &[Spec]) {
        let mut model = self.model.clone();
        let new: Vec<Key> = (self.created..).take(specs.len()).collect();
        let mut named: Vec<(Key, String)> =
            self.keys().iter().map(|it| (*it, self.id(*it))).collect();
        named.extend(new.iter().map(|key| (*key, format!("n{key}"))));
        let mut why = Reasons::new();
        let mut tasks = Vec::new();
        for (spec, key) in specs.iter().zip(&new) {
            let before = self.model.tasks.len() + key - self.created;
            let parent = spec.parent.as_ref();
            let parent = parent.and_then(|parent| parent.of(&named, before).cloned());
            if let Some((parent, _)) = &parent
                && model
                    .tasks
                    .get(parent)
                    .is_some_and(|it| it.closed.is_some())
            {
                why.insert("ClosedParent");
            }
            let defer_until_ms = match spec.defer_s {
                0 => 0,
                seconds => model.now_ms + seconds * 1000,
            };
            let mut edges = Vec::new();
            for (kind, other) in &spec.edges {
                let Some((other, name)) = other.of(&named, before) else {
                    continue;
                };
                if other == key && !kind.blocks() {
                    why.insert("BadValue");
                }
                model.edges.insert((*key, *kind, *other));
                edges.push(format!("{kind}:{name}"));
            }
            tasks.push(NewTask {
                title: format!("task {key}"),
                priority: Some(spec.priority.into()),
                parent: parent.as_ref().map(|(_, name)| name.clone()),
                edges,
                defer_until_ms,
                reference: Some(format!("n{key}")),
                ..NewTask::default()
            });
            let entry = Entry {
                parent: parent.map(|(parent, _)| parent),
                priority: spec.priority,
                created_ms: model.now_ms,
                defer_until_ms,
                ..Entry::default()
            };
            model.tasks.insert(*key, entry);
        }
        if !model.can_be_worked_down() {
            why.insert("Cycle");
        }
        let created = self.by(0).create(&tasks).await;
        if let Some(created) = expect(created, &why) {
            for (key, created) in new.iter().zip(created) {
                model.tasks.get_mut(key).unwrap().id = created.id.to_string();
                assert_eq!(created.status, model.standing(*key));
            }
            self.created += specs.len();
            self.model = model;
        }
    }

    async fn turn(&mut self, edge: (Key, EdgeKind, Key)) {
        let (task, kind, other) = edge;
        self.update(task, None, Vec::new(), BTreeSet::from([edge]))
            .await;
        self.update(other, None, vec![(kind, task)], BTreeSet::new())
            .await;
    }

    async fn update(
        &mut self,
        task: Key,
        parent: Option<Option<Key>>,
        add: Vec<(EdgeKind, Key)>,
        gone: BTreeSet<(Key, EdgeKind, Key)>,
    ) {
        let mut model = self.model.clone();
        let add: BTreeSet<_> = add.into_iter().map(|(kind, it)| (task, kind, it)).collect();
        let mut why = Reasons::new();
        if !gone.is_disjoint(&add) || add.iter().any(|it| it.2 == task && !it.1.blocks()) {
            why.insert("BadValue");
        }
        model.edges.retain(|edge| !gone.contains(edge));
        model.edges.extend(&add);
        let blocks = |model: &Model| -> BTreeSet<(Key, EdgeKind, Key)> {
            model
                .edges
                .iter()
                .filter(|it| it.1.blocks())
                .copied()
                .collect()
        };
        let is_other_place = parent.is_some_and(|parent| model.tasks[&task].parent != parent);
        if is_other_place {
            model.tasks.get_mut(&task).unwrap().parent = parent.flatten();
            if parent
                .flatten()
                .is_some_and(|parent| !model.is_open(parent))
            {
                why.insert("ClosedParent");
            }
        }
        if !model.is_open(task) && (is_other_place || blocks(&model) != blocks(&self.model)) {
            why.insert("WrongStatus");
        }
        if !model.can_be_worked_down() {
            why.insert("Cycle");
        }
        let told = |edges: &BTreeSet<(Key, EdgeKind, Key)>| -> Vec<String> {
            let told = edges.iter();
            told.map(|(_, kind, it)| format!("{kind}:{}", self.id(*it)))
                .collect()
        };
        let changes = Changes {
            parent: parent.map(|parent| parent.map(|parent| self.id(parent))),
            add_edges: told(&add),
            remove_edges: told(&gone),
            ..Changes::default()
        };
        let updated = self.by(0).update(&self.id(task), &changes, None).await;
        if expect(updated, &why).is_some() {
            self.model = model;
        }
    }

    async fn close(&mut self, task: Key, reason: Reason, actor: usize) {
        let mut why = Reasons::new();
        let entry = &self.model.tasks[&task];
        if entry.closed.is_some() {
            why.insert("WrongStatus");
        }
        if entry.claim.is_some_and(|claim| claim.actor != actor) {
            why.insert("Held");
        }
        // All of them were created by a session.
        if actor == THE_AGENT && entry.closed.is_none() && entry.claim.is_none() {
            why.insert("NotAllowed");
        }
        if self.model.open_children(task) > 0 {
            why.insert("OpenChildren");
        }
        let close = Close {
            reason,
            why: "so".to_owned(),
            proof: Proof::default(),
            fence: None,
        };
        let closed = self.by(actor).close(&self.id(task), &close).await;
        if let Some(closed) = expect(closed, &why) {
            let before: BTreeSet<Key> = self.model.ready().into_iter().collect();
            let entry = self.model.tasks.get_mut(&task).unwrap();
            (entry.closed, entry.claim) = (Some(reason), None);
            let after: BTreeSet<Key> = self.model.ready().into_iter().collect();
            let told = closed.unblocked.iter().map(|it| self.key(&it.id)).collect();
            let freed: BTreeSet<Key> = after.difference(&before).copied().collect();
            assert_eq!(freed, told, "what a close has made ready");
        }
    }

    async fn reopen(&mut self, task: Key) {
        let mut why = Reasons::new();
        if self.model.is_open(task) {
            why.insert("WrongStatus");
        }
        if let Some(parent) = self.model.tasks[&task].parent
            && !self.model.is_open(parent)
        {
            why.insert("ClosedParent");
        }
        let reopened = self.by(0).reopen(&self.id(task), "so").await;
        if expect(reopened, &why).is_some() {
            self.model.tasks.get_mut(&task).unwrap().closed = None;
        }
    }

    async fn delete(&mut self, task: Key) {
        let mut why = Reasons::new();
        if !self.model.children(task).is_empty() {
            why.insert("HasChildren");
        }
        if self.model.tasks[&task].claim.is_some() {
            why.insert("Held");
        }
        let person = self.tracker(Actor::Person);
        if expect(person.delete(&self.id(task), "so").await, &why).is_some() {
            self.model.tasks.remove(&task);
            let others = |(of, _, to): &(Key, EdgeKind, Key)| *of != task && *to != task;
            self.model.edges.retain(others);
        }
    }

    async fn claim_one(&mut self, task: Key, actor: usize) {
        let mut why = Reasons::new();
        match self.model.tasks[&task].claim {
            Some(claim) if claim.actor != actor => drop(why.insert("Held")),
            Some(_) => {}
            None if self.model.standing(task) != "ready" => drop(why.insert("NotReady")),
            None => {}
        }
        let claimed = self.by(actor).claim(&self.id(task), None).await;
        if expect(claimed, &why).is_some() {
            self.claimed(task, actor);
        }
    }

    fn claimed(&mut self, task: Key, actor: usize) {
        let claim = self.claim(actor);
        let is_renewed = self.model.tasks[&task].claim.is_some();
        for (key, entry) in &mut self.model.tasks {
            let is_own = entry.claim.is_some_and(|it| it.actor == actor);
            if *key == task || (is_renewed && is_own) {
                entry.claim = Some(claim);
            }
        }
    }

    async fn claim_next(&mut self, actor: usize) {
        let best = self.model.best();
        let why = match best {
            Some(_) => Reasons::new(),
            None => Reasons::from(["NothingReady"]),
        };
        let claimed = self.by(actor).claim_next(&Wanted::default(), None).await;
        if let Some(claimed) = expect(claimed, &why) {
            let task = self.key(&claimed.id);
            assert_eq!(Some(task), best);
            self.claimed(task, actor);
        }
    }

    async fn release(&mut self, task: Key, actor: usize) {
        let mut why = Reasons::new();
        match self.model.tasks[&task].claim {
            Some(claim) if claim.actor != actor => drop(why.insert("Held")),
            Some(_) => {}
            None => drop(why.insert("WrongStatus")),
        }
        let released = self.by(actor).release(&self.id(task), None, "so").await;
        if expect(released, &why).is_some() {
            self.model.tasks.get_mut(&task).unwrap().claim = None;
        }
    }

    async fn agent_ends(&mut self) {
        let mut tx = self.world.store.begin().await.unwrap();
        let agent = AgentId::stored(AGENT.to_owned());
        let clock = &self.world.clock;
        claim::release_of_agent(&mut tx, &agent, "over", clock, &RandomIds)
            .await
            .unwrap();
        self.world.store.commit(tx).await.unwrap();
        for task in self.model.tasks.values_mut() {
            task.claim = task.claim.filter(|claim| claim.actor != THE_AGENT);
        }
    }

    async fn later(&mut self, seconds: i64) {
        self.world.clock.advance(seconds * 1000);
        self.model.now_ms += seconds * 1000;
        self.by(0).expire().await.unwrap();
        let now_ms = self.model.now_ms;
        for task in self.model.tasks.values_mut() {
            let lasts = |claim: &Claim| claim.until_ms.is_none_or(|until_ms| until_ms > now_ms);
            task.claim = task.claim.filter(lasts);
        }
    }

    /// Holds what is on record against the model.
    async fn compare(&self) {
        let person = self.tracker(Actor::Person);
        assert_eq!(person.doctor().await.unwrap(), []);
        let rows = sqlx::query(ALL)
            .bind(self.project.as_str())
            .fetch_all(self.world.store.read())
            .await
            .unwrap();
        assert_eq!(rows.len(), self.model.tasks.len());
        for row in &rows {
            let task = rows::task(row).unwrap();
            let key = self.key(&task.id);
            let stands = (task.standing(self.model.now_ms), task.held as usize);
            let expected = (self.model.standing(key), self.model.held(key));
            assert_eq!(stands, expected, "task {key}");
            let parent = task.parent.map(|parent| self.key(&parent));
            assert_eq!(parent, self.model.tasks[&key].parent, "task {key}");
        }
    }

    /// Opens everything again and works it down, one after the other.
    async fn work_down(&mut self) {
        self.agent_ends().await;
        self.later(LEASE_MS).await;
        let mut closed: Vec<Key> = self.keys();
        closed.retain(|key| !self.model.is_open(*key));
        while !closed.is_empty() {
            for key in std::mem::take(&mut closed) {
                let parent = self.model.tasks[&key].parent;
                match parent.is_some_and(|parent| !self.model.is_open(parent)) {
                    true => closed.push(key),
                    false => self.reopen(key).await,
                }
            }
        }
        while self.model.tasks.values().any(|task| task.closed.is_none()) {
            let before = self.model.best();
            assert!(
                before.is_some(),
                "open tasks are left that nobody can begin"
            );
            self.claim_next(0).await;
            self.close(before.unwrap(), Reason::WontDo, 0).await;
        }
        self.compare().await;
    }
}

/// The result of what had to succeed; a refusal has to be one of those that there is a reason for.
fn expect<T>(result: Result<T, TaskError>, why: &Reasons) -> Option<T> {
    match result {
        Ok(done) => {
            assert!(why.is_empty(), "was not refused: {why:?}");
            Some(done)
        }
        Err(error) => {
            let name = format!("{error:?}");
            let name = name.split([' ', '{', '(']).next().unwrap();
            assert!(why.contains(name), "{error:?}, and not {why:?}");
            None
        }
    }
}

#[test]
fn counts_and_refusals_are_those_of_the_plain_rules() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&ops(), |ops| {
        runtime.block_on(async {
            let key = crate::ids::IdSource::uuid(&RandomIds);
            let project = world.store.project(&RandomIds, &key, 1).await;
            let mut run = Run {
                world: &world,
                project: project.unwrap(),
                model: Model {
                    now_ms: crate::clock::Clock::now_ms(&world.clock),
                    ..Model::default()
                },
                created: 0,
            };
            for op in &ops {
                run.step(op).await;
                run.compare().await;
            }
            run.work_down().await;
        });
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
}
