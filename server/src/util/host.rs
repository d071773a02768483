//! This machine.

use ring::digest::{SHA256, digest};
use std::fs;
use std::path::Path;

/// Its name without a domain, where it has one of its own.
pub(crate) fn name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().split('.').next()?.to_owned();
    (!name.is_empty() && name != "localhost").then_some(name)
}

/// Its name on the local network, where avahi-daemon answers to it: elsewhere nobody can open it.
pub(crate) fn local_name() -> Option<String> {
    let name = name().filter(|_| Path::new("/run/avahi-daemon/socket").exists())?;
    Some(format!("{name}.local"))
}

/// A number for a server at that port of this machine, the same after each start, from which nothing of the machine follows.
/// `None` where nothing tells this machine from others.
pub(crate) fn tag(port: u16) -> Option<u32> {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let address = first_address().unwrap_or_default();
    if id.trim().is_empty() && address.is_empty() {
        return None;
    }
    // Containers of one image may have one id, and machines in them one address.
    let known = format!("pistreamer {} {address} {port}", id.trim());
    let hash = digest(&SHA256, known.as_bytes());
    let first = hash.as_ref().first_chunk().copied()?;
    Some(u32::from_be_bytes(first))
}

/// The hardware address of the first network interface that has one.
fn first_address() -> Option<String> {
    let entries = fs::read_dir("/sys/class/net").ok()?.flatten();
    let numbered = entries.filter_map(|entry| {
        let read = |name: &str| {
            let text = fs::read_to_string(entry.path().join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        let number: u32 = read("ifindex")?.parse().ok()?;
        let address = read("address")?;
        let is_one = address.bytes().any(|byte| !b"0:".contains(&byte));
        is_one.then_some((number, address))
    });
    numbered.min().map(|(_, address)| address)
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn a_tag_is_the_same_each_time_and_another_at_another_port() {
        let tag_of = |port| tag(port).map(|tag| tag >> 8);
        assert_eq!(tag_of(8000), tag_of(8000));
        // Where nothing tells this machine from others, there is none.
        assert!(tag_of(8000).is_none() || tag_of(8000) != tag_of(8001));
    }
}
