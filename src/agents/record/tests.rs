//! The record on a real file, with a clock and ids of our own.

use std::sync::Arc;

use super::family::AdmissionError;
use super::read::Filter;
use super::*;
use crate::agents::budget::Budget;
use crate::agents::journal::Subject;
use crate::agents::lifecycle::Lifecycle;
use crate::agents::limiter::{self, pace};
use crate::clock::{Clock, ManualClock};
use crate::config::{Agents, Permission};
use crate::ids::{IdSource, SequentialIds};
use crate::providers::Conversation;
use crate::store::Store;

pub(super) struct World {
    _home: tempfile::TempDir,
    pub(super) store: Arc<Store>,
    pub(super) clock: ManualClock,
    pub(super) ids: SequentialIds,
    pub(super) owner: OwnerId,
    pub(super) project: ProjectId,
    pub(super) plan: Plan,
}

impl World {
    pub(super) async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(home.path()).await.unwrap());
        let (clock, ids) = (ManualClock::at(1_000), SequentialIds::default());
        let owner = OwnerId::new(&ids);
        owner::add(&store, &owner, "host", clock.now_ms())
            .await
            .unwrap();
        let project = store.project(&ids, "/p", clock.now_ms()).await.unwrap();
        let launch = Launch {
            provider: "claude".to_owned(),
            model: None,
            permission: Permission::Edit,
            cwd: "/".into(),
            conversation: Conversation::Fresh {
                session: ids.uuid(),
            },
            max_cost_usd: None,
            effort: None,
            instructions: String::new(),
            tools: crate::providers::ToolRules::default(),
        };
        let budget = Budget::configured(&Agents::default());
        let plan = Plan {
            launch,
            budget,
            max_tree: 16,
            agent: None,
            workspace: None,
            output_schema: None,
            expect: None,
            task: None,
            nesting: Nesting {
                max_spawns_per_minute: 1000,
                ..Nesting::default()
            },
        };
        Self {
            _home: home,
            store,
            clock,
            ids,
            owner,
            project,
            plan,
        }
    }

    pub(super) fn scribe(&self) -> Scribe<'_> {
        Scribe {
            store: &self.store,
            clock: &self.clock,
            ids: &self.ids,
        }
    }

    pub(super) fn new_agent<'a>(&'a self, id: &'a AgentId) -> NewAgent<'a> {
        NewAgent {
            id,
            project: &self.project,
            session: "session",
            parent: None,
            above: "/",
            group: None,
            label: "label",
            owner: &self.owner,
            context: "",
            reads: &[],
            prompt: "prompt",
            plan: &self.plan,
            takes_slot: true,
            insists: Insists::default(),
        }
    }

    /// A queued agent; each is a millisecond younger than the one before.
    async fn agent(&self) -> AgentId {
        let id = AgentId::new(&self.ids);
        self.clock.advance(1);
        let agent = self.new_agent(&id);
        write::enqueue(&self.scribe(), &agent).await.unwrap();
        id
    }

    pub(super) async fn line(&self, id: &AgentId) -> Line {
        read::agent(&self.store, id).await.unwrap().unwrap()
    }

    pub(super) async fn admit(&self, id: &AgentId, limits: &Agents) -> bool {
        let line = self.line(id).await;
        let now_ms = self.clock.now_ms();
        limiter::admit(&self.store, &line, limits, now_ms)
            .await
            .unwrap()
            .is_some()
    }

    pub(super) async fn end(
        &self,
        id: &AgentId,
        event: Lifecycle,
    ) -> Result<AgentState, TransitionError> {
        let line = self.line(id).await;
        self.end_from(id, line.state(), event, "text").await
    }

    pub(super) async fn end_from(
        &self,
        id: &AgentId,
        from: AgentState,
        event: Lifecycle,
        result: &str,
    ) -> Result<AgentState, TransitionError> {
        let ending = Ending {
            result: result.to_owned(),
            result_from: "final",
            ..Ending::default()
        };
        write::end(&self.scribe(), id, from, event, ending).await
    }

    async fn running(&self) -> AgentId {
        let id = self.agent().await;
        assert!(self.admit(&id, &Agents::default()).await);
        id
    }
}

pub(super) const FINISH: Lifecycle = Lifecycle::Finish {
    after_wrap_up: false,
};

#[tokio::test]
async fn permits_go_to_the_head_of_the_queue_only() {
    let world = World::new().await;
    let limits = Agents {
        max_concurrent: 1,
        ..Agents::default()
    };
    let (first, second, third) = (
        world.agent().await,
        world.agent().await,
        world.agent().await,
    );
    assert!(
        !world.admit(&second, &limits).await,
        "the second is not the head"
    );
    assert!(world.admit(&first, &limits).await);
    assert!(
        !world.admit(&second, &limits).await,
        "the only permit is taken"
    );
    assert_eq!(read::ahead(&world.store, &third, 1).await.unwrap(), 1);
    world.end(&first, FINISH).await.unwrap();
    assert!(!world.admit(&third, &limits).await);
    assert!(world.admit(&second, &limits).await);
}

#[tokio::test]
async fn cold_starts_hold_each_other_back_until_warm_or_long_over() {
    let world = World::new().await;
    let limits = Agents {
        max_starting: 1,
        ..Agents::default()
    };
    let (first, second, third) = (
        world.agent().await,
        world.agent().await,
        world.agent().await,
    );
    assert!(world.admit(&first, &limits).await);
    assert!(
        !world.admit(&second, &limits).await,
        "the first is still starting"
    );
    let journal = crate::agents::journal::Journal::open(Arc::clone(&world.store));
    let subject = crate::agents::journal::Subject {
        agent: first.clone(),
        run_no: 1,
    };
    journal
        .warm(&subject, world.clock.now_ms(), "session")
        .await;
    journal.flush().await;
    assert!(world.admit(&second, &limits).await, "the first is warm");
    assert!(
        !world.admit(&third, &limits).await,
        "the second is starting"
    );
    world.clock.advance(5_001);
    assert!(
        world.admit(&third, &limits).await,
        "the second is taking too long to wait for"
    );
}

#[tokio::test]
async fn a_slow_provider_holds_back_its_own_runs_only() {
    let mut world = World::new().await;
    let limits = Agents::default();
    let first = world.running().await;
    let now_ms = world.clock.now_ms();
    pace::slow_down(&world.store, "claude", Some(60), now_ms)
        .await
        .unwrap();
    let (second, third) = (world.agent().await, world.agent().await);
    world.plan.launch.provider = "other".to_owned();
    let other = world.agent().await;
    assert!(!world.admit(&second, &limits).await, "its provider rests");
    assert!(
        world.admit(&other, &limits).await,
        "it is held up by others"
    );
    world.clock.advance(60_000);
    assert!(
        !world.admit(&second, &limits).await,
        "one may be at work, and one is"
    );
    world.end(&first, FINISH).await.unwrap();
    assert!(!world.admit(&third, &limits).await, "it is not the first");
    assert!(world.admit(&second, &limits).await);
    assert!(!world.admit(&third, &limits).await, "one is at work again");
    world.clock.advance(10_000);
    assert!(world.admit(&third, &limits).await, "nobody was turned away");
}

#[tokio::test]
async fn who_backs_off_gives_its_permit_away_and_comes_before_who_waits_in_line() {
    let mut world = World::new().await;
    let limits = Agents {
        max_concurrent: 1,
        ..Agents::default()
    };
    let first = world.running().await;
    let subject = Subject {
        agent: first.clone(),
        run_no: 1,
    };
    let now_ms = world.clock.now_ms();
    pace::slow_down(&world.store, "claude", Some(1), now_ms)
        .await
        .unwrap();
    limiter::step_back(&world.store, &subject, now_ms + 1_000, now_ms)
        .await
        .unwrap();
    let same = world.agent().await;
    world.plan.launch.provider = "other".to_owned();
    let (other, another) = (world.agent().await, world.agent().await);
    assert!(
        world.admit(&other, &limits).await,
        "the permit of who waits is taken"
    );
    world.clock.advance(1_000);
    world.end(&other, FINISH).await.unwrap();
    assert!(
        !world.admit(&another, &limits).await && !world.admit(&same, &limits).await,
        "the one that waits longest comes first"
    );
    let go_on = || limiter::go_on(&world.store, &subject, 1, world.clock.now_ms());
    assert!(go_on().await.unwrap());
    assert!(!world.admit(&another, &limits).await, "no permit is free");
    world.end(&first, FINISH).await.unwrap();
    assert!(!go_on().await.unwrap(), "a run that has ended goes on");
    assert!(world.admit(&same, &limits).await);
}

#[tokio::test]
async fn of_two_ends_of_one_run_one_wins_and_the_late_result_is_kept() {
    let world = World::new().await;
    let id = world.running().await;
    let from = world.line(&id).await.state();
    let stopped = world
        .end_from(&id, from, Lifecycle::Stop, "")
        .await
        .unwrap();
    assert_eq!(stopped.status, Status::Stopped);
    let late = world.end_from(&id, from, FINISH, "late").await;
    assert!(matches!(late, Err(TransitionError::Lost)), "{late:?}");
    let ending = Ending {
        result: "late".to_owned(),
        result_from: "final",
        ..Ending::default()
    };
    write::keep_late_result(&world.scribe(), &id, 1, &ending)
        .await
        .unwrap();
    assert_eq!(world.line(&id).await.status, Status::Stopped);
    assert_eq!(
        read::texts(&world.store, &id, 1).await.unwrap().result,
        "late"
    );
}

#[tokio::test]
async fn of_two_resumes_one_wins() {
    let world = World::new().await;
    let id = world.running().await;
    world.end(&id, FINISH).await.unwrap();
    let from = world.line(&id).await.state();
    let agent = world.new_agent(&id);
    let (resumed, _) = write::resume(&world.scribe(), &agent, from).await.unwrap();
    assert_eq!(
        resumed,
        AgentState {
            status: Status::Queued,
            run_no: 2
        }
    );
    let again = write::resume(&world.scribe(), &agent, from).await;
    let lost = AdmissionError::Transition(TransitionError::Lost);
    assert_eq!(again.unwrap_err().to_string(), lost.to_string());
    assert_eq!(read::prompts(&world.store, &id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_session_has_at_most_so_many_live_agents() {
    let mut world = World::new().await;
    world.plan.max_tree = 2;
    let (first, _second) = (world.agent().await, world.agent().await);
    let id = AgentId::new(&world.ids);
    assert!(
        write::enqueue(&world.scribe(), &world.new_agent(&id))
            .await
            .is_err()
    );
    assert!(
        read::agent(&world.store, &id).await.unwrap().is_none(),
        "nothing was written"
    );
    world.end(&first, Lifecycle::Stop).await.unwrap();
    assert!(
        write::enqueue(&world.scribe(), &world.new_agent(&id))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_result_is_handed_out_once_a_run() {
    let world = World::new().await;
    let id = world.running().await;
    assert!(
        !write::deliver(&world.store, &[(id.clone(), 1)])
            .await
            .unwrap()[0],
        "it has no result yet"
    );
    world.end(&id, FINISH).await.unwrap();
    assert!(
        write::deliver(&world.store, &[(id.clone(), 1)])
            .await
            .unwrap()[0]
    );
    assert!(
        !write::deliver(&world.store, &[(id.clone(), 1)])
            .await
            .unwrap()[0]
    );
}

#[tokio::test]
async fn a_message_goes_one_way_and_is_lost_with_its_run() {
    let world = World::new().await;
    let id = world.running().await;
    let mut sent = Vec::new();
    for message in ["one", "two", "three"] {
        let steer = Steer {
            id: SteerId::new(&world.ids),
            agent: id.clone(),
            run_no: 1,
            message: message.to_owned(),
            when: When::AfterTurn,
        };
        assert!(
            steers::add(&world.store, &steer, world.clock.now_ms())
                .await
                .unwrap()
        );
        sent.push(steer);
    }
    let waiting = steers::waiting(&world.store, &world.owner).await.unwrap();
    let read_back = |steer: &Steer| (steer.message.clone(), steer.when);
    assert_eq!(waiting.len(), 3);
    assert!(
        waiting
            .iter()
            .map(read_back)
            .all(|read| sent.iter().map(read_back).any(|s| s == read))
    );
    for steer in &sent[..2] {
        assert!(steers::take(&world.store, &steer.id).await.unwrap());
        assert!(
            !steers::take(&world.store, &steer.id).await.unwrap(),
            "taken by two"
        );
    }
    let mut tx = world.store.begin().await.unwrap();
    steers::settle(&mut tx, sent[0].id.as_str(), 5)
        .await
        .unwrap();
    world.store.commit(tx).await.unwrap();
    world.end(&id, FINISH).await.unwrap();
    let tally = read::texts(&world.store, &id, 1)
        .await
        .unwrap()
        .evidence
        .steers;
    assert_eq!((tally.delivered, tally.lost), (1, 2));
    let late = Steer {
        id: SteerId::new(&world.ids),
        ..sent.remove(0)
    };
    assert!(
        !steers::add(&world.store, &late, 7).await.unwrap(),
        "the run is over"
    );
}

#[tokio::test]
async fn a_list_is_paged_without_gaps_or_repeats() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(world.agent().await);
    }
    expected.reverse();
    let mut filter = Filter {
        project: Some(world.project.clone()),
        status: Some(Status::Queued),
        group: None,
        after: None,
        limit: 2,
        below: "/".to_owned(),
    };
    let mut seen = Vec::new();
    loop {
        let page = read::list(&world.store, &filter).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.after = Some((last.created_ms, last.id.clone()));
        seen.extend(page.into_iter().map(|line| line.id));
    }
    assert_eq!(seen, expected);
    filter.after = None;
    filter.status = Some(Status::Error);
    assert!(read::list(&world.store, &filter).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_log_is_in_order_and_continues_where_it_was_left() {
    let world = World::new().await;
    let id = world.running().await;
    world.end(&id, FINISH).await.unwrap();
    let all = read::log(&world.store, &id, 0, 10).await.unwrap();
    let seqs: Vec<i64> = all.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, [1, 2, 3], "queued, running, completed");
    let rest = read::log(&world.store, &id, 2, 10).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].body["to"], "completed");
}

#[tokio::test]
async fn only_a_running_agent_asks_and_a_request_has_one_answer() {
    use super::asks::{self, Addressee, Ask, AskKind, AskState};
    let world = World::new().await;
    let agent = world.agent().await;
    let ask = || Ask {
        id: crate::ids::AskId::new(&world.ids),
        agent: agent.clone(),
        run_no: 1,
        kind: AskKind::Permission,
        tool: "Bash".to_owned(),
        content: "x".to_owned(),
        addressee: Addressee::Parent,
        state: AskState::Open,
        answer: String::new(),
        answered_by: String::new(),
        deadline_ms: 2_000,
        decider: String::new(),
    };
    let (store, early, asked) = (&world.store, ask(), ask());
    assert!(!asks::add(store, &early, 1_000).await.unwrap());
    assert!(world.admit(&agent, &Agents::default()).await);
    assert!(asks::add(store, &asked, 1_000).await.unwrap());
    assert!(world.line(&agent).await.waiting.starts_with("q-"));

    let settle = |state| asks::settle(store, &asked.id, state, "", "parent", 1_500);
    assert!(settle(AskState::Allowed).await.unwrap());
    assert!(!settle(AskState::Denied).await.unwrap());
    let answered = asks::answered(store, &world.owner).await.unwrap();
    assert_eq!(answered.len(), 1);
    assert!(asks::take(store, &asked.id).await.unwrap());
    assert!(!asks::take(store, &asked.id).await.unwrap());

    let open = ask();
    assert!(asks::add(store, &open, 1_600).await.unwrap());
    world.end(&agent, Lifecycle::Stop).await.unwrap();
    let left = asks::get(store, &open.id).await.unwrap().unwrap();
    assert_eq!(left.state, AskState::Withdrawn);
    assert!(!asks::add(store, &ask(), 1_700).await.unwrap());
}

/// Names of a family: an agent, one that works for it, and one that works for that.
async fn family(world: &World) -> [AgentId; 3] {
    let top = world.agent().await;
    assert!(world.admit(&top, &Agents::default()).await);
    let mut above = top.clone();
    let mut family = vec![top];
    for _ in 0..2 {
        let id = AgentId::new(&world.ids);
        let path = world.line(&above).await.path;
        let agent = NewAgent {
            parent: Some(&above),
            above: &path,
            takes_slot: false,
            ..world.new_agent(&id)
        };
        write::enqueue(&world.scribe(), &agent).await.unwrap();
        assert!(world.admit(&id, &Agents::default()).await);
        family.push(id.clone());
        above = id;
    }
    family.try_into().unwrap()
}

#[tokio::test]
async fn who_works_for_a_run_is_known_by_the_run() {
    let world = World::new().await;
    let [top, middle, low] = family(&world).await;
    let line = world.line(&low).await;
    assert_eq!(line.path, format!("/{top}/{middle}/{low}/"));
    assert_eq!(line.above, format!("/{top}:1/{middle}:1/"));
    assert_eq!(family::nearest(&line.above), Some((middle.clone(), 1)));
    let key = world.line(&top).await.key();
    let below = read::live_below(&world.store, &key).await.unwrap();
    let below: Vec<&AgentId> = below.iter().map(|line| &line.id).collect();
    assert_eq!(below, [&low, &middle], "the deepest first");
    let spent = family::spent_below(&world.store, &key).await.unwrap();
    assert_eq!((spent.agents, spent.live), (2, 2));
    let last = family::spent_below(&world.store, &line.key())
        .await
        .unwrap();
    assert_eq!(last.agents, 0);
}

#[tokio::test]
async fn nobody_starts_for_a_run_that_is_about_to_end() {
    let world = World::new().await;
    let [top, middle, low] = family(&world).await;
    write::ask_stop(&world.store, &top, 1, "enough", 3_000)
        .await
        .unwrap();
    let id = AgentId::new(&world.ids);
    let path = world.line(&middle).await.path;
    let agent = NewAgent {
        parent: Some(&middle),
        above: &path,
        ..world.new_agent(&id)
    };
    let refused = write::enqueue(&world.scribe(), &agent).await;
    assert!(
        matches!(refused, Err(AdmissionError::Ending)),
        "{refused:?}"
    );
    let key = world.line(&top).await.key();
    family::ask_stop_below(&world.store, &key, "with it", 3_000)
        .await
        .unwrap();
    for agent in [&middle, &low] {
        let asked = read::stop_reason(&world.store, agent, 1).await.unwrap();
        assert_eq!(asked, "with it");
    }
}

#[tokio::test]
async fn an_agent_that_somebody_else_carries_on_takes_its_own_along() {
    let world = World::new().await;
    let [top, middle, low] = family(&world).await;
    for agent in [&low, &middle] {
        world.end(agent, Lifecycle::Stop).await.unwrap();
    }
    let agent = NewAgent {
        session: "another",
        ..world.new_agent(&middle)
    };
    let from = world.line(&middle).await.state();
    write::resume(&world.scribe(), &agent, from).await.unwrap();
    let (middle_line, low_line) = (world.line(&middle).await, world.line(&low).await);
    assert_eq!(
        (middle_line.parent, middle_line.above.as_str()),
        (None, "/")
    );
    assert_eq!(middle_line.path, format!("/{middle}/"));
    assert_eq!(low_line.path, format!("/{middle}/{low}/"));
    assert_eq!(low_line.session, "another");
    assert_eq!(world.line(&top).await.session, "session");
    // What it did for the first stays on the account of the first.
    let key = world.line(&top).await.key();
    let spent = family::spent_below(&world.store, &key).await.unwrap();
    assert_eq!((spent.agents, spent.live), (2, 0));
}
