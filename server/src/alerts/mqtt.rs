//! A broker: messages as they happen, and what each camera's state is, under topics that Home Assistant finds by itself.
//!
//! The bytes belong to `pistreamer_alerts::mqtt`. States are published when they change, and anew over each connection; messages
//! wait in the outbox until the broker has acknowledged them.

use super::Alerts;
use super::desk::Desk;
use super::station::{Station, Step};
use crate::camera::{Camera, Phase, Registry};
use crate::util::host;
use bytes::BytesMut;
use pistreamer_alerts::mqtt::home_assistant::{self, STATUS, discovery};
use pistreamer_alerts::mqtt::topics::{MOTION, PICTURE, RECORDING, SIGNAL, Topics};
use pistreamer_alerts::mqtt::{
    Acknowledged, BadPacket, Connect, DISCONNECT, Packet, Publish, connect, ping, publish, read,
    subscribe,
};
use pistreamer_alerts::{Alert, Outcome};
use pistreamer_client::{Endpoint, dial};
use pistreamer_protocol::Backoff;
use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Schemes of a broker's URL, each with whether it is encrypted.
const SCHEMES: [(&str, bool); 2] = [("mqtt", false), ("mqtts", true)];

/// How long the broker may take to be reached, to answer, and to take a packet.
const PATIENCE: Duration = Duration::from_secs(30);

/// Interval at which states are looked at.
const LOOKS: Duration = Duration::from_millis(250);

/// Interval of pings, and the silence that the broker is told to expect, in seconds.
const PINGS: Duration = Duration::from_secs(20);
const KEEP_ALIVE: u16 = 60;

/// Pauses between connections.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A connection that lasted for that long worked.
const LASTS: Duration = Duration::from_secs(60);

/// Why a connection ended, or was not made.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Bad(#[from] BadPacket),
    #[error("it closed the connection")]
    Closed,
    #[error("it does not answer")]
    Silent,
    #[error("{0}")]
    Refused(&'static str),
    #[error("it refuses to tell commands: its access list lacks the topics below pistreamer/")]
    NoCommands,
}

/// Has a broker know all of it, until it is dropped.
pub(super) async fn run(
    url: &str,
    station: &Station,
    desk: &Desk,
    alerts: &Alerts,
    cameras: &Registry,
) {
    let endpoint = match Endpoint::parse(url, &SCHEMES) {
        Ok(endpoint) => endpoint,
        Err(_) => return station.fails("it is no URL of a broker"),
    };
    let mut pauses = Backoff::new(FIRST, LONGEST);
    loop {
        let begun = Instant::now();
        let broken = match Link::open(&endpoint, true).await {
            Ok(mut link) => {
                let broken = link.keep(station, desk, alerts, cameras).await;
                if let Some(number) = link.sending {
                    // It may be too large.
                    station.came(number, Outcome::broke_off(&broken));
                }
                broken
            }
            Err(broken) => broken,
        };
        station.fails(&broken.to_string());
        if begun.elapsed() > LASTS {
            pauses.reset();
        }
        sleep(pauses.pause(fastrand::f64())).await;
    }
}

/// Publishes one message, beside a server that may be connected.
pub(super) async fn once(url: &str, alert: &Alert) -> Outcome {
    let publish = async {
        let endpoint = Endpoint::parse(url, &SCHEMES)
            .map_err(|_| Broken::Refused("it is no URL of a broker"))?;
        let mut link = Link::open(&endpoint, false).await?;
        let topic = link.topics.alert();
        let number = link.publish(&topic, alert.json().as_bytes(), false).await?;
        loop {
            match read(&link.came)? {
                Some((Packet::Acknowledged(it), _)) if it == number => break,
                Some((_, length)) => drop(link.came.split_to(length)),
                None => link.read().await?,
            }
        }
        link.write(&DISCONNECT).await
    };
    match publish.await {
        Ok(()) => Outcome::Delivered,
        Err(Broken::Refused(reason)) => Outcome::Never(reason.into()),
        Err(broken) => Outcome::unreached(broken),
    }
}

/// A connection.
struct Link {
    from: ReadHalf<dial::Stream>,
    to: WriteHalf<dial::Stream>,
    came: BytesMut,
    topics: Topics,
    /// What each topic has.
    told: BTreeMap<String, Vec<u8>>,
    /// The number of the last packet.
    number: u16,
    /// The message that the broker has not acknowledged, by the numbers of packet and message.
    under_way: Option<(u16, u64)>,
    /// The message that is being sent, or is under way.
    sending: Option<u64>,
    sent: Instant,
}

impl Link {
    /// `stays` is said of the server's own connection: the broker tells when it breaks.
    async fn open(endpoint: &Endpoint, stays: bool) -> Result<Self, Broken> {
        let stream = dial::dial(endpoint, PATIENCE).await?;
        let (from, to) = split(stream);
        let mut link = Self {
            from,
            to,
            came: BytesMut::new(),
            topics: Topics::of(&host::name().unwrap_or_default()),
            told: BTreeMap::new(),
            number: 0,
            under_way: None,
            sending: None,
            sent: Instant::now(),
        };
        let login = endpoint.credentials.as_ref();
        // A second client by the same name would end the first one's connection.
        let kind = if stays { "" } else { "-test" };
        let online = link.topics.online();
        let packet = connect(&Connect {
            client: &format!("pistreamer-{}{kind}", link.topics.node()),
            login: login.map(|login| (login.user(), login.password())),
            keep_alive: KEEP_ALIVE,
            will: stays.then_some((&online, "offline")),
        });
        link.write(&packet).await?;
        loop {
            if let Some((Packet::Connected(code), length)) = read(&link.came)? {
                let _ = link.came.split_to(length);
                return match code {
                    0 => Ok(link),
                    2 => Err(Broken::Refused("it refuses this name")),
                    3 => Err(Broken::Refused("it is not available")),
                    4 | 5 => Err(Broken::Refused(
                        "it refuses user and password: write mqtt://USER:PASSWORD@HOST",
                    )),
                    _ => Err(Broken::Bad(BadPacket)),
                };
            }
            timeout(PATIENCE, link.read())
                .await
                .map_err(|_| Broken::Silent)??;
        }
    }

    async fn write(&mut self, packet: &[u8]) -> Result<(), Broken> {
        let write = async {
            self.to.write_all(packet).await?;
            self.to.flush().await
        };
        Ok(timeout(PATIENCE, write)
            .await
            .map_err(|_| Broken::Silent)??)
    }

    /// Cancel-safe.
    async fn read(&mut self) -> Result<(), Broken> {
        match self.from.read_buf(&mut self.came).await? {
            0 => Err(Broken::Closed),
            _ => Ok(()),
        }
    }

    /// Publishes, and returns the packet's number.
    async fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> Result<u16, Broken> {
        self.number = self.number.checked_add(1).unwrap_or(1);
        let packet = publish(
            &Publish {
                topic,
                payload,
                retain,
            },
            self.number,
        );
        self.write(&packet).await?;
        Ok(self.number)
    }

    /// Publishes what differs from what a topic has.
    async fn tell(&mut self, topic: String, payload: Vec<u8>) -> Result<(), Broken> {
        if self.told.get(&topic) != Some(&payload) {
            self.publish(&topic, &payload, true).await?;
            self.told.insert(topic, payload);
        }
        Ok(())
    }

    /// Tells the broker all of it, until the connection breaks.
    async fn keep(
        &mut self,
        station: &Station,
        desk: &Desk,
        alerts: &Alerts,
        cameras: &Registry,
    ) -> Broken {
        let mut looks = interval(LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pings = interval(PINGS);
        let mut heard = Instant::now();
        let commands = self.topics.armed_set();
        let subscribed = self.write(&subscribe(&[&commands, STATUS], 1)).await;
        if let Err(broken) = subscribed {
            return broken;
        }
        self.number = 1;
        station.works();
        loop {
            let done = tokio::select! {
                read = self.read() => match read {
                    Ok(()) => {
                        heard = Instant::now();
                        self.hear(station, desk, alerts).await
                    }
                    Err(broken) => Err(broken),
                },
                _ = looks.tick() => self.look(alerts, cameras).await,
                _ = pings.tick() => if heard.elapsed() > 2 * PINGS + PATIENCE
                    || self.under_way.is_some() && self.sent.elapsed() > PATIENCE
                {
                    Err(Broken::Silent)
                } else {
                    self.write(&ping()).await
                },
                step = station.next(), if self.under_way.is_none() => match step {
                    Step::Send(number) => self.send(desk, station, number).await,
                    Step::GivenUp(numbers) => {
                        desk.all_done(&numbers, &station.id);
                        Ok(())
                    }
                },
            };
            if let Err(broken) = done {
                return broken;
            }
        }
    }

    /// Takes what came.
    async fn hear(
        &mut self,
        station: &Station,
        desk: &Desk,
        alerts: &Alerts,
    ) -> Result<(), Broken> {
        let came = self.came.split().freeze();
        let mut at = 0;
        while let Some((packet, length)) = read(&came[at..])? {
            match packet {
                Packet::Acknowledged(number) => {
                    let done = self.under_way.take_if(|(packet, _)| *packet == number);
                    self.sending = self.sending.filter(|_| done.is_none());
                    if let Some((_, message)) = done
                        && station.came(message, Outcome::Delivered)
                    {
                        desk.all_done(&[message], &station.id);
                    }
                }
                Packet::Published(it, number) => {
                    if let Some(number) = number {
                        self.write(&Acknowledged(number).bytes()).await?;
                    }
                    if it.topic == STATUS && it.payload == b"online" {
                        // It has forgotten all of it.
                        self.told.clear();
                    } else if it.topic == self.topics.armed_set() && !it.retain {
                        match it.payload {
                            b"ON" => alerts.arm(true, None),
                            b"OFF" => alerts.arm(false, None),
                            _ => tracing::warn!("a command by MQTT is neither ON nor OFF"),
                        }
                    }
                }
                Packet::Subscribed { all: false } => return Err(Broken::NoCommands),
                Packet::Subscribed { all: true } | Packet::Pong | Packet::Connected(_) => {}
            }
            at += length;
        }
        self.came = BytesMut::from(&came[at..]);
        Ok(())
    }

    /// Publishes each state that has changed.
    async fn look(&mut self, alerts: &Alerts, cameras: &Registry) -> Result<(), Broken> {
        let cameras = cameras.list();
        let found: Vec<_> = cameras.iter().map(described).collect();
        let found = discovery(&self.topics, &found, alerts.page().as_deref());
        let gone = self.told.keys().filter(|topic| {
            topic.starts_with("homeassistant/") && !found.iter().any(|(it, _)| it == *topic)
        });
        // An entity without a configuration disappears.
        for topic in gone.cloned().collect::<Vec<_>>() {
            self.publish(&topic, b"", true).await?;
            self.told.remove(&topic);
        }
        for (topic, config) in found {
            self.tell(topic, config.into()).await?;
        }
        self.tell(self.topics.online(), b"online".into()).await?;
        let on = |is: bool| if is { b"ON".to_vec() } else { b"OFF".to_vec() };
        self.tell(self.topics.armed(), on(alerts.armed().armed))
            .await?;
        for camera in cameras.iter() {
            let state = camera.state();
            let moves = camera.is_moving();
            let records = camera.recorded().is_some_and(|lane| {
                use pistreamer_recording::State;
                matches!(lane.status().state, State::Recording | State::Slow)
            });
            for (name, is) in [
                (SIGNAL, state.phase == Phase::Live),
                (MOTION, moves),
                (RECORDING, records),
            ] {
                self.tell(self.topics.camera(camera.id(), name), on(is))
                    .await?;
            }
        }
        Ok(())
    }

    /// Sends a message, with its picture under a topic of its own.
    async fn send(&mut self, desk: &Desk, station: &Station, number: u64) -> Result<(), Broken> {
        let Some((alert, picture)) = desk.get(number) else {
            station.forget(number);
            return Ok(());
        };
        self.sending = Some(number);
        let picture = picture.filter(|_| !station.stumbles(number));
        if let (Some(camera), Some(picture)) = (&alert.camera, picture) {
            let bytes = tokio::task::spawn_blocking(move || picture.read()).await;
            if let Ok(Ok(bytes)) = bytes {
                self.publish(&self.topics.camera(camera, PICTURE), &bytes, true)
                    .await?;
            }
        }
        let packet = self
            .publish(&self.topics.alert(), alert.json().as_bytes(), false)
            .await?;
        self.under_way = Some((packet, number));
        self.sent = Instant::now();
        Ok(())
    }
}

fn described(camera: &Camera) -> home_assistant::Camera {
    let settings = camera.settings();
    home_assistant::Camera {
        id: camera.id().to_string(),
        name: camera.state().name,
        motion: settings.motion.is_some(),
        recorded: settings.record.is_some() && camera.recorded().is_some(),
    }
}
