//! A broker: messages as they happen, and what each camera's state is, under topics that Home Assistant finds by itself.
//!
//! The bytes belong to `pistreamer_alerts::mqtt`. States are published when they change, and anew over each connection; messages
//! wait in the outbox until the broker has acknowledged them.

use super::Alerts;
use super::desk::Desk;
use super::picture::bytes_of;
use super::station::{Station, Step};
use crate::camera::{Camera, Phase, Registry};
use crate::util::host;
use bytes::BytesMut;
use pistreamer_alerts::mqtt::home_assistant::{self, STATUS, configs, discovery, states};
use pistreamer_alerts::mqtt::topics::{MOTION, PICTURE, RECORDING, SIGNAL, Topics};
use pistreamer_alerts::mqtt::{
    Acknowledged, BadPacket, Connect, DISCONNECT, Packet, Publish, connect, ping, publish, read,
    subscribe,
};
use pistreamer_alerts::queue::Sent;
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

/// Entities of earlier runs that are taken off in one go, at most.
const MOST_LEFT: usize = 256;

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
        let broken = match Link::open(&endpoint, &alerts.server_id(), true).await {
            Ok(mut link) => {
                let broken = link.keep(station, desk, alerts, cameras).await;
                if let Some((number, sent)) = link.sending {
                    // It may be too large.
                    station.came(number, Outcome::broke_off(&broken), sent);
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
        // Beside the server's own, and beside another test.
        let id = format!("{:08x}", fastrand::u32(..));
        let mut link = Link::open(&endpoint, &id, false).await?;
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
    /// The packet of the message that the broker has not acknowledged.
    under_way: Option<u16>,
    /// The message that is being sent, or is under way.
    sending: Option<(u64, Sent)>,
    sent: Instant,
    /// Whether the broker lets it hear commands, as far as is known.
    hears: bool,
    /// Entities that were there before: topics, and those of the states that they name.
    left: Vec<(String, Vec<String>)>,
}

impl Link {
    /// `stays` is said of the server's own connection: the broker tells when it breaks.
    async fn open(endpoint: &Endpoint, server_id: &str, stays: bool) -> Result<Self, Broken> {
        let stream = dial::dial(endpoint, PATIENCE).await?;
        let (from, to) = split(stream);
        let mut link = Self {
            from,
            to,
            came: BytesMut::new(),
            topics: Topics::of(&host::name().unwrap_or_default(), server_id),
            told: BTreeMap::new(),
            number: 0,
            under_way: None,
            sending: None,
            sent: Instant::now(),
            hears: true,
            left: Vec::new(),
        };
        let login = endpoint.credentials.as_ref();
        // A second client by the same name would end the first one's connection.
        let kind = if stays { "" } else { "-test" };
        let online = link.topics.online();
        let packet = connect(&Connect {
            client: &format!("pistreamer-{}-{server_id}{kind}", link.topics.node()),
            login: login.map(|login| (login.user(), login.password())),
            keep_alive: KEEP_ALIVE,
            will: stays.then_some((&online, "offline")),
        });
        link.write(&packet).await?;
        // In all: what answers may send for ever, byte by byte.
        let code = timeout(PATIENCE, link.connected())
            .await
            .map_err(|_| Broken::Silent)??;
        match code {
            0 => Ok(link),
            2 => Err(Broken::Refused("it refuses this name")),
            3 => Err(Broken::Refused("it is not available")),
            4 | 5 => Err(Broken::Refused(
                "it refuses user and password: write mqtt://USER:PASSWORD@HOST",
            )),
            _ => Err(Broken::Bad(BadPacket)),
        }
    }

    /// Waits for the answer to the first packet, before which a broker sends nothing.
    async fn connected(&mut self) -> Result<u8, Broken> {
        loop {
            match read(&self.came)? {
                Some((Packet::Connected(code), length)) => {
                    let _ = self.came.split_to(length);
                    return Ok(code);
                }
                Some(_) => return Err(Broken::Bad(BadPacket)),
                None => self.read().await?,
            }
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
        let topics = [&*commands, STATUS, &configs(&self.topics)];
        let subscribed = self.write(&subscribe(&topics, 1)).await;
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
                    let done = self.under_way.take_if(|packet| *packet == number);
                    if done.is_some()
                        && let Some((message, sent)) = self.sending.take()
                        && station.came(message, Outcome::Delivered, sent)
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
                        command(it.payload, alerts);
                    } else if it.retain
                        && self.left.len() < MOST_LEFT
                        && let Some(states) = states(&self.topics, it.payload)
                    {
                        self.left.push((it.topic.into(), states));
                    }
                }
                Packet::Subscribed(codes) => {
                    self.hears = codes.first().is_none_or(|code| *code < 0x80);
                    if !self.hears {
                        tracing::warn!(
                            receiver = station.receiver.name(),
                            "it refuses to tell commands, and is told all the same: its access list lacks {}",
                            self.topics.armed_set()
                        );
                    }
                }
                Packet::Pong | Packet::Connected(_) => {}
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
        let page = alerts.page();
        let found = discovery(&self.topics, &found, page.as_deref(), self.hears);
        let is_gone = |topic: &String| {
            topic.starts_with("homeassistant/") && !found.iter().any(|(it, _)| it == topic)
        };
        let mut gone = std::mem::take(&mut self.left);
        gone.retain(|(topic, _)| is_gone(topic) && !self.told.contains_key(topic));
        for (topic, config) in self.told.iter().filter(|(topic, _)| is_gone(topic)) {
            let states = states(&self.topics, config).unwrap_or_default();
            gone.push((topic.clone(), states));
        }
        // An entity without a configuration disappears, and with it the broker's last picture of the camera.
        for topic in gone.into_iter().flat_map(|(topic, mut states)| {
            states.push(topic);
            states
        }) {
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
        let (picture, sent) = station.choose(number, picture);
        self.sending = Some((number, sent));
        if let (Some(camera), Some(picture)) = (&alert.camera, picture)
            && let Some(bytes) = bytes_of(picture).await
        {
            self.publish(&self.topics.camera(camera, PICTURE), &bytes, true)
                .await?;
        }
        let packet = self
            .publish(&self.topics.alert(), alert.json().as_bytes(), false)
            .await?;
        self.under_way = Some(packet);
        self.sent = Instant::now();
        Ok(())
    }
}

/// Does what a command says, where that changes anything: whoever may publish may say it over and over.
fn command(payload: &[u8], alerts: &Alerts) {
    let armed = match payload {
        b"ON" => true,
        b"OFF" => false,
        _ => return tracing::warn!("a command by MQTT is neither ON nor OFF"),
    };
    if alerts.armed().armed != armed
        && let Err(error) = alerts.arm(armed, None)
    {
        tracing::warn!(%error, "a command by MQTT was not done");
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
