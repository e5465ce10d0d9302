//! A way to a server on which requests and answers get lost.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::crash::input::Random;

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The connection is cut before the server sees it.
    Cut,
    /// The server carries it out, and nobody hears of it.
    AnswerLost,
    /// Half of the answer comes.
    HalfAnAnswer,
    /// The service is too busy.
    SlowDown,
    /// Somebody else is making that name; only for a request to create.
    Conflict,
}

const FAULTS: [Fault; 5] = [Fault::Cut, Fault::AnswerLost, Fault::HalfAnAnswer, Fault::SlowDown, Fault::Conflict];

/// Passes requests on, one per connection.
pub(super) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: u16,
    /// One of so many requests meets a fault; none if it is 0.
    one_of: AtomicU64,
    random: Mutex<Random>,
    happened: Mutex<BTreeMap<Fault, u64>>,
    asked: Mutex<Vec<Asked>>,
}

/// A request as the service saw it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// `/bucket/key`.
    pub(super) path: String,
    pub(super) query: String,
    /// `/bucket/key` of what is copied.
    pub(super) source: Option<String>,
}

impl Asked {
    fn of(head: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let mut words = head.lines().next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let source = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim().trim_start_matches('/');
            name.eq_ignore_ascii_case("x-amz-copy-source").then(|| format!("/{value}"))
        });
        Some(Self { method, path: path.to_owned(), query: query.to_owned(), source })
    }
}

impl Proxy {
    pub(super) fn start(upstream: u16, one_of: u64, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let random = Mutex::new(Random(seed));
        let shared =
            Shared { upstream, one_of: one_of.into(), random, happened: Mutex::default(), asked: Mutex::default() };
        let shared = Arc::new(shared);
        let serving = Arc::clone(&shared);
        // Ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // What goes wrong here goes wrong for the client, as it should.
                std::thread::spawn(move || shared.pass(stream).ok());
            }
        });
        Self { port, shared }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        self.shared.one_of.store(0, Ordering::Relaxed);
    }

    /// All requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    pub(super) fn happened(&self) -> BTreeMap<Fault, u64> {
        self.shared.happened.lock().unwrap().clone()
    }
}

impl Shared {
    fn pass(&self, mut client: TcpStream) -> std::io::Result<()> {
        let Some((mut head, body)) = read_request(&mut client)? else { return Ok(()) };
        self.asked.lock().unwrap().extend(Asked::of(&head));
        let fault = self.fault(&head);
        match fault {
            Some(Fault::Cut) => return Ok(()),
            Some(Fault::SlowDown) => return client.write_all(&refusal("503 Service Unavailable", "SlowDown")),
            Some(Fault::Conflict) => {
                return client.write_all(&refusal("409 Conflict", "ConditionalRequestConflict"));
            }
            Some(Fault::AnswerLost | Fault::HalfAnAnswer) | None => {}
        }
        // `Host` stays, since it is signed.
        head.truncate(head.len() - 2);
        head.extend_from_slice(b"Connection: close\r\n\r\n");
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream))?;
        server.write_all(&head)?;
        server.write_all(&body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        match fault {
            Some(Fault::AnswerLost) => Ok(()),
            Some(Fault::HalfAnAnswer) => client.write_all(&answer[..answer.len() / 2]),
            _ => client.write_all(&answer),
        }
    }

    fn fault(&self, head: &[u8]) -> Option<Fault> {
        let one_of = self.one_of.load(Ordering::Relaxed);
        let fault = {
            let mut random = self.random.lock().unwrap();
            let hit = one_of > 0 && random.below(one_of) == 0;
            hit.then(|| FAULTS[random.below(FAULTS.len() as u64) as usize])?
        };
        let creates = String::from_utf8_lossy(head).to_ascii_lowercase().contains("if-none-match: *");
        if fault == Fault::Conflict && !creates {
            return None;
        }
        *self.happened.lock().unwrap().entry(fault).or_default() += 1;
        Some(fault)
    }
}

/// Head and body of a request; `None` if the client went away.
fn read_request(client: &mut TcpStream) -> std::io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 65_536]);
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        match client.read(&mut piece)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let len = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end);
    while body.len() < len {
        match client.read(&mut piece)? {
            0 => return Ok(None),
            read => body.extend_from_slice(&piece[..read]),
        }
    }
    Ok(Some((bytes, body)))
}

fn refusal(status: &str, code: &str) -> Vec<u8> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by the proxy</Message></Error>");
    let len = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
