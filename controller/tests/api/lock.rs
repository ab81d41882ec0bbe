//! The lock for people.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;
use weft_proto::v1;

use crate::cluster::{Cluster, vnet, zone};

fn lock(author: &str, seconds: u32) -> v1::LockRequest {
    v1::LockRequest {
        author: author.to_owned(),
        reason: "moving racks".to_owned(),
        seconds,
        ..v1::LockRequest::default()
    }
}

async fn put_as(cluster: &Cluster, author: &str, object: v1::Object) -> Result<(), Status> {
    let mut request = tonic::Request::new(v1::ApplyRequest {
        put: vec![object],
        ..v1::ApplyRequest::default()
    });
    let author = author.parse().unwrap();
    request.metadata_mut().insert("weft-author", author);
    cluster.objects().await.apply(request).await.map(drop)
}

async fn start_as(cluster: &Cluster, author: &str) -> Result<v1::Rollout, Status> {
    cluster
        .start_with(v1::StartRequest {
            author: author.to_owned(),
            ..v1::StartRequest::default()
        })
        .await
}

/// The reason and the owner that a refusal names.
fn locked_by(refused: &Status) -> (Code, String, String) {
    let info = refused.get_details_error_info().unwrap();
    let fact = |name: &str| info.metadata.get(name).cloned().unwrap_or_default();
    assert!(fact("since").parse::<u64>().unwrap() < fact("until").parse::<u64>().unwrap());
    (refused.code(), info.reason.clone(), fact("owner"))
}

#[tokio::test]
async fn only_the_owner_of_the_lock_edits_and_rolls_out() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    put_as(&cluster, "ada", zone("dc1")).await.unwrap();
    let mut service = cluster.whole().await;
    let taken = service.lock(lock("ada", 600)).await.unwrap().into_inner();
    assert_eq!(
        (taken.held, taken.owner.as_str(), taken.reason.as_str()),
        (true, "ada", "moving racks")
    );

    let expected = (
        Code::FailedPrecondition,
        "LOCKED".to_owned(),
        "ada".to_owned(),
    );
    let edit = put_as(&cluster, "bob", zone("dc2")).await.unwrap_err();
    assert_eq!(locked_by(&edit), expected);
    assert!(edit.message().contains("moving racks"), "{edit}");
    let rollout = start_as(&cluster, "bob").await.unwrap_err();
    assert_eq!(locked_by(&rollout), expected);
    let taken = service.lock(lock("bob", 600)).await.unwrap_err();
    assert_eq!(locked_by(&taken), expected);
    let give_back = |author: &str, force| v1::UnlockRequest {
        author: author.to_owned(),
        force,
        ..v1::UnlockRequest::default()
    };
    let given = service.unlock(give_back("bob", false)).await.unwrap_err();
    assert_eq!(locked_by(&given), expected);
    // A node that comes is a fact and not an edit.
    let _late = cluster.agent("n4", 4, crate::agent::Script::Obey).await;

    put_as(&cluster, "ada", vnet("web", "dc1", 100))
        .await
        .unwrap();
    let started = start_as(&cluster, "ada").await.unwrap();
    assert_eq!(cluster.closed(started.rollout).await.decision, "commit");
    service.unlock(give_back("ada", false)).await.unwrap();
    let gone = service.unlock(give_back("ada", false)).await.unwrap_err();
    assert_eq!(
        (gone.code(), gone.message()),
        (Code::FailedPrecondition, "nobody holds the lock")
    );
    put_as(&cluster, "bob", zone("dc2")).await.unwrap();
}

#[tokio::test]
async fn a_lock_ends_by_itself_and_outlives_its_controller() {
    let mut cluster = Cluster::start().await;
    let taken = cluster.whole().await.lock(lock("ada", 4)).await;
    taken.unwrap();
    cluster.stop().await;
    cluster.resume().await;
    let state = cluster.whole().await.get_lock(v1::GetLockRequest {}).await;
    assert_eq!(state.unwrap().into_inner().owner, "ada");
    put_as(&cluster, "bob", zone("dc1")).await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    put_as(&cluster, "bob", zone("dc1")).await.unwrap();
}

#[tokio::test]
async fn force_takes_and_breaks_a_lock_and_the_audit_names_both() {
    let cluster = Cluster::start().await;
    let mut service = cluster.whole().await;
    service.lock(lock("ada", 600)).await.unwrap();
    let force = v1::LockRequest {
        force: true,
        ..lock("bob", 60)
    };
    let taken = service.lock(force).await.unwrap().into_inner();
    assert_eq!((taken.owner.as_str(), taken.remaining_seconds), ("bob", 60));
    let request = v1::UnlockRequest {
        author: "eve".to_owned(),
        force: true,
        ..v1::UnlockRequest::default()
    };
    service.unlock(request).await.unwrap();
    let audit: Vec<_> = cluster
        .audits()
        .await
        .into_iter()
        .map(|it| (it.author, it.action, it.detail))
        .collect();
    let line = |author: &str, action: &str, detail: &str| {
        (author.to_owned(), action.to_owned(), detail.to_owned())
    };
    assert_eq!(
        audit,
        [
            line("eve", "unlock.force", "of bob: moving racks"),
            line(
                "bob",
                "lock.force",
                "for 60 s: moving racks; it was held by ada: moving racks"
            ),
            line("ada", "lock", "for 600 s: moving racks"),
        ]
    );
}

#[tokio::test]
async fn a_lock_without_owner_reason_or_end_is_refused_by_field() {
    let cluster = Cluster::start().await;
    let mut service = cluster.whole().await;
    let mut field = async |request: v1::LockRequest| {
        let refused = service.lock(request).await.unwrap_err();
        crate::cluster::fields(&refused)
    };
    let expected = |name: &str| (Code::InvalidArgument, vec![name.to_owned()]);
    assert_eq!(field(lock("", 60)).await, expected("author"));
    assert_eq!(field(lock("ada", 0)).await, expected("seconds"));
    assert_eq!(field(lock("ada", 86_401)).await, expected("seconds"));
    let silent = v1::LockRequest {
        reason: String::new(),
        ..lock("ada", 60)
    };
    assert_eq!(field(silent).await, expected("reason"));
}

#[tokio::test]
async fn another_s_lock_keeps_a_rollout_from_being_confirmed_but_not_from_being_aborted() {
    let cluster = Cluster::start().await;
    let _agents = cluster.three().await;
    cluster
        .put([zone("dc1"), vnet("web", "dc1", 100)])
        .await
        .unwrap();
    let request = v1::StartRequest {
        author: "bob".to_owned(),
        manual_confirm: true,
        confirm_within_seconds: 30,
        ..v1::StartRequest::default()
    };
    let started = cluster.start_with(request).await.unwrap();
    cluster
        .rollout_when(started.rollout, |it| it.phase == "WaitingForConfirm")
        .await;
    let mut service = cluster.whole().await;
    service.lock(lock("ada", 60)).await.unwrap();
    let status = service.status(v1::ClusterStatusRequest {}).await.unwrap();
    let status = status.into_inner();
    assert_eq!(
        (
            status.leads,
            status.pending,
            status.connected,
            status.rollout.unwrap().phase.as_str(),
            status.lock.unwrap().owner.as_str()
        ),
        (true, 5, 3, "WaitingForConfirm", "ada")
    );
    let bob = v1::RolloutCommand {
        rollout: 0,
        author: "bob".to_owned(),
        ..v1::RolloutCommand::default()
    };
    let mut rollouts = cluster.rollouts().await;
    let refused = rollouts.confirm(bob.clone()).await.unwrap_err();
    assert_eq!(locked_by(&refused).2, "ada");
    rollouts.abort(bob).await.unwrap();
    assert_eq!(cluster.closed(started.rollout).await.decision, "abort");
}
