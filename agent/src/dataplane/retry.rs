//! Whether to try again: the one place that has an opinion on it.
//!
//! | the kernel says | that is | so |
//! |---|---|---|
//! | it exists, or is not there | the node changed between looking and acting | look and plan again: what is ours is taken over, what is not is a clash, what is gone is made |
//! | it is busy, or gave no answer | a moment's trouble | the same, after growing pauses |
//! | no memory, no right, not known, not so | nothing that time mends | fail; what was made is undone by the way back |

use std::collections::BTreeSet;
use std::time::Duration;

use nix::libc;
use weft_model::report::Fault;
use weft_node::driver::Failure;
use weft_node::step::Step;

/// How often the same plan is tried before its failure is believed.
const TRIES: u32 = 5;

/// What to do about a failed step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look, plan, and try again after a while.
    Again(Duration),
    /// The same, and read everything anew: what the kernel says and what is known of it do not go
    /// together.
    Anew,
    /// It will not get better.
    Fail,
}

/// What to do after `tries` tries that ended in these failures.
pub(super) fn verdict(failures: &[Failure], tries: u32) -> Verdict {
    if tries >= TRIES {
        return Verdict::Fail;
    }
    let worst = failures.iter().map(|failure| class(failure.errno)).max();
    match worst {
        Some(Class::Stale) | None if tries > 1 => Verdict::Anew,
        Some(Class::Stale) | None => Verdict::Again(Duration::ZERO),
        Some(Class::Busy) => Verdict::Again(Duration::from_millis(20 << (2 * tries).min(6))),
        Some(Class::Final) => Verdict::Fail,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// The node changed between looking and acting: look again.
    Stale,
    /// The kernel has something else to do.
    Busy,
    /// Everything else.
    Final,
}

fn class(errno: Option<i32>) -> Class {
    match errno {
        Some(
            libc::EEXIST
            | libc::ENODEV
            | libc::ENOENT
            | libc::ESRCH
            | libc::EADDRNOTAVAIL
            | libc::ENETDOWN,
        ) => Class::Stale,
        Some(libc::EBUSY | libc::EAGAIN | libc::EINTR) => Class::Busy,
        Some(_) | None => Class::Final,
    }
}

/// The failures as the people hear of them: one for each device, and not those that only follow
/// from another.
pub(super) fn faults(steps: &[Step], failures: &[Failure]) -> Vec<Fault> {
    let follows = |failure: &Failure| failure.errno == Some(libc::ENODEV);
    let has_cause = failures.iter().any(|failure| !follows(failure));
    let mut told = BTreeSet::new();
    failures
        .iter()
        .filter(|failure| !(has_cause && follows(failure)))
        .filter_map(|failure| {
            let step = steps.get(failure.step)?;
            told.insert(step.devices()).then(|| Fault {
                origin: step.origin().cloned(),
                attempt: format!("cannot {step}"),
                cause: failure.cause.clone(),
                advice: advice(failure.errno),
            })
        })
        .collect()
}

fn advice(errno: Option<i32>) -> String {
    match errno {
        Some(libc::EPERM | libc::EACCES | libc::EROFS) => {
            "give the agent CAP_NET_ADMIN and let it write below /proc/sys/net"
        }
        Some(libc::EOPNOTSUPP) => "the kernel lacks this; see which modules it has",
        Some(libc::ENOMEM | libc::ENOBUFS) => "the host is short of memory",
        Some(libc::EBUSY) => "something else holds the device; try again",
        _ => "",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINAL: [i32; 6] = [
        libc::EPERM,
        libc::EACCES,
        libc::EINVAL,
        libc::EOPNOTSUPP,
        libc::ENOMEM,
        libc::ENOBUFS,
    ];

    fn failure(step: usize, errno: i32) -> Failure {
        Failure {
            step,
            errno: Some(errno),
            cause: "no".to_owned(),
        }
    }

    #[test]
    fn what_is_busy_is_tried_again_a_few_times_and_what_is_wrong_is_not() {
        let busy = [failure(0, libc::EBUSY)];
        let waits: Vec<Verdict> = (1..=TRIES).map(|tries| verdict(&busy, tries)).collect();
        let again = |ms| Verdict::Again(Duration::from_millis(ms));
        assert_eq!(
            waits,
            [
                again(80),
                again(320),
                again(1280),
                again(1280),
                Verdict::Fail
            ]
        );
        for errno in FINAL {
            assert_eq!(verdict(&[failure(0, errno)], 1), Verdict::Fail);
        }
    }

    #[test]
    fn what_changed_meanwhile_is_looked_at_again_and_then_read_anew() {
        for errno in [libc::EEXIST, libc::ENODEV, libc::ENOENT] {
            let stale = [failure(0, errno)];
            let verdicts: Vec<Verdict> = (1..=TRIES).map(|tries| verdict(&stale, tries)).collect();
            use Verdict::{Again, Anew, Fail};
            assert_eq!(verdicts, [Again(Duration::ZERO), Anew, Anew, Anew, Fail]);
        }
    }

    #[test]
    fn a_failure_that_follows_from_another_is_not_told() {
        let steps: Vec<Step> = [7, 8]
            .into_iter()
            .map(|index| Step::Link {
                index,
                name: format!("dev{index}"),
                origin: None,
                change: weft_node::step::Change::Destroy,
            })
            .collect();
        let failures = [failure(0, libc::ENOMEM), failure(1, libc::ENODEV)];
        let texts: Vec<String> = faults(&steps, &failures)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            ["cannot destroy device dev7: no: the host is short of memory"]
        );
    }
}
