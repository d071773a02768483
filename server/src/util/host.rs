//! This machine.

/// Its name without a domain, where it has one of its own.
pub(crate) fn name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().split('.').next()?.to_owned();
    (!name.is_empty() && name != "localhost").then_some(name)
}
