//! Controllers on the wire.

use weft_model::object::controller::{
    BgpController, ControllerError, ControllerKind, ControllerSpec, EvpnController, EvpnPeers,
    IsisController, Sessions, Timers, kind_of,
};

use super::fields::{Fields, Invalid};
use super::zone::selector;
use crate::v1;

impl From<&ControllerSpec> for v1::ControllerSpec {
    fn from(spec: &ControllerSpec) -> Self {
        let mut wire = Self {
            r#type: spec.kind.as_str().to_owned(),
            nodes: (!spec.nodes.is_all()).then(|| (&spec.nodes).into()),
            evpn: None,
            bgp: None,
            isis: None,
        };
        match &spec.kind {
            ControllerKind::Evpn(evpn) => wire.evpn = Some(evpn.into()),
            ControllerKind::Bgp(bgp) => wire.bgp = Some(bgp.into()),
            ControllerKind::Isis(isis) => wire.isis = Some(isis.into()),
        }
        wire
    }
}

impl TryFrom<&v1::ControllerSpec> for ControllerSpec {
    type Error = Invalid;

    fn try_from(wire: &v1::ControllerSpec) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let nodes = fields.within("nodes", selector(wire.nodes.as_ref()));
        let evpn = wire.evpn.as_ref().map(EvpnController::try_from);
        let bgp = wire.bgp.as_ref().map(BgpController::try_from);
        let isis = wire.isis.as_ref().map(IsisController::try_from);
        let are_read = [
            evpn.as_ref().is_none_or(Result::is_ok),
            bgp.as_ref().is_none_or(Result::is_ok),
            isis.as_ref().is_none_or(Result::is_ok),
        ];
        let evpn = evpn.and_then(|it| fields.within("evpn", it));
        let bgp = bgp.and_then(|it| fields.within("bgp", it));
        let isis = isis.and_then(|it| fields.within("isis", it));
        // Options that cannot be read were told of already.
        let kind = if are_read.iter().all(|it| *it) {
            let kind = kind_of(&wire.r#type, evpn, bgp, isis);
            let field = match &kind {
                Err(ControllerError::NoOptions(options)) => options,
                Err(ControllerError::ForeignOptions { options, .. }) => options,
                _ => "type",
            };
            fields.keep(field, kind)
        } else {
            None
        };
        let value = nodes.zip(kind).map(|(nodes, kind)| Self { nodes, kind });
        fields.finish(value)
    }
}

impl From<&EvpnController> for v1::EvpnController {
    fn from(evpn: &EvpnController) -> Self {
        let (peers, listen_ranges, fabric) = match &evpn.peers {
            EvpnPeers::Listed { peers, listen } => (
                peers.iter().map(ToString::to_string).collect(),
                listen.iter().map(ToString::to_string).collect(),
                String::new(),
            ),
            EvpnPeers::Fabric(fabric) => (Vec::new(), Vec::new(), fabric.to_string()),
        };
        Self {
            asn: evpn.asn.into(),
            peers,
            listen_ranges,
            fabric,
            group: evpn.group.to_string(),
            mode: evpn.mode.as_str().to_owned(),
            sessions: sessions_to_wire(&evpn.sessions),
        }
    }
}

impl TryFrom<&v1::EvpnController> for EvpnController {
    type Error = Invalid;

    fn try_from(wire: &v1::EvpnController) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let asn = fields.maybe_number("asn", Some(wire.asn)).flatten();
        let peers = fields.texts("peers", &wire.peers);
        let listen = fields.texts("listenRanges", &wire.listen_ranges);
        let fabric = fields.maybe_text("fabric", &wire.fabric);
        let peers = fabric
            .and_then(|fabric| fields.keep("peers", EvpnPeers::listing(peers, listen, fabric)));
        let group = fields.maybe_text("group", &wire.group);
        let mode = fields.maybe_text("mode", &wire.mode);
        let sessions = fields.within("sessions", sessions(wire.sessions.as_ref()));
        let value = (|| {
            Some(Self {
                asn: asn?,
                peers: peers?,
                group: group?.unwrap_or_else(Self::default_group),
                mode: mode?.unwrap_or_default(),
                sessions: sessions?,
            })
        })();
        fields.finish(value)
    }
}

impl From<&BgpController> for v1::BgpController {
    fn from(bgp: &BgpController) -> Self {
        Self {
            asn: bgp.asn.into(),
            external: bgp.external,
            peers: bgp.peers.iter().map(ToString::to_string).collect(),
            sessions: sessions_to_wire(&bgp.sessions),
            multipath_relax: bgp.multipath_relax,
        }
    }
}

impl TryFrom<&v1::BgpController> for BgpController {
    type Error = Invalid;

    fn try_from(wire: &v1::BgpController) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let asn = fields.maybe_number("asn", Some(wire.asn)).flatten();
        let peers = fields.texts("peers", &wire.peers);
        let sessions = fields.within("sessions", sessions(wire.sessions.as_ref()));
        let read = asn.zip(sessions).map(|(asn, sessions)| Self {
            asn,
            peers,
            external: wire.external,
            multipath_relax: wire.multipath_relax,
            sessions,
        });
        let value = read.and_then(|read| match read.checked() {
            Ok(checked) => Some(checked),
            Err(error) => {
                let field = match &error {
                    ControllerError::HopsInside => "sessions.multihop",
                    _ => "peers",
                };
                fields.refuse(field, error);
                None
            }
        });
        fields.finish(value)
    }
}

impl From<&IsisController> for v1::IsisController {
    fn from(isis: &IsisController) -> Self {
        Self {
            domain: isis.domain.to_string(),
            net: isis.net.to_string(),
            interfaces: isis.interfaces.iter().map(ToString::to_string).collect(),
            source: text(isis.source.as_ref()),
        }
    }
}

impl TryFrom<&v1::IsisController> for IsisController {
    type Error = Invalid;

    fn try_from(wire: &v1::IsisController) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let domain = fields.text("domain", &wire.domain);
        let net = fields.text("net", &wire.net);
        let interfaces = fields.texts("interfaces", &wire.interfaces);
        let source = fields.maybe_text("source", &wire.source);
        let value = (|| {
            let isis = Self {
                domain: domain?,
                net: net?,
                interfaces,
                source: source?,
            };
            fields.keep("interfaces", isis.checked())
        })();
        fields.finish(value)
    }
}

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn sessions_to_wire(sessions: &Sessions) -> Option<v1::Sessions> {
    let wire = || v1::Sessions {
        multihop: sessions.multihop.map(u32::from),
        password: sessions
            .password
            .as_ref()
            .map(|it| it.reveal().to_owned())
            .unwrap_or_default(),
        timers: sessions.timers.map(|timers| v1::Timers {
            keepalive: timers.keepalive().into(),
            hold: timers.hold().into(),
        }),
        source: text(sessions.source.as_ref()),
        bfd: sessions.bfd.to_string(),
        route_map_in: text(sessions.route_map_in.as_ref()),
        route_map_out: text(sessions.route_map_out.as_ref()),
    };
    (!sessions.is_default()).then(wire)
}

fn sessions(wire: Option<&v1::Sessions>) -> Result<Sessions, Invalid> {
    let Some(wire) = wire else {
        return Ok(Sessions::default());
    };
    let mut fields = Fields::default();
    let multihop = fields.maybe_number("multihop", wire.multihop);
    let password = fields.maybe_text("password", &wire.password);
    let timers = match &wire.timers {
        None => Some(None),
        Some(timers) => fields
            .keep("timers", Timers::new(timers.keepalive, timers.hold))
            .map(Some),
    };
    let source = fields.maybe_text("source", &wire.source);
    let bfd = fields.maybe_text("bfd", &wire.bfd);
    let route_map_in = fields.maybe_text("routeMapIn", &wire.route_map_in);
    let route_map_out = fields.maybe_text("routeMapOut", &wire.route_map_out);
    let value = (|| {
        Some(Sessions {
            multihop: multihop?,
            password: password?,
            timers: timers?,
            source: source?,
            bfd: bfd?.unwrap_or_default(),
            route_map_in: route_map_in?,
            route_map_out: route_map_out?,
        })
    })();
    fields.finish(value)
}
