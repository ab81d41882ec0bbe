//! The ledger on real file systems: cut off at every byte, full, damaged, of another version.

use std::fs;

use weft_model::message::{Confirmed, Target};
use weft_model::revision::{Epoch, RevisionId, RolloutId};
use weft_proto::digest;

use super::*;

fn journal(epoch: u64) -> Journal {
    Journal {
        epoch: Epoch(epoch),
        confirmed: Confirmed {
            rollout: RolloutId(epoch),
            target: Target {
                revision: RevisionId(epoch),
                ..Target::EMPTY
            },
        },
        ..Journal::default()
    }
}

fn plan(vnets: usize) -> weft_model::plan::NodePlan {
    (0..vnets)
        .map(|at| {
            let link = serde_json::json!({"link": {
                "name": format!("vnet{at}"),
                "origin": {"zone": "zone", "vnet": format!("vnet{at}")},
                "kind": {"bridge": {}},
                "addresses": ["10.0.0.1/24"],
            }});
            serde_json::from_value::<weft_model::plan::Entry>(link).unwrap()
        })
        .collect()
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn reopened(path: &Path) -> Option<Journal> {
    Ledger::open(path).unwrap().journal
}

#[test]
fn the_last_journal_that_was_written_is_the_one_that_is_read() {
    let directory = directory();
    assert_eq!(reopened(directory.path()), None);
    for epoch in 1..=5 {
        let mut opened = Ledger::open(directory.path()).unwrap();
        opened.ledger.persist(&journal(epoch)).unwrap();
        drop(opened);
        assert_eq!(reopened(directory.path()), Some(journal(epoch)));
        assert_eq!(read(directory.path()).unwrap().0, Some(journal(epoch)));
    }
}

#[test]
fn a_write_cut_off_at_any_byte_leaves_the_journal_before_it_or_the_whole_new_one() {
    let directory = directory();
    let mut ledger = Ledger::open(directory.path()).unwrap().ledger;
    for epoch in 1..=3 {
        ledger.persist(&journal(epoch)).unwrap();
    }
    let slot = directory.path().join("journal.0");
    let old = fs::read(&slot).unwrap();
    ledger.persist(&journal(4_000_000)).unwrap();
    let new = fs::read(&slot).unwrap();
    drop(ledger);
    let differ = |at: &usize| old[*at] != new[*at];
    let last = (0..new.len()).rev().find(differ).unwrap();
    for cut in 0..=last + 1 {
        let torn = [&new[..cut], &old[cut..]].concat();
        fs::write(&slot, torn).unwrap();
        // The very last byte is the newline after the record, which proves nothing.
        let expected = if cut >= last { 4_000_000 } else { 3 };
        assert_eq!(
            reopened(directory.path()),
            Some(journal(expected)),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_first_write_that_was_cut_off_leaves_a_directory_that_was_never_used() {
    let directory = directory();
    let mut ledger = Ledger::open(directory.path()).unwrap().ledger;
    ledger.persist(&journal(1)).unwrap();
    drop(ledger);
    let slot = directory.path().join("journal.1");
    let mut bytes = fs::read(&slot).unwrap();
    bytes[20..].fill(0);
    fs::write(&slot, bytes).unwrap();
    assert_eq!(reopened(directory.path()), None);
}

#[test]
fn two_damaged_journals_are_refused_and_stay_as_they_are() {
    let directory = directory();
    let mut ledger = Ledger::open(directory.path()).unwrap().ledger;
    ledger.persist(&journal(1)).unwrap();
    ledger.persist(&journal(2)).unwrap();
    drop(ledger);
    let slots = ["journal.0", "journal.1"].map(|name| directory.path().join(name));
    for slot in &slots {
        let mut bytes = fs::read(slot).unwrap();
        bytes[90] ^= 1;
        fs::write(slot, bytes).unwrap();
    }
    let before = slots.clone().map(|slot| fs::read(slot).unwrap());
    let refused = Ledger::open(directory.path()).unwrap_err();
    assert!(
        matches!(refused, LedgerError::JournalDamaged { .. }),
        "{refused}"
    );
    assert_eq!(slots.map(|slot| fs::read(slot).unwrap()), before);
}

#[test]
fn plans_without_a_journal_are_refused() {
    let directory = directory();
    let mut ledger = Ledger::open(directory.path()).unwrap().ledger;
    ledger.persist(&journal(1)).unwrap();
    let held = plan(1);
    ledger.plans().write(digest::plan(&held), &held).unwrap();
    drop(ledger);
    for slot in ["journal.0", "journal.1"] {
        fs::remove_file(directory.path().join(slot)).unwrap();
    }
    let refused = Ledger::open(directory.path()).unwrap_err();
    assert!(
        matches!(refused, LedgerError::JournalMissing { .. }),
        "{refused}"
    );
}

#[test]
fn a_journal_of_a_later_version_is_refused_even_beside_one_that_can_be_read() {
    let directory = directory();
    let mut ledger = Ledger::open(directory.path()).unwrap().ledger;
    ledger.persist(&journal(1)).unwrap();
    drop(ledger);
    let later = record::encode_version("journal", record::VERSION + 1, 2, b"{}");
    fs::write(directory.path().join("journal.0"), later).unwrap();
    let refused = Ledger::open(directory.path()).unwrap_err();
    assert!(
        matches!(refused, LedgerError::UnknownVersion { version: 2, .. }),
        "{refused}"
    );
}

#[test]
fn a_second_agent_is_kept_out() {
    let directory = directory();
    let first = Ledger::open(directory.path()).unwrap();
    let refused = Ledger::open(directory.path()).unwrap_err();
    assert!(matches!(refused, LedgerError::Busy { .. }), "{refused}");
    drop(first);
    assert_eq!(reopened(directory.path()), None);
}

#[test]
fn a_plan_is_read_as_it_was_written_and_damage_is_refused() {
    let directory = directory();
    let ledger = Ledger::open(directory.path()).unwrap().ledger;
    let held = plan(20);
    let name = digest::plan(&held);
    ledger.plans().write(name, &held).unwrap();
    assert_eq!(ledger.plans().read(name).unwrap(), held);

    let path = directory.path().join(format!("plans/{name}.plan"));
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let refused = ledger.plans().read(name).unwrap_err();
    assert!(
        matches!(refused, LedgerError::PlanDamaged { .. }),
        "{refused}"
    );
}

#[test]
fn plans_that_nothing_speaks_of_are_removed_and_so_is_what_was_never_finished() {
    let directory = directory();
    let mut ledger = Ledger::open(directory.path()).unwrap().ledger;
    ledger.persist(&journal(1)).unwrap();
    let [kept, left] = [plan(1), plan(2)];
    for plan in [&kept, &left] {
        ledger.plans().write(digest::plan(plan), plan).unwrap();
    }
    fs::write(directory.path().join("plans/cut-off.new"), b"half").unwrap();
    ledger.plans().retain(&[digest::plan(&kept)]).unwrap();
    drop(ledger);
    drop(Ledger::open(directory.path()).unwrap());
    let left: Vec<_> = fs::read_dir(directory.path().join("plans"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, [format!("{}.plan", digest::plan(&kept))]);
}

/// Runs on a thread of its own, because the mount is for that thread only. Needs root.
#[test]
fn a_full_disk_refuses_a_plan_and_still_takes_the_journal() {
    let outcome = std::thread::spawn(|| {
        use nix::mount::{MsFlags, mount};
        use nix::sched::{CloneFlags, unshare};

        let directory = directory();
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none).unwrap();
        let size = Some("size=256k");
        mount(
            Some("tmpfs"),
            directory.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            size,
        )
        .unwrap();

        let mut ledger = Ledger::open(directory.path()).unwrap().ledger;
        ledger.persist(&journal(1)).unwrap();
        let held = plan(3);
        ledger.plans().write(digest::plan(&held), &held).unwrap();

        let large = plan(2_000);
        let refused = ledger
            .plans()
            .write(digest::plan(&large), &large)
            .unwrap_err();
        assert_eq!(
            refused.fault().advice,
            "free some space on the file system of the agent's state directory"
        );
        assert_eq!(
            fs::read_dir(directory.path().join("plans"))
                .unwrap()
                .count(),
            1
        );

        // Not a byte is left for anyone.
        let filler = fs::write(directory.path().join("filler"), vec![1; 512 << 10]);
        assert_eq!(filler.unwrap_err().kind(), io::ErrorKind::StorageFull);
        for epoch in 2..=9 {
            ledger.persist(&journal(epoch)).unwrap();
        }
        drop(ledger);
        let opened = Ledger::open(directory.path()).unwrap();
        assert_eq!(opened.journal, Some(journal(9)));
        assert_eq!(
            opened.ledger.plans().read(digest::plan(&held)).unwrap(),
            held
        );
    });
    outcome.join().unwrap();
}
