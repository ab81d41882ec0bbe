//! What only a complete kernel can show: each test says first what it needs, and is run in the lab
//! (`cargo xtask lab test`) where the machine's own kernel lacks it.

mod abilities;
mod bundle;
mod host;
mod trunk;
mod vlan;
