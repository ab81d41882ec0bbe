//! The rows of the database that matter, kept from what it tells: its bridges, the ports with the
//! mark of a cluster, and how far the switch is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;

use serde_json::{Map, Value, json};
use weft_model::plan::link::SwitchPort;
use weft_model::vlan::{VlanId, VlanProtocol};
use weft_node::own::SWITCH_MARK;
use weft_node::seen::SeenPlug;

use super::News;

/// What is asked to be told: the tables and columns.
pub(super) fn monitor() -> Value {
    let columns = |names: &[&str]| json!([{"columns": names}]);
    let tables = json!({
        "Open_vSwitch": columns(&["cur_cfg"]),
        "Bridge": columns(&["name", "ports"]),
        "Port": columns(&["name", "tag", "trunks", "vlan_mode", "other_config", "external_ids"]),
        "Interface": columns(&["name", "error"]),
    });
    json!(["Open_vSwitch", null, tables])
}

/// The rows, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Rows {
    bridges: HashMap<String, BridgeRow>,
    ports: HashMap<String, PortRow>,
    /// The number of a port with a mark, by its name.
    names: HashMap<String, String>,
    /// The bridge of every port, marked or not.
    homes: HashMap<String, String>,
    /// Why the switch could not make a device, by the number of the row.
    errors: HashMap<String, (String, String)>,
    root: String,
    taken: i64,
    touched: BTreeSet<String>,
    bridges_changed: bool,
}

#[derive(Debug, Default)]
struct BridgeRow {
    name: String,
    ports: BTreeSet<String>,
}

#[derive(Debug)]
struct PortRow {
    name: String,
    lane: Option<(VlanId, Option<VlanProtocol>)>,
    cluster: String,
}

impl Rows {
    /// Begins anew with all that there is.
    pub(super) fn start(&mut self, all: &Value) {
        let was = mem::take(self);
        self.take(all);
        self.touched.extend(was.touched);
        self.touched.extend(was.names.into_keys());
        self.bridges_changed = true;
    }

    /// Takes in what changed.
    pub(super) fn take(&mut self, update: &Value) {
        for (table, rows) in update.as_object().into_iter().flatten() {
            for (id, change) in rows.as_object().into_iter().flatten() {
                let new = change.get("new").and_then(Value::as_object);
                match table.as_str() {
                    "Bridge" => self.bridge(id, new),
                    "Port" => self.port(id, new),
                    "Interface" => self.interface(id, new),
                    "Open_vSwitch" => {
                        if let Some(new) = new {
                            id.clone_into(&mut self.root);
                            self.taken = new.get("cur_cfg").and_then(Value::as_i64).unwrap_or(0);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// What changed since this was last asked.
    pub(super) fn news(&mut self) -> News {
        let touched = mem::take(&mut self.touched).into_iter();
        let bridges = mem::take(&mut self.bridges_changed).then(|| {
            let names = self.bridges.values().map(|it| it.name.clone());
            names.collect()
        });
        News {
            ports: touched
                .map(|name| {
                    let plug = self.plug(&name);
                    (name, plug)
                })
                .collect(),
            bridges,
        }
    }

    /// How far the switch is.
    pub(super) fn taken(&self) -> i64 {
        self.taken
    }

    /// The number of the one row that counts the changes.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// The numbers of a port with a mark, and of its bridge.
    pub(super) fn place(&self, name: &str) -> Option<(&str, &str)> {
        let id = self.names.get(name)?;
        Some((id, self.homes.get(id)?))
    }

    /// Why the switch could not make a port's device.
    pub(super) fn error_of(&self, port: &str) -> Option<&str> {
        let mut errors = self.errors.values();
        errors
            .find(|(name, _)| name == port)
            .map(|(_, error)| error.as_str())
    }

    fn plug(&self, name: &str) -> Option<SeenPlug> {
        let id = self.names.get(name)?;
        let row = self.ports.get(id)?;
        let switch = &self.bridges.get(self.homes.get(id)?)?.name;
        let port = row.lane.and_then(|(id, tunnel)| {
            Some(SwitchPort {
                switch: switch.parse().ok()?,
                id,
                tunnel,
            })
        });
        Some(SeenPlug {
            switch: switch.clone(),
            port,
            cluster: row.cluster.clone(),
        })
    }

    fn bridge(&mut self, id: &str, new: Option<&Map<String, Value>>) {
        let now = new.map(|row| BridgeRow {
            name: text(row.get("name")).unwrap_or_default(),
            ports: elements(row.get("ports")).filter_map(uuid).collect(),
        });
        let was = self.bridges.remove(id).unwrap_or_default();
        self.bridges_changed |= now.as_ref().is_none_or(|it| it.name != was.name);
        let now_ports = now.as_ref().map(|it| &it.ports);
        let empty = BTreeSet::new();
        for port in was.ports.difference(now_ports.unwrap_or(&empty)) {
            if self.homes.get(port).is_some_and(|home| home == id) {
                self.homes.remove(port);
                self.touch(port);
            }
        }
        if let Some(now) = now {
            for port in now.ports.difference(&was.ports) {
                self.homes.insert(port.clone(), id.to_owned());
                self.touch(port);
            }
            self.bridges.insert(id.to_owned(), now);
        }
    }

    fn touch(&mut self, port: &str) {
        let name = self.ports.get(port).map(|row| row.name.clone());
        self.touched.extend(name);
    }

    fn port(&mut self, id: &str, new: Option<&Map<String, Value>>) {
        if let Some(was) = self.ports.remove(id) {
            if self.names.get(&was.name).is_some_and(|it| it == id) {
                self.names.remove(&was.name);
            }
            self.touched.insert(was.name);
        }
        let Some(row) = new.and_then(port_row) else {
            return;
        };
        self.names.insert(row.name.clone(), id.to_owned());
        self.touched.insert(row.name.clone());
        self.ports.insert(id.to_owned(), row);
    }

    fn interface(&mut self, id: &str, new: Option<&Map<String, Value>>) {
        self.errors.remove(id);
        let named = new.and_then(|row| Some((text(row.get("name"))?, text(row.get("error"))?)));
        self.errors
            .extend(named.map(|named| (id.to_owned(), named)));
    }
}

/// A port with a mark.
fn port_row(row: &Map<String, Value>) -> Option<PortRow> {
    let cluster = pairs(row.get("external_ids")).remove(SWITCH_MARK)?;
    Some(PortRow {
        name: text(row.get("name"))?,
        lane: lane(row),
        cluster,
    })
}

/// The VLAN of a port and how it is put on; `None` where it is not as one of ours would be.
fn lane(row: &Map<String, Value>) -> Option<(VlanId, Option<VlanProtocol>)> {
    let tag = elements(row.get("tag")).next()?.as_u64()?;
    let id = VlanId::try_from(u32::try_from(tag).ok()?).ok()?;
    if elements(row.get("trunks")).next().is_some() {
        return None;
    }
    let options = pairs(row.get("other_config"));
    let tunnel = match text(row.get("vlan_mode")).as_deref() {
        None if options.is_empty() => None,
        Some("dot1q-tunnel") if options.len() == 1 => {
            Some(options.get("qinq-ethtype")?.parse().ok()?)
        }
        None | Some(_) => return None,
    };
    Some((id, tunnel))
}

/// The elements of a set; a set of one may be written as that one (RFC 7047, 5.1).
fn elements(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let set = value.and_then(|value| value.as_array().filter(|it| it.len() == 2));
    let set = set.filter(|it| it.first().is_some_and(|kind| kind == "set"));
    let many = set.and_then(|it| it.get(1)?.as_array());
    let one = value.filter(|_| set.is_none());
    many.into_iter().flatten().chain(one)
}

/// A row's number.
fn uuid(value: &Value) -> Option<String> {
    let pair = value.as_array()?;
    let is_uuid = pair.first().is_some_and(|kind| kind == "uuid");
    pair.get(1)?.as_str().filter(|_| is_uuid).map(str::to_owned)
}

/// A text, or the one that a set has.
fn text(value: Option<&Value>) -> Option<String> {
    elements(value).next()?.as_str().map(str::to_owned)
}

/// The pairs of a map.
fn pairs(value: Option<&Value>) -> BTreeMap<String, String> {
    let list = value.and_then(|it| it.get(1)).and_then(Value::as_array);
    let pairs = list.into_iter().flatten().filter_map(|pair| {
        let part = |at| pair.get(at).and_then(Value::as_str).map(str::to_owned);
        part(0).zip(part(1))
    });
    pairs.collect()
}
