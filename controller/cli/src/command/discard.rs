//! `weftctl discard`: the draft given up; it is the confirmed revision again.

use weft_proto::v1;

use super::apply;
use crate::console;
use crate::failure::Outcome;
use crate::server::call::{self, Server};

/// Gives up the draft and tells what that undid.
///
/// # Errors
/// When the controller refuses, or is not there.
pub async fn run(server: &Server) -> Outcome {
    let request = v1::DiscardRequest {
        idempotency_key: call::fresh_key(),
    };
    let ask = |channel| {
        let request = server.request(request.clone());
        async move { call::objects(channel).discard(request).await }
    };
    let answer = server.call(ask).await?;
    if answer.outcomes.is_empty() {
        return console::line("the draft is the confirmed revision already");
    }
    apply::report(&answer, false)
}
