use super::*;
use crate::agents::lifecycle::Lifecycle;
use crate::agents::record::tests::{FINISH, World};
use crate::agents::record::{read, write};
use crate::ids::TaskId;
use crate::tasks::{NewTask, rows};

/// The tracker in the hands of the session that spawns.
fn session<'a>(world: &'a World, scribe: &Scribe<'a>) -> Tracker<'a> {
    let actor = Actor::Session {
        id: "session".to_owned(),
        dies_with: None,
    };
    tracker(scribe, &world.project, actor)
}

async fn new_task(world: &World) -> TaskId {
    let new = NewTask {
        title: "A task".to_owned(),
        ..NewTask::default()
    };
    let created = session(world, &world.scribe()).create(&[new]).await;
    created.unwrap().remove(0).id
}

async fn task(world: &World, id: &TaskId) -> Task {
    let mut connection = world.store.read().acquire().await.unwrap();
    let found = rows::get(&mut connection, &world.project, id).await;
    found.unwrap().unwrap()
}

/// A running agent with that task.
async fn worker(world: &World, task: &TaskId, at_end: AtEnd) -> AgentId {
    let id = AgentId::new(&world.ids);
    let plan = Plan {
        task: Some(Assignment {
            id: task.clone(),
            title: "A task".to_owned(),
            at_end,
            drain: None,
        }),
        ..world.plan.clone()
    };
    let agent = NewAgent {
        plan: &plan,
        ..world.new_agent(&id)
    };
    write::enqueue(&world.scribe(), &agent).await.unwrap();
    assert!(world.admit(&id, &crate::config::Agents::default()).await);
    id
}

#[tokio::test]
async fn a_task_to_be_handed_back_is_the_sessions_when_the_work_is_done_and_free_when_it_is_not() {
    let world = World::new().await;
    let id = new_task(&world).await;
    let agent = worker(&world, &id, AtEnd::HandBack).await;
    assert_eq!(
        task(&world, &id).await.holder,
        Some(Holder::Agent(agent.clone()))
    );
    world.end(&agent, FINISH).await.unwrap();
    let held = task(&world, &id).await;
    assert_eq!(held.holder, Some(Holder::Session("session".to_owned())));
    assert_eq!(
        held.fence, 2,
        "whoever knows the number of the agent's claim is refused"
    );
    let line = world.line(&agent).await;
    let texts = read::texts(&world.store, &agent, line.run_no)
        .await
        .unwrap();
    assert_eq!(texts.evidence.task.unwrap().status, "in_progress");
    // The session dies with the process that has run the agent.
    claim::release_of_owner(&world.store, &world.owner, &world.clock, &world.ids)
        .await
        .unwrap();
    assert_eq!(task(&world, &id).await.holder, None);

    let agent = worker(&world, &id, AtEnd::HandBack).await;
    world.end(&agent, Lifecycle::Fail).await.unwrap();
    assert_eq!(task(&world, &id).await.holder, None);
}

#[tokio::test]
async fn an_agent_without_its_task_is_not_written_and_an_ended_one_claims_nothing() {
    let world = World::new().await;
    let id = new_task(&world).await;
    let first = worker(&world, &id, AtEnd::Close).await;
    let second = AgentId::new(&world.ids);
    let plan = world.line(&first).await.plan;
    let agent = NewAgent {
        plan: &plan,
        ..world.new_agent(&second)
    };
    let refused = write::enqueue(&world.scribe(), &agent).await.unwrap_err();
    assert!(refused.to_string().contains("is held by"), "{refused}");
    assert!(read::agent(&world.store, &second).await.unwrap().is_none());
    world.end(&first, FINISH).await.unwrap();
    let late = tracker(
        &world.scribe(),
        &world.project,
        Actor::Agent {
            id: first.clone(),
            read_only: false,
        },
    )
    .claim(id.as_str(), None)
    .await
    .unwrap_err();
    assert!(
        late.to_string().ends_with("whoever claims it has ended"),
        "{late}"
    );
    assert_eq!(task(&world, &id).await.holder, None);
}

#[tokio::test]
async fn a_late_result_keeps_what_became_of_the_task() {
    let world = World::new().await;
    let id = new_task(&world).await;
    let agent = worker(&world, &id, AtEnd::Close).await;
    let state = world.line(&agent).await.state();
    world
        .end_from(&agent, state, Lifecycle::Stop, "")
        .await
        .unwrap();
    let late = Ending {
        result: "late".to_owned(),
        result_from: "final",
        ..Ending::default()
    };
    write::keep_late_result(&world.scribe(), &agent, 1, &late)
        .await
        .unwrap();
    let texts = read::texts(&world.store, &agent, 1).await.unwrap();
    assert_eq!(
        (texts.result.as_str(), texts.evidence.task.unwrap().id),
        ("late", id)
    );
}
