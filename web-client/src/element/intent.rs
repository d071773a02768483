//! What a user can ask for, by button or by key: one table for both.
//!
//! Doing it belongs to [`crate::shell`].

/// One thing to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Pause, or play.
    Pause,
    /// Save the JPEG.
    Snapshot,
    /// Start or end a recording.
    Record,
    /// Turn by 90°.
    Rotate,
    /// Swap left and right.
    Mirror,
    /// Contain, or cover.
    Fit,
    /// Magnify.
    ZoomIn,
    /// The opposite.
    ZoomOut,
    /// The whole picture again.
    ZoomReset,
    /// Enter or leave full screen.
    Fullscreen,
    /// Open or close the small window.
    PictureInPicture,
    /// Show or hide the statistics.
    Overlay,
    /// Show or hide the menu.
    Menu,
    /// Show the list of keys.
    Help,
    /// Ask for packed frames.
    WireGzip,
    /// Ask for plain JPEGs.
    WireJpeg,
    /// The next choice of the picture's size.
    SizeNext,
    /// The size by screen and link.
    SizeAuto,
    /// The size that the camera delivers.
    SizeFull,
    /// Half of it.
    SizeHalf,
    /// A quarter of it.
    SizeQuarter,
    /// Try to connect at once.
    Retry,
    /// Close what is open.
    Escape,
    /// Take away what is told of the server's configuration.
    Dismiss,
    /// Show or hide the camera's controls.
    Adjust,
}

/// Intent, the value of its buttons' `data-do`, its keys.
const TABLE: [(Intent, &str, &[&str]); 25] = [
    (Intent::Pause, "pause", &[" ", "k"]),
    (Intent::Snapshot, "snapshot", &["s"]),
    (Intent::Record, "record", &["r"]),
    (Intent::Rotate, "rotate", &["t"]),
    (Intent::Mirror, "mirror", &["m"]),
    (Intent::Fit, "fit", &["c"]),
    (Intent::ZoomIn, "zoom-in", &["+", "="]),
    (Intent::ZoomOut, "zoom-out", &["-", "_"]),
    (Intent::ZoomReset, "zoom-reset", &["0"]),
    (Intent::Fullscreen, "fullscreen", &["f"]),
    (Intent::PictureInPicture, "pip", &["p"]),
    (Intent::Overlay, "overlay", &["o"]),
    (Intent::Menu, "menu", &[]),
    (Intent::Help, "help", &["?"]),
    (Intent::WireGzip, "wire-gzip", &[]),
    (Intent::WireJpeg, "wire-jpeg", &[]),
    (Intent::SizeNext, "size-next", &["q"]),
    (Intent::SizeAuto, "size-auto", &[]),
    (Intent::SizeFull, "size-full", &[]),
    (Intent::SizeHalf, "size-half", &[]),
    (Intent::SizeQuarter, "size-quarter", &[]),
    (Intent::Retry, "retry", &[]),
    (Intent::Escape, "escape", &["escape"]),
    (Intent::Dismiss, "dismiss", &[]),
    (Intent::Adjust, "adjust", &["a"]),
];

impl Intent {
    /// The intent of a button with that `data-do`.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(intent, ..)| *intent)
    }

    /// The intent of a key, by `KeyboardEvent.key`.
    pub fn from_key(key: &str) -> Option<Self> {
        let key = key.to_ascii_lowercase();
        TABLE
            .iter()
            .find(|(.., keys)| keys.contains(&key.as_str()))
            .map(|(intent, ..)| *intent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_button_of_the_template_means_something() {
        let template = include_str!("../chrome/template.html");
        let panels = include_str!("../../panels.js");
        let attributes = template.split("data-do=\"").skip(1);
        let made = ["button(\"", "choice(\""].map(|make| panels.split(make).skip(1));
        let names: Vec<&str> = attributes
            .chain(made.into_iter().flatten())
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(names.len() > 15);
        for name in names {
            assert!(Intent::from_name(name).is_some(), "{name} means nothing");
        }
    }

    #[test]
    fn keys_work_with_and_without_shift_and_none_is_taken_twice() {
        assert_eq!(Intent::from_key("S"), Some(Intent::Snapshot));
        assert_eq!(Intent::from_key(" "), Some(Intent::Pause));
        assert_eq!(Intent::from_key("Enter"), None);
        let mut keys: Vec<&str> = TABLE
            .iter()
            .flat_map(|(.., keys)| keys.iter().copied())
            .collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
