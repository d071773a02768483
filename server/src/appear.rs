//! Adds cameras to the others as sources find them, and removes them when they go: those that other machines publish at a broker.
//!
//! Finding them belongs to [`crate::source`].

use crate::camera::{Camera, Change, Id, Registry, Settings};
use crate::source::Spec;
use crate::source::appearing::{Appeared, Appearing};
use futures::future::select_all;
use std::collections::BTreeMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Follows what sources find, until `until` is cancelled.
pub(crate) async fn follow(cameras: Registry, until: CancellationToken) {
    let mut changes = cameras.changes();
    let mut added = Added::default();
    while !until.is_cancelled() {
        // First, so that no change in between is missed.
        changes.mark_unchanged();
        let finders: Vec<_> = cameras.all().iter().filter_map(finder).collect();
        let mut news: Vec<_> = finders.iter().map(|(_, found)| found.news()).collect();
        added.follow(&cameras, &finders);
        tokio::select! {
            () = until.cancelled() => {}
            changed = changes.changed() => if changed.is_err() { break },
            () = any(&mut news) => {}
        }
    }
}

/// A camera's settings, and what its source finds, where it finds any.
fn finder(camera: &Camera) -> Option<(Settings, Appearing<Spec>)> {
    let settings = camera.settings();
    let found = settings.source.appearing()?.clone();
    Some((settings, found))
}

async fn any(news: &mut [watch::Receiver<std::sync::Arc<[Appeared<Spec>]>>]) {
    if news.is_empty() {
        return std::future::pending().await;
    }
    let changed = news.iter_mut().map(|news| Box::pin(news.changed()));
    // A list that is gone has a camera that is gone, of which there are other news.
    if select_all(changed).await.0.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The cameras that were added, and those that could not be.
#[derive(Default)]
struct Added {
    /// With the settings that they have.
    cameras: BTreeMap<String, Settings>,
    refused: BTreeMap<String, Spec>,
}

impl Added {
    fn follow(&mut self, registry: &Registry, finders: &[(Settings, Appearing<Spec>)]) {
        let found: Vec<_> = finders
            .iter()
            .map(|(settings, found)| (settings, found.list()))
            .collect();
        let is_found = |id: &str, source: &Spec| {
            let mut all = found.iter().flat_map(|(_, cameras)| cameras.iter());
            all.any(|camera| camera.id == id && camera.source == *source)
        };
        self.refused.retain(|id, source| is_found(id, source));
        let gone: Vec<_> = self
            .cameras
            .iter()
            .filter(|(id, settings)| !is_found(id, &settings.source))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.cameras.remove(&id);
            let removed = Id::new(&id).map(|id| registry.apply(Change::Remove(id)));
            if let Ok(Err(error)) = removed {
                tracing::debug!(%error, "a camera that went was not there");
            }
        }
        let mut is_more = false;
        for (settings, cameras) in &found {
            for camera in cameras.iter() {
                if let Some(known) = self.cameras.get_mut(&camera.id) {
                    if known.source == camera.source {
                        follow_settings(registry, settings, known);
                    }
                    continue;
                }
                match add(registry, settings, camera) {
                    Ok(settings) => {
                        is_more = true;
                        self.refused.remove(&camera.id);
                        self.cameras.insert(camera.id.clone(), settings);
                    }
                    Err(error) => {
                        let told = self
                            .refused
                            .insert(camera.id.clone(), camera.source.clone());
                        if told.as_ref() != Some(&camera.source) {
                            tracing::warn!(
                                error,
                                camera = camera.id,
                                "a camera that appeared is not shown"
                            );
                        }
                    }
                }
            }
        }
        if is_more {
            self.sort(registry);
        }
    }

    /// Those that appeared stand behind the others, by their ids, whichever was heard of first.
    fn sort(&self, registry: &Registry) {
        let all = registry.all();
        let appeared = |camera: &&Camera| self.cameras.contains_key(&**camera.id());
        let others = all.iter().filter(|camera| !appeared(camera));
        let mut sorted: Vec<_> = all
            .iter()
            .filter(appeared)
            .map(|camera| camera.id().clone())
            .collect();
        sorted.sort();
        let order: Vec<_> = others
            .map(|camera| camera.id().clone())
            .chain(sorted)
            .collect();
        if order.iter().ne(all.iter().map(Camera::id))
            && registry.apply(Change::Reorder(order)).is_err()
        {
            tracing::debug!("the server is stopping");
        }
    }
}

/// The settings of a camera: those of the one whose source found it, but for what is of that one alone.
fn settings_of(finder: &Settings, id: Id, source: Spec) -> Settings {
    Settings {
        id,
        name: None,
        source,
        push: Vec::new(),
        operate: None,
        ..finder.clone()
    }
}

/// Adds a camera. Returns the settings that it has.
fn add(
    registry: &Registry,
    finder: &Settings,
    camera: &Appeared<Spec>,
) -> Result<Settings, String> {
    let id = Id::new(&camera.id).map_err(|error| error.to_string())?;
    let settings = settings_of(finder, id, camera.source.clone());
    let added = registry.apply(Change::Add(settings.clone()));
    added.map_err(|error| error.to_string())?;
    Ok(settings)
}

/// Gives a camera that was added the settings that the one whose source found it has now.
fn follow_settings(registry: &Registry, finder: &Settings, known: &mut Settings) {
    let settings = settings_of(finder, known.id.clone(), known.source.clone());
    if settings != *known {
        *known = settings.clone();
        if let Err(error) = registry.apply(Change::Reconfigure(settings)) {
            tracing::debug!(%error, "a camera that appeared is not there");
        }
    }
}
