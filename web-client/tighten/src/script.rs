//! JavaScript, as wasm-bindgen and people write it: line by line, without understanding it.

use std::collections::HashMap;

/// The text with other names: of whole words, and of those alone.
pub(crate) fn rename(text: &str, names: &HashMap<String, String>) -> String {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let mut renamed = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        renamed.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        renamed.push_str(names.get(word).map_or(word, String::as_str));
        rest = &rest[end..];
    }
    renamed + rest
}

/// The text without indentation, empty lines, and comments that fill lines. What stands in a template that spans lines
/// stays as it is.
pub(crate) fn without_comments(text: &str) -> String {
    let (mut kept, mut in_comment, mut in_template) = (String::new(), false, false);
    for line in text.lines() {
        let bare = if in_template { line } else { line.trim() };
        if in_comment {
            in_comment = !bare.ends_with("*/");
            continue;
        }
        if !in_template {
            if bare.starts_with("/*") {
                in_comment = !bare.ends_with("*/");
                continue;
            }
            if bare.is_empty() || bare.starts_with("//") {
                continue;
            }
        }
        in_template ^= bare.matches('`').count() % 2 == 1;
        kept.push_str(bare);
        kept.push('\n');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_renamed_wherever_they_stand() {
        let names = HashMap::from([("__wbg_now_0f".to_owned(), "b".to_owned())]);
        assert_eq!(
            rename(
                "x.__wbg_now_0f; __wbg_now_0f2, é__wbg_now_0f: `${__wbg_now_0f}`",
                &names
            ),
            "x.b; __wbg_now_0f2, é__wbg_now_0f: `${b}`"
        );
        assert_eq!(rename("", &names), "");
    }

    #[test]
    fn comments_and_indentation_go_and_code_and_templates_stay() {
        let text = "/** What\n * it does. */\n// why\nexport function f() {\n    /* one line */\n    \
                    return `a\n      // no comment\n\n  b`; // because\n}\n";
        assert_eq!(
            without_comments(text),
            "export function f() {\nreturn `a\n      // no comment\n\n  b`; // because\n}\n"
        );
    }
}
