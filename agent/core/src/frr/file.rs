//! FRR's configuration file: what it reads when it starts.
//!
//! Our part stands in a block of its own at the end; FRR reads a section that is there twice as one.
//! Everything around the block is left as it is, byte for byte.

use super::config::Config;

const BEGIN: &str = "! begin of what Weft wrote: it is written anew with every change\n";
const END: &str = "! end of what Weft wrote\n";

/// The file with our block in place of the one that it had; nothing wanted leaves no block.
pub fn merge(file: &str, ours: &Config) -> String {
    let (before, _, after) = parts(file);
    let mut text = before.to_owned();
    text.push_str(after);
    if !ours.is_empty() {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(BEGIN);
        text.push_str(&ours.to_string());
        text.push_str(END);
    }
    text
}

/// What our block in the file says.
pub fn ours(file: &str) -> Config {
    Config::parse(parts(file).1)
}

fn parts(file: &str) -> (&str, &str, &str) {
    let Some((before, rest)) = file.split_once(BEGIN) else {
        return (file, "", "");
    };
    match rest.split_once(END) {
        Some((block, after)) => (before, block, after),
        // Someone took the end away: what may be theirs is kept.
        None => (before, "", rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN: &str =
        "hostname n1\n! a remark\nrouter bgp 65000\n neighbor 192.0.2.1 remote-as 1\n!\n";

    #[test]
    fn the_block_comes_changes_and_goes_and_all_else_stays_as_it_was() {
        let first = Config::parse("router bgp 65000\n coalesce-time 5\nexit\n");
        let second = Config::parse("vrf z\n vni 7\nexit-vrf\n");
        let with_first = merge(FOREIGN, &first);
        assert_eq!(
            with_first,
            format!("{FOREIGN}{BEGIN}router bgp 65000\n coalesce-time 5\nexit\n{END}")
        );
        assert_eq!(ours(&with_first), first);
        let with_second = merge(&with_first, &second);
        assert_eq!(
            with_second,
            format!("{FOREIGN}{BEGIN}vrf z\n vni 7\nexit-vrf\n{END}")
        );
        assert_eq!(merge(&with_second, &Config::default()), FOREIGN);
        let meddled = with_second.replace(BEGIN, &format!("ip route 192.0.2.0/24 Null0\n{BEGIN}"));
        let text = merge(&format!("{meddled}line vty\n"), &first);
        assert!(
            text.contains("Null0") && text.contains("line vty"),
            "{text}"
        );
    }

    #[test]
    fn what_stands_behind_a_block_without_end_is_kept() {
        let cut = format!("{FOREIGN}{BEGIN}hostname other\n");
        assert_eq!(
            merge(&cut, &Config::default()),
            format!("{FOREIGN}hostname other\n")
        );
    }
}
