//! JavaScript, as wasm-bindgen and people write it: line by line, without understanding it.

use crate::lexer::is_word;
use std::collections::HashMap;

/// The text with other names: of whole words, and of those alone.
pub(crate) fn rename(text: &str, names: &HashMap<String, String>) -> String {
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

/// What wasm-bindgen has written, in fewer words: without a variable for what is returned at once, and without a second way
/// to start the program, which nothing takes.
pub(crate) fn plainer(text: &str) -> String {
    let (mut kept, mut lines) = (String::new(), text.lines().peekable());
    while let Some(line) = lines.next() {
        if line.starts_with("function initSync(") {
            lines.by_ref().find(|line| *line == "}");
            continue;
        }
        let value =
            (line.trim().strip_prefix("const ret = ")).and_then(|line| line.strip_suffix(';'));
        let returned = lines
            .peek()
            .and_then(|next| next.trim().strip_prefix("return ")?.strip_suffix(';'));
        let joined = match (value, returned) {
            (Some(value), Some("ret")) => Some(format!("return {value};")),
            (Some(value), Some(call)) => (call.strip_suffix("(ret)"))
                .filter(|name| name.chars().all(is_word))
                .map(|name| format!("return {name}({value});")),
            _ => None,
        };
        if joined.is_some() {
            lines.next();
        }
        kept.push_str(joined.as_deref().unwrap_or(line));
        kept.push('\n');
    }
    kept.replace("export { initSync, ", "export { ")
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
    fn what_is_returned_at_once_is_no_variable_and_there_is_one_way_to_start() {
        let text = "  const ret = a(b);\n  return f(ret);\nconst ret = 1;\nreturn ret;\nconst ret = 2;\nreturn ret + 1;\n\
                    function initSync(module) {\n    x();\n}\nexport { initSync, init as default };\n";
        let plain = "return f(a(b));\nreturn 1;\nconst ret = 2;\nreturn ret + 1;\nexport { init as default };\n";
        assert_eq!(plainer(text), plain);
    }
}
