//! `weftctl status`: how the cluster stands, in a few lines.

use weft_proto::v1;

use super::lock;
use crate::console::{self, safe};
use crate::failure::Outcome;
use crate::progress;
use crate::server::call::{self, Server};

/// Shows how the cluster stands.
///
/// # Errors
/// When the controller is not there.
pub async fn run(server: &Server) -> Outcome {
    let ask = |channel| async move {
        let request = v1::ClusterStatusRequest {};
        call::cluster(channel).status(request).await
    };
    let status = server.call(ask).await?;
    console::print(&page(&status))
}

fn page(status: &v1::ClusterStatus) -> String {
    let leader = match status.leader.as_str() {
        "" => "none at the moment".to_owned(),
        leader => safe(leader),
    };
    let draft = match status.pending {
        0 => "as confirmed".to_owned(),
        1 => "1 object differs: weftctl diff".to_owned(),
        count => format!("{count} objects differ: weftctl diff"),
    };
    let rollout = match &status.rollout {
        None => "none is going on".to_owned(),
        Some(rollout) => progress::headline(rollout),
    };
    let nodes = if status.leads {
        format!(
            "{}, {} connected, {} with revision {}",
            status.nodes, status.connected, status.current, status.head
        )
    } else {
        format!("{}; the leader knows how they are", status.nodes)
    };
    let lock = match &status.lock {
        None => "not known: the store does not answer".to_owned(),
        Some(lock) => lock::line(lock),
    };
    let silence = match status.silent_seconds {
        0 => String::new(),
        seconds => format!(
            "Store:     etcd has not answered for {seconds} s: look at it; what is below is what was \
             known before, and nothing can be changed\n"
        ),
    };
    let restored = match status.quarantine.as_str() {
        "" => String::new(),
        why => format!(
            "RESTORED:  the store was restored from a backup: {}\n           Nothing is changed and \
             no node is told anything; nodes keep what they have.\n           Put the newer store \
             back, or accept this one: weftctl cluster accept-restore --reason TEXT\n",
            safe(why)
        ),
    };
    let warning = |warning: &String| format!("Warning:   {}\n", safe(warning));
    let warnings: String = status.warnings.iter().map(warning).collect();
    silence
        + &restored
        + &format!(
            "Cluster:   {}\nLeader:    {leader}\nConfirmed: revision {}\nDraft:     {draft}\n\
         Rollout:   {rollout}\nNodes:     {nodes}\nLock:      {lock}\n{warnings}",
            safe(&status.cluster),
            status.head,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_cluster_is_seven_lines() {
        let status = v1::ClusterStatus {
            cluster: "c0ffee".to_owned(),
            leader: "n1 at 127.0.0.1:7443".to_owned(),
            leads: true,
            head: 4,
            pending: 2,
            nodes: 3,
            connected: 3,
            current: 2,
            lock: Some(v1::LockState::default()),
            ..v1::ClusterStatus::default()
        };
        assert_eq!(
            page(&status),
            "Cluster:   c0ffee\n\
             Leader:    n1 at 127.0.0.1:7443\n\
             Confirmed: revision 4\n\
             Draft:     2 objects differ: weftctl diff\n\
             Rollout:   none is going on\n\
             Nodes:     3, 3 connected, 2 with revision 4\n\
             Lock:      nobody holds the lock\n"
        );
    }
}
