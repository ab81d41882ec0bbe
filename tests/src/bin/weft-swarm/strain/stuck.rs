//! A client that asks to be told everything and reads nothing.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::{BufMut, Bytes, BytesMut};
use tokio::net::TcpStream;

/// Watches every object, and never makes room for what comes. Ends when the server lets go.
pub async fn watch(server: SocketAddr) -> Result<()> {
    let socket = TcpStream::connect(server).await?;
    let (client, connection) = h2::client::Builder::new()
        .initial_window_size(64 << 10)
        .handshake::<_, Bytes>(socket)
        .await?;
    let connection = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    let mut client = client.ready().await?;
    let request = http::Request::post(format!("http://{server}/weft.v1.Objects/Watch"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (response, mut body) = client.send_request(request, false)?;
    // An empty message: every kind, from the beginning.
    let mut message = BytesMut::new();
    message.put_u8(0);
    message.put_u32(0);
    body.send_data(message.freeze(), true)?;
    let response = response.await.context("a stuck client is not answered")?;
    let _unread = response.into_body();
    // How it ends is for the server to say.
    let _ = connection.await;
    Ok(())
}
