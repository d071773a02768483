//! A file with every setting, its default and what it is: `pistreamer config example`.

use super::file::header;
use super::setting::{ALL, SECTIONS, Setting};
use std::fmt::Write as _;

/// Longest line of a comment, in characters.
const WIDTH: usize = 100;

/// The text. Everything in it is commented out, so that as it stands it means the defaults.
pub(crate) fn example() -> String {
    let mut text = String::from(HEAD);
    for (section, about) in SECTIONS {
        text.push('\n');
        comment(&mut text, about);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", header(section));
        let settings = ALL.iter().filter(|setting| setting.section == section);
        for setting in settings.filter(|setting| !setting.hidden) {
            text.push('\n');
            describe(&mut text, setting);
        }
    }
    text
}

const HEAD: &str = "\
# A configuration of pistreamer. It is read from /etc/pistreamer/pistreamer.toml, then from
# pistreamer.toml in the directory in which pistreamer starts, then from the file that --config
# names: the last one that says something wins. Environment variables win over files, and flags
# over everything. A list is replaced as a whole, and so are the cameras. Relative paths start at
# the file's directory. What stands commented out here is the default.
";

fn describe(text: &mut String, setting: &Setting) {
    comment(text, setting.doc);
    if let (Some(flag), Some(variable)) = (setting.typed_flag(), setting.variable()) {
        comment(text, &format!("Flag {flag}, variable {variable}."));
    }
    let key = setting.key;
    let _ = match setting.default {
        Some(default) => writeln!(text, "#{key} = {default}"),
        None => writeln!(text, "# Not set. For example:\n#{key} = {}", setting.sample),
    };
}

/// Writes a text as comment lines.
fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}
