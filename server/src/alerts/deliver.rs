//! Tells one receiver what waits for it. Each has a task of its own, so that none waits for another one.

use super::Alerts;
use super::desk::Desk;
use super::mqtt;
use super::send::send;
use super::station::{Station, Step};
use crate::camera::Registry;
use pistreamer_alerts::Receiver;
use pistreamer_alerts::outbox::Picture;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Tells it until it is stopped.
pub(super) async fn run(station: Arc<Station>, desk: Desk, alerts: Alerts, cameras: Registry) {
    let telling = async {
        match &station.receiver {
            Receiver::Mqtt(url) => {
                mqtt::run(url.as_str(), &station, &desk, &alerts, &cameras).await
            }
            _ => tell(&station, &desk).await,
        }
    };
    station.stop.run_until_cancelled(telling).await;
}

/// How long a program waits for its picture to be a file, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);

/// Waits until the message's picture is a file.
async fn written(desk: &Desk, number: u64) {
    let waits = || matches!(desk.get(number), Some((_, Some(Picture::Memory(_)))));
    let wait = async {
        while waits() {
            sleep(POLL).await;
        }
    };
    // A disk that is full or hangs costs the picture and not the message.
    let _ = timeout(PATIENCE, wait).await;
}

async fn tell(station: &Station, desk: &Desk) {
    loop {
        match station.next().await {
            Step::GivenUp(numbers) => desk.all_done(&numbers, &station.id),
            Step::Send(number) => {
                if matches!(station.receiver, Receiver::Exec(_)) {
                    written(desk, number).await;
                }
                let Some((alert, picture)) = desk.get(number) else {
                    station.forget(number);
                    continue;
                };
                let (picture, sent) = station.choose(number, picture);
                let outcome = send(&station.receiver, &alert, picture.as_ref()).await;
                if station.came(number, outcome, sent) {
                    desk.all_done(&[number], &station.id);
                }
            }
        }
    }
}
