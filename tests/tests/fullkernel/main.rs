//! What only a complete kernel can show: each test says first what it needs, and is run in the lab
//! (`cargo xtask lab test`) where the machine's own kernel lacks it.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test are as much test as the test"
)]

mod abilities;
mod bundle;
mod evpn;
mod host;
mod trunk;
mod vlan;
