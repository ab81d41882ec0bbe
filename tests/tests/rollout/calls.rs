//! The two calls by which a process asks the kernel for what no simulation has foreseen, answered
//! in a simulating thread by the seed: random bytes, and the time.
//!
//! The runtime and the standard library draw from them below everything that is injected: the
//! order in which `select!` asks, the seeds of hash maps. Besides, the wall clock of a simulated
//! host is wrong by up to a day, another way at every look: nothing may depend on it.
#![allow(
    unsafe_code,
    reason = "a symbol that stands in for libc's, as libc declares it"
)]

use std::cell::Cell;

use nix::libc;

thread_local! {
    /// The state of the generator; zero where nothing is simulated.
    static STATE: Cell<u64> = const { Cell::new(0) };
    /// How far the simulation is, in milliseconds.
    static NOW: Cell<u64> = const { Cell::new(0) };
    /// Whether the wall clock jumps.
    static JUMPS: Cell<bool> = const { Cell::new(false) };
}

/// 2026-01-01, in seconds.
const EPOCH: u64 = 1_767_225_600;
const DAY: u64 = 86_400;

/// From now on this thread simulates.
pub fn begin(seed: u64) {
    STATE.set(seed | 1 << 63);
    NOW.set(0);
    JUMPS.set(false);
    fastrand::seed(seed);
}

/// From now on this thread asks the kernel again.
pub fn end() {
    STATE.set(0);
}

/// Sets how far the simulation is.
pub fn advance(now: u64) {
    NOW.set(now);
}

/// Whether the wall clock jumps from now on.
pub fn jump(jumps: bool) {
    JUMPS.set(jumps);
}

fn next() -> u64 {
    let word = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(word | 1 << 63);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// In place of libc's.
///
/// # Safety
/// As for libc's: `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(
    buffer: *mut libc::c_void,
    length: libc::size_t,
    flags: libc::c_uint,
) -> libc::ssize_t {
    if STATE.get() == 0 {
        // SAFETY: passed on as it came.
        return unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as _ };
    }
    for at in 0..length {
        // SAFETY: the caller has room for so many bytes.
        unsafe { buffer.cast::<u8>().add(at).write((next() >> 32) as u8) };
    }
    length.cast_signed()
}

/// In place of libc's.
///
/// # Safety
/// As for libc's: `time` can be written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(
    clock: libc::clockid_t,
    time: *mut libc::timespec,
) -> libc::c_int {
    if STATE.get() == 0 {
        // SAFETY: passed on as it came.
        return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) as _ };
    }
    let now = NOW.get();
    let seconds = match clock {
        libc::CLOCK_REALTIME if JUMPS.get() => EPOCH - DAY + next() % (2 * DAY),
        libc::CLOCK_REALTIME => EPOCH,
        _ => DAY,
    } + now / 1_000;
    let spec = libc::timespec {
        tv_sec: seconds.cast_signed(),
        tv_nsec: (now % 1_000 * 1_000_000).cast_signed(),
    };
    // SAFETY: the caller's to write to.
    unsafe { time.write(spec) };
    0
}
