//! The devices that cameras and encoders are reached through, and whether this user may use them.

use super::reading::{names, text};
use pistreamer_protocol::text::plain;
use rustix::fs::{Access, access};
use rustix::process::{getegid, geteuid, getgroups};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// Where they are, and what their names begin with.
const DEVICES: [(&str, &str); 5] = [
    ("dev", "video"),
    ("dev", "media"),
    ("dev/dma_heap", ""),
    ("dev", "udmabuf"),
    ("dev/dri", "render"),
];

/// The groups that have them.
const GROUPS: [&str; 2] = ["video", "render"];

/// The devices below that folder: those together that belong to the same group, with what this user may do.
pub(super) fn told(root: &Path) -> String {
    let mut alike: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (folder, prefix) in DEVICES {
        for name in names(&root.join(folder)) {
            let path = root.join(folder).join(&name);
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            if !name.starts_with(prefix) || !is_device(&metadata) {
                continue;
            }
            let mode = metadata.permissions().mode() & 0o777;
            let may = access(&path, Access::READ_OK | Access::WRITE_OK).is_ok();
            let key = (folder, prefix, metadata.gid(), mode, may);
            alike.entry(key).or_default().push(plain(&name));
        }
    }
    let groups = text(&root.join("etc/group")).unwrap_or_default();
    let mut text = String::new();
    for ((folder, _, group, mode, may), names) in alike {
        let _ = writeln!(
            text,
            "group {}, mode {mode:04o}, this user may {} them: /{folder}/{}",
            shown(group, &groups),
            if may { "use" } else { "NOT use" },
            names.join(" ")
        );
    }
    if text.is_empty() {
        text.push_str("none for cameras\n");
    }
    let _ = writeln!(text, "this user is {}", user(&groups));
    text
}

/// Who calls, without a name.
fn user(groups: &str) -> String {
    let mut own = getgroups().unwrap_or_default();
    own.push(getegid());
    let own: Vec<_> = own
        .iter()
        .map(|group| name_of(group.as_raw(), groups))
        .collect();
    let of: Vec<_> = GROUPS
        .into_iter()
        .filter(|name| own.contains(&Some(name)))
        .collect();
    let who = if geteuid().is_root() {
        "root"
    } else {
        "not root"
    };
    match of[..] {
        [] => format!("{who}, in neither {}", GROUPS.join(" nor ")),
        _ => format!("{who}, in {}", of.join(" and ")),
    }
}

/// A character device; files stand for devices in tests.
fn is_device(metadata: &fs::Metadata) -> bool {
    metadata.file_type().is_char_device() || metadata.is_file()
}

/// A group for people: a group of a person's own has the person's name, and is told by its number.
fn shown(group: u32, groups: &str) -> String {
    let name = name_of(group, groups).filter(|_| group < 1000);
    name.map_or_else(|| group.to_string(), str::to_owned)
}

/// A group's name in the text of /etc/group.
fn name_of(group: u32, groups: &str) -> Option<&str> {
    let mut lines = groups.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == group.to_string()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_the_system_are_told_by_name_and_those_of_people_by_number() {
        let groups = "root:x:0:\nvideo:x:44:anna\nanna:x:1000:\n";
        assert_eq!(shown(44, groups), "video");
        assert_eq!(shown(45, groups), "45");
        assert_eq!(shown(1000, groups), "1000");
    }
}
