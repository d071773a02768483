//! Why this build captures from no camera of this machine, and what to do about it.

use pistreamer_protocol::message::Cause;

/// The oldest libcamera whose interface is known, as `./dev` has it too.
const LEAST_LIBCAMERA: &str = "0.4";

/// Why a build without libcamera captures from no camera, and what to do about it.
pub(crate) fn not_built() -> Cause {
    let asked = std::process::Command::new("apt-cache")
        .args(["policy", "libcamera-dev"])
        .env("LC_ALL", "C")
        .output();
    let policy = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    explain(offered(&policy.unwrap_or_default()))
}

/// The version that a package would be installed in, of what `apt-cache policy` prints.
fn offered(policy: &str) -> Option<&str> {
    let candidate = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    let version = candidate.split_once(':').map_or(candidate, |(_, it)| it);
    (version != "(none)").then_some(version)
}

fn explain(offered: Option<&str>) -> Cause {
    let numbers = |version: &str| -> Vec<u32> {
        let parts = version.split(|c: char| !c.is_ascii_digit());
        parts.take(2).filter_map(|part| part.parse().ok()).collect()
    };
    let least = LEAST_LIBCAMERA.into();
    match offered {
        Some(version) if numbers(version) >= numbers(LEAST_LIBCAMERA) => {
            let version = version.into();
            Cause::BuiltWithoutInstallable { version }
        }
        Some(version) => {
            let version = version.into();
            Cause::BuiltWithoutTooOld { least, version }
        }
        None => Cause::BuiltWithout { least },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libcamera_that_is_there_and_the_one_that_is_needed_are_told() {
        let policy = |candidate: &str| {
            format!(
                "libcamera-dev:\n  Installed: (none)\n  Candidate: {candidate}\n  Version table:\n"
            )
        };
        let bookworm = explain(offered(&policy("0.0.3-6"))).to_string();
        assert!(
            bookworm.contains("0.4 or newer") && bookworm.contains("this system has 0.0.3-6"),
            "{bookworm}"
        );
        assert!(!bookworm.contains("install libcamera-dev"), "{bookworm}");
        for enough in ["0.4.0-7", "1:0.5.2+rpt20250903-1", "0.10.0-1", "1.0-1"] {
            let text = explain(offered(&policy(enough))).to_string();
            assert!(text.contains("install libcamera-dev"), "{text}");
        }
        for unknown in [policy("(none)"), String::new()] {
            assert_eq!(offered(&unknown), None);
        }
        assert!(explain(None).to_string().contains("0.4 or newer"));
    }
}
