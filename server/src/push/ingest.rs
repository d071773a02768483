//! Sends to another pistreamer's `/ingest`. Credit and pauses belong to [`Publisher`].

use super::{Sending, Stopped};
use crate::camera::{Camera, Event, Push};
use crate::hub::Limits;
use pistreamer_client::{Config, Error, Publisher};
use tokio_util::sync::CancellationToken;

/// Pushes until `stop` (`Ok`) or until the connection fails.
pub(super) async fn push(
    camera: &Camera,
    config: &Config,
    push: &Push,
    stop: &CancellationToken,
) -> Result<Stopped, String> {
    let mut config = config.clone();
    // Where cameras appear by themselves, it is called that.
    config.endpoint.add_query("from", camera.id());
    if let Some(via) = camera.via() {
        config.endpoint.add_query("via", via.own());
    }
    let connected = tokio::select! {
        () = stop.cancelled() => return Ok(Stopped::Before),
        connected = Publisher::connect(&config) => connected,
    };
    let mut publisher = connected.map_err(|error| error.to_string())?;
    tracing::info!(endpoint = %config.endpoint, "connected");
    let mut counted = 0;
    let result = feed(camera, &mut publisher, push, &mut counted, stop).await;
    let accepted = match &result {
        Ok(()) => publisher.close().await,
        Err(_) => publisher.accepted(),
    };
    push.count_delivered(accepted - counted);
    result
        .map(|()| Stopped::Connected)
        .map_err(|error| error.to_string())
}

async fn feed(
    camera: &Camera,
    publisher: &mut Publisher,
    push: &Push,
    counted: &mut u64,
    stop: &CancellationToken,
) -> Result<(), Error> {
    // First, so that no change in between is missed.
    let mut subscription = camera.subscribe(Limits::default());
    let mut sending = Sending::connected(push);
    publisher.status(camera.state().message()).await?;
    loop {
        // Without viewers over there, the camera is not wanted here either.
        if publisher.is_wanted() {
            subscription.resume();
        } else {
            subscription.pause();
            sending.pause();
        }
        let ready = publisher.is_ready();
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            heard = publisher.listen() => heard?,
            event = subscription.next(ready) => match event {
                Event::Frame(frame) => {
                    publisher.send(frame.jpeg()).await?;
                    sending.sent(&frame);
                }
                Event::State(state) => publisher.status(state.message()).await?,
                // It asked for none.
                Event::Readings(_) | Event::Told(_) => {}
            },
        }
        push.count_delivered(publisher.accepted() - *counted);
        *counted = publisher.accepted();
    }
}
