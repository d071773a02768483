//! Short names for what a script calls something for itself: variables, parameters and functions that it doesn't export.
//!
//! No scopes are known here: a name is changed everywhere in a script, or nowhere. It stays where any of its places may be
//! something else than that variable's.

use crate::lexer::{Token, is_word, tokens};
use std::collections::{HashMap, HashSet};

/// What every page has names for already; a script that has a variable of such a name may mean either.
const BROWSERS: [&str; 26] = [
    "caches",
    "close",
    "closed",
    "crypto",
    "document",
    "event",
    "external",
    "fetch",
    "find",
    "focus",
    "frames",
    "history",
    "length",
    "location",
    "name",
    "navigator",
    "open",
    "origin",
    "parent",
    "performance",
    "print",
    "screen",
    "self",
    "status",
    "top",
    "window",
];
/// Words that mean something to JavaScript in some places, and short ones that do everywhere.
const KEYWORDS: [&str; 10] = [
    "as", "async", "do", "from", "get", "if", "in", "is", "of", "set",
];
/// Before `(…) {`, these are no methods.
const STATEMENTS: [&str; 5] = ["if", "for", "while", "switch", "catch"];

/// The script with short names, and without what parts nothing.
pub(crate) fn shorten(text: &str) -> String {
    let tokens = tokens(text);
    let places = Places::of(&tokens);
    let names = places.short_names(&tokens);
    let mut short = String::new();
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            Token::Word(word) => {
                let new = names.get(word).filter(|_| places.variables.contains(&at));
                if short.ends_with(is_word) {
                    short.push(' ');
                }
                short.push_str(new.map_or(word, String::as_str));
            }
            Token::Raw(raw) => {
                if raw.starts_with(['+', '-', '/']) && short.ends_with(&raw[..1]) {
                    short.push(' ');
                }
                short.push_str(raw);
            }
            Token::Mark(mark) => {
                if matches!(mark, '+' | '-') && short.ends_with(mark) {
                    short.push(' ');
                }
                short.push(mark);
            }
            Token::Line if short.ends_with(['{', '(', '[', ',', ';', ':', '=', '?', '&', '|']) => {}
            Token::Line
                if matches!(
                    tokens.get(at + 1),
                    Some(Token::Mark('}' | ')' | ']' | '.' | '?' | ':'))
                ) => {}
            Token::Line => short.push('\n'),
        }
    }
    short
}

/// Where variables stand, and what is known of the words.
#[derive(Default)]
struct Places<'a> {
    variables: HashSet<usize>,
    declared: HashSet<&'a str>,
    /// What stands where it may be more than a variable's name.
    kept: HashSet<&'a str>,
}

/// An open bracket.
#[derive(Clone, Copy)]
struct Open {
    mark: char,
    /// Whether a class is in it, or names that go from module to module.
    is_outside: bool,
    /// Whether variables are declared in it, as are parameters.
    declares: bool,
    /// It declares names for other modules.
    exports: bool,
}

impl<'a> Places<'a> {
    fn of(all: &[Token<'a>]) -> Self {
        let mut places = Self::default();
        let at: Vec<usize> = (0..all.len())
            .filter(|at| all[*at] != Token::Line)
            .collect();
        let token = |i: usize| at.get(i).map(|at| all[*at]);
        let mark = |i: usize, mark: char| token(i) == Some(Token::Mark(mark));
        let closing = closing(&at.iter().map(|at| all[*at]).collect::<Vec<_>>());
        let is_arrow = |i: usize| mark(i, '=') && mark(i + 1, '>');
        let word = |i: Option<usize>| match token(i?) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        };
        let mut open: Vec<Open> = Vec::new();
        // Since which depth a statement declares variables; whether a class, or an import or export, is begun.
        let (mut declaring, mut begun_class, mut begun_module) = (None, false, false);
        // Whether what it declares is for other modules.
        let mut exports = false;
        for (i, place) in at.iter().copied().enumerate() {
            let before = word(i.checked_sub(1));
            let is_method = |i: usize| {
                mark(i + 1, '(')
                    && closing.get(&(i + 1)).is_some_and(|end| mark(end + 1, '{'))
                    && word(i.checked_sub(1)) != Some("function")
                    && word(Some(i))
                        .is_some_and(|word| word != "function" && !STATEMENTS.contains(&word))
            };
            match token(i) {
                Some(Token::Mark(bracket @ ('(' | '[' | '{'))) => {
                    let is_pattern = matches!(before, Some("const" | "let" | "var"));
                    let end = closing.get(&i).copied().unwrap_or(i);
                    let is_parameters = bracket == '('
                        && (is_arrow(end + 1)
                            || matches!(before, Some("function" | "catch"))
                            || word(i.checked_sub(2)) == Some("function")
                            || i.checked_sub(1).is_some_and(is_method));
                    let is_inner = bracket != '('
                        && open.last().is_some_and(|open| open.declares)
                        && !mark(i.wrapping_sub(1), '>');
                    let is_for_others = open.last().is_some_and(|open| open.exports);
                    let is_outside = bracket == '{' && (begun_class || begun_module);
                    open.push(Open {
                        mark: bracket,
                        is_outside,
                        declares: is_pattern || is_parameters || is_inner,
                        exports: is_pattern && exports || is_inner && is_for_others,
                    });
                    begun_class &= bracket != '{';
                }
                Some(Token::Mark(')' | ']' | '}')) => {
                    begun_module &= !open.pop().is_some_and(|open| open.is_outside);
                    if declaring.is_some_and(|depth| depth > open.len()) {
                        declaring = None;
                    }
                }
                Some(Token::Mark(';')) => (declaring, begun_module) = (None, false),
                Some(Token::Word(name)) => {
                    let is_property = mark(i.wrapping_sub(1), '.') && !mark(i.wrapping_sub(2), '.');
                    let inside = open.last().copied();
                    if is_property || name.starts_with(|c: char| c == '#' || c.is_ascii_digit()) {
                        continue;
                    }
                    match name {
                        "const" | "let" | "var" => {
                            declaring = Some(open.len());
                            exports = before == Some("export");
                        }
                        "class" => begun_class = word(Some(i + 1)).is_some() || mark(i + 1, '{'),
                        "import" => begun_module = !mark(i + 1, '(') && !mark(i + 1, '.'),
                        "export" => begun_module = mark(i + 1, '{'),
                        _ => {}
                    }
                    let begins = mark(i.wrapping_sub(1), ',')
                        || inside.is_some_and(|open| mark(i.wrapping_sub(1), open.mark));
                    let in_braces = begins && inside.is_some_and(|open| open.mark == '{');
                    if inside.is_some_and(|open| open.is_outside) || begun_module {
                        places.kept.insert(name);
                        begun_module &= name != "from";
                        continue;
                    }
                    if is_method(i) || in_braces && mark(i + 1, ':') {
                        continue;
                    }
                    if in_braces && (mark(i + 1, ',') || mark(i + 1, '}') || mark(i + 1, '=')) {
                        places.kept.insert(name);
                    }
                    places.variables.insert(place);
                    let is_spread = mark(i.wrapping_sub(1), '.');
                    let is_parameter = inside.is_some_and(|open| open.declares)
                        && (begins || is_spread || mark(i.wrapping_sub(1), ':'));
                    let is_next = declaring == Some(open.len()) && mark(i.wrapping_sub(1), ',');
                    let is_declared =
                        matches!(before, Some("const" | "let" | "var" | "function" | "class"));
                    if is_declared || is_parameter || is_next || is_arrow(i + 1) {
                        places.declared.insert(name);
                    }
                    if exports && is_next || is_parameter && inside.is_some_and(|open| open.exports)
                    {
                        places.kept.insert(name);
                    }
                    let leading = [2, 3].map(|back| word(i.checked_sub(back)));
                    if is_declared
                        && leading
                            .iter()
                            .any(|word| matches!(word, Some("export" | "default")))
                    {
                        places.kept.insert(name);
                    }
                }
                _ => {}
            }
        }
        places
    }

    /// The new names, the shortest for what stands most often.
    fn short_names(&self, all: &[Token<'a>]) -> HashMap<&'a str, String> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let fixed: HashSet<&str> = BROWSERS.into_iter().chain(KEYWORDS).collect();
        let mut taken = fixed.clone();
        for (at, token) in all.iter().enumerate() {
            let Token::Word(word) = *token else { continue };
            taken.insert(word);
            let is_own =
                self.declared.contains(word) && !self.kept.contains(word) && !fixed.contains(word);
            if is_own && self.variables.contains(&at) {
                *counts.entry(word).or_default() += 1;
            }
        }
        let mut words: Vec<(&str, usize)> = counts.into_iter().collect();
        words.sort_unstable_by_key(|(word, count)| (std::cmp::Reverse(*count), *word));
        let mut fresh = (0..)
            .map(name)
            .filter(|name| !taken.contains(name.as_str()));
        let mut names = HashMap::new();
        for (word, _) in words {
            if word.len() > 1 {
                names.extend(fresh.next().map(|name| (word, name)));
            }
        }
        names
    }
}

/// Which bracket closes which.
fn closing(tokens: &[Token<'_>]) -> HashMap<usize, usize> {
    let (mut open, mut closing) = (Vec::new(), HashMap::new());
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('(' | '[' | '{') => open.push(at),
            Token::Mark(')' | ']' | '}') => {
                closing.extend(open.pop().map(|begin| (begin, at)));
            }
            _ => {}
        }
    }
    closing
}

/// A name for each number: `a` and so on, then `aa`.
fn name(number: usize) -> String {
    const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let letter = |digit: usize| char::from(LETTERS[digit % LETTERS.len()]);
    match number / LETTERS.len() {
        0 => letter(number).into(),
        more => format!("{}{}", letter(more - 1), letter(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_parameters_and_functions_get_short_names() {
        let text = "function makes(first, { second: other }) {\n    const sum = (one, ...rest) => one + rest[0] + first;\n    \
                    return `${sum(other)} sum`;\n}\nlet count = 0, more = makes(count);\n";
        let short = shorten(text);
        for gone in [
            "makes", "first", "other", "sum(", "one", "rest", "count", "more",
        ] {
            assert!(!short.contains(gone), "{gone}: {short}");
        }
        for kept in ["second:", "} sum`", "return`${"] {
            assert!(short.contains(kept), "{kept}: {short}");
        }
    }

    #[test]
    fn names_that_others_know_stay() {
        let text = "import { load as loaded } from './a.js';\nexport function start(element) { element.start(element.element); }\n\
                    export let state = 1;\nexport const [first, second] = [1, 2];\nexport const third = 2, fourth = 3;\nclass Own { static watched = 1; run(value) { return { value, own: value }; } }\n\
                    const location = window.location, it = { element() {}, loaded };\n";
        let short = shorten(text);
        for kept in [
            "load as loaded",
            "function start(",
            ".start(",
            ".element)",
            "let state",
            "static watched",
            "const[first,second]",
            "third=2,fourth=3",
            "run(value)",
            "{value,own:value}",
            "window.location",
            "const location",
            "element(){}",
            "loaded}",
        ] {
            assert!(short.contains(kept), "{kept}: {short}");
        }
        assert!(!short.contains("class Own"), "{short}");
    }

    #[test]
    fn a_new_name_is_none_that_is_there() {
        let text = "const long = a + b.c;\nconst longer = (d) => d + long;\n";
        assert_eq!(shorten(text), "const e=a+b.c;const f=(d)=>d+e;");
    }

    #[test]
    fn spaces_stay_where_they_part_something() {
        let text =
            "const x = typeof y in z;\nreturn a - -b + +c / /d/.e;\n\nif (f)\n    g++\nh()\n";
        assert_eq!(
            shorten(text),
            "const x=typeof y in z;return a- -b+ +c/ /d/.e;if(f)\ng++\nh()\n"
        );
    }
}
