//! Somebody who changes the files while they are shown.

use super::{Faults, INTERVAL, Next, bent};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

pub(super) async fn change(directory: PathBuf, faults: Arc<Faults>) {
    loop {
        match faults.next() {
            Next::Fault(mut chance) => {
                // It may be there already, or not any more.
                let _ = fail(&directory, &mut chance);
                sleep(Duration::from_millis(chance.u64(..6))).await;
            }
            Next::Stall => {}
            Next::Good => {
                if let Some(jpeg) = faults.heal() {
                    // Whichever of the two is there.
                    let _ = std::fs::remove_file(&directory);
                    let _ = std::fs::remove_dir_all(&directory);
                    std::fs::create_dir_all(&directory).unwrap();
                    std::fs::write(directory.join("healed.jpg"), jpeg).unwrap();
                }
                while faults.heal().is_some() {
                    sleep(INTERVAL).await;
                }
            }
        }
    }
}

fn fail(directory: &Path, chance: &mut fastrand::Rng) -> std::io::Result<()> {
    let path = directory.join(format!("{}.jpg", chance.u8(..5)));
    match chance.u8(..10) {
        0 => std::fs::remove_dir_all(directory),
        1 => std::fs::remove_file(path),
        2 => std::fs::create_dir_all(path),
        3 => std::os::unix::fs::symlink(&path, &path),
        4 => std::os::unix::fs::symlink("/dev/zero", path),
        5 => {
            // Huge, and hardly anything on the disk.
            std::fs::File::create(path)?.set_len(chance.u64(..1 << 36))
        }
        6 => {
            std::fs::remove_dir_all(directory)?;
            std::fs::write(directory, bent(chance))
        }
        _ => {
            if directory.is_file() {
                std::fs::remove_file(directory)?;
            }
            std::fs::create_dir_all(directory)?;
            std::fs::write(path, bent(chance))
        }
    }
}
