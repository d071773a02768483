//! How this program is called from the shell that people have: commands in texts can be copied as they stand.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const NAME: &str = "pistreamer";

/// Where the service that the packages install keeps its state (`StateDirectory=pistreamer`).
pub(crate) const SERVICE: &str = "/var/lib/pistreamer";

/// Where systemd has this program keep its state (`StateDirectory=`), where it is a service.
pub(crate) fn state_of_service() -> Option<PathBuf> {
    let all = std::env::var_os("STATE_DIRECTORY").filter(|all| !all.is_empty())?;
    std::env::split_paths(&all).next()
}

/// The command that shows the keys in a directory, or those that it finds by itself. It can be called from any directory. Those of
/// a service are root's to see.
pub(crate) fn key_command(state_dir: Option<&Path>) -> String {
    match state_dir {
        Some(directory) if directory == Path::new(SERVICE) => format!("sudo {}", command("key")),
        Some(directory) => {
            let whole = std::path::absolute(directory);
            let whole = whole.as_deref().unwrap_or(directory);
            command(&format!("key --state-dir {}", quoted(whole)))
        }
        None => command("key"),
    }
}

/// The command for the shell with these arguments. For whoever runs the server: it may tell where the program lies.
pub(crate) fn command(arguments: &str) -> String {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| match installed_at() {
        None => NAME.into(),
        Some(path) => quoted(&path),
    });
    format!("{program} {arguments}")
}

/// The same for texts that anyone is shown who asks.
pub(crate) fn command_for_anyone(arguments: &str) -> String {
    format!("{} {arguments}", program_for_anyone())
}

/// What calls the program, in texts that anyone is shown who asks: of where it lies they tell what a build has in common with
/// all others.
pub(crate) fn program_for_anyone() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if state_of_service().as_deref() == Some(Path::new(SERVICE)) {
            return format!("sudo {NAME}");
        }
        let path = installed_at();
        let built = path.as_deref().and_then(built);
        built.map_or_else(|| NAME.into(), |path| path.display().to_string())
    })
}

/// Where the program lies, unless its name alone calls it.
fn installed_at() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(NAME))
        .find(|file| file.is_file());
    let same = found.is_some_and(|found| is_same(&found, &own));
    (!same).then_some(own)
}

fn is_same(a: &Path, b: &Path) -> bool {
    let id = |path: &Path| path.metadata().map(|data| (data.dev(), data.ino())).ok();
    id(a).is_some() && id(a) == id(b)
}

/// `target/release/pistreamer` of a whole path.
fn built(path: &Path) -> Option<&Path> {
    let checkout = path.ancestors().nth(3)?;
    let built = path.strip_prefix(checkout).ok()?;
    // It stands in a page.
    let plain = quoted(built) == built.display().to_string();
    (built.starts_with("target") && plain).then_some(built)
}

/// Fit for a POSIX shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_copied_into_a_shell_and_strangers_see_no_home_directory() {
        let path = Path::new("/home/anna/it's mine/target/release/pistreamer");
        assert_eq!(
            quoted(path),
            r"'/home/anna/it'\''s mine/target/release/pistreamer'"
        );
        assert_eq!(quoted(Path::new("/opt/a-b_1")), "/opt/a-b_1");
        assert_eq!(built(path), Some(Path::new("target/release/pistreamer")));
        assert_eq!(built(Path::new("/home/anna/bin/pistreamer")), None);
        assert_eq!(built(Path::new("/pistreamer")), None);
    }
}
