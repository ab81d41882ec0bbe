//! Our table of source translations, as the kernel has it.

use std::io;

use weft_node::nft::TABLE;

use super::{Error, Kernel};
use crate::netlink::encode;
use crate::nft;

impl Kernel {
    /// Reads our table where there is one; `nft` is only asked when the kernel says so.
    pub(super) async fn read_table(&mut self) -> Result<(), Error> {
        self.table_due = true;
        let is_there = match &mut self.tables {
            Some((requests, _)) if self.constants.has_nft() => {
                self.counters.questions += 1;
                let answers = requests
                    .batch(&mut [encode::table(TABLE)])
                    .map_err(|source| Error::Read {
                        what: "source translations",
                        source,
                    })?;
                answers.iter().all(Result::is_ok)
            }
            Some(_) | None => false,
        };
        self.mirror.seen.nat = if is_there {
            nft::read().await.map_err(|error| Error::Read {
                what: "source translations",
                source: io::Error::other(error),
            })?
        } else {
            None
        };
        self.table_due = false;
        Ok(())
    }
}
