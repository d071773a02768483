//! Buttons, keys and gestures, and the panels that some of them open.
//!
//! What a gesture means for the picture is reckoned in [`super::gestures`]; what is in the panels belongs to
//! [`crate::chrome::panels`].

use super::effect::{Effect, Effects, Pane};
use super::gestures::Gestures;
use super::intent::Intent;
use crate::text::words;

/// What this browser can do besides showing the picture.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// Record it.
    pub record: bool,
    /// Show it in a small window.
    pub float: bool,
    /// Be touched, as a phone or a tablet.
    pub touch: bool,
}

/// Whether the panels are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Panels {
    /// Nothing has asked for them.
    #[default]
    Absent,
    Loading,
    /// They could not be loaded, and are loaded only when the user asks again.
    Failed,
    There,
}

/// The part of an element that the user handles.
#[derive(Debug)]
pub struct Controls {
    pub(super) abilities: Abilities,
    pub(super) gestures: Gestures,
    pub(super) panels: Panels,
    pub(super) menu: bool,
    /// Whether the camera's controls are shown.
    adjusts: bool,
    /// What is wrong with the server's configuration.
    problem: Option<String>,
    /// The problem that the user has seen.
    dismissed: Option<String>,
    /// What the user asked for that is done when the panels are there.
    waiting: Vec<Intent>,
    /// Whether the user has not asked for them, and need not hear that they cannot be loaded.
    unasked: bool,
}

impl Controls {
    pub(super) fn new(abilities: Abilities) -> Self {
        Self {
            abilities,
            gestures: Gestures::default(),
            panels: Panels::Absent,
            menu: false,
            adjusts: false,
            problem: None,
            dismissed: None,
            waiting: Vec::new(),
            unasked: false,
        }
    }

    pub(super) fn has_panels(&self) -> bool {
        self.panels == Panels::There
    }

    /// Whether the panels are there. Where they aren't, they are loaded, and this is asked for again when they are.
    pub(super) fn need_panels(&mut self, intent: Intent, out: &mut Effects) -> bool {
        if self.has_panels() {
            return true;
        }
        if !self.waiting.contains(&intent) {
            self.waiting.push(intent);
        }
        self.load_panels(out);
        false
    }

    /// Loads the panels, unless that was tried before, for what is not worth a word.
    pub(super) fn expect_panels(&mut self, out: &mut Effects) {
        if self.panels == Panels::Absent {
            self.load_panels(out);
            self.unasked = true;
        }
    }

    /// Loads the panels, unless that is under way.
    pub(super) fn load_panels(&mut self, out: &mut Effects) {
        self.unasked = false;
        if matches!(self.panels, Panels::Absent | Panels::Failed) {
            self.panels = Panels::Loading;
            out.push(Effect::LoadPanels);
        }
    }

    /// They are there, or are not to be had. Gives what waits for them.
    pub(super) fn loaded(&mut self, there: bool, out: &mut Effects) -> Vec<Intent> {
        let waiting = std::mem::take(&mut self.waiting);
        if there {
            self.panels = Panels::There;
            return waiting;
        }
        self.panels = Panels::Failed;
        if self.unasked {
            return waiting;
        }
        let words = words!("This cannot be loaded: the server does not answer. Try again");
        out.push(Effect::Toast(words.to_owned()));
        Vec::new()
    }

    /// The server says what is wrong with its configuration, or that nothing is any more.
    pub(super) fn configuration(&mut self, problem: Option<String>, out: &mut Effects) {
        if problem.is_none() {
            self.dismissed = None;
        }
        self.set_problem(problem, out);
    }

    pub(super) fn set_problem(&mut self, problem: Option<String>, out: &mut Effects) {
        let problem = problem.filter(|problem| self.dismissed.as_ref() != Some(problem));
        if problem != self.problem {
            self.problem = problem;
            self.show_problem(out);
        }
    }

    pub(super) fn show_problem(&mut self, out: &mut Effects) {
        if self.has_panels() {
            out.push(Effect::Panels(Pane::Problem(self.problem.clone())));
        } else if self.problem.is_some() && self.panels == Panels::Absent {
            self.load_panels(out);
        }
    }

    pub(super) fn show_menu(&mut self, shown: bool, out: &mut Effects) {
        if self.has_panels() && self.menu != shown {
            self.menu = shown;
            out.push(Effect::Panels(Pane::Menu(shown)));
        }
    }

    fn show_adjust(&mut self, shown: bool, out: &mut Effects) {
        if self.adjusts != shown {
            self.adjusts = shown;
            out.push(Effect::Panels(Pane::Adjust(shown)));
        }
    }

    /// Does what the user asks for, as far as no other part has to.
    pub(super) fn fulfil(&mut self, intent: Intent, out: &mut Effects) {
        match intent {
            Intent::Menu if self.need_panels(intent, out) => self.show_menu(!self.menu, out),
            Intent::Help if self.need_panels(intent, out) => {
                self.show_menu(false, out);
                out.push(Effect::Panels(Pane::Help(true)));
            }
            Intent::Adjust if self.need_panels(intent, out) => {
                self.show_menu(false, out);
                self.show_adjust(!self.adjusts, out);
            }
            Intent::Dismiss => {
                self.dismissed.clone_from(&self.problem);
                self.set_problem(None, out);
            }
            Intent::Fullscreen => out.push(Effect::ToggleFullscreen),
            Intent::Escape => {
                if self.has_panels() {
                    out.push(Effect::Panels(Pane::Help(false)));
                }
                self.show_menu(false, out);
                self.show_adjust(false, out);
                out.push(Effect::LeaveFilled);
            }
            _ => {}
        }
    }
}
