//! The values as they are written: JSON, checked as it is read.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use weft_model::object::{
    Controller, Fabric, FrrSnippet, HostNetwork, Node, Object, PrefixList, RouteMap, Stored,
    Subnet, Vnet, Zone,
};
use weft_model::revision::{Generation, Timestamp, Version};

use super::error::StoreError;
use super::kv::entry::Entry;

/// An object as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum WrittenObject {
    Zone(Zone),
    Vnet(Vnet),
    Subnet(Subnet),
    Node(Node),
    HostNetwork(HostNetwork),
    Controller(Controller),
    PrefixList(PrefixList),
    RouteMap(RouteMap),
    FrrSnippet(FrrSnippet),
    Fabric(Fabric),
}

impl From<Object> for WrittenObject {
    fn from(object: Object) -> Self {
        match object {
            Object::Zone(zone) => Self::Zone(zone),
            Object::Vnet(vnet) => Self::Vnet(vnet),
            Object::Subnet(subnet) => Self::Subnet(subnet),
            Object::Node(node) => Self::Node(node),
            Object::HostNetwork(host) => Self::HostNetwork(host),
            Object::Controller(controller) => Self::Controller(controller),
            Object::PrefixList(list) => Self::PrefixList(list),
            Object::RouteMap(map) => Self::RouteMap(map),
            Object::FrrSnippet(snippet) => Self::FrrSnippet(snippet),
            Object::Fabric(fabric) => Self::Fabric(fabric),
        }
    }
}

impl From<WrittenObject> for Object {
    fn from(object: WrittenObject) -> Self {
        match object {
            WrittenObject::Zone(zone) => Self::Zone(zone),
            WrittenObject::Vnet(vnet) => Self::Vnet(vnet),
            WrittenObject::Subnet(subnet) => Self::Subnet(subnet),
            WrittenObject::Node(node) => Self::Node(node),
            WrittenObject::HostNetwork(host) => Self::HostNetwork(host),
            WrittenObject::Controller(controller) => Self::Controller(controller),
            WrittenObject::PrefixList(list) => Self::PrefixList(list),
            WrittenObject::RouteMap(map) => Self::RouteMap(map),
            WrittenObject::FrrSnippet(snippet) => Self::FrrSnippet(snippet),
            WrittenObject::Fabric(fabric) => Self::Fabric(fabric),
        }
    }
}

/// An object of the draft, or of a revision, with what is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    object: WrittenObject,
    uid: String,
    generation: Generation,
    created: Timestamp,
    /// The object's version, where it is not the revision that wrote this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
}

impl Record {
    /// A value whose version is the revision that will write it.
    pub fn unversioned(stored: Stored) -> Self {
        Self {
            version: None,
            ..Self::versioned(stored)
        }
    }

    /// A value that keeps the object's version.
    pub fn versioned(stored: Stored) -> Self {
        Self {
            object: stored.object.into(),
            uid: stored.uid,
            generation: stored.generation,
            created: stored.created,
            version: Some(stored.version),
        }
    }

    /// The object, of this version unless the value says another.
    pub fn stored(self, version: Version) -> Stored {
        Stored {
            object: self.object.into(),
            uid: self.uid,
            version: self.version.unwrap_or(version),
            generation: self.generation,
            created: self.created,
        }
    }
}

/// The object of an entry of the draft.
pub fn stored(attempt: &'static str, entry: &Entry) -> Result<Stored, StoreError> {
    let record: Record = read(attempt, entry)?;
    Ok(record.stored(Version(entry.modified)))
}

/// Reads a value.
pub fn read<T: DeserializeOwned>(attempt: &'static str, entry: &Entry) -> Result<T, StoreError> {
    serde_json::from_slice(&entry.value).map_err(|error| StoreError::Corrupt {
        attempt,
        key: entry.key.clone(),
        source: error.into(),
    })
}

/// Writes a value.
pub fn write<T: Serialize>(attempt: &'static str, value: &T) -> Result<Bytes, StoreError> {
    let text = serde_json::to_vec(value).map_err(|error| StoreError::Refused {
        attempt,
        source: error.into(),
    })?;
    Ok(text.into())
}
