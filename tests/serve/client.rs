//! A client that sends what it is told to, byte for byte, and a service to send it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A running service, ended with its test.
pub struct Service {
    child: Child,
    pub address: SocketAddr,
    /// Where it runs, and where it would put temporary files.
    pub folder: tempfile::TempDir,
}

impl Service {
    /// One with `nets`, or with those in the binary.
    pub fn begin(nets: Option<&Path>, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--quiet"]).args(args);
        if let Some(nets) = nets {
            command.arg("--models").arg(nets);
        }
        command.current_dir(folder.path()).env("TMPDIR", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("stdout")).read_line(&mut line).expect("a line");
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/');
        let Ok(address) = address.parse() else {
            let output = child.wait_with_output().expect("it ends");
            panic!("no address: {line:?} {}", String::from_utf8_lossy(&output.stderr));
        };
        Self { child, address, folder }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        stream
    }

    /// Sends one request on a connection of its own.
    pub fn ask(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // Whoever is refused early may see its connection end.
        let _ = stream.write_all(request);
        Answer::read(&mut stream).expect("an answer")
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes())
    }

    pub fn post(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        self.ask(&self.request(path, headers, body))
    }

    /// A request to be sent; `headers` end their lines.
    pub fn request(&self, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    /// Sends a form of `parts`: name, file name if it is a file, content.
    pub fn form(&self, path: &str, headers: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
        let headers = format!("{headers}Content-Type: multipart/form-data; boundary=xxBOUNDARYxx\r\n");
        self.post(path, &headers, &form(parts))
    }

    /// Tells it to end, waits, and gives what it said and how it ended.
    pub fn end(mut self) -> (String, Option<i32>) {
        let signal = Command::new("kill").arg(self.id().to_string()).status().expect("kill runs");
        assert!(signal.success());
        let status = self.child.wait().expect("it ends");
        let mut said = String::new();
        self.child.stderr.take().expect("stderr").read_to_string(&mut said).expect("text");
        (said, status.code())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file_name, content) in parts {
        body.extend(format!("--xxBOUNDARYxx\r\nContent-Disposition: form-data; name=\"{name}\"").bytes());
        if let Some(file_name) = file_name {
            body.extend(format!("; filename=\"{file_name}\"").bytes());
        }
        body.extend(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend(b"\r\n");
    }
    body.extend(b"--xxBOUNDARYxx--\r\n");
    body
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one answer, as long as it says it is.
    pub fn read(stream: &mut TcpStream) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Self { status, headers, body: Vec::new() };
        if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().expect("a number")];
            reader.read_exact(&mut answer.body)?;
        } else {
            loop {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                let length = usize::from_str_radix(line.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
                let mut chunk = vec![0; length + 2];
                reader.read_exact(&mut chunk)?;
                if length == 0 {
                    break;
                }
                answer.body.extend_from_slice(&chunk[..length]);
            }
        }
        Ok(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// Asserts status and what the error says.
    pub fn refused(&self, status: u16, detail: &str) {
        let said = self.json()["detail"].as_str().map(str::to_owned).unwrap_or_default();
        assert!(self.status == status && said.contains(detail), "{}: {said}", self.status);
    }

    /// The parts of a multipart body: heads and contents.
    pub fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let kind = self.header("content-type").expect("a media type");
        let (_, boundary) = kind.split_once("boundary=").expect("a boundary");
        let dashes = format!("--{boundary}");
        let mut parts = Vec::new();
        let places: Vec<usize> = memchr::memmem::find_iter(&self.body, dashes.as_bytes()).collect();
        for pair in places.windows(2) {
            // Line ends stand behind the boundary and before the next.
            let part = &self.body[pair[0] + dashes.len() + 2..pair[1] - 2];
            let end = memchr::memmem::find(part, b"\r\n\r\n").expect("an end of the head");
            parts.push((String::from_utf8(part[..end].to_vec()).expect("text"), part[end + 4..].to_vec()));
        }
        parts
    }
}
