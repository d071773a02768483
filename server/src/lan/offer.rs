//! What is told of this server: where it listens, whether it encrypts, its cameras. Never a key.

use crate::camera::{Camera, Registry};
use crate::util::host;
use std::net::{IpAddr, SocketAddr};

/// Longest text of a TXT record (RFC 6763 §6.1).
const LONGEST_TEXT: usize = 255;

/// Longest name of the machine in that of the server. With what stands around it, it fits into a label of 63 bytes.
const LONGEST_HOST: usize = 40;

/// A server that others may find.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(super) port: u16,
    pub(super) encrypted: bool,
    /// What is listened on at that port.
    listens: Vec<IpAddr>,
    cameras: Registry,
}

impl Offer {
    /// `None` where no other machine can reach the server. Where it listens on several ports, the first one that others reach
    /// is told.
    pub(crate) fn new(
        addresses: &[SocketAddr],
        encrypted: bool,
        cameras: Registry,
    ) -> Option<Self> {
        let reachable = || {
            let others = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
            addresses.iter().filter(others)
        };
        let port = reachable().next()?.port();
        let listens = reachable().filter(|address| address.port() == port);
        Some(Self {
            port,
            encrypted,
            listens: listens.map(SocketAddr::ip).collect(),
            cameras,
        })
    }

    /// Whether the server is reached at this address of the machine's.
    pub(super) fn reaches(&self, address: IpAddr) -> bool {
        let is_at = |listens: &IpAddr| {
            *listens == address
                || (listens.is_unspecified() && listens.is_ipv4() == address.is_ipv4())
        };
        self.listens.iter().any(is_at)
    }

    /// Whether each address of the machine's will do.
    pub(super) fn is_everywhere(&self) -> bool {
        self.listens.iter().any(IpAddr::is_unspecified)
    }

    /// The server's name for people.
    pub(super) fn name() -> String {
        let host = host::name().unwrap_or_else(|| "a machine without a name".into());
        format!("pistreamer on {}", cut(&host, LONGEST_HOST))
    }

    /// The texts of its TXT record.
    pub(super) fn texts(&self) -> Vec<String> {
        let cameras = self.cameras.list();
        let ids = cameras.iter().map(|camera| camera.id().to_string());
        let names = cameras.iter().map(|camera: &Camera| camera.state().name);
        vec![
            format!("id={}", listed(ids, ",", LONGEST_TEXT - "id=".len())),
            format!("name={}", listed(names, ", ", LONGEST_TEXT - "name=".len())),
            "path=/".into(),
            format!("tls={}", u8::from(self.encrypted)),
            format!("version={}", env!("CARGO_PKG_VERSION")),
        ]
    }
}

/// As many of the words, from the first, as fit whole; of a first one that does not, what does.
fn listed(words: impl Iterator<Item = String>, between: &str, most: usize) -> String {
    let mut list = String::new();
    for word in words {
        if list.is_empty() {
            list = cut(&word, most).into();
        } else if list.len() + between.len() + word.len() <= most {
            list = list + between + &word;
        } else {
            break;
        }
    }
    list
}

/// At most that many bytes of a text, in whole characters.
fn cut(text: &str, most: usize) -> &str {
    let ends = text
        .char_indices()
        .map(|(at, character)| at + character.len_utf8());
    &text[..ends.take_while(|end| *end <= most).last().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Context;

    fn offer(addresses: &[&str]) -> Option<Offer> {
        let addresses: Vec<_> = addresses.iter().map(|it| it.parse().unwrap()).collect();
        let cameras = Registry::of(Vec::new(), Context::default());
        Offer::new(&addresses, false, cameras)
    }

    #[test]
    fn a_server_that_only_its_own_machine_reaches_is_not_offered() {
        assert!(offer(&["127.0.0.1:8000", "[::1]:8000", "[::ffff:127.0.0.1]:80"]).is_none());
    }

    #[test]
    fn what_is_offered_is_where_others_reach_it() {
        let offer = offer(&["127.0.0.1:1", "192.0.2.1:8000", "[::]:8000", "192.0.2.2:9"]).unwrap();
        assert_eq!(offer.port, 8000);
        let reached = |address: &str| offer.reaches(address.parse().unwrap());
        assert!(reached("192.0.2.1") && reached("2001:db8::1"));
        assert!(!reached("192.0.2.2") && !reached("127.0.0.1"));
    }

    #[test]
    fn a_list_is_as_long_as_a_text_may_be() {
        let words = |word: &str, count| std::iter::repeat_n(word.to_owned(), count);
        assert_eq!(listed(words("door", 2), ", ", 250), "door, door");
        assert_eq!(listed(words("door", 100), ",", 11), "door,door");
        assert_eq!(listed(words("Türe", 1), ",", 2), "T");
    }
}
