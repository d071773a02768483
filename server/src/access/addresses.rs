//! Where the servers that use these keys are reached, noted for `pistreamer key`, which is another process.

use super::Store;
use crate::state_dir;
use serde::{Deserialize, Serialize};

const FILE: &str = "addresses.json";

/// What the file holds: each server that runs, or ran last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Noted {
    servers: Vec<Server>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Server {
    process: u32,
    /// When that process started, in the system's ticks: process numbers come again.
    started: u64,
    urls: Vec<String>,
}

impl Server {
    fn runs(&self) -> bool {
        started(self.process) == Some(self.started)
    }
}

impl Store {
    /// Notes where the server in this process is reached, for `pistreamer key`. Without a note it shows the usual address.
    pub fn note_addresses(&self, urls: &[String]) {
        let process = std::process::id();
        let server = Server {
            process,
            started: started(process).unwrap_or_default(),
            urls: urls.to_vec(),
        };
        let noted = self.lock().and_then(|_lock| {
            let mut servers = self.noted();
            servers.retain(|other| other.runs() && other.process != process);
            servers.push(server);
            self.write(FILE, &Noted { servers })
        });
        if let Err(error) = noted {
            let command = crate::called::key_command(Some(self.directory()));
            tracing::warn!(%error, "cannot note the addresses that `{command}` shows");
        }
    }

    /// Where the servers that use these keys are reached; where none runs, where the last one was.
    pub fn addresses(&self) -> Option<Vec<String>> {
        let mut servers = self.noted();
        if servers.iter().any(Server::runs) {
            servers.retain(Server::runs);
        } else {
            servers.drain(..servers.len().saturating_sub(1));
        }
        let urls: Vec<_> = servers.into_iter().flat_map(|server| server.urls).collect();
        (!urls.is_empty()).then_some(urls)
    }

    /// A file that cannot be read, or is of another version, is as good as none.
    fn noted(&self) -> Vec<Server> {
        let text = state_dir::read(&self.file(FILE)).unwrap_or_default();
        serde_json::from_str::<Noted>(&text)
            .unwrap_or_default()
            .servers
    }
}

/// When a process started: field 22 of `/proc/PID/stat` (proc_pid_stat(5)). `None` where it does not run.
fn started(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name, which may have blanks and brackets.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_of_a_shared_directory_is_noted_and_one_that_ended_is_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().into());
        let other = |process, started, url: &str| Server {
            process,
            started,
            urls: vec![url.into()],
        };
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let servers = vec![
            other(child.id(), started(child.id()).unwrap(), "http://pi:1/"),
            other(child.id(), 1, "http://gone:1/"),
        ];
        store.write(FILE, &Noted { servers }).unwrap();
        store.note_addresses(&["http://pi:2/".into()]);
        assert_eq!(store.addresses().unwrap(), ["http://pi:1/", "http://pi:2/"]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(store.addresses().unwrap(), ["http://pi:2/"]);
        let servers = vec![other(child.id(), 1, "http://last:1/")];
        store.write(FILE, &Noted { servers }).unwrap();
        assert_eq!(store.addresses().unwrap(), ["http://last:1/"]);
    }
}
