//! What the files of a crate import of each other, as their paths say it: `use` lines, and paths that begin with `crate`,
//! `super` or `self`. Tests within the files do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

/// A module's path, such as `["front", "tls"]`; empty for the crate itself.
pub(crate) type Module = Vec<String>;

/// The modules of a crate, each with the modules that it imports.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    sources: BTreeMap<Module, Vec<Token>>,
    /// Names that a module's file imports from a module below it, for its children to use through it.
    handed_on: BTreeMap<(Module, String), Module>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Colons,
    Sign(char),
}

impl Modules {
    /// Reads a crate's `src`, or what is laid out like one.
    pub(crate) fn read(src: &Path) -> io::Result<Self> {
        let mut modules = Self::default();
        modules.read_folder(src, &Vec::new())?;
        for (module, tokens) in &modules.sources {
            for path in paths(tokens) {
                let (Some(name), Some(target)) =
                    (path.last(), modules.resolve(module, &path, false))
                else {
                    continue;
                };
                if target.len() > module.len() && target.starts_with(module) {
                    modules
                        .handed_on
                        .insert((module.clone(), name.clone()), target);
                }
            }
        }
        Ok(modules)
    }

    fn read_folder(&mut self, folder: &Path, module: &Module) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
                continue;
            };
            let below = || [module.as_slice(), &[stem.to_owned()]].concat();
            if stem == "tests" {
                continue;
            }
            if path.is_dir() {
                if module.is_empty() && stem == "bin" {
                    continue;
                }
                self.read_folder(&path, &below())?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = match stem {
                    // A crate of its own, which is free to import everything.
                    "main" if module.is_empty() => continue,
                    "mod" | "lib" => module.clone(),
                    _ => below(),
                };
                self.sources
                    .insert(module, tokens(&fs::read_to_string(&path)?));
            }
        }
        Ok(())
    }

    /// Every module that is imported, with the one that imports it.
    pub(crate) fn imports(&self) -> BTreeSet<(Module, Module)> {
        let mut imports = BTreeSet::new();
        for (module, tokens) in &self.sources {
            for path in paths(tokens) {
                if let Some(target) = self.resolve(module, &path, true).filter(|it| it != module) {
                    imports.insert((module.clone(), target));
                }
            }
        }
        imports
    }

    /// The module that a path in `module` names, or names something of.
    fn resolve(&self, module: &Module, path: &[String], through: bool) -> Option<Module> {
        let mut at: Module;
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                at = Vec::new();
                rest = &rest[1..];
            }
            "self" => {
                at = module.clone();
                rest = &rest[1..];
            }
            "super" => {
                at = module.clone();
                while let Some("super") = rest.first().map(String::as_str) {
                    at.pop()?;
                    rest = &rest[1..];
                }
            }
            child => {
                at = [module.as_slice(), &[child.to_owned()]].concat();
                if !self.sources.contains_key(&at) {
                    return None;
                }
                rest = &rest[1..];
            }
        }
        for name in rest {
            let below = [at.as_slice(), std::slice::from_ref(name)].concat();
            if self.sources.contains_key(&below) {
                at = below;
                continue;
            }
            if let Some(target) = self
                .handed_on
                .get(&(at.clone(), name.clone()))
                .filter(|_| through)
            {
                at = target.clone();
            }
            break;
        }
        self.sources.contains_key(&at).then_some(at)
    }

    /// Circles among the modules of one folder: files that import each other, directly or through others beside them. What
    /// a folder's own file (`mod.rs`) declares is at hand for all below it, and does not count.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let mut folders: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (from, to) in self.imports() {
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) {
                let folder = folders.entry(from[..shared].to_vec()).or_default();
                folder.entry(a.clone()).or_default().insert(b.clone());
            }
        }
        let mut found = Vec::new();
        for (folder, imports) in folders {
            let named = |name: &String| {
                [folder.as_slice(), std::slice::from_ref(name)]
                    .concat()
                    .join("/")
            };
            for circle in circles(&imports) {
                found.push(circle.iter().map(named).collect());
            }
        }
        found
    }
}

/// Nodes of a graph that lead to each other, in groups.
fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached_from = |start: &String| {
        let mut reached = BTreeSet::new();
        let mut next = vec![start.clone()];
        while let Some(node) = next.pop() {
            let beyond = imports.get(&node).into_iter().flatten();
            next.extend(
                beyond
                    .filter(|node| reached.insert((*node).clone()))
                    .cloned(),
            );
        }
        reached
    };
    let reached: BTreeMap<_, _> = imports
        .keys()
        .map(|node| (node, reached_from(node)))
        .collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (node, beyond) in &reached {
        if beyond.contains(*node) {
            let back =
                |other: &&String| reached.get(other).is_some_and(|back| back.contains(*node));
            found.insert(beyond.iter().filter(back).cloned().collect());
        }
    }
    found.into_iter().collect()
}

/// Paths of two names or more, with those in braces written out.
fn paths(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_start = at == 0 || tokens[at - 1] != Token::Colons;
        if is_start
            && matches!(tokens[at], Token::Word(_))
            && tokens.get(at + 1) == Some(&Token::Colons)
        {
            at = path(tokens, at, Vec::new(), &mut found);
        } else if let (Token::Word(word), Some(Token::Sign('{'))) =
            (&tokens[at], tokens.get(at + 1))
            && word == "use"
        {
            at = group(tokens, at + 1, &Vec::new(), &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads a path from `at` on, and returns where it ends.
fn path(
    tokens: &[Token],
    mut at: usize,
    mut names: Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    while let Some(Token::Word(name)) = tokens.get(at) {
        names.push(name.clone());
        at += 1;
        if tokens.get(at) != Some(&Token::Colons) {
            break;
        }
        at += 1;
        if tokens.get(at) == Some(&Token::Sign('{')) {
            return group(tokens, at, &names, found);
        }
    }
    found.push(names);
    at
}

fn group(tokens: &[Token], mut at: usize, names: &[String], found: &mut Vec<Vec<String>>) -> usize {
    at += 1;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Sign('}') => return at + 1,
            Token::Word(word) if word == "self" && tokens.get(at + 1) != Some(&Token::Colons) => {
                found.push(names.to_vec());
                at += 1;
            }
            Token::Word(_) => at = path(tokens, at, names.to_vec(), found),
            _ => at += 1,
        }
    }
    at
}

/// The words and signs of a source, without comments, texts, and modules of tests.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_text(rest) {
            length
        } else if first == '"' {
            text(rest)
        } else if first == '\'' {
            letter(rest)
        } else if rest.starts_with("::") {
            tokens.push(Token::Colons);
            2
        } else if first.is_alphanumeric() || first == '_' {
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
            let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    without_tests(&tokens)
}

fn raw_text(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let content = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = content
        .find(&end)
        .map_or(content.len(), |at| at + end.len());
    Some(rest.len() - content.len() + length)
}

fn text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character, or the apostrophe of a lifetime.
fn letter(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), Some((after, _))) => {
            let end = rest[after..]
                .char_indices()
                .skip(1)
                .find(|(_, letter)| *letter == '\'');
            end.map_or(rest.len(), |(at, _)| after + at + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let word = |word: &str| Token::Word(word.into());
    let mark = [
        Token::Sign('#'),
        Token::Sign('['),
        word("cfg"),
        Token::Sign('('),
        word("test"),
        Token::Sign(')'),
        Token::Sign(']'),
    ];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let after = at + mark.len();
        if tokens[at..].starts_with(&mark) && tokens.get(after) == Some(&word("mod")) {
            // `mod NAME {`, or `mod NAME;` of a file that is passed over.
            at = after + 2;
            let mut depth = 0;
            while let Some(token) = tokens.get(at) {
                at += 1;
                match token {
                    Token::Sign('{') => depth += 1,
                    Token::Sign('}') => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}
