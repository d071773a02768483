//! Where and how is recorded, and how long that stays.

use super::{Check, path};
use crate::camera::{Record, RecordEvents};
use crate::config::layer::Values;
use crate::config::setting::{self, Setting};
use pistreamer_recording::Config;
use pistreamer_recording::retention::{Amount, Limits};
use pistreamer_recording::session::Policy;
use std::ops::RangeInclusive;

impl Check {
    /// `None` follows a problem; where nothing is recorded there is no configuration for it.
    pub(super) fn recording(&mut self, server: &Values) -> Option<Option<Config>> {
        let space = self.read(server, &setting::RECORD_SPACE, |value| {
            amount(&value.into_text())
        });
        let free = match server.get(&setting::RECORD_FREE) {
            None => Some(None),
            Some(_) => self
                .read(server, &setting::RECORD_FREE, |value| {
                    bytes(&value.into_text())
                })
                .map(Some),
        };
        let mut days = |setting| {
            self.read(server, setting, |value| {
                let days = value.into_number();
                let is_usable = (0.01..=36_500.0).contains(&days);
                is_usable
                    .then_some(days)
                    .ok_or_else(|| format!("{days} days are not possible: choose 0.01 to 36500"))
            })
        };
        let (days, sparse_days) = (
            days(&setting::RECORD_DAYS),
            days(&setting::RECORD_SPARSE_DAYS),
        );
        let memory = self.read(server, &setting::RECORD_MEMORY, |value| {
            let text = value.into_text();
            let memory = bytes(&text)?;
            let is_usable = (1 << 20..=16 << 30).contains(&memory);
            is_usable
                .then_some(memory)
                .ok_or_else(|| format!("{text} is not possible: choose 1MiB to 16GiB"))
        });
        let sync = self.read(server, &setting::RECORD_SYNC, |value| {
            let seconds = value.into_number();
            let is_usable = (1.0..=60.0).contains(&seconds);
            is_usable
                .then_some(seconds)
                .ok_or_else(|| format!("{seconds} s are not possible: choose 1 to 60"))
        });
        let policy = Policy {
            limits: Limits {
                space: space?,
                free: free?,
                days: days?,
                sparse_days: sparse_days?,
            },
            sync_us: (sync? * 1e6) as u64,
        };
        let memory = memory?;
        Some(path(server, &setting::RECORD).map(|root| Config {
            root,
            // Whoever starts it says where, and by what clock.
            state: None,
            clock_is_set: || false,
            policy,
            memory,
        }))
    }

    /// What is recorded of a camera, and by which events.
    pub(super) fn record(&mut self, camera: &Values) -> Option<(Option<Record>, Mode)> {
        let mode = self.read(camera, &setting::RECORD_MODE, |value| {
            let mode = value.into_text();
            match mode.as_str() {
                "continuous" => Ok(Mode::Continuous),
                "motion" => Ok(Mode::Motion),
                "events" => Ok(Mode::Events),
                "sparse" => Ok(Mode::Sparse),
                "off" => Ok(Mode::Off),
                _ => Err(format!(
                    "{mode:?} is no way to record: choose continuous, motion, events, sparse or off"
                )),
            }
        });
        let fps = self.read(camera, &setting::RECORD_FPS, |value| {
            let fps = value.into_number();
            let is_usable = (0.1..=240.0).contains(&fps);
            is_usable.then_some(fps).ok_or_else(|| {
                format!("{fps} pictures a second are not possible: choose 0.1 to 240")
            })
        });
        let sparse = self.seconds(camera, &setting::RECORD_SPARSE, 1.0..=3600.0);
        let before = self.seconds(camera, &setting::RECORD_BEFORE, 0.0..=60.0);
        let (mode, fps, sparse_s, before_s) = (mode?, fps?, sparse?, before?);
        let of_events = matches!(mode, Mode::Motion | Mode::Events);
        let record = Record {
            fps: (mode == Mode::Continuous).then_some(fps),
            events: of_events.then_some(RecordEvents { fps, before_s }),
            sparse_s,
        };
        Some(((mode != Mode::Off).then_some(record), mode))
    }

    /// A time in seconds.
    pub(super) fn seconds(
        &mut self,
        values: &Values,
        setting: &Setting,
        possible: RangeInclusive<f64>,
    ) -> Option<f64> {
        self.read(values, setting, |value| {
            let seconds = value.into_number();
            let (least, most) = (possible.start(), possible.end());
            let wrong = || format!("{seconds} s are not possible: choose {least} to {most}");
            possible
                .contains(&seconds)
                .then_some(seconds)
                .ok_or_else(wrong)
        })
    }
}

/// What is recorded of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Continuous,
    Motion,
    Events,
    Sparse,
    Off,
}

fn amount(text: &str) -> Result<Amount, String> {
    let Some(percent) = text.trim().strip_suffix('%') else {
        return bytes(text).map(Amount::Bytes);
    };
    let percent = percent.trim().parse().ok();
    let percent = percent.filter(|percent| (1.0..=100.0).contains(percent));
    percent.map(Amount::Percent).ok_or_else(|| {
        format!("{text:?} is no share of a disk: write it like 80%, from 1% to 100%")
    })
}

/// Bytes, as people write them.
fn bytes(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let (number, unit) = trimmed.split_at(digits.unwrap_or(trimmed.len()));
    let unit = match unit.trim() {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "TiB" => 1_099_511_627_776.0,
        _ => f64::NAN,
    };
    let bytes = number.parse::<f64>().unwrap_or(f64::NAN) * unit;
    if (1.0..1e18).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(format!(
            "{text:?} is no amount of bytes: write it like 500MB, 20GB, 1GiB or 2TB"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_understood_as_people_write_them() {
        assert_eq!(amount("80%"), Ok(Amount::Percent(80.0)));
        assert_eq!(amount("20 GB"), Ok(Amount::Bytes(20_000_000_000)));
        assert_eq!(bytes("1.5GiB"), Ok(1_610_612_736));
        assert_eq!(bytes("500"), Ok(500));
        for wrong in ["", "0", "101%", "0%", "GB", "1 gb", "-1GB", "1e3", "lots"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }
}
