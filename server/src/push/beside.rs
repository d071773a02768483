//! Runs the pushes that the cameras' settings name.
//!
//! A single push belongs to [`super::run`].

use crate::camera::{Camera, PushEntry, Registry, Target};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// A running push. Dropping it stops the push in good order.
struct Running {
    camera: Camera,
    target: Target,
    stop: CancellationToken,
    _entry: PushEntry,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Runs the pushes that the cameras' settings name, follows changes, and stops all when `until` is cancelled.
pub(crate) async fn follow(cameras: Registry, until: CancellationToken) {
    let mut changes = cameras.changes();
    let (mut running, mut tasks) = (Vec::new(), JoinSet::new());
    while !until.is_cancelled() {
        // First, so that no change in between is missed.
        changes.mark_unchanged();
        follow_now(&cameras, &mut running, &mut tasks);
        tokio::select! {
            () = until.cancelled() => {}
            changed = changes.changed() => if changed.is_err() { break },
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(running);
    while tasks.join_next().await.is_some() {}
}

fn follow_now(cameras: &Registry, running: &mut Vec<Running>, tasks: &mut JoinSet<()>) {
    let wanted: Vec<_> = cameras
        .list()
        .iter()
        .flat_map(|camera| {
            let targets = camera.settings().push.into_iter();
            targets.map(|target| (camera.clone(), target))
        })
        .collect();
    let is = |push: &Running, (camera, target): &(Camera, Target)| {
        push.camera.is(camera) && push.target == *target
    };
    running.retain(|push| wanted.iter().any(|wanted| is(push, wanted)));
    for wanted in wanted {
        if running.iter().any(|push| is(push, &wanted)) {
            continue;
        }
        let (camera, target) = wanted;
        let stop = CancellationToken::new();
        let span = tracing::info_span!("push", camera = %camera.id(), %target);
        let entry = camera.begin_push(&target);
        let push = entry.push();
        running.push(Running {
            camera: camera.clone(),
            target: target.clone(),
            stop: stop.clone(),
            _entry: entry,
        });
        let pushing = async move {
            super::run(&camera, &target, &push, &stop).await;
        };
        tasks.spawn(pushing.instrument(span));
    }
}
