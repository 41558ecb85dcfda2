//! A client that sends what it is told, byte for byte: host names that no ordinary client would send.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A request; sent on a connection of its own.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// A request with this Host header; `target` is what follows the method, a path as a rule.
    pub fn new(method: &str, host: impl AsRef<[u8]>, target: &str) -> Self {
        Self::without_host(method, target).header("Host", host)
    }

    /// A request without any Host header.
    pub fn without_host(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With the fields of a form as its body.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value))).collect();
        self.body = pairs.join("&").into_bytes();
        self.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// Sends it and reads the answer to its end.
    ///
    /// # Errors
    /// When the connection breaks or what comes is no HTTP answer.
    pub fn try_send(&self, address: SocketAddr) -> std::io::Result<Response> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_mins(2)))?;
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || self.method == "POST" {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"Connection: close\r\n\r\n");
        bytes.extend_from_slice(&self.body);
        stream.write_all(&bytes)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Response::parse(&answer).ok_or_else(|| std::io::Error::other(format!("no HTTP answer: {} bytes", answer.len())))
    }

    /// As [`Self::try_send`].
    ///
    /// # Panics
    /// Where that fails.
    pub fn send(&self, address: SocketAddr) -> Response {
        self.try_send(address).unwrap_or_else(|error| panic!("{self:?} to {address}: {error}"))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body, chunks put together.
    pub body: String,
}

impl Response {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The text between `<title>` and `</title>`.
    pub fn title(&self) -> &str {
        let start = self.body.find("<title>").map_or(0, |at| at + "<title>".len());
        let length = self.body[start..].find("</title>").unwrap_or(0);
        self.body[start..start + length].trim()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut response = Self { status, headers, body: String::new() };
        let body = &bytes[end + 4..];
        let chunked = response.header("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let body = if chunked { join_chunks(body)? } else { body.to_vec() };
        response.body = String::from_utf8_lossy(&body).into_owned();
        Some(response)
    }
}

/// `None` when the last chunk is missing: the answer was cut off.
fn join_chunks(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..line]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let start = line + 2;
        whole.extend_from_slice(bytes.get(start..start + size)?);
        bytes = bytes.get(start + size + 2..)?;
    }
}

/// Writes a text as one value of a query or a form.
pub fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A person at a site: keeps cookies and follows redirects.
#[derive(Debug)]
pub struct Visitor {
    address: SocketAddr,
    host: String,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    /// Somebody who asks the server at `address` for `host`.
    pub fn new(address: SocketAddr, host: &str) -> Self {
        Self { address, host: host.to_owned(), cookies: BTreeMap::new() }
    }

    /// Somebody with another person's cookies.
    pub fn with_cookies(address: SocketAddr, host: &str, cookies: BTreeMap<String, String>) -> Self {
        Self { cookies, ..Self::new(address, host) }
    }

    /// The cookies that the site has set.
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.clone()
    }

    /// Opens a page, and where it leads.
    pub fn get(&mut self, path: &str) -> Response {
        self.follow(Request::new("GET", &self.host, path))
    }

    /// Sends a form, and opens where that leads.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.follow(Request::new("POST", &self.host, path).form(fields))
    }

    fn follow(&mut self, mut request: Request) -> Response {
        for _ in 0..10 {
            if !self.cookies.is_empty() {
                let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
                request = request.header("Cookie", cookies.join("; "));
            }
            let response = request.send(self.address);
            self.remember(&response);
            let Some(path) = self.redirect(&response) else {
                return response;
            };
            request = Request::new("GET", &self.host, &path);
        }
        panic!("{} sends in circles: {request:?}", self.host);
    }

    fn remember(&mut self, response: &Response) {
        let set = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Set-Cookie"));
        for (_, cookie) in set {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The path of a redirect on the same site.
    fn redirect(&self, response: &Response) -> Option<String> {
        if !(300..400).contains(&response.status) {
            return None;
        }
        let location = response.header("Location")?;
        let Some((_, rest)) = location.split_once("://") else {
            return Some(location.to_owned());
        };
        let path = rest.strip_prefix(self.host.as_str())?;
        Some(if path.is_empty() { "/".to_owned() } else { path.to_owned() })
    }
}
