//! Opens the way to the machine below each camera that has one, follows changes of the settings, and closes it at the end: the
//! machine is told STOP first and last.
//!
//! When the machine moves belongs to [`pistreamer_operate`], and what operators say to [`crate::session`].

use crate::camera::{Camera, Phase, Registry};
use pistreamer_operate::{Channel, Plan};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the end of a machine is waited for.
const LONGEST_END: Duration = Duration::from_secs(2);

/// A camera with a machine.
struct Running {
    camera: Camera,
    plan: Plan,
    channel: Arc<Channel>,
    stop: CancellationToken,
}

/// Opens what the cameras' settings say, and ends when `until` is cancelled.
pub(crate) async fn follow(cameras: Registry, until: CancellationToken) {
    let mut changes = cameras.changes();
    let (mut running, mut tasks) = (Vec::new(), JoinSet::new());
    while !until.is_cancelled() {
        // First, so that no change in between is missed.
        changes.mark_unchanged();
        follow_now(&cameras, &mut running, &mut tasks).await;
        tokio::select! {
            () = until.cancelled() => {}
            changed = changes.changed() => if changed.is_err() { break },
        }
    }
    close(std::mem::take(&mut running)).await;
    while tasks.join_next().await.is_some() {}
}

async fn follow_now(cameras: &Registry, running: &mut Vec<Running>, tasks: &mut JoinSet<()>) {
    let planned = |camera: &Camera| Some((camera.clone(), camera.settings().operate?));
    let wanted: Vec<_> = cameras.list().iter().filter_map(planned).collect();
    let is =
        |it: &Running, (camera, plan): &(Camera, Plan)| it.camera.is(camera) && it.plan == *plan;
    let (kept, closing): (Vec<_>, _) = std::mem::take(running)
        .into_iter()
        .partition(|it| wanted.iter().any(|wanted| is(it, wanted)));
    *running = kept;
    // Before anything is opened: it may be the same machine.
    close(closing).await;
    for (camera, plan) in wanted {
        if running.iter().any(|it| it.camera.is(&camera)) {
            continue;
        }
        let told = camera.clone();
        let name = camera.id().to_string();
        let channel = match Channel::start(plan.clone(), name, move || told.tell_operating()) {
            Ok(channel) => Arc::new(channel),
            Err(error) => {
                tracing::error!(camera = %camera.id(), %error, "its machine cannot be driven: the system gives no thread");
                continue;
            }
        };
        let stop = CancellationToken::new();
        tasks.spawn(watch(camera.clone(), Arc::clone(&channel), stop.clone()));
        camera.operate_by(Some(Arc::clone(&channel)));
        running.push(Running {
            camera,
            plan,
            channel,
            stop,
        });
    }
}

/// Stops these machines, and waits until the ways to them are closed.
async fn close(closing: Vec<Running>) {
    let mut ends = JoinSet::new();
    for it in closing {
        it.stop.cancel();
        ends.spawn(async move {
            let channel = Arc::clone(&it.channel);
            // Takes half a second at most, and what does not end must not hold up the other machines. A panic there is logged
            // where it happens.
            let _ = timeout(LONGEST_END, spawn_blocking(move || channel.end())).await;
            it.camera.operate_by(None);
        });
    }
    while ends.join_next().await.is_some() {}
}

/// Tells the channel whether the camera delivers, until `stop`.
async fn watch(camera: Camera, channel: Arc<Channel>, stop: CancellationToken) {
    let mut news = camera.news();
    loop {
        let is_live = news.borrow_and_update().phase == Phase::Live;
        channel.camera(is_live);
        tokio::select! {
            () = stop.cancelled() => return,
            changed = news.changed() => if changed.is_err() { return },
        }
    }
}
