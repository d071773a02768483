//! What can be set on the test pattern: one control of each kind, all of which change what is painted.

use pistreamer_pattern::{Look, Motif};
use pistreamer_protocol::message::{Control, ControlValues};

/// 0 lets the scene stand still, while time and number go on.
const SPEED: &str = "Speed";

/// The noise of a sensor.
const NOISE: &str = "Noise";

/// What is shown.
const SCENE: &str = "Scene";

/// The scene's time begins anew.
const REWIND: &str = "Rewind";

const SCENES: [(&str, Motif); 3] = [
    ("Lake", Motif::Lake),
    ("Colour bars", Motif::ColourBars),
    ("Grey", Motif::Grey),
];

/// Everything that is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub look: Look,
    motion: Motion,
}

impl Setup {
    pub(super) fn new() -> Self {
        Self {
            look: Look::default(),
            motion: Motion::new(),
        }
    }

    /// The scene's time in seconds at that frame.
    pub(super) fn time(&self, seq: u64, fps: f64) -> f64 {
        self.motion.at(seq, fps)
    }

    /// Each control with its value now.
    pub(super) fn controls(&self) -> [Control; 4] {
        let (names, motifs): (Vec<_>, Vec<_>) = SCENES.into_iter().unzip();
        let scene = motifs.iter().position(|motif| *motif == self.look.motif);
        let speed = Control::range(SPEED, 0.0..=4.0, self.motion.speed, Motion::NORMAL);
        [
            speed.in_steps(0.25).counted_in("×"),
            Control::switch(NOISE, self.look.noise, Look::default().noise),
            Control::choice(SCENE, &names, scene.unwrap_or_default(), 0),
            Control::button(REWIND),
        ]
    }

    /// Takes values of [`Self::controls`], which hold from that frame on.
    pub(super) fn set(&mut self, values: &ControlValues, seq: u64, fps: f64) {
        for (name, value) in values {
            let Some(value) = value.number() else {
                continue;
            };
            match name.as_str() {
                SPEED => self.motion.set_speed(value, seq, fps),
                NOISE => self.look.noise = value != 0.0,
                SCENE => {
                    if let Some((_, motif)) = SCENES.get(value as usize) {
                        self.look.motif = *motif;
                    }
                }
                REWIND => self.motion.rewind(seq),
                _ => {}
            }
        }
    }
}

/// How the scene's own time goes. It goes on evenly from where it was when the speed changed last.
#[derive(Clone, Copy, Debug)]
struct Motion {
    speed: f64,
    since_seq: u64,
    time: f64,
}

impl Motion {
    const NORMAL: f64 = 1.0;

    fn new() -> Self {
        Self {
            speed: Self::NORMAL,
            since_seq: 0,
            time: 0.0,
        }
    }

    fn at(&self, seq: u64, fps: f64) -> f64 {
        self.time + seq.saturating_sub(self.since_seq) as f64 / fps * self.speed
    }

    fn set_speed(&mut self, speed: f64, seq: u64, fps: f64) {
        *self = Self {
            speed,
            since_seq: seq,
            time: self.at(seq, fps),
        };
    }

    fn rewind(&mut self, seq: u64) {
        (self.since_seq, self.time) = (seq, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scene_goes_on_from_where_it_is_when_its_speed_changes_and_begins_anew_when_it_is_rewound()
     {
        let fps = 10.0;
        let mut motion = Motion::new();
        assert_eq!(motion.at(30, fps), 3.0);
        motion.set_speed(0.0, 30, fps);
        assert_eq!(motion.at(80, fps), 3.0);
        motion.set_speed(2.0, 80, fps);
        assert_eq!(motion.at(90, fps), 5.0);
        motion.rewind(100);
        assert_eq!(motion.at(100, fps), 0.0);
        assert_eq!(motion.at(110, fps), 2.0);
    }
}
