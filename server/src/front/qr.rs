//! Links as QR codes, for the phone.

use qrcode::{Color, QrCode};
use std::fmt::Write as _;

/// Modules of light that readers want around a code (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// A link as an SVG picture; `None` where it is too long for one.
pub(super) fn svg(link: &str) -> Option<String> {
    let code = QrCode::new(link).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (number, line) in code.to_colors().chunks(width).enumerate() {
        let mut from = 0;
        for run in line.chunk_by(|one, other| one == other) {
            if run[0] == Color::Dark {
                let (x, y, length) = (from + QUIET, number + QUIET, run.len());
                // Writing to a String cannot fail.
                let _ = write!(path, "M{x} {y}h{length}v1h-{length}z");
            }
            from += run.len();
        }
    }
    let side = width + 2 * QUIET;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

/// That of a server's addresses which a phone in the same network reaches: not every one knows .local names, and none reaches
/// localhost.
pub(crate) fn for_phone(urls: &[String]) -> Option<&String> {
    urls.iter().find(|url| {
        !url.contains("localhost") && !url.contains(".local:") && !url.contains("//127.")
    })
}
