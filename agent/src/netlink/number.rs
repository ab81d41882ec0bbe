//! The kernel's numbers, named as its headers name them (`linux/netlink.h`, `rtnetlink.h`,
//! `if_link.h`, `if_bridge.h`, `if_ether.h`, `veth.h`, `if_addr.h`, `neighbour.h`, `netconf.h`, `netfilter/nf_tables.h`).

#![allow(missing_docs)]

pub(crate) const HEADER: usize = 16;
pub(crate) const NLA_TYPE_MASK: u16 = 0x3fff;
pub(crate) const NLA_F_NESTED: u16 = 0x8000;

pub(crate) const NETLINK_ROUTE: isize = 0;
pub(crate) const NETLINK_NETFILTER: isize = 12;

pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;
pub(crate) const NLMSGERR_ATTR_MSG: u16 = 1;

pub(crate) const NLM_F_REQUEST: u16 = 0x1;
pub(crate) const NLM_F_ACK: u16 = 0x4;
pub(crate) const NLM_F_DUMP_INTR: u16 = 0x10;
pub(crate) const NLM_F_CAPPED: u16 = 0x100;
pub(crate) const NLM_F_ACK_TLVS: u16 = 0x200;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const NLM_F_REPLACE: u16 = 0x100;
pub(crate) const NLM_F_EXCL: u16 = 0x200;
pub(crate) const NLM_F_CREATE: u16 = 0x400;
pub(crate) const NLM_F_APPEND: u16 = 0x800;

pub(crate) const RTM_NEWLINK: u16 = 16;
pub(crate) const RTM_DELLINK: u16 = 17;
pub(crate) const RTM_GETLINK: u16 = 18;
pub(crate) const RTM_SETLINK: u16 = 19;
pub(crate) const RTM_NEWADDR: u16 = 20;
pub(crate) const RTM_DELADDR: u16 = 21;
pub(crate) const RTM_GETADDR: u16 = 22;
pub(crate) const RTM_NEWROUTE: u16 = 24;
pub(crate) const RTM_DELROUTE: u16 = 25;
pub(crate) const RTM_GETROUTE: u16 = 26;
pub(crate) const RTM_NEWNEIGH: u16 = 28;
pub(crate) const RTM_DELNEIGH: u16 = 29;
pub(crate) const RTM_GETNEIGH: u16 = 30;
pub(crate) const RTM_NEWNETCONF: u16 = 80;
pub(crate) const RTM_NEWVLAN: u16 = 112;
pub(crate) const RTM_DELVLAN: u16 = 113;
pub(crate) const RTM_GETVLAN: u16 = 114;
pub(crate) const RTM_NEWTUNNEL: u16 = 120;
pub(crate) const RTM_DELTUNNEL: u16 = 121;
pub(crate) const RTM_GETTUNNEL: u16 = 122;
pub(crate) const RTM_NEWLINKPROP: u16 = 108;
pub(crate) const RTM_DELLINKPROP: u16 = 109;

pub(crate) const AF_UNSPEC: u8 = 0;
pub(crate) const AF_INET: u8 = 2;
pub(crate) const AF_BRIDGE: u8 = 7;
pub(crate) const AF_INET6: u8 = 10;

pub(crate) const IFF_UP: u32 = 1;

pub(crate) const IFLA_ADDRESS: u16 = 1;
pub(crate) const IFLA_IFNAME: u16 = 3;
pub(crate) const IFLA_MTU: u16 = 4;
pub(crate) const IFLA_LINK: u16 = 5;
pub(crate) const IFLA_MASTER: u16 = 10;
pub(crate) const IFLA_PROTINFO: u16 = 12;
pub(crate) const IFLA_LINKINFO: u16 = 18;
pub(crate) const IFLA_IFALIAS: u16 = 20;
pub(crate) const IFLA_AF_SPEC: u16 = 26;
pub(crate) const IFLA_GROUP: u16 = 27;
pub(crate) const IFLA_EXT_MASK: u16 = 29;
pub(crate) const IFLA_LINK_NETNSID: u16 = 37;
pub(crate) const IFLA_PROP_LIST: u16 = 52;
pub(crate) const IFLA_ALT_IFNAME: u16 = 53;

pub(crate) const IFLA_INFO_KIND: u16 = 1;
pub(crate) const IFLA_INFO_DATA: u16 = 2;
pub(crate) const IFLA_INFO_SLAVE_KIND: u16 = 4;
pub(crate) const IFLA_INFO_SLAVE_DATA: u16 = 5;
pub(crate) const IFLA_BR_FORWARD_DELAY: u16 = 1;
pub(crate) const IFLA_BR_STP_STATE: u16 = 5;
pub(crate) const IFLA_BR_VLAN_FILTERING: u16 = 7;
pub(crate) const IFLA_BR_VLAN_PROTOCOL: u16 = 8;
pub(crate) const IFLA_BR_VLAN_DEFAULT_PVID: u16 = 39;
pub(crate) const IFLA_BRPORT_VLAN_TUNNEL: u16 = 29;
pub(crate) const IFLA_BRPORT_LEARNING: u16 = 8;
pub(crate) const IFLA_BRPORT_NEIGH_SUPPRESS: u16 = 32;
pub(crate) const IFLA_BRPORT_ISOLATED: u16 = 33;
pub(crate) const IFLA_BRIDGE_FLAGS: u16 = 0;
pub(crate) const IFLA_BRIDGE_VLAN_INFO: u16 = 2;
pub(crate) const IFLA_BRIDGE_VLAN_TUNNEL_INFO: u16 = 3;
pub(crate) const IFLA_BRIDGE_VLAN_TUNNEL_ID: u16 = 1;
pub(crate) const IFLA_BRIDGE_VLAN_TUNNEL_VID: u16 = 2;
pub(crate) const IFLA_BRIDGE_VLAN_TUNNEL_FLAGS: u16 = 3;
pub(crate) const BRIDGE_VLANDB_ENTRY: u16 = 1;
pub(crate) const BRIDGE_VLANDB_ENTRY_INFO: u16 = 1;
pub(crate) const BRIDGE_VLANDB_ENTRY_RANGE: u16 = 2;
pub(crate) const BRIDGE_VLANDB_ENTRY_TUNNEL_INFO: u16 = 4;
pub(crate) const BRIDGE_VLANDB_TINFO_ID: u16 = 1;
pub(crate) const BRIDGE_FLAGS_SELF: u16 = 2;
pub(crate) const BRIDGE_VLAN_INFO_PVID: u16 = 1 << 1;
pub(crate) const BRIDGE_VLAN_INFO_UNTAGGED: u16 = 1 << 2;
pub(crate) const BRIDGE_VLAN_INFO_RANGE_BEGIN: u16 = 1 << 3;
pub(crate) const BRIDGE_VLAN_INFO_RANGE_END: u16 = 1 << 4;
pub(crate) const IFLA_BOND_MODE: u16 = 1;
pub(crate) const IFLA_BOND_MIIMON: u16 = 3;
pub(crate) const IFLA_BOND_PRIMARY: u16 = 11;
pub(crate) const IFLA_BOND_XMIT_HASH_POLICY: u16 = 14;
pub(crate) const IFLA_BOND_AD_LACP_RATE: u16 = 21;
pub(crate) const IFLA_VLAN_ID: u16 = 1;
pub(crate) const IFLA_VLAN_PROTOCOL: u16 = 5;
pub(crate) const ETH_P_8021Q: u16 = 0x8100;
pub(crate) const ETH_P_8021AD: u16 = 0x88a8;
pub(crate) const VETH_INFO_PEER: u16 = 1;
pub(crate) const ARPHRD_ETHER: u16 = 1;
pub(crate) const IFLA_VRF_TABLE: u16 = 1;
pub(crate) const IFLA_VXLAN_ID: u16 = 1;
pub(crate) const IFLA_VXLAN_LOCAL: u16 = 4;
pub(crate) const IFLA_VXLAN_LEARNING: u16 = 7;
pub(crate) const IFLA_VXLAN_PORT: u16 = 15;
pub(crate) const IFLA_VXLAN_GROUP6: u16 = 16;
pub(crate) const IFLA_VXLAN_LOCAL6: u16 = 17;
pub(crate) const IFLA_VXLAN_COLLECT_METADATA: u16 = 25;
pub(crate) const IFLA_VXLAN_VNIFILTER: u16 = 30;
pub(crate) const VXLAN_VNIFILTER_ENTRY: u16 = 1;
pub(crate) const VXLAN_VNIFILTER_ENTRY_START: u16 = 1;
pub(crate) const VXLAN_VNIFILTER_ENTRY_END: u16 = 2;

pub(crate) const IFLA_INET_CONF: u16 = 1;
pub(crate) const IFLA_INET6_CONF: u16 = 2;
pub(crate) const IPV4_DEVCONF_FORWARDING: u16 = 1;
pub(crate) const IPV4_DEVCONF_PROXY_ARP: u16 = 3;
pub(crate) const IPV4_DEVCONF_RP_FILTER: u16 = 8;
pub(crate) const IPV4_DEVCONF_ARP_ACCEPT: u16 = 21;
/// Of `rp_filter`: whichever way leads back to the source. The loose form (2) would not do: a kernel
/// that finds the way back elsewhere drops what comes in by a device without an IPv4 address, such as
/// the bridge between nodes (`__fib_validate_source`).
pub(crate) const RP_FILTER_OFF: u32 = 0;
pub(crate) const DEVCONF_FORWARDING: usize = 0;
pub(crate) const DEVCONF_ACCEPT_RA: usize = 3;
pub(crate) const DEVCONF_DISABLE_IPV6: usize = 26;
pub(crate) const DEVCONF_ACCEPT_DAD: usize = 27;
pub(crate) const DEVCONF_ACCEPT_UNTRACKED_NA: usize = 57;

pub(crate) const RTEXT_FILTER_BRVLAN_COMPRESSED: u32 = 1 << 2;
pub(crate) const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

pub(crate) const IFA_ADDRESS: u16 = 1;
pub(crate) const IFA_LOCAL: u16 = 2;
pub(crate) const IFA_FLAGS: u16 = 8;
pub(crate) const IFA_F_NODAD: u32 = 0x02;

pub(crate) const RTA_DST: u16 = 1;
pub(crate) const RTA_OIF: u16 = 4;
pub(crate) const RTA_GATEWAY: u16 = 5;
pub(crate) const RTA_PREFSRC: u16 = 7;
pub(crate) const RTA_PRIORITY: u16 = 6;
pub(crate) const RTA_MULTIPATH: u16 = 9;
pub(crate) const RTA_TABLE: u16 = 15;
pub(crate) const RT_TABLE_UNSPEC: u8 = 0;
pub(crate) const RT_TABLE_MAIN: u8 = 254;
pub(crate) const RT_SCOPE_LINK: u8 = 253;
pub(crate) const RT_SCOPE_UNIVERSE: u8 = 0;
pub(crate) const RTPROT_BOOT: u8 = 3;
pub(crate) const RTPROT_STATIC: u8 = 4;
pub(crate) const RTPROT_DHCP: u8 = 16;
pub(crate) const RTN_UNICAST: u8 = 1;
pub(crate) const RTN_UNREACHABLE: u8 = 7;

pub(crate) const NDA_DST: u16 = 1;
pub(crate) const NDA_VNI: u16 = 7;
pub(crate) const NDA_SRC_VNI: u16 = 11;
pub(crate) const NDA_LLADDR: u16 = 2;
pub(crate) const NTF_SELF: u8 = 2;
pub(crate) const NUD_PERMANENT_NOARP: u16 = 0xc0;

pub(crate) const NETCONFA_IFINDEX: u16 = 1;
pub(crate) const NETCONFA_FORWARDING: u16 = 2;
pub(crate) const NETCONFA_RP_FILTER: u16 = 3;
pub(crate) const NETCONFA_PROXY_NEIGH: u16 = 5;
pub(crate) const NETCONFA_IFINDEX_ALL: u32 = u32::MAX;

/// The groups of events that the mirror follows: devices, neighbours, addresses, routes, switches.
pub(crate) const ROUTE_GROUPS: [u32; 8] = [1, 3, 5, 7, 9, 11, 24, 25];
/// Those that older kernels lack, which then have nothing to tell: VLANs of ports one by one, and the
/// networks of tunnel end points that have many.
pub(crate) const LATER_GROUPS: [u32; 2] = [33, 35];
pub(crate) const NFNLGRP_NFTABLES: u32 = 7;
pub(crate) const NFT_MSG_GETTABLE: u16 = (10 << 8) | 1;
pub(crate) const NFPROTO_INET: u8 = 1;
pub(crate) const NFTA_TABLE_NAME: u16 = 1;
