//! JavaScript → tokens, without comments and spaces. What the tokens mean belongs to [`crate::locals`].

/// One token, as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A name, a keyword or a number; `#name`, too.
    Word(&'a str),
    /// One character of what stands between words.
    Mark(char),
    /// A string, a regular expression, or a piece of a template, as it is.
    Raw(&'a str),
    /// One or more ends of lines, which may end a statement.
    Line,
}

/// Behind these words begins an expression, and a `/` a regular expression.
const BEFORE_EXPRESSION: [&str; 8] = [
    "return", "typeof", "case", "in", "of", "await", "throw", "else",
];

/// The tokens of a script. A template's pieces end with `${` and begin with `}`.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        rest: text,
        tokens: Vec::new(),
    };
    // How many braces are open, in each template's expression that is.
    let mut templates: Vec<usize> = Vec::new();
    while let Some(first) = lexer.rest.chars().next() {
        let rest = lexer.rest;
        match first {
            '\n' => lexer.line(),
            _ if first.is_whitespace() => lexer.rest = &rest[first.len_utf8()..],
            '/' if rest.starts_with("//") => {
                lexer.rest = &rest[rest.find('\n').unwrap_or(rest.len())..]
            }
            '/' if rest.starts_with("/*") => {
                lexer.rest = rest.split_once("*/").map_or("", |(_, after)| after);
            }
            '/' if lexer.begins_expression() => lexer.raw(regular_expression(rest)),
            '"' | '\'' => lexer.raw(1 + until(&rest[1..], |c| c == first)),
            '`' => {
                let len = 1 + template(&rest[1..]);
                templates.extend(rest[..len].ends_with("${").then_some(0));
                lexer.raw(len);
            }
            '}' if templates.last() == Some(&0) => {
                let len = 1 + template(&rest[1..]);
                if !rest[..len].ends_with("${") {
                    templates.pop();
                }
                lexer.raw(len);
            }
            // No two operators that need a space between them.
            '+' | '-' if rest[1..].starts_with(first) => lexer.raw(2),
            _ if is_word(first) || first == '#' => {
                let len = rest[1..]
                    .find(|c| !is_word(c))
                    .map_or(rest.len(), |len| len + 1);
                lexer.tokens.push(Token::Word(&rest[..len]));
                lexer.rest = &rest[len..];
            }
            _ => {
                if let Some(open) = templates.last_mut() {
                    *open = open.saturating_add((first == '{').into()) - usize::from(first == '}');
                }
                lexer.tokens.push(Token::Mark(first));
                lexer.rest = &rest[first.len_utf8()..];
            }
        }
    }
    lexer.tokens
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

struct Lexer<'a> {
    rest: &'a str,
    tokens: Vec<Token<'a>>,
}

impl Lexer<'_> {
    fn line(&mut self) {
        if !matches!(self.tokens.last(), None | Some(Token::Line)) {
            self.tokens.push(Token::Line);
        }
        self.rest = &self.rest[1..];
    }

    fn raw(&mut self, len: usize) {
        let (raw, rest) = self.rest.split_at(len);
        self.tokens.push(Token::Raw(raw));
        self.rest = rest;
    }

    /// Whether an expression may begin here, rather than go on with an operator.
    fn begins_expression(&self) -> bool {
        match self.tokens.iter().rfind(|token| **token != Token::Line) {
            Some(Token::Word(word)) => BEFORE_EXPRESSION.contains(word),
            Some(Token::Mark(mark)) => !matches!(mark, ')' | ']' | '}'),
            Some(Token::Raw(raw)) => raw.ends_with("${"),
            _ => true,
        }
    }
}

/// Where the first such character ends that no backslash stands before.
fn until(text: &str, is_end: impl Fn(char) -> bool) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if is_end(c) && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// Where a template ends, or an expression in it begins.
fn template(text: &str) -> usize {
    let mut at = 0;
    loop {
        at += until(&text[at..], |c| matches!(c, '`' | '$'));
        if at == text.len() || text[..at].ends_with('`') {
            return at;
        }
        if text[at..].starts_with('{') {
            return at + 1;
        }
    }
}

/// Where a regular expression ends, but for its flags, which are a word.
fn regular_expression(text: &str) -> usize {
    let mut at = 1;
    loop {
        at += until(&text[at..], |c| matches!(c, '/' | '['));
        if at == text.len() || text[..at].ends_with('/') {
            return at;
        }
        at += until(&text[at..], |c| c == ']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<String> {
        let tokens = tokens(text).into_iter();
        tokens
            .map(|token| match token {
                Token::Word(text) | Token::Raw(text) => text.to_owned(),
                Token::Mark(mark) => mark.to_string(),
                Token::Line => "\n".to_owned(),
            })
            .collect()
    }

    #[test]
    fn comments_and_spaces_are_no_tokens_and_texts_are_whole() {
        let text = "a /* b\n */ = 'it\\'s // c' // d\n\n \"e /* f */\"";
        assert_eq!(
            written(text),
            ["a", "=", "'it\\'s // c'", "\n", "\"e /* f */\""]
        );
    }

    #[test]
    fn the_expressions_in_templates_are_tokens() {
        let text = "`$a ${f({ b: `${c}` })} \\${d} $` + 1";
        let all = [
            "`$a ${",
            "f",
            "(",
            "{",
            "b",
            ":",
            "`${",
            "c",
            "}`",
            "}",
            ")",
            "} \\${d} $`",
            "+",
            "1",
        ];
        assert_eq!(written(text), all);
    }

    #[test]
    fn a_division_is_no_regular_expression() {
        let text = "x.replace(/[/\\]]\"\\//gu, a / b / c); return /'/";
        let all = written(text);
        assert!(all.contains(&"/[/\\]]\"\\//".to_owned()), "{all:?}");
        assert_eq!(all.iter().filter(|token| *token == "/").count(), 2);
        assert_eq!(all.last().map(String::as_str), Some("/'/"));
    }
}
