//! The floor's server: every stream gets every push, and nothing else is done.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::SendStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// How much is pushed: about as much as a command takes.
const SIZE: usize = 256;

type Streams = Arc<Mutex<Vec<SendStream<Bytes>>>>;

/// Serves until there is nobody left to give orders: one character a line, what a push begins with.
///
/// # Errors
/// When it cannot listen.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.context("cannot listen")?;
    println!("{}", listener.local_addr()?);
    let streams = Streams::default();
    let accepting = tokio::spawn(accept(listener, Arc::clone(&streams)));
    let (order, mut orders) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if order.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(order) = orders.recv().await {
        let first = order.as_bytes().first().map_or(0, |digit| digit - b'0');
        let push = Bytes::from([vec![first], vec![0; SIZE - 1]].concat());
        let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in streams.iter_mut() {
            // A client that is gone is missed by whoever counts the others.
            let _ = stream.send_data(push.clone(), false);
        }
    }
    accepting.abort();
    Ok(())
}

async fn accept(listener: TcpListener, streams: Streams) {
    while let Ok((socket, _)) = listener.accept().await {
        let streams = Arc::clone(&streams);
        tokio::spawn(async move {
            if let Err(error) = converse(socket, streams).await {
                eprintln!("weft-swarm: a stream of the floor broke: {error:#}");
            }
        });
    }
}

async fn converse(socket: TcpStream, streams: Streams) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut connection = h2::server::handshake(socket).await?;
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request?;
        let stream = respond.send_response(http::Response::new(()), false)?;
        let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.push(stream);
        drop(streams);
        tokio::spawn(async move {
            let mut answers = request.into_body();
            while let Some(Ok(answer)) = answers.data().await {
                // A stream that ends needs no room.
                let _ = answers.flow_control().release_capacity(answer.len());
            }
        });
    }
    Ok(())
}
