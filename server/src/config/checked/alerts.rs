//! Who is told what happens, and what is wrong.

use super::Check;
use crate::config::layer::{Problem, Values};
use crate::config::setting;
use crate::config::urls::LEFT_OUT;
use crate::placeholders;
use pistreamer_alerts::rules::Rules;
use pistreamer_alerts::schedule::{self, Schedule};
use pistreamer_alerts::{Plan, Receiver};
use pistreamer_client::Endpoint;
use std::time::Duration;

impl Check {
    /// `None` follows a problem.
    pub(super) fn alerts(&mut self, server: &Values) -> Option<Plan> {
        let receivers = self.receivers(server);
        let cameras = self.read(server, &setting::ALERT_CAMERAS, texts);
        let zones = self.read(server, &setting::ALERT_ZONES, texts);
        let cooldown = self.seconds(server, &setting::ALERT_COOLDOWN, 0.0..=86_400.0);
        let schedule = self.read(server, &setting::ALERT_ARMED, |value| {
            value.into_text().parse::<Schedule>()
        });
        let daily = self.unless_unset(server, &setting::ALERT_DAILY, |text| {
            let minute = schedule::minute(&text).filter(|minute| *minute < 24 * 60);
            minute.ok_or_else(|| format!("{text:?} is no time of the day: write it like 08:00"))
        });
        let page = self.unless_unset(server, &setting::PUBLIC_URL, |url| {
            Endpoint::parse(&url, &[("http", false), ("https", true)])
                .map_err(|error| error.to_string())?;
            let url = url.split(['?', '#']).next().unwrap_or_default();
            Ok(format!("{}/", url.trim_end_matches('/')))
        });
        let no_signal = self.seconds(server, &setting::ALERT_NO_SIGNAL, 1.0..=86_400.0);
        let not_recording = self.seconds(server, &setting::ALERT_NOT_RECORDING, 1.0..=86_400.0);
        let (receivers, incomplete) = receivers?;
        Some(Plan {
            receivers,
            incomplete,
            rules: Rules {
                cameras: cameras?,
                zones: zones?,
                cooldown: Duration::from_secs_f64(cooldown?),
            },
            schedule: schedule?,
            daily: daily?,
            page: page?,
            no_signal: Duration::from_secs_f64(no_signal?),
            not_recording: Duration::from_secs_f64(not_recording?),
        })
    }

    /// Those whose secrets are there. The others are told of, and nobody else is told less for it.
    fn receivers(&mut self, server: &Values) -> Option<Receivers> {
        let given = server.get(&setting::ALERT_TO)?;
        let mut receivers: Vec<(String, Receiver)> = Vec::new();
        let mut incomplete = Vec::new();
        let (before, texts) = (self.problems.len(), given.value.into_texts());
        for text in &texts {
            if text.contains("***") {
                self.problem(&given.origin, LEFT_OUT);
                continue;
            }
            let filled = match placeholders::filled(text) {
                Ok(filled) => filled,
                Err(error) if error.may_be_known_later() => {
                    self.useless.push(Problem {
                        origin: given.origin.clone(),
                        text: format!(
                            "{} is told nothing until this is there: {error}",
                            Receiver::hidden(text)
                        ),
                    });
                    incomplete.push(Receiver::id(text));
                    continue;
                }
                Err(error) => {
                    self.problem(&given.origin, error);
                    continue;
                }
            };
            let id = Receiver::id(text);
            match filled.parse() {
                Ok(_) if receivers.iter().any(|(known, _)| *known == id) => {
                    let hidden = Receiver::hidden(text);
                    self.problem(
                        &given.origin,
                        format!("{hidden} is there twice: leave one of them out"),
                    );
                }
                Ok(receiver) => receivers.push((id, receiver)),
                Err(error) => self.problem(&given.origin, error),
            }
        }
        if receivers.len() > MOST {
            self.problem(
                &given.origin,
                format!(
                    "{} receivers are too many: choose at most {MOST}",
                    receivers.len()
                ),
            );
        }
        (self.problems.len() == before).then_some((receivers, incomplete))
    }

    /// `Some(None)` where nothing is set.
    fn unless_unset<T>(
        &mut self,
        server: &Values,
        setting: &setting::Setting,
        parse: impl FnOnce(String) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match server.get(setting) {
            None => Some(None),
            Some(_) => self
                .read(server, setting, |value| parse(value.into_text()))
                .map(Some),
        }
    }
}

/// Those that can be told, each with its id, and the ids of those that cannot be yet.
type Receivers = (Vec<(String, Receiver)>, Vec<String>);

/// Receivers: each has its own messages in the outbox, and its own task.
const MOST: usize = 8;

fn texts(value: setting::Value) -> Result<Vec<String>, String> {
    Ok(value.into_texts())
}
