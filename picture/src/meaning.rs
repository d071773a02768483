//! What a JPEG says about how it is to be shown, for the smaller ones that are made of it: which way up, and what its colours mean.
//!
//! What else cameras write into their pictures stays with the full ones.

use pistreamer_protocol::jpeg::{self, Orientation, SOI};

/// How a picture is to be shown.
#[derive(Debug)]
pub(crate) struct Meaning<'a> {
    orientation: Orientation,
    /// The segments of its ICC profile, whole.
    profile: Vec<&'a [u8]>,
}

impl<'a> Meaning<'a> {
    pub(crate) fn of(picture: &'a [u8]) -> Self {
        let mut orientation = None;
        let mut profile = Vec::new();
        for segment in jpeg::segments(picture).map_while(Result::ok) {
            orientation = orientation.or_else(|| Orientation::read(&segment));
            if segment.is_colour_profile() {
                profile.push(&picture[segment.at..segment.end()]);
            }
        }
        Self {
            orientation: orientation.unwrap_or(Orientation::UPRIGHT),
            profile,
        }
    }

    /// Its colours are others now.
    pub(crate) fn forget_profile(&mut self) {
        self.profile.clear();
    }

    /// Replaces `out` by the JPEG, which begins as JFIF has it, with this in it.
    pub(crate) fn write(&self, jpeg: &[u8], out: &mut Vec<u8>) {
        let first = jpeg::segments(jpeg).next();
        let at = first
            .and_then(Result::ok)
            .map_or(SOI.len(), |jfif| jfif.end());
        out.clear();
        out.extend_from_slice(&jpeg[..at]);
        if !self.orientation.is_upright() {
            out.extend_from_slice(&self.orientation.segment());
        }
        for segment in &self.profile {
            out.extend_from_slice(segment);
        }
        out.extend_from_slice(&jpeg[at..]);
    }
}
