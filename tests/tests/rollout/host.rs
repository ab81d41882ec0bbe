//! What a host keeps while its agent comes and goes: a disk, a kernel, a boot.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_agent::fake::Fake;
use weft_agent::ledger::disk::{Disk, Slot};
use weft_model::facts::{Facts, LinkFacts};
use weft_model::mtu::Mtu;
use weft_model::plan::NodePlan;
use weft_model::plan::digest::Digest;
use weft_model::revision::RolloutId;
use weft_node::session::journal::{Journal, State as Stands};

use super::chance::Chance;
use super::laws;
use super::run::Bug;
use super::world::{Who, World, node_name};

/// Where the ledger is.
pub const LEDGER: &str = "/state";

pub struct Host {
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Names that were changed and are not safe yet, with what they named before.
    unsafe_names: Vec<(PathBuf, Option<Vec<u8>>)>,
    /// The slot that was written over last, and what was there.
    overwritten: Option<(PathBuf, Vec<u8>)>,
    /// No byte more fits.
    pub full: bool,
    /// Nothing can be written at all.
    pub read_only: bool,
    lock: Option<Arc<()>>,
    /// What is durable of the protocol.
    pub journal: Journal,
    /// Every rollout that a stage of was durable.
    pub prepared: BTreeSet<RolloutId>,
    pub kernel: Fake,
    /// How long a change of the kernel takes at most, in milliseconds.
    pub slow: u64,
    pub boot: u64,
    /// When the host was booted, in milliseconds.
    pub booted: u64,
    /// How fast its clock runs, in thousandths.
    pub rate: u64,
    /// When somebody else last changed its network, or its kernel last refused something.
    pub meddled: u64,
}

impl Host {
    pub fn new(number: usize, chance: &mut Chance) -> Self {
        Self {
            files: BTreeMap::new(),
            unsafe_names: Vec::new(),
            overwritten: None,
            full: false,
            read_only: false,
            lock: None,
            journal: Journal::default(),
            prepared: BTreeSet::new(),
            kernel: kernel(number),
            slow: 2,
            boot: 0,
            booted: 0,
            rate: chance.within(996, 1_004),
            meddled: 0,
        }
    }

    /// What a restart of the host leaves.
    pub fn reboot(&mut self, number: usize, now: u64, undo: bool) {
        self.kernel = kernel(number);
        self.boot += 1;
        self.booted = now;
        let names = std::mem::take(&mut self.unsafe_names);
        if undo {
            for (path, before) in names.into_iter().rev() {
                match before {
                    Some(bytes) => self.files.insert(path, bytes),
                    None => self.files.remove(&path),
                };
            }
        }
    }

    /// Loses the last journal that was written.
    pub fn forget(&mut self) {
        if let Some((path, before)) = self.overwritten.take() {
            self.files.insert(path, before);
        }
    }

    /// A plan that is on the disk.
    pub fn plan(&self, digest: Digest) -> Option<NodePlan> {
        if digest == Digest::EMPTY {
            return Some(NodePlan::default());
        }
        let path = Path::new(LEDGER).join(format!("plans/{digest}.plan"));
        serde_json::from_slice(value(self.files.get(&path)?)?).ok()
    }

    fn put(&mut self, path: &Path, bytes: Option<Vec<u8>>) {
        let before = match bytes {
            Some(bytes) => self.files.insert(path.to_owned(), bytes),
            None => self.files.remove(path),
        };
        self.unsafe_names.push((path.to_owned(), before));
    }
}

/// The JSON of a record, as the ledger writes it.
fn value(record: &[u8]) -> Option<&[u8]> {
    let end = record.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&record[..end]).ok()?;
    let length: usize = head.split(' ').nth(4)?.parse().ok()?;
    record.get(end + 1..end + 1 + length)
}

fn kernel(number: usize) -> Fake {
    let kernel = Fake::new();
    let address = format!("192.0.2.{}/24", number + 1).parse().unwrap();
    let link = LinkFacts {
        mtu: Some(Mtu::ETHERNET),
        addresses: [address].into(),
    };
    kernel.set_facts(|facts: &mut Facts| {
        facts.links = [("eth0".parse().unwrap(), link)].into();
        facts.default_ipv4 = "eth0".parse().ok();
    });
    kernel
}

/// The disk of a host, as its agent has it.
pub struct SimDisk {
    pub world: Arc<World>,
    pub number: usize,
}

impl std::fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&node_name(self.number))
    }
}

impl SimDisk {
    fn who(&self) -> Who {
        Who::Agent(self.number)
    }

    fn gone() -> io::Error {
        io::Error::other("the simulated process is gone")
    }

    /// Counts a write, and says whether it can be done.
    fn write(&self, name: &str) -> io::Result<()> {
        let mut state = self.world.lock();
        if state.hit(self.who(), name) {
            return Err(Self::gone());
        }
        if state.hosts[self.number].read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    fn make_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Any + Send>> {
        let mut state = self.world.lock();
        let host = &mut state.hosts[self.number];
        if let Some(held) = &host.lock
            && Arc::strong_count(held) > 1
        {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let lock = Arc::new(());
        host.lock = Some(Arc::clone(&lock));
        Ok(Box::new(lock))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.world.lock();
        let bytes = state.hosts[self.number].files.get(path);
        bytes.cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.world.lock();
        let files = state.hosts[self.number].files.keys();
        let inside = files.filter(|path| path.parent() == Some(directory));
        Ok(inside.cloned().collect())
    }

    fn slot(&self, path: &Path, room: usize) -> io::Result<Box<dyn Slot>> {
        let mut state = self.world.lock();
        let host = &mut state.hosts[self.number];
        if !host.files.contains_key(path) {
            if host.full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            host.files.insert(path.to_owned(), vec![0; room]);
        }
        Ok(Box::new(SimSlot {
            disk: SimDisk {
                world: Arc::clone(&self.world),
                number: self.number,
            },
            path: path.to_owned(),
        }))
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let gone = self.write("stage.plan");
        let mut state = self.world.lock();
        if gone.is_err() {
            // Some of it may be there.
            let cut = state.chance.within(0, bytes.len() as u64) as usize;
            state.hosts[self.number].put(path, Some(bytes[..cut].to_vec()));
            return gone;
        }
        let bug = state.bug;
        let host = &mut state.hosts[self.number];
        if host.full {
            state.seen.insert("disk full");
            return Err(io::ErrorKind::StorageFull.into());
        }
        let hollow = bug == Bug::HollowStage;
        host.put(path, Some(if hollow { Vec::new() } else { bytes.to_vec() }));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.write("stage.rename")?;
        let mut state = self.world.lock();
        let host = &mut state.hosts[self.number];
        let bytes = host.files.get(from).cloned();
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        host.put(from, None);
        host.put(to, Some(bytes));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.write("forget")?;
        self.world.lock().hosts[self.number].put(path, None);
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.write("stage.sync")?;
        let mut state = self.world.lock();
        let names = &mut state.hosts[self.number].unsafe_names;
        names.retain(|(name, _)| name.parent() != Some(path));
        Ok(())
    }
}

#[derive(Debug)]
struct SimSlot {
    disk: SimDisk,
    path: PathBuf,
}

impl Slot for SimSlot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let journal: Journal = value(bytes)
            .and_then(|value| serde_json::from_slice(value).ok())
            .ok_or_else(|| io::Error::other("no journal"))?;
        let before = self.disk.world.lock().hosts[self.disk.number]
            .journal
            .clone();
        let name = word(&before, &journal);
        let written = self.disk.write(&format!("{name}.before_fsync"));
        let number = self.disk.number;
        {
            let mut state = self.disk.world.lock();
            let whole = written.is_ok();
            let cut = if whole {
                bytes.len()
            } else if state.fallen.contains(&self.disk.who()) {
                // Torn: it is written up to somewhere.
                state.seen.insert("torn write");
                state.chance.within(0, bytes.len() as u64 - 2) as usize
            } else {
                0
            };
            let host = &mut state.hosts[number];
            let before = host.files.get(&self.path).cloned().unwrap_or_default();
            host.overwritten = Some((self.path.clone(), before));
            let file = host.files.entry(self.path.clone());
            let slot = file.or_default();
            slot[..cut].copy_from_slice(&bytes[..cut]);
            // Where the record before it ended alike, what is torn off was there already.
            let record = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            if !slot.starts_with(record) {
                return written;
            }
        }
        let world = &self.disk.world;
        world.note(|| format!("{} {name} {:?}", node_name(number), journal.confirmed));
        laws::journaled(world, number, journal);
        written?;
        if world.hit(self.disk.who(), &format!("{name}.after_fsync")) {
            return Err(SimDisk::gone());
        }
        Ok(())
    }
}

/// What a journal says, in a word.
fn word(before: &Journal, journal: &Journal) -> &'static str {
    match journal.state {
        Stands::Idle if before.confirmed != journal.confirmed => "confirm",
        Stands::Idle if before.tombstone != journal.tombstone => "tombstone",
        Stands::Idle => "settle",
        Stands::Prepared { .. } => "prepare",
        Stands::Armed { .. } => "arm",
        Stands::Verified { .. } => "verify",
        Stands::Reverting { .. } => "revert",
        Stands::Reverted { .. } => "reverted",
        Stands::Stuck { .. } => "stuck",
    }
}
