//! What counts as motion in a camera's pictures.

use super::{Check, always};
use crate::config::layer::Values;
use crate::config::setting::{self, Value};
use pistreamer_motion::{Polygon, Settings, Zone};
use std::time::Duration;

impl Check {
    /// What is looked for in a camera's pictures, where anything is: it may be `recorded` because of motion alone.
    pub(super) fn looked_for(
        &mut self,
        camera: &Values,
        recorded: bool,
    ) -> Option<Option<Settings>> {
        let on = match camera.get(&setting::MOTION) {
            None => Some(recorded),
            Some(_) => self.read(camera, &setting::MOTION, always(Value::into_switch)),
        };
        let settings = self.motion(camera);
        Some(on?.then_some(settings?))
    }

    /// The settings by which motion is looked for.
    pub(in crate::config) fn motion(&mut self, camera: &Values) -> Option<Settings> {
        let sensitivity = self.read(camera, &setting::MOTION_SENSITIVITY, |value| {
            sensitivity(value.into_count())
        });
        let min_area = self.read(camera, &setting::MOTION_MIN_AREA, |value| {
            part(value.into_number())
        });
        let zones = self.read(camera, &setting::MOTION_ZONES, |value| {
            let zones: Vec<_> = value
                .into_texts()
                .iter()
                .map(|it| zone(it))
                .collect::<Result<_, _>>()?;
            let mut names: Vec<_> = zones.iter().map(|zone| &zone.name).collect();
            names.sort_unstable();
            match names.windows(2).find(|two| two[0] == two[1]) {
                Some(two) => Err(format!(
                    "two zones are called {:?}: give each a name of its own",
                    two[0]
                )),
                None => Ok(zones),
            }
        });
        let ignore = self.read(camera, &setting::MOTION_IGNORE, |value| {
            let polygons = value.into_texts();
            polygons
                .iter()
                .map(|it| polygon(it))
                .collect::<Result<Vec<_>, _>>()
        });
        let after = self.seconds(camera, &setting::RECORD_AFTER, 1.0..=600.0);
        let settings = Settings {
            after: Duration::from_secs_f64(after?),
            sensitivity: sensitivity?,
            min_area: min_area?,
            zones: zones?,
            ignore: ignore?,
        };
        // What is left is how many zones there are.
        self.read(camera, &setting::MOTION_ZONES, |_| settings.check())?;
        Some(settings)
    }
}

fn sensitivity(given: u64) -> Result<u8, String> {
    let fits = u8::try_from(given).ok().filter(|it| (1..=100).contains(it));
    fits.ok_or_else(|| format!("a sensitivity of {given} is not possible: choose 1 to 100"))
}

/// A part of the picture, of percents.
fn part(percent: f64) -> Result<f32, String> {
    let fits = (0.0..=100.0).contains(&percent);
    let wrong = || format!("{percent}% of the picture is not possible: choose 0 to 100");
    fits.then_some((percent / 100.0) as f32).ok_or_else(wrong)
}

/// Most characters of a zone's name.
const LONGEST_NAME: usize = 40;

/// A zone as people write it: its name, its corners, and what is special about it.
fn zone(text: &str) -> Result<Zone, String> {
    let (corners, rest): (Vec<_>, Vec<_>) =
        text.split_whitespace().partition(|word| word.contains(','));
    let (values, name): (Vec<_>, Vec<_>) = rest.into_iter().partition(|word| word.contains('='));
    let name = name.join(" ");
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(format!(
            "{text:?} has no name of at most {LONGEST_NAME} characters: write a zone like \"door 0.1,0.5 0.4,0.5 0.4,1 0.1,1\""
        ));
    }
    let mut zone = Zone {
        name,
        polygon: polygon(&corners.join(" "))?,
        sensitivity: None,
        min_area: None,
        min_time: Duration::ZERO,
    };
    for value in values {
        let (key, given) = value.split_once('=').unwrap_or((value, ""));
        let wrong = || format!("{value:?} is no value of a zone: write it like {key}=20");
        let number: f64 = given.parse().map_err(|_| wrong())?;
        match key {
            "sensitivity" => zone.sensitivity = Some(sensitivity(number as u64)?),
            "min_area" => zone.min_area = Some(part(number)?),
            "min_ms" if (0.0..=3_600_000.0).contains(&number) => {
                zone.min_time = Duration::from_millis(number as u64);
            }
            "min_ms" => return Err(format!("{value:?} is not possible: choose 0 to 3600000")),
            _ => {
                return Err(format!(
                    "there is no {key:?} in a zone: it may have sensitivity=, min_area= and min_ms="
                ));
            }
        }
    }
    Ok(zone)
}

/// Corners as people write them.
fn polygon(text: &str) -> Result<Polygon, String> {
    let corner = |word: &str| {
        let (x, y) = word.split_once(',')?;
        Some((x.parse().ok()?, y.parse().ok()?))
    };
    let corners = text.split_whitespace().map(|word| {
        corner(word).ok_or_else(|| {
            format!(
                "{word:?} is no corner: write it like 0.25,0.5, from 0,0 at the upper left to 1,1"
            )
        })
    });
    Polygon::new(corners.collect::<Result<_, _>>()?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_understood_as_people_write_them() {
        let door = zone("front door 0.1,0.5 0.4,0.5 0.4,1 sensitivity=70 min_area=0.5 min_ms=400")
            .unwrap();
        assert_eq!(door.name, "front door");
        assert_eq!(door.polygon.corners(), [(0.1, 0.5), (0.4, 0.5), (0.4, 1.0)]);
        assert_eq!((door.sensitivity, door.min_area), (Some(70), Some(0.005)));
        assert_eq!(door.min_time, Duration::from_millis(400));
        for (wrong, says) in [
            ("0,0 1,0 1,1", "has no name"),
            ("door 0,0 1,0", "3 to 64 corners"),
            ("door 0,0 1,0 1,1.5", "coordinate 1.5"),
            ("door 0,0 1,0 1,b", "\"1,b\" is no corner"),
            ("door 0,0 1,0 1,1 sensitivity=0", "choose 1 to 100"),
            ("door 0,0 1,0 1,1 min_area=101", "choose 0 to 100"),
            ("door 0,0 1,0 1,1 alert=1", "there is no \"alert\""),
            ("door 0,0 1,0 1,1 min_ms=soon", "min_ms=20"),
        ] {
            let error = zone(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
