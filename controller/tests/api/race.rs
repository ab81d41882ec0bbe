//! Two who want a rollout at the same moment.

use tonic::Code;
use tonic_types::StatusExt;
use weft_proto::v1;

use crate::agent::Script;
use crate::cluster::{Cluster, plain_vnet, zone_on};

/// How often they race.
const RACES: u32 = 200;

fn wish(author: &str) -> v1::StartRequest {
    v1::StartRequest {
        author: author.to_owned(),
        // It stays active until somebody ends it.
        manual_confirm: true,
        skip_offline: true,
        ..v1::StartRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_start_a_rollout_at_once_one_does_and_the_other_is_told_who_and_since_when() {
    let cluster = Cluster::start().await;
    let _n1 = cluster.agent("n1", 1, Script::Obey).await;
    cluster
        .put([zone_on("edge", &["n1"]), plain_vnet("lan", "edge")])
        .await
        .unwrap();
    let (mut ada, mut bob) = (cluster.rollouts().await, cluster.rollouts().await);
    for race in 1..=RACES {
        let (one, other) = tokio::join!(ada.start(wish("ada")), bob.start(wish("bob")));
        let (won, lost) = match (one, other) {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won.into_inner(), lost),
            both => panic!("race {race}: {both:?}"),
        };
        assert_eq!(won.rollout, u64::from(race));
        assert_eq!(lost.code(), Code::FailedPrecondition, "{lost:?}");
        let details = lost.get_error_details();
        let facts = &details.error_info().unwrap().metadata;
        assert_eq!(facts["rollout"], won.rollout.to_string());
        assert_eq!(facts["author"], won.author);
        let said = lost.message();
        let named = format!(
            "rollout {} to revision {} by {}",
            won.rollout, won.to, won.author
        );
        assert!(said.contains(&named) && said.contains(" s now)"), "{said}");
        let end = v1::RolloutCommand {
            rollout: won.rollout,
            author: "ada".to_owned(),
            ..v1::RolloutCommand::default()
        };
        ada.abort(end).await.unwrap();
        cluster.closed(won.rollout).await;
    }
    let request = v1::HistoryRequest { limit: 1_000 };
    let all = ada.history(request).await.unwrap().into_inner().rollouts;
    assert_eq!(all.len(), RACES as usize);
}
