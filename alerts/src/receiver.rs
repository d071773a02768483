//! Who is told, as people write it: `ntfy:https://ntfy.sh/TOPIC`, the URL of a webhook, `telegram:TOKEN@CHAT`, `exec:PROGRAM` or
//! `mqtt://HOST`.
//!
//! Nearly all of such a text is secret: whoever knows a topic of ntfy can read it. So neither `Debug` nor [`Receiver::name`] shows
//! more than the kind and the host.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use url::Url;

/// Who is told.
#[derive(Clone, PartialEq, Eq)]
pub enum Receiver {
    /// A topic of an ntfy server.
    Ntfy(Url),
    /// A program that is called by HTTP.
    Webhook(Url),
    /// A chat of Telegram.
    Telegram(Telegram),
    /// A program of this machine.
    Exec(PathBuf),
    /// A broker, with its port.
    Mqtt(Url),
}

/// A chat, and the bot that writes there.
#[derive(Clone, PartialEq, Eq)]
pub struct Telegram {
    /// The server, without a slash at the end.
    pub server: String,
    /// What the bot is known by.
    pub token: String,
    /// The chat's number, or a channel's name with its `@`.
    pub chat: String,
}

/// Where Telegram's own server is.
const TELEGRAM: &str = "https://api.telegram.org";

/// Why a text names no receiver. The text shows nothing of it, because it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReceiver {
    /// No known kind.
    #[error(
        "an alert goes to ntfy:https://ntfy.sh/TOPIC, telegram:TOKEN@CHAT, exec:/PATH/OF/PROGRAM, mqtt://HOST, or to the \
         http:// or https:// URL of a webhook; this is none of them"
    )]
    Kind,
    /// Not a URL.
    #[error("{0} takes a URL, as in {1}: {2}")]
    Url(&'static str, &'static str, String),
    /// No topic.
    #[error("ntfy takes a URL with one topic behind the host, as in ntfy:https://ntfy.sh/TOPIC")]
    Topic,
    /// Not a token and a chat.
    #[error(
        "telegram takes the token of a bot and the number of a chat, as in telegram:123456:ABC-DEF@987654321, or with a server of \
         your own, telegram:https://HOST/123456:ABC-DEF@987654321"
    )]
    Telegram,
    /// Not a path.
    #[error("exec takes the path of a program, as in exec:/usr/local/bin/bell, without arguments")]
    Exec,
    /// Not a broker.
    #[error(
        "mqtt takes a host, and a user and password where it wants them, as in mqtt://USER:PASSWORD@HOST:1883"
    )]
    Broker,
}

impl FromStr for Receiver {
    type Err = BadReceiver;

    fn from_str(text: &str) -> Result<Self, BadReceiver> {
        let text = text.trim();
        let (kind, rest) = text.split_once(':').ok_or(BadReceiver::Kind)?;
        match kind.to_ascii_lowercase().as_str() {
            "ntfy" => ntfy(rest),
            "ntfy+https" => ntfy(&format!("https:{rest}")),
            "ntfy+http" => ntfy(&format!("http:{rest}")),
            "http" | "https" => webhook(text),
            "webhook" => webhook(rest),
            "webhook+https" => webhook(&format!("https:{rest}")),
            "webhook+http" => webhook(&format!("http:{rest}")),
            "telegram" => telegram(rest)
                .map(Self::Telegram)
                .ok_or(BadReceiver::Telegram),
            "exec" if rest.starts_with('/') => Ok(Self::Exec(rest.into())),
            "exec" => Err(BadReceiver::Exec),
            "mqtt" | "mqtts" => mqtt(text),
            _ => Err(BadReceiver::Kind),
        }
    }
}

fn web(kind: &'static str, example: &'static str, text: &str) -> Result<Url, BadReceiver> {
    let error = |why: &str| BadReceiver::Url(kind, example, why.into());
    let url = Url::parse(text).map_err(|why| error(&why.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(error("it begins with neither http:// nor https://")),
    }
}

fn ntfy(text: &str) -> Result<Receiver, BadReceiver> {
    let url = web("ntfy", "ntfy:https://ntfy.sh/TOPIC", text)?;
    let topic = url.path().trim_matches('/');
    if topic.is_empty() || url.query().is_some() {
        return Err(BadReceiver::Topic);
    }
    Ok(Receiver::Ntfy(url))
}

fn webhook(text: &str) -> Result<Receiver, BadReceiver> {
    web("webhook", "webhook:https://HOST/PATH", text).map(Receiver::Webhook)
}

fn telegram(text: &str) -> Option<Telegram> {
    let (server, rest) = match text.rsplit_once('/') {
        Some((server, rest)) => (server.trim_end_matches('/'), rest),
        None => (TELEGRAM, text),
    };
    web("telegram", "", server).ok()?;
    // A channel's name begins with one, too.
    let (token, chat) = rest.split_once('@')?;
    let decoded = |text| percent_decode_str(text).decode_utf8().ok();
    let (token, chat) = (decoded(token)?, decoded(chat)?);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b":-_".contains(&byte);
    let fits = token.contains(':') && token.bytes().all(is_token) && !chat.is_empty();
    fits.then(|| Telegram {
        server: server.into(),
        token: token.into(),
        chat: chat.into(),
    })
}

fn mqtt(text: &str) -> Result<Receiver, BadReceiver> {
    let mut url = Url::parse(text).map_err(|_| BadReceiver::Broker)?;
    let is_address = url.host_str().is_some_and(|host| !host.is_empty())
        && matches!(url.path(), "" | "/")
        && url.query().is_none();
    let port = if url.scheme() == "mqtts" { 8883 } else { 1883 };
    let port = url.port().unwrap_or(port);
    if !is_address || url.set_port(Some(port)).is_err() {
        return Err(BadReceiver::Broker);
    }
    Ok(Receiver::Mqtt(url))
}

/// Shorter parts of a URL are no secrets.
const SHORTEST: usize = 4;

impl Receiver {
    /// What it is called in logs and on pages: the kind, and where, without anything secret.
    pub fn name(&self) -> String {
        let at = |kind: &str, url: &Url| {
            let host = url.host_str().unwrap_or_default();
            let port = url.port().map_or(String::new(), |port| format!(":{port}"));
            format!("{kind} at {host}{port}")
        };
        match self {
            Self::Ntfy(url) => at("ntfy", url),
            Self::Webhook(url) => at("webhook", url),
            Self::Telegram(telegram) if telegram.server == TELEGRAM => "telegram".into(),
            Self::Telegram(telegram) => match Url::parse(&telegram.server) {
                Ok(url) => at("telegram", &url),
                Err(_) => "telegram".into(),
            },
            Self::Exec(program) => format!("program {}", program.display()),
            Self::Mqtt(url) => at("mqtt", url),
        }
    }

    /// What it says, without what is secret of it: receivers repeat paths and keys in what they answer.
    pub fn without_secrets(&self, said: &str) -> String {
        let url = match self {
            Self::Ntfy(url) | Self::Webhook(url) | Self::Mqtt(url) => Some(url.clone()),
            Self::Telegram(telegram) => Url::parse(&telegram.server).ok(),
            Self::Exec(_) => None,
        };
        let mut secrets = Vec::new();
        if let Some(url) = url {
            secrets.extend(url.path().split('/').map(str::to_owned));
            secrets.extend(url.query().map(str::to_owned));
            // The name of one without a value is the secret itself.
            let pairs = url.query_pairs().map(|(name, value)| match &*value {
                "" => name.into_owned(),
                _ => value.into_owned(),
            });
            secrets.extend(pairs);
            secrets.push(url.username().into());
            secrets.extend(url.password().map(str::to_owned));
            // As a header has it.
            let login = format!("{}:{}", url.username(), url.password().unwrap_or_default());
            if login.len() > 1 {
                secrets.push(STANDARD.encode(percent_decode_str(&login).collect::<Vec<_>>()));
            }
        }
        if let Self::Telegram(telegram) = self {
            secrets.push(telegram.token.clone());
            secrets.extend(telegram.token.split(':').map(str::to_owned));
            secrets.push(telegram.chat.clone());
        }
        let decoded = |secret: &String| percent_decode_str(secret).decode_utf8_lossy().into_owned();
        let mut all: Vec<_> = secrets.iter().map(decoded).chain(secrets.clone()).collect();
        all.retain(|secret| secret.len() >= SHORTEST);
        // The longest first, so that no end of one is left.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.iter().fold(said.into(), |said: String, secret| {
            said.replace(secret.as_str(), "***")
        })
    }

    /// What its messages in the outbox are known by: the same for the same text.
    pub fn id(text: &str) -> String {
        format!("{:08x}", crc32fast::hash(text.trim().as_bytes()))
    }

    /// Whether it is told what is for programs alone.
    pub fn is_program(&self) -> bool {
        matches!(self, Self::Webhook(_) | Self::Exec(_) | Self::Mqtt(_))
    }

    /// The text as a configuration shows it: stars stand for what is secret.
    pub fn hidden(text: &str) -> String {
        let shown = |kind: &str, url: &str| match Url::parse(url) {
            Ok(url) if url.has_host() => {
                let host = url.host_str().unwrap_or_default();
                let port = url.port().map_or(String::new(), |port| format!(":{port}"));
                let rest = if url.path().len() > 1 || url.query().is_some() {
                    "/***"
                } else {
                    ""
                };
                let known = !url.username().is_empty() || url.password().is_some();
                let user = if known { "***@" } else { "" };
                format!("{kind}{}://{user}{host}{port}{rest}", url.scheme())
            }
            _ => format!("{kind}***"),
        };
        let text = text.trim();
        match text.split_once(':') {
            // A placeholder shows where the secret is; what stands behind it may be one.
            _ if text.starts_with("${") => match text.split_once('}') {
                Some((placeholder, "")) => format!("{placeholder}}}"),
                Some((placeholder, _)) => format!("{placeholder}}}***"),
                None => "***".into(),
            },
            Some(("exec", _)) => text.into(),
            Some(("telegram", _)) => "telegram:***".into(),
            Some((kind @ ("ntfy" | "webhook"), url)) => shown(&format!("{kind}:"), url),
            Some((kind, rest)) => match kind.split_once('+') {
                Some((kind, scheme)) => shown(&format!("{kind}:"), &format!("{scheme}:{rest}")),
                None => shown("", text),
            },
            None => "***".into(),
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({})", self.name())
    }
}

impl fmt::Debug for Telegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telegram(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_understood_and_named_without_its_secrets() {
        for (text, name, hidden) in [
            (
                "ntfy:https://ntfy.sh/s3cret",
                "ntfy at ntfy.sh",
                "ntfy:https://ntfy.sh/***",
            ),
            (
                "ntfy+http://u:s3cret@pi:81/s3cret",
                "ntfy at pi:81",
                "ntfy:http://***@pi:81/***",
            ),
            (
                "https://h.example/s3cret?s3cret",
                "webhook at h.example",
                "https://h.example/***",
            ),
            (
                "webhook:http://127.0.0.1:9",
                "webhook at 127.0.0.1:9",
                "webhook:http://127.0.0.1:9",
            ),
            (
                "webhook+https://h/s3cret?picture=1",
                "webhook at h",
                "webhook:https://h/***",
            ),
            ("telegram:1:s3cret@42", "telegram", "telegram:***"),
            (
                "telegram:http://[::1]:81/1:s3cret@@news",
                "telegram at [::1]:81",
                "telegram:***",
            ),
            (
                "exec:/usr/bin/bell",
                "program /usr/bin/bell",
                "exec:/usr/bin/bell",
            ),
            (
                "mqtt://me:s3cret@broker:1884",
                "mqtt at broker:1884",
                "mqtt://***@broker:1884",
            ),
            ("mqtts://broker", "mqtt at broker:8883", "mqtts://broker"),
        ] {
            let receiver: Receiver = text.parse().unwrap();
            assert_eq!(receiver.name(), name, "{text}");
            assert_eq!(Receiver::hidden(text), hidden, "{text}");
            assert!(!format!("{receiver:?}").contains("s3cret"));
        }
        assert_eq!(
            Receiver::hidden("${file:/run/secrets/hook}"),
            "${file:/run/secrets/hook}"
        );
        assert_eq!(Receiver::hidden("${BASE}/s3cret"), "${BASE}***");
        assert_eq!(Receiver::hidden("s3cret"), "***");
        assert_eq!(Receiver::hidden("s3cret:s3cret"), "***");
    }

    #[test]
    fn what_a_receiver_says_shows_none_of_its_secrets() {
        for (text, said) in [
            (
                "https://h/hook/s3cret-1?key=s3cret%2D2",
                "Cannot POST /hook/s3cret-1?key=s3cret%2D2 for s3cret-2",
            ),
            ("ntfy:https://me:s3cret@h/s3cret", "no topic s3cret for me"),
            (
                "telegram:1:s3cret@4242",
                "bot1:s3cret may not write to 4242",
            ),
            ("mqtt://user:s3cret@h", "user:s3cret is refused"),
            ("https://h/a?s3cret", "no key s3cret"),
            ("https://h/a?s3cret&b=c", "no key s3cret"),
            ("telegram:https://h/s3cret/1:A@42", "no path /s3cret"),
        ] {
            let receiver: Receiver = text.parse().unwrap();
            let shown = receiver.without_secrets(said);
            assert!(
                !shown.contains("s3cret") && !shown.contains("4242"),
                "{shown}"
            );
            assert!(shown.contains("***"), "{shown}");
        }
        let receiver: Receiver = "https://me:a%20b@h/a".parse().unwrap();
        assert_eq!(
            receiver.without_secrets("a man with Basic bWU6YSBi"),
            "a man with Basic ***"
        );
    }

    #[test]
    fn a_token_may_come_encoded_out_of_a_file_and_a_channel_has_a_name() {
        let Ok(Receiver::Telegram(telegram)) = "telegram:1%3AAb-c_D@@news".parse() else {
            panic!()
        };
        assert_eq!((&*telegram.token, &*telegram.chat), ("1:Ab-c_D", "@news"));
        assert_eq!(telegram.server, "https://api.telegram.org");
        let Ok(Receiver::Telegram(own)) = "telegram:http://pi:8081/1:A@-42".parse() else {
            panic!()
        };
        assert_eq!((&*own.server, &*own.chat), ("http://pi:8081", "-42"));
    }

    #[test]
    fn what_is_wrong_is_said_with_an_example_and_without_the_text() {
        for (text, says) in [
            ("s3cret", "telegram:TOKEN@CHAT"),
            ("mailto:s3cret", "none of them"),
            ("ntfy:s3cret", "ntfy:https://ntfy.sh/TOPIC"),
            ("ntfy:https://ntfy.sh/", "one topic"),
            ("ntfy:ftp://s3cret", "neither http://"),
            ("https://", "webhook:https://"),
            ("telegram:s3cret@1", "123456:ABC-DEF@"),
            ("telegram:1:s3cret", "123456:ABC-DEF@"),
            ("telegram:1:s/3@4", "server of your own"),
            ("exec:bell --s3cret", "exec:/usr/local/bin/bell"),
            ("mqtt://broker/s3cret", "mqtt://USER:PASSWORD@HOST:1883"),
            ("mqtt:", "mqtt://"),
        ] {
            let said = text.parse::<Receiver>().unwrap_err().to_string();
            assert!(
                said.contains(says) && !said.contains("s3cret"),
                "{text}: {said}"
            );
        }
    }
}
