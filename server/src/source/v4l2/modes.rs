//! Which of a camera's formats, sizes and rates comes nearest to what is asked for.
//!
//! Asking the camera, and setting it, is [`super::sys`]'s.

use super::sys::{Device, Rates, Sizes};
use crate::source::Config;
use pistreamer_local_camera::Format;

/// A format, a size and a rate that a camera offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offer {
    pub format: Format,
    /// What V4L2 calls it.
    pub fourcc: [u8; 4],
    pub size: [u32; 2],
    /// Frames per second, as near to the wanted rate as it can; `None` where the camera names no rate.
    pub fps: Option<f64>,
}

/// The formats that can be used, the best first. A JPEG of the camera's own costs no encoding, and over USB 2 nothing else
/// reaches 30 frames per second at 1280x720 and above.
const FORMATS: [(Format, [u8; 4]); 7] = [
    (Format::Mjpeg, *b"MJPG"),
    (Format::Mjpeg, *b"JPEG"),
    (Format::Nv12, *b"NV12"),
    (Format::Yuv420, *b"YU12"),
    (Format::Yuyv, *b"YUYV"),
    (Format::Uyvy, *b"UYVY"),
    (Format::Grey, *b"GREY"),
];

/// A rate that is lower by less than this is as good: cameras that run at 29.97 call it 30, and the other way round.
const SLACK: f64 = 0.95;

/// Everything that a camera offers and that can be used, each with the rate nearest to that.
pub(super) fn offers(device: &Device, wanted: &Config) -> Vec<Offer> {
    let theirs: Vec<_> = device.formats().collect();
    let usable = FORMATS.iter().filter(|(_, fourcc)| theirs.contains(fourcc));
    let mut offers = Vec::new();
    for (format, fourcc) in usable {
        let sizes: Vec<_> = device.sizes(*fourcc).collect();
        let mut add = |size: [u32; 2]| {
            let rates: Vec<_> = device.rates(*fourcc, size).collect();
            offers.push(Offer {
                format: *format,
                fourcc: *fourcc,
                size,
                fps: nearest_rate(&rates, wanted.fps),
            });
        };
        for sizes in &sizes {
            add(nearest_size(*sizes, [wanted.width, wanted.height]));
        }
        if sizes.is_empty() {
            add([wanted.width, wanted.height]);
        }
    }
    // The encoder takes pairs of pixels.
    offers.retain(|offer| offer.format == Format::Mjpeg || offer.size[0] % 2 == 0);
    offers
}

/// The sizes that the camera has in formats that can be used; of a range those that are usual.
pub(super) fn sizes(device: &Device) -> Vec<(u32, u32)> {
    let theirs: Vec<_> = device.formats().collect();
    let usable = FORMATS.iter().filter(|(_, fourcc)| theirs.contains(fourcc));
    let sizes = usable.flat_map(|(_, fourcc)| device.sizes(*fourcc));
    sizes.flat_map(listed).collect()
}

fn listed(sizes: Sizes) -> Vec<(u32, u32)> {
    const USUAL: [[u32; 2]; 8] = [
        [320, 180],
        [320, 240],
        [640, 360],
        [640, 480],
        [1280, 720],
        [1920, 1080],
        [2560, 1440],
        [3840, 2160],
    ];
    match sizes {
        Sizes::One([width, height]) => vec![(width, height)],
        Sizes::Range(_) => {
            let mut usual = USUAL.to_vec();
            usual.retain(|size| nearest_size(sizes, *size) == *size);
            usual.into_iter().map(Into::into).collect()
        }
    }
}

impl Offer {
    /// Whether it has more pixels than a picture of that size.
    pub(super) fn is_larger_than(&self, size: (u32, u32)) -> bool {
        area(self.size) > area(size.into())
    }
}

fn area([width, height]: [u32; 2]) -> u64 {
    u64::from(width) * u64::from(height)
}

/// The offer with the most pixels, for a still.
pub(super) fn largest(device: &Device, wanted: &Config) -> Option<Offer> {
    /// No camera has as many in a line.
    const ANY: u32 = 65_500;
    let wanted = Config {
        width: ANY,
        height: ANY,
        ..wanted.clone()
    };
    largest_of(offers(device, &wanted), ANY)
}

fn largest_of(mut offers: Vec<Offer>, any: u32) -> Option<Offer> {
    /// Pixels of the largest: a driver that names more knows no sizes.
    const MOST: u64 = 1 << 26;
    offers.retain(|offer| {
        let is_size = offer.size[0] < any && offer.size[1] < any;
        is_size && area(offer.size) <= MOST
    });
    offers.into_iter().max_by_key(|offer| {
        let place = FORMATS
            .iter()
            .position(|(_, fourcc)| *fourcc == offer.fourcc);
        (area(offer.size), std::cmp::Reverse(place))
    })
}

/// The offers, the best first: in that size or the nearest, at that rate or the fastest, in the best format.
///
/// A camera whose driver says that there is no room for one on its bus takes another.
pub(super) fn ranked(mut offers: Vec<Offer>, wanted: &Config) -> Vec<Offer> {
    offers.sort_by(|a, b| {
        let key = |offer: &Offer| {
            let fps = offer.fps.unwrap_or(wanted.fps);
            let too_slow = if fps >= wanted.fps * SLACK {
                0.0
            } else {
                wanted.fps / fps.max(0.01)
            };
            // Half the rate is about as bad as half the area: the two are weighed by their logarithms.
            let area = f64::from(wanted.width) * f64::from(wanted.height);
            let its = f64::from(offer.size[0]) * f64::from(offer.size[1]);
            let off = (its / area).ln().abs() + if too_slow > 0.0 { too_slow.ln() } else { 0.0 };
            let shape = (offer.size != [wanted.width, wanted.height]) as u8;
            let place = FORMATS
                .iter()
                .position(|(_, fourcc)| *fourcc == offer.fourcc);
            (off, shape, place)
        };
        let ((off_a, shape_a, place_a), (off_b, shape_b, place_b)) = (key(a), key(b));
        off_a
            .total_cmp(&off_b)
            .then(shape_a.cmp(&shape_b))
            .then(place_a.cmp(&place_b))
    });
    offers
}

fn nearest_size(sizes: Sizes, wanted: [u32; 2]) -> [u32; 2] {
    match sizes {
        Sizes::One(size) => size,
        Sizes::Range(ranges) => [0, 1].map(|side| {
            let [least, greatest, step] = ranges[side];
            let wanted = wanted[side].clamp(least, greatest.max(least));
            least + (wanted - least) / step * step
        }),
    }
}

/// The slowest of those that are fast enough, else the fastest.
fn nearest_rate(rates: &[Rates], wanted: f64) -> Option<f64> {
    let rates = rates.iter().map(|rates| match *rates {
        Rates::One(fps) => fps,
        Rates::Range([slowest, fastest]) => wanted.clamp(slowest, fastest.max(slowest)),
    });
    rates.reduce(|best, next| {
        let is_enough = |fps: f64| fps >= wanted * SLACK;
        match (is_enough(best), is_enough(next)) {
            (true, true) => best.min(next),
            (true, false) => best,
            (false, true) => next,
            (false, false) => best.max(next),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Transform;

    fn wanted(width: u32, height: u32, fps: f64) -> Config {
        Config {
            width,
            height,
            fps,
            transform: Transform::default(),
        }
    }

    fn offer(format: Format, width: u32, height: u32, fps: f64) -> Offer {
        let known = FORMATS.iter().find(|(known, _)| *known == format);
        Offer {
            format,
            fourcc: known.unwrap().1,
            size: [width, height],
            fps: Some(fps),
        }
    }

    /// As a webcam on USB 2 has it.
    fn webcam() -> Vec<Offer> {
        vec![
            offer(Format::Yuyv, 640, 480, 30.0),
            offer(Format::Yuyv, 1280, 720, 10.0),
            offer(Format::Yuyv, 1920, 1080, 5.0),
            offer(Format::Mjpeg, 640, 480, 30.0),
            offer(Format::Mjpeg, 1280, 720, 30.0),
            offer(Format::Mjpeg, 1920, 1080, 30.0),
        ]
    }

    fn best(offers: Vec<Offer>, wanted: &Config) -> Offer {
        ranked(offers, wanted)[0]
    }

    #[test]
    fn a_webcam_sends_its_own_jpegs_in_the_wanted_size() {
        for (width, height) in [(640, 480), (1280, 720), (1920, 1080)] {
            let found = best(webcam(), &wanted(width, height, 30.0));
            assert_eq!(found, offer(Format::Mjpeg, width, height, 30.0));
        }
    }

    #[test]
    fn the_nearest_size_and_rate_are_taken_where_the_wanted_ones_are_not_there() {
        let near = |width, height, fps| best(webcam(), &wanted(width, height, fps));
        assert_eq!(near(1296, 972, 30.0).size, [1280, 720]);
        assert_eq!(near(320, 240, 30.0).size, [640, 480]);
        assert_eq!(near(1280, 720, 60.0), offer(Format::Mjpeg, 1280, 720, 30.0));
        let raw = vec![
            offer(Format::Yuyv, 1280, 720, 10.0),
            offer(Format::Yuyv, 640, 480, 30.0),
            offer(Format::Grey, 1280, 720, 29.97),
        ];
        let found = best(raw.clone(), &wanted(1280, 720, 30.0));
        assert_eq!(found, offer(Format::Grey, 1280, 720, 29.97));
        assert_eq!(best(raw, &wanted(640, 480, 25.0)).size, [640, 480]);
    }

    #[test]
    fn the_slowest_rate_that_is_enough_is_asked_for() {
        let rates = [30.0, 29.97, 15.0, 5.0, 0.0].map(Rates::One);
        assert_eq!(nearest_rate(&rates, 30.0), Some(29.97));
        assert_eq!(nearest_rate(&rates, 10.0), Some(15.0));
        assert_eq!(nearest_rate(&rates, 60.0), Some(30.0));
        assert_eq!(nearest_rate(&[], 60.0), None);
        let any = [Rates::Range([1.0, 60.0])];
        assert_eq!(nearest_rate(&any, 24.5), Some(24.5));
        assert_eq!(nearest_rate(&any, 90.0), Some(60.0));
        // A driver may say garbage.
        assert_eq!(nearest_rate(&[Rates::Range([60.0, 1.0])], 30.0), Some(60.0));
    }

    #[test]
    fn a_still_has_the_most_pixels() {
        let largest = largest_of(webcam(), 65_500).unwrap();
        assert_eq!(largest, offer(Format::Mjpeg, 1920, 1080, 30.0));
        assert!(largest.is_larger_than((1280, 720)));
        assert!(!largest.is_larger_than((1920, 1080)));
        // A driver that knows no sizes, or any.
        let garbage = vec![
            offer(Format::Yuyv, 65_500, 65_500, 30.0),
            offer(Format::Yuyv, 16_384, 16_384, 30.0),
        ];
        assert_eq!(largest_of(garbage, 65_500), None);
    }

    #[test]
    fn sizes_in_steps_are_met_from_below() {
        let range = Sizes::Range([[320, 3840, 8], [180, 2160, 4]]);
        assert_eq!(nearest_size(range, [1283, 721]), [1280, 720]);
        assert_eq!(nearest_size(range, [16, 16]), [320, 180]);
        assert_eq!(nearest_size(range, [9999, 9999]), [3840, 2160]);
        assert_eq!(listed(range).first(), Some(&(320, 180)));
        assert_eq!(listed(Sizes::One([800, 600])), [(800, 600)]);
        let garbage = Sizes::Range([[640, 320, 1], [480, 1, 1]]);
        assert_eq!(nearest_size(garbage, [1280, 720]), [640, 480]);
    }
}
