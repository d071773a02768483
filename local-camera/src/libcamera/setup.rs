//! Chooses what to ask of a camera, and tells where it gives something else.
//!
//! Opening the camera with it belongs to [`super::stream`].

use super::format::{named, pixel_format};
use crate::{Config, Format, Picture, SourceError, Transform};
use libcamera::camera::{ActiveCamera, Camera, CameraConfiguration, Orientation};
use libcamera::color_space::{ColorSpace, Range};
use libcamera::control::ControlEntry;
use libcamera::controls::FrameDurationLimits;
use libcamera::geometry::Size;
use libcamera::stream::StreamRole;
use pistreamer_protocol::jpeg::Orientation as Turn;
use pistreamer_protocol::message::Cause;
use std::cmp::Reverse;

/// What a camera is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Its stream.
    Stream,
    /// One picture in its full size.
    Still,
}

/// Buffers to ask for: two that the camera fills, and one each for a picture that waits and three that are being encoded.
/// Cameras give what they can, libcamera's virtual ones four.
const BUFFERS: u32 = 6;

/// For a still: of 12 million pixels each is 18 MB.
const BUFFERS_OF_STILL: u32 = 2;

/// Finds the configuration nearest to what is wanted.
pub(super) fn choose(
    camera: &Camera<'_>,
    wanted: &Config,
) -> Result<(CameraConfiguration, Picture), SourceError> {
    let format = choose_format(camera, Use::Stream)?;
    let wanted_size = (wanted.width, wanted.height);
    let mut best: Option<(CameraConfiguration, Picture)> = None;
    // Some pipelines answer a size that they don't have with their largest one, and list sizes that they don't have. So
    // what counts is what comes back.
    for size in candidates(camera, Use::Stream, format, wanted_size)? {
        let attempt = attempt(camera, Use::Stream, format, size, wanted.transform);
        let Some((configuration, picture)) = attempt else {
            continue;
        };
        let distance = |picture: &Picture| distance(size_of(picture), wanted_size);
        let given_exactly = size_of(&picture) == size;
        if best
            .as_ref()
            .is_none_or(|(_, best)| distance(&picture) < distance(best))
        {
            best = Some((configuration, picture));
        }
        // Candidates come nearest first.
        if given_exactly {
            break;
        }
    }
    let (configuration, picture) = best.ok_or_else(|| Cause::NoConfiguration {
        camera: camera.id().into(),
        format: pixel_format(format).to_string(),
    })?;
    tell_differences(wanted, &configuration, &picture);
    Ok((configuration, picture))
}

/// The configuration with the most pixels, for a still.
pub(super) fn largest(
    camera: &Camera<'_>,
    transform: Transform,
) -> Result<(CameraConfiguration, Picture), SourceError> {
    let format = choose_format(camera, Use::Still)?;
    let of_most = |(width, height): &Extent| Reverse(u64::from(*width) * u64::from(*height));
    let mut sizes = candidates(camera, Use::Still, format, (0, 0))?;
    sizes.retain(|size| *size != (0, 0));
    sizes.sort_by_key(of_most);
    /// What the first ones become is what there is.
    const TRIES: usize = 3;
    let attempts = sizes
        .into_iter()
        .take(TRIES)
        .filter_map(|size| attempt(camera, Use::Still, format, size, transform));
    attempts
        .min_by_key(|(_, picture)| of_most(&size_of(picture)))
        .ok_or_else(|| {
            let cause = Cause::NoConfiguration {
                camera: camera.id().into(),
                format: pixel_format(format).to_string(),
            };
            cause.into()
        })
}

/// Width and height of a still, where that has more pixels than such a picture.
pub(super) fn larger(
    camera: &Camera<'_>,
    transform: Transform,
    picture: &Picture,
) -> Option<(u32, u32)> {
    let (_, still) = largest(camera, transform).ok()?;
    let pixels = |picture: &Picture| u64::from(picture.width) * u64::from(picture.height);
    (pixels(&still) > pixels(picture)).then(|| size_of(&still))
}

/// The sizes that the camera has of those that it lists; and those of its sensor's modes, where it makes any size of them.
pub(super) fn sizes(camera: &Camera<'_>, format: Format, transform: Transform) -> Vec<Extent> {
    let listed = candidates(camera, Use::Stream, format, (0, 0)).unwrap_or_default();
    let has = |size: &Extent| {
        let attempt = attempt(camera, Use::Stream, format, *size, transform);
        attempt.is_some_and(|(_, picture)| size_of(&picture) == *size)
    };
    let listed = listed.into_iter().filter(|size| *size != (0, 0));
    let (mut sizes, others): (Vec<_>, Vec<_>) = listed.partition(has);
    // A pipeline that makes no size at will lists some that it does not have.
    if others.is_empty()
        && let Some(configuration) = camera.generate_configuration(&[StreamRole::Raw])
        && let Some(stream) = configuration.get(0)
    {
        let formats = stream.formats();
        let theirs = formats.pixel_formats();
        let of_sensor = theirs.into_iter().flat_map(|format| formats.sizes(format));
        let of_sensor = of_sensor.map(|size| (size.width, size.height));
        sizes.extend(of_sensor.filter(has));
    }
    sizes
}

fn choose_format(camera: &Camera<'_>, purpose: Use) -> Result<Format, SourceError> {
    let configuration = generate(camera, purpose)?;
    let stream = configuration.get(0).ok_or_else(|| no_stream(camera))?;
    let formats = stream.formats();
    let offered: Vec<_> = formats.pixel_formats().into_iter().collect();
    Format::ALL
        .into_iter()
        .find(|format| offered.contains(&pixel_format(*format)))
        .ok_or_else(|| {
            let cause = Cause::NoUsableFormat {
                camera: camera.id().into(),
                formats: format!("{offered:?}"),
            };
            cause.into()
        })
}

/// Sizes to try: the wanted one, then all that the camera lists, the nearest first.
fn candidates(
    camera: &Camera<'_>,
    purpose: Use,
    format: Format,
    wanted: Extent,
) -> Result<Vec<Extent>, SourceError> {
    let configuration = generate(camera, purpose)?;
    let stream = configuration.get(0).ok_or_else(|| no_stream(camera))?;
    let formats = stream.formats();
    let range = formats.range(pixel_format(format));
    let mut sizes: Vec<_> = formats
        .sizes(pixel_format(format))
        .into_iter()
        .chain([range.min, range.max])
        .map(|size| (size.width, size.height))
        .chain([wanted])
        .collect();
    sizes.sort_by_key(|size| distance(*size, wanted));
    sizes.dedup();
    Ok(sizes)
}

/// Width and height.
type Extent = (u32, u32);

fn distance((width, height): Extent, wanted: Extent) -> u32 {
    width.abs_diff(wanted.0) + height.abs_diff(wanted.1)
}

fn size_of(picture: &Picture) -> Extent {
    (picture.width, picture.height)
}

/// What the camera makes of one proposal, if it is anything that can be used.
fn attempt(
    camera: &Camera<'_>,
    purpose: Use,
    format: Format,
    (width, height): Extent,
    transform: Transform,
) -> Option<(CameraConfiguration, Picture)> {
    let mut configuration = generate(camera, purpose).ok()?;
    {
        let mut stream = configuration.get_mut(0)?;
        stream.set_pixel_format(pixel_format(format));
        stream.set_size(Size { width, height });
        stream.set_buffer_count(match purpose {
            Use::Stream => BUFFERS,
            Use::Still => BUFFERS_OF_STILL,
        });
        // BT.601 in full range: what JFIF expects. A pipeline that proposes no colour space does not deal with them (the
        // virtual one of libcamera 0.4): it would give back what it is asked for, unread.
        if stream.get_color_space().is_some() {
            stream.set_color_space(Some(ColorSpace::sycc()));
        }
    }
    configuration.set_orientation(orientation(transform.orientation()));
    // Adjusted is the rule rather than an error; what was adjusted is read back.
    if configuration.validate().is_invalid() {
        return None;
    }
    let picture = {
        let stream = configuration.get(0)?;
        let size = stream.get_size();
        let format = named(stream.get_pixel_format())?;
        Picture {
            width: size.width,
            height: size.height,
            stride: stream.get_stride() as usize,
            format,
            // Without a colour space they give what video has always had.
            limited: format != Format::Mjpeg
                && stream
                    .get_color_space()
                    .is_none_or(|space| space.range == Range::Limited),
        }
    };
    (picture.width % 2 == 0).then_some((configuration, picture))
}

fn generate(camera: &Camera<'_>, purpose: Use) -> Result<CameraConfiguration, SourceError> {
    const OF_STREAM: [StreamRole; 2] = [StreamRole::VideoRecording, StreamRole::ViewFinder];
    let roles: &[StreamRole] = match purpose {
        Use::Stream => &OF_STREAM,
        Use::Still => &[StreamRole::StillCapture, OF_STREAM[0], OF_STREAM[1]],
    };
    camera
        .generate_first_supported_configuration(roles)
        .map(|(configuration, _)| configuration)
        .ok_or_else(|| no_stream(camera))
}

fn no_stream(camera: &Camera<'_>) -> SourceError {
    let camera = camera.id().into();
    Cause::NoVideo { camera }.into()
}

/// libcamera's orientation, whose names have rotation first and mirroring second.
fn orientation(turn: Turn) -> Orientation {
    match turn.parts() {
        (false, 1) => Orientation::Rotate90,
        (false, 2) => Orientation::Rotate180,
        (false, 3) => Orientation::Rotate270,
        (false, _) => Orientation::Rotate0,
        // Turned by 90 degrees after mirroring is turned by 270 before.
        (true, 1) => Orientation::Rotate270Mirror,
        (true, 2) => Orientation::Rotate180Mirror,
        (true, 3) => Orientation::Rotate90Mirror,
        (true, _) => Orientation::Rotate0Mirror,
    }
}

/// What is left to be done with the pictures of a camera that was configured so.
pub(super) fn left_to_turn(wanted: Transform, configuration: &CameraConfiguration) -> Turn {
    left(wanted.orientation(), configuration.orientation())
}

fn left(wanted: Turn, given: Orientation) -> Turn {
    let given = (1..=8)
        .filter_map(Turn::new)
        .find(|turn| orientation(*turn) == given);
    given.unwrap_or(Turn::UPRIGHT).inverse().then(wanted)
}

/// What a camera makes of a rate.
pub(super) struct Rate {
    /// The frame duration in µs to ask it for, where it has that control.
    pub(super) duration: Option<i64>,
    /// The longest that it has.
    pub(super) longest: Option<f64>,
    /// Frames per second that come of it.
    pub(super) fps: f64,
}

/// What the camera, configured as it is, makes of that rate.
pub(super) fn rate(camera: &ActiveCamera<'_>, fps: f64) -> Rate {
    let limits = camera.controls().find(FrameDurationLimits::ID).ok();
    let limits = limits.and_then(|info| {
        let (min, max) = (i64::try_from(info.min()), i64::try_from(info.max()));
        Some((min.ok()?, max.ok()?)).filter(|(min, max)| 0 < *min && min <= max)
    });
    let Some((min, max)) = limits else {
        return Rate {
            duration: None,
            longest: None,
            fps,
        };
    };
    let duration = (1e6 / fps).round() as i64;
    let fastest = 1e6 / min as f64;
    if duration < min {
        tracing::warn!("the camera gives at most {fastest:.1} frames per second in this mode");
    }
    Rate {
        // A camera that doesn't go so slow is paced.
        duration: Some(duration.clamp(min, max)),
        longest: Some(max as f64),
        fps: if duration < min { fastest } else { fps },
    }
}

fn tell_differences(wanted: &Config, configuration: &CameraConfiguration, picture: &Picture) {
    if (picture.width, picture.height) != (wanted.width, wanted.height) {
        tracing::warn!(
            "the camera has no {}x{}: it gives {}x{}",
            wanted.width,
            wanted.height,
            picture.width,
            picture.height
        );
    }
    if !left_to_turn(wanted.transform, configuration).is_upright() {
        tracing::info!("the camera cannot turn its picture as asked, so the server does");
    }
    if let Some(stream) = configuration.get(0) {
        tracing::info!(
            format = ?stream.get_pixel_format(),
            buffers = stream.get_buffer_count(),
            color_space = stream.get_color_space().map(|space| space.to_repr()),
            limited_range = picture.limited,
            "camera configured for {}x{}",
            picture.width,
            picture.height,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of two lines, each a letter, turned as the names of libcamera's orientations say.
    fn turned(orientation: Orientation) -> [[char; 2]; 2] {
        let (turns, mirror) = match orientation {
            Orientation::Rotate0 => (0, false),
            Orientation::Rotate90 => (1, false),
            Orientation::Rotate180 => (2, false),
            Orientation::Rotate270 => (3, false),
            Orientation::Rotate0Mirror => (0, true),
            Orientation::Rotate90Mirror => (1, true),
            Orientation::Rotate180Mirror => (2, true),
            Orientation::Rotate270Mirror => (3, true),
        };
        let picture = (0..turns).fold(PICTURE, |picture, _| clockwise(picture));
        if mirror { mirrored(picture) } else { picture }
    }

    const PICTURE: [[char; 2]; 2] = [['a', 'b'], ['c', 'd']];

    fn clockwise([[a, b], [c, d]]: [[char; 2]; 2]) -> [[char; 2]; 2] {
        [[c, a], [d, b]]
    }

    fn mirrored([[a, b], [c, d]]: [[char; 2]; 2]) -> [[char; 2]; 2] {
        [[b, a], [d, c]]
    }

    #[test]
    fn every_transform_becomes_the_orientation_with_the_same_effect() {
        for hflip in [false, true] {
            for vflip in [false, true] {
                for rotate in [0, 90, 180, 270] {
                    let mut picture = PICTURE;
                    if hflip {
                        picture = mirrored(picture);
                    }
                    if vflip {
                        picture.swap(0, 1);
                    }
                    for _ in 0..rotate / 90 {
                        picture = clockwise(picture);
                    }
                    let transform = Transform {
                        hflip,
                        vflip,
                        rotate,
                    };
                    let wanted = transform.orientation();
                    assert_eq!(turned(orientation(wanted)), picture, "{transform:?}");
                    // As much as the camera leaves of it.
                    for given in (1..=8).filter_map(Turn::new) {
                        let left = left(wanted, orientation(given));
                        assert_eq!(given.then(left), wanted, "{transform:?} {given:?}");
                    }
                }
            }
        }
    }
}
