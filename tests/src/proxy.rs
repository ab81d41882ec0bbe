//! A way between two programs of the lab that can be made slow, and that can lose the answer to one
//! request.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::namespace::Namespace;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// How long a server has to begin with the answer that is lost: then it has done what it was asked.
const ANSWERS: Duration = Duration::from_millis(300);

/// A way from a port of a host to an address that the host reaches. It ends with the program.
#[derive(Clone, Debug)]
pub struct Proxy {
    state: Arc<Mutex<State>>,
    endpoint: String,
}

#[derive(Debug, Default)]
struct State {
    delay: Duration,
    /// Whoever sends this next gets no answer.
    lose: Option<Vec<u8>>,
    lost: u32,
}

impl Proxy {
    /// A way from this loopback port of the host to this address.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(host: &Namespace, port: u16, to: &str) -> Result<Self> {
        let proxy = Self {
            state: Arc::default(),
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        let (host, own, to) = (host.clone(), proxy.clone(), to.to_owned());
        let (ready, is_ready) = mpsc::channel();
        // The namespace is the thread's, and of those that it starts.
        thread::spawn(move || {
            let listen = || -> Result<TcpListener> {
                host.enter()?;
                TcpListener::bind(("127.0.0.1", port)).context("the port is taken")
            };
            match listen() {
                Ok(listener) => {
                    let _ = ready.send(Ok(()));
                    own.serve(&listener, &to);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        });
        is_ready.recv().context("the proxy ended")??;
        Ok(proxy)
    }

    /// Where clients find it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Lets every answer from now on be so late.
    pub fn delay(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    /// Loses the answer to the next request with these bytes in it, and the connection with it.
    pub fn lose_answer_to(&self, bytes: &str) {
        self.change(|state| state.lose = Some(bytes.as_bytes().to_vec()));
    }

    /// How many answers were lost.
    pub fn lost(&self) -> u32 {
        self.change(|state| state.lost)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, listener: &TcpListener, to: &str) {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(to) else {
                continue;
            };
            let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else {
                continue;
            };
            let (there, back) = (self.clone(), self.clone());
            thread::spawn(move || there.carry_there(client, server));
            thread::spawn(move || back.carry_back(server_too, client_too));
        }
    }

    /// Carries requests, until the one whose answer is to be lost.
    fn carry_there(&self, mut client: TcpStream, mut server: TcpStream) {
        let mut chunk = vec![0; CHUNK];
        while let Ok(count @ 1..) = client.read(&mut chunk) {
            let found = self.change(|state| {
                let wanted = state.lose.as_ref();
                let found = wanted
                    .is_some_and(|it| chunk[..count].windows(it.len()).any(|part| part == it));
                if found {
                    state.lose = None;
                    state.lost += 1;
                }
                found
            });
            if found {
                // From here on nothing comes back.
                let _ = client.shutdown(Shutdown::Write);
            }
            if server.write_all(&chunk[..count]).is_err() {
                break;
            }
            if found {
                thread::sleep(ANSWERS);
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }

    /// Carries answers, each as late as was wanted when it came.
    fn carry_back(&self, mut server: TcpStream, client: TcpStream) {
        let (sends, waits) = mpsc::channel();
        thread::spawn(move || deliver(&waits, client));
        let mut chunk = vec![0; CHUNK];
        while let Ok(count @ 1..) = server.read(&mut chunk) {
            let due = Instant::now() + self.change(|state| state.delay);
            if sends.send((due, chunk[..count].to_vec())).is_err() {
                break;
            }
        }
    }
}

fn deliver(waits: &Receiver<(Instant, Vec<u8>)>, mut client: TcpStream) {
    while let Ok((due, bytes)) = waits.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if client.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}
