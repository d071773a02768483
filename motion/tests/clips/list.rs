//! The clips.

use super::scene::Random;
use super::{Clip, Walker, Weather};

/// Clips in which people cross, by a seed: of several sizes and contrasts, in quiet and in bad weather.
pub(crate) fn crossings(seed: u64) -> Vec<Clip> {
    let mut random = Random::new(seed);
    let mut clips = Vec::new();
    let weathers: [(&str, f32, &[Weather]); 12] = [
        ("quiet", 2.0, &[]),
        ("grainy", 8.0, &[]),
        (
            "night",
            20.0,
            &[Weather::Light {
                at: 0.0,
                takes: 0.0,
                factor: 0.5,
            }],
        ),
        (
            "ramp",
            4.0,
            &[Weather::Light {
                at: 5.0,
                takes: 30.0,
                factor: 0.7,
            }],
        ),
        (
            "clouds",
            3.0,
            &[Weather::Clouds {
                every: 16.0,
                takes: 2.0,
                depth: 0.35,
            }],
        ),
        (
            "shadow",
            3.0,
            &[Weather::Shadow {
                every: 25.0,
                edge: 160.0,
                depth: 0.3,
            }],
        ),
        (
            "lamp",
            4.0,
            &[Weather::Lamp {
                on: 14.0,
                off: 50.0,
                x: 900.0,
                y: 300.0,
                reach: 380.0,
                gain: 0.8,
            }],
        ),
        ("infrared", 4.0, &[Weather::Infrared { at: 8.0 }]),
        ("leaves", 3.0, &[Weather::Leaves { by: 4.0 }]),
        ("rain", 4.0, &[Weather::Rain { drops: 60 }]),
        ("snow", 4.0, &[Weather::Snow { flakes: 60 }]),
        (
            "exposure",
            3.0,
            &[
                Weather::Light {
                    at: 20.0,
                    takes: 0.4,
                    factor: 0.8,
                },
                Weather::Light {
                    at: 40.0,
                    takes: 0.4,
                    factor: 1.3,
                },
            ],
        ),
    ];
    for (number, (name, noise, weather)) in weathers.into_iter().enumerate() {
        let mut walkers = Vec::new();
        let mut start = 12.0;
        for height in [72.0, 110.0, 170.0, 260.0, 360.0] {
            let height = height * (1.0 + 0.15 * random.unit());
            let contrast = 18.0 + 42.0 * random.unit();
            let begin = if height < 150.0 {
                0.5 * random.unit()
            } else {
                -0.05
            };
            let walker = Walker {
                start,
                height,
                contrast: if random.unit() < 0.5 {
                    contrast
                } else {
                    -contrast
                },
                to_right: random.unit() < 0.5,
                feet: 0.7 + 0.28 * random.unit(),
                way: (begin, if height < 150.0 { begin + 0.45 } else { 1.05 }),
            };
            start = walker.end() + 12.0;
            walkers.push(walker);
        }
        clips.push(Clip {
            name: format!("walk-{name}"),
            seed: seed * 100 + number as u64,
            seconds: start as u32,
            noise,
            weather: weather.to_vec(),
            walkers,
        });
    }
    clips
}

/// Clips without people, generated from a seed. Any detection in the first list is an error.
pub(crate) fn empty(seed: u64) -> (Vec<Clip>, Vec<Clip>) {
    let lamp = |on: f32, off: f32, x: f32, reach: f32| Weather::Lamp {
        on,
        off,
        x,
        y: 300.0,
        reach,
        gain: 0.9,
    };
    let never: [(&str, f32, Vec<Weather>); 9] = [
        ("noise", 6.0, vec![]),
        ("strong-noise", 20.0, vec![]),
        (
            "ramp-down",
            4.0,
            vec![Weather::Light {
                at: 10.0,
                takes: 40.0,
                factor: 0.6,
            }],
        ),
        (
            "ramp-up",
            4.0,
            vec![Weather::Light {
                at: 10.0,
                takes: 20.0,
                factor: 1.4,
            }],
        ),
        (
            "clouds",
            4.0,
            vec![Weather::Clouds {
                every: 14.0,
                takes: 2.0,
                depth: 0.35,
            }],
        ),
        (
            "lamp",
            4.0,
            vec![
                lamp(15.0, 45.0, 300.0, 250.0),
                lamp(60.0, 75.0, 1000.0, 500.0),
            ],
        ),
        ("infrared", 4.0, vec![Weather::Infrared { at: 30.0 }]),
        ("infrared-noise", 10.0, vec![Weather::Infrared { at: 45.0 }]),
        (
            "exposure",
            4.0,
            vec![
                Weather::Light {
                    at: 20.0,
                    takes: 0.0,
                    factor: 0.75,
                },
                Weather::Light {
                    at: 50.0,
                    takes: 0.0,
                    factor: 1.5,
                },
            ],
        ),
    ];
    let seldom: [(&str, f32, Vec<Weather>); 9] = [
        ("leaves", 4.0, vec![Weather::Leaves { by: 4.0 }]),
        ("wind", 4.0, vec![Weather::Leaves { by: 7.0 }]),
        ("rain", 5.0, vec![Weather::Rain { drops: 80 }]),
        ("snow", 5.0, vec![Weather::Snow { flakes: 80 }]),
        ("shake", 4.0, vec![Weather::Shake { by: 2.0 }]),
        ("banding", 4.0, vec![Weather::Banding { depth: 0.06 }]),
        ("television", 6.0, vec![Weather::Television]),
        (
            "shadow",
            4.0,
            vec![Weather::Shadow {
                every: 30.0,
                edge: 200.0,
                depth: 0.3,
            }],
        ),
        (
            "headlights",
            8.0,
            vec![
                Weather::Light {
                    at: 0.0,
                    takes: 0.0,
                    factor: 0.45,
                },
                Weather::Headlights { every: 20.0 },
            ],
        ),
    ];
    let clips = |list: Vec<(&str, f32, Vec<Weather>)>, first: u64| {
        let clip = |(number, (name, noise, weather)): (usize, (&str, f32, Vec<Weather>))| Clip {
            name: format!("empty-{name}"),
            seed: seed * 100 + first + number as u64,
            seconds: 120,
            noise,
            weather,
            walkers: Vec::new(),
        };
        list.into_iter().enumerate().map(clip).collect()
    };
    (clips(never.into(), 30), clips(seldom.into(), 60))
}
