//! Follows the configuration's files while the server runs, and applies what has changed camera by camera, as what
//! administrators set.
//!
//! What a camera does about other settings belongs to [`crate::camera`]; what is said of it all over HTTP to
//! [`crate::front`].

use super::{Loaded, Origin, Problem, Problems};
use crate::alerts::Alerts;
use crate::camera::{Change, Registry, Settings};
use crate::front::{Configuration, NotChanged, SettingsRequest, Told};
use crate::service;
use crate::util::file_watch::FileWatch;
use pistreamer_protocol::message::Cause;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

/// Polling interval.
const POLL: Duration = Duration::from_secs(1);

/// Files that have not been read by then do not answer.
const SILENCE: Duration = Duration::from_secs(3);

/// A file that changes each time that it is polled is read after this many times.
const LONGEST_CHANGE: u32 = 10;

/// A running server's configuration.
#[derive(Debug)]
pub(crate) struct Reload {
    /// As the server started.
    started: Loaded,
    /// As the files were read last.
    last: Loaded,
    /// The cameras as they are now.
    cameras: Vec<Settings>,
    /// What says which cameras there are, where anything does: the file, where it is one.
    names_cameras: Option<Option<Arc<PathBuf>>>,
    registry: Registry,
    told: Configuration,
    alerts: Alerts,
}

impl Reload {
    /// For a server that was started with this configuration.
    pub(crate) fn new(
        mut started: Loaded,
        registry: Registry,
        told: Configuration,
        alerts: Alerts,
    ) -> Self {
        told.read(&started.files);
        started.page.mend();
        started.warn_of_unset();
        Self {
            cameras: started.config.cameras.clone(),
            names_cameras: started.names_cameras().last().cloned(),
            last: started.clone(),
            started,
            registry,
            told,
            alerts,
        }
    }

    /// Reads the files again whenever one has changed, appeared or gone, and at once when `asked` is notified, and answers
    /// what administrators ask. Never ends, and can be dropped at any time, also while a disk does not answer.
    pub(crate) async fn follow(
        mut self,
        asked: &Notify,
        mut requests: mpsc::Receiver<SettingsRequest>,
    ) {
        let mut watch = self.started.watch();
        loop {
            {
                // What has changed is not forgotten over a request.
                let mut settled = pin!(settled(&mut watch));
                loop {
                    tokio::select! {
                        () = &mut settled => break,
                        () = asked.notified() => break,
                        Some(request) = requests.recv() => self.answer(request).await,
                    }
                }
            }
            service::reloading();
            watch = self.load(watch).await;
            service::reloaded();
        }
    }

    /// Reads the files and applies what they say. Where something in them is wrong, nothing is changed. Returns a watch
    /// of the files on which that depended.
    async fn load(&mut self, before: FileWatch) -> FileWatch {
        let (places, typed) = (self.started.places.clone(), self.started.typed.clone());
        let page = self.last.page.clone();
        // A disk of the network may not answer.
        let mut read =
            tokio::task::spawn_blocking(move || Loaded::watched(&places, &typed, Some(page)));
        let read = tokio::select! {
            read = &mut read => read,
            () = sleep(SILENCE) => {
                let files = self.started.places.all();
                let files = files.map(|file| file.display().to_string());
                let files = files.collect::<Vec<_>>().join(", ");
                let problem = format!("one of the files does not answer, and is waited for: {files}");
                tracing::error!(problem, "the configuration was not reloaded; the previous one stays in force");
                self.told.refused(&[problem]);
                read.await
            }
        };
        let Ok((loaded, watch)) = read else {
            return before;
        };
        let loaded = loaded.and_then(|loaded| self.with_cameras(loaded));
        match loaded.and_then(|loaded| Ok((self.with_known_secrets(&loaded)?, loaded))) {
            Ok((cameras, mut loaded)) => {
                let problems = self.apply(&cameras);
                self.alerts.configure(&loaded.config.alerts);
                self.names_cameras = loaded.names_cameras().last().cloned();
                loaded.warn_of_passwords();
                loaded.warn_of_absent();
                loaded.warn_of_useless();
                loaded.warn_of_unset();
                loaded.warn_of_overridden(&self.last);
                let restart = self.started.changed_at_server(&loaded);
                if !restart.is_empty() {
                    tracing::warn!(
                        settings = restart.join(", "),
                        "these settings take effect at the next start"
                    );
                }
                tracing::info!(cameras = self.cameras.len(), "configuration reloaded");
                self.told.reread(&loaded.files, &problems, &restart);
                loaded.config.cameras = cameras;
                self.last = loaded;
            }
            Err(Problems(problems)) => {
                for problem in &problems {
                    tracing::error!(%problem, "the configuration was not reloaded; the previous one stays in force");
                }
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                self.told.refused(&problems);
            }
        }
        watch
    }

    /// Refuses a configuration in which the file that named the cameras names none any more: a file that is empty or missing
    /// is a mistake of whatever writes it, more often than the wish for the cameras of another file, or for the one that is
    /// found without any.
    fn with_cameras(&self, loaded: Loaded) -> Result<Loaded, Problems> {
        let Some(Some(file)) = &self.names_cameras else {
            return Ok(loaded);
        };
        if loaded
            .names_cameras()
            .iter()
            .flatten()
            .any(|now| now == file)
        {
            return Ok(loaded);
        }
        Err(Problems(vec![Problem {
            origin: Origin::File {
                file: Arc::clone(file),
                line: 0,
                column: 0,
            },
            text: "it names no camera any more, and so the cameras stay: write [[camera]] for each one, which may be without \
                   anything below it for the camera that is found by itself. Without this file, start anew"
                .into(),
        }]))
    }

    /// The cameras with the secrets that are in use, where those cannot be read any more.
    fn with_known_secrets(&self, loaded: &Loaded) -> Result<Vec<Settings>, Problems> {
        let source = |camera: &Settings| {
            let lacks = |before: &&Settings| camera.source.lacks_secret_of(&before.source);
            let known = || self.cameras.iter().filter(lacks);
            let same = known().find(|before| before.id == camera.id);
            // What is typed the same has the same secrets, whichever camera has it.
            let typed = || known().find(|before| camera.source.is_typed_as(&before.source));
            same.or_else(typed).map(|before| before.source.clone())
        };
        let mut cameras = loaded.cameras_with(source)?;
        for target in cameras.iter_mut().flat_map(|camera| &mut camera.push) {
            let mut all = self.cameras.iter().flat_map(|before| &before.push);
            if let Some(known) = all.find(|known| target.lacks_secret_of(known)) {
                target.clone_from(known);
            }
        }
        // Which ids they have may only be known now. What cannot be was told.
        loaded.page.apply(&mut cameras, &loaded.merged.cameras);
        Ok(cameras)
    }

    /// Answers an administrator.
    async fn answer(&mut self, request: SettingsRequest) {
        let SettingsRequest {
            camera,
            change,
            answer,
        } = request;
        // It was waited for too long, and told that nothing may have happened.
        if answer.is_closed() {
            return;
        }
        let changed = if change.is_empty() {
            Ok(())
        } else {
            self.change(&camera, &change).await
        };
        // Whoever asked may be gone meanwhile.
        let _ = answer.send(changed.and_then(|()| self.told_of(&camera)));
    }

    fn place(&self, camera: &str) -> Result<usize, NotChanged> {
        let mut cameras = self.last.config.cameras.iter();
        let place = cameras.position(|known| *known.id == *camera);
        place.ok_or(NotChanged::Unknown)
    }

    fn told_of(&self, camera: &str) -> Result<Vec<Told>, NotChanged> {
        let at = self.place(camera)?;
        let Loaded {
            config,
            merged,
            page,
            ..
        } = &self.last;
        Ok(page.told(&config.cameras[at], &merged.cameras[at]))
    }

    /// Sets what an administrator has changed: written down first, and then at the camera.
    async fn change(
        &mut self,
        camera: &str,
        change: &Map<String, Value>,
    ) -> Result<(), NotChanged> {
        let at = self.place(camera)?;
        let (settings, values) = (&self.last.config.cameras[at], &self.last.merged.cameras[at]);
        let (page, settings, changes) = self.last.page.changed(settings, values, change)?;
        let (writing, id) = (page.clone(), camera.to_owned());
        let written = tokio::task::spawn_blocking(move || writing.write(&id, &changes)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| {
            let problem = error.to_string();
            NotChanged::NotKept(Cause::NotWritten { problem })
        })?;
        self.last.page = page;
        self.last.config.cameras[at] = settings;
        let cameras = self.last.config.cameras.clone();
        // What could not be done was told.
        self.apply(&cameras);
        Ok(())
    }

    /// Makes the cameras these, and returns what could not be done.
    fn apply(&mut self, wanted: &[Settings]) -> Vec<String> {
        let mut problems = Vec::new();
        for change in changes(&self.cameras, wanted) {
            match self.registry.apply(change.clone()) {
                Ok(()) => note(&mut self.cameras, change),
                Err(error) => {
                    tracing::error!(%error, "a camera's settings were not changed");
                    problems.push(error.to_string());
                }
            }
        }
        problems
    }
}

/// Waits for a change, and then until nothing changes any more: a file that is rewritten in place is whole by then.
async fn settled(watch: &mut FileWatch) {
    watch.changed(POLL).await;
    for _ in 0..LONGEST_CHANGE {
        sleep(POLL).await;
        if !watch.has_changed().await {
            return;
        }
    }
}

/// What makes these cameras of those.
fn changes(before: &[Settings], after: &[Settings]) -> Vec<Change> {
    let same =
        |camera: &Settings, all: &[Settings]| all.iter().position(|other| other.id == camera.id);
    let gone = before.iter().filter(|camera| same(camera, after).is_none());
    let mut changes: Vec<_> = gone
        .map(|camera| Change::Remove(camera.id.clone()))
        .collect();
    for camera in after {
        match same(camera, before) {
            None => changes.push(Change::Add(camera.clone())),
            Some(at) if before[at] != *camera => changes.push(Change::Reconfigure(camera.clone())),
            Some(_) => {}
        }
    }
    let mut cameras = before.to_vec();
    for change in &changes {
        note(&mut cameras, change.clone());
    }
    let ids = |cameras: &[Settings]| {
        cameras
            .iter()
            .map(|camera| camera.id.clone())
            .collect::<Vec<_>>()
    };
    if ids(&cameras) != ids(after) {
        changes.push(Change::Reorder(ids(after)));
    }
    changes
}

/// Does to a list what the change does to the cameras.
fn note(cameras: &mut Vec<Settings>, change: Change) {
    match change {
        Change::Add(camera) => cameras.push(camera),
        Change::Remove(id) => cameras.retain(|camera| camera.id != id),
        Change::Reconfigure(settings) => {
            let same = cameras.iter_mut().find(|camera| camera.id == settings.id);
            if let Some(camera) = same {
                *camera = settings;
            }
        }
        Change::Reorder(order) => {
            let place = |camera: &Settings| order.iter().position(|id| *id == camera.id);
            cameras.sort_by_key(|camera| place(camera).unwrap_or(usize::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn cameras(text: &str) -> Vec<Settings> {
        Config::from_toml(text).unwrap().cameras
    }

    #[test]
    fn the_difference_names_each_camera_that_changed_and_no_other() {
        let camera = |id: &str, rest: &str| {
            format!("[[camera]]\nid = \"{id}\"\nsource = \"pattern\"\n{rest}\n")
        };
        let [a, b, c] = ["a", "b", "c"].map(|id| camera(id, ""));
        let before = cameras(&format!("{a}{b}"));
        assert_eq!(changes(&before, &before), []);
        let larger = camera("b", "size = \"640x480\"");
        let after = cameras(&format!("{a}{larger}"));
        assert_eq!(
            changes(&before, &after),
            [Change::Reconfigure(after[1].clone())]
        );
        let after = cameras(&format!("{c}{larger}"));
        assert_eq!(
            changes(&before, &after),
            [
                Change::Remove(before[0].id.clone()),
                Change::Add(after[0].clone()),
                Change::Reconfigure(after[1].clone()),
                Change::Reorder(vec![after[0].id.clone(), after[1].id.clone()]),
            ]
        );
        let turned = cameras(&format!("{b}{a}"));
        let order = turned.iter().map(|camera| camera.id.clone()).collect();
        assert_eq!(changes(&before, &turned), [Change::Reorder(order)]);
    }
}
