//! The kernel of the lab has all that the product can ask for, and the product knows it.

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use weft_agent::dataplane;
use weft_model::facts::DeviceType;
use weft_tests::needs;
use weft_tests::needs::Need;

#[test]
fn a_full_kernel_has_every_ability() {
    // Whoever adds an ability is told here to add it to the line below. A newer FRR is none of the
    // kernel's, and comes from a mirror that may be out of reach.
    let all = Need::ALL.iter().filter(|it| !matches!(it, Need::NewFrr));
    assert_eq!(all.count(), 10);
    needs!(
        Vrf,
        Vlan,
        ServiceVlan,
        VlanFiltering,
        VniFilter,
        Dummy,
        Bond,
        OpenVswitch,
        SwitchPrograms,
        Frr
    );
}

#[test]
fn the_agent_finds_every_type_of_device_that_the_kernel_has() -> Result<()> {
    needs!(Vrf, Vlan, Dummy, Bond);
    // The thread of a test is its own, and so is the namespace that it moves to.
    unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let found = runtime.block_on(async {
        let opened = dataplane::open(None).await?;
        anyhow::Ok(opened.dataplane.facts().borrow().device_types.clone())
    })?;
    // What Open vSwitch makes is no matter of the kernel alone.
    let of_kernel = DeviceType::ALL.into_iter();
    let of_kernel = of_kernel.filter(|kind| *kind != DeviceType::OpenVswitch);
    assert_eq!(found, of_kernel.collect());
    Ok(())
}
