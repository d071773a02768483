//! Publishes to a NATS broker: the frames that edges want, and the camera's state, which tells them that it is there.
//!
//! Who wants what is decided by `pistreamer_fleet::audience`. A frame is sent when the broker has handed on those before it, as
//! [`Credit`] has it for viewers: where the way to the broker is slow, newer frames take the place of those that wait.

use super::{Sending, Stopped};
use crate::broker::{Broker, Heard, Link, Servers};
use crate::camera::{Camera, Event, Push, Subscription};
use crate::hub::{Frame, Limits, View};
use crate::util::log_throttle::EventThrottle;
use futures::future::select_all;
use pistreamer_fleet::audience::{self, Audience, Pace, Rates};
use pistreamer_fleet::message::{Demand, Instance, State};
use pistreamer_fleet::roster::REPEAT;
use pistreamer_fleet::subject::{RENDITIONS, Rendition, Subject};
use pistreamer_fleet::wire::Message;
use pistreamer_protocol::credit::{Credit, Room};
use pistreamer_protocol::message::{CameraState as Phase, Cause};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

/// Subscriptions.
const DEMAND: u64 = 1;
const HELLO: u64 = 2;

/// Time for the broker to take the last message.
const FAREWELL: Duration = Duration::from_millis(500);

/// Publishes until `stop` (`Ok`) or until the connection fails.
pub(super) async fn push(
    camera: &Camera,
    broker: &Broker,
    servers: &mut Servers,
    push: &Push,
    stop: &CancellationToken,
) -> Result<Stopped, String> {
    let id = broker.camera.as_deref().unwrap_or(camera.id());
    let name = format!("pistreamer camera {id}");
    let link = tokio::select! {
        () = stop.cancelled() => return Ok(Stopped::Before),
        link = Link::connect(broker, servers, &name) => link?,
    };
    tracing::info!(%broker, camera = id, "connected");
    let mut publishing = Publishing::begin(camera, id, link, push);
    let end = publishing.run(stop).await;
    if end.is_ok() {
        publishing.say(true);
        publishing.link.drain(FAREWELL).await;
    }
    end.map(|()| Stopped::Connected)
}

/// One connection.
struct Publishing<'a> {
    camera: &'a Camera,
    id: &'a str,
    own: Instance,
    link: Link,
    push: &'a Push,
    sending: Sending<'a>,
    audience: Audience,
    /// Of the camera's state alone: it wants no frames.
    states: Subscription,
    wanted: Rates,
    views: [Option<View>; RENDITIONS],
    paces: [Pace; RENDITIONS],
    /// The rendition that was sent last: the others go first.
    last: usize,
    credit: Credit,
    sent: u64,
    /// Numbers of frames that the broker has not handed on yet.
    under_way: VecDeque<u64>,
    said: Instant,
    /// Bytes of the last frame, where the broker takes none of that size.
    too_large: Option<usize>,
    is_contested: bool,
    bad: EventThrottle,
    refusals: EventThrottle,
}

impl<'a> Publishing<'a> {
    fn begin(camera: &'a Camera, id: &'a str, mut link: Link, push: &'a Push) -> Self {
        let mut states = camera.subscribe(Limits::default());
        states.pause();
        // A program that pushes without serving has no name by which it is known.
        let own = camera.via().and_then(|via| Instance::parse(via.own()));
        let own = own.unwrap_or_else(|| Instance::new(fastrand::u64(..)));
        link.subscribe(&Subject::Demand(id.into()).to_string(), DEMAND);
        link.subscribe(&Subject::Hello.to_string(), HELLO);
        let now = Instant::now();
        let mut publishing = Self {
            camera,
            id,
            own,
            link,
            push,
            sending: Sending::connected(push),
            audience: Audience::new(own),
            states,
            wanted: Rates::default(),
            views: Default::default(),
            paces: Default::default(),
            last: 0,
            credit: Credit::acknowledged_always(now),
            sent: 0,
            under_way: VecDeque::new(),
            said: now,
            too_large: None,
            is_contested: false,
            bad: EventThrottle::new(),
            refusals: EventThrottle::new(),
        };
        publishing.say(false);
        publishing
    }

    async fn run(&mut self, stop: &CancellationToken) -> Result<(), String> {
        loop {
            let now = Instant::now();
            self.follow_demand(now);
            let (is_ready, room_at) = match self.credit.room(now) {
                Room::Now => (self.link.is_clear(), None),
                Room::At(at) => (false, Some(at)),
                // The broker answers in order: what it has not answered has not arrived.
                Room::Unknown => (false, None),
            };
            let until = [
                Some(self.said + REPEAT),
                self.audience.next_expiry(),
                room_at,
            ];
            let until = until.into_iter().flatten().min().unwrap_or(now);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                heard = self.link.next() => self.hear(heard?),
                event = self.states.next(false) => if let Event::State(_) = event {
                    self.say(false);
                },
                (at, frame) = newest(&mut self.views, self.last), if is_ready => self.send(at, &frame),
                () = sleep_until(until.into()) => {}
            }
            if self.said.elapsed() >= REPEAT {
                self.say(false);
            }
        }
    }

    /// Wants of the camera what the edges want.
    fn follow_demand(&mut self, now: Instant) {
        let wanted = self.audience.wanted(now);
        if wanted != self.wanted {
            let edges = self.audience.edges();
            tracing::debug!(edges, ?wanted, "edges want this");
            self.wanted = wanted;
            for (at, wanted) in wanted.iter().enumerate() {
                match wanted {
                    None => self.views[at] = None,
                    Some(_) if self.views[at].is_none() => {
                        self.views[at] = Some(self.camera.feed().view(self.limits(at)));
                        self.paces[at] = Pace::default();
                    }
                    Some(_) => {}
                }
            }
            if wanted.iter().all(Option::is_none) {
                self.sending.pause();
            }
        }
        let is_contested = self.audience.is_contested(now);
        if is_contested != self.is_contested {
            self.is_contested = is_contested;
            self.tell();
        }
    }

    fn limits(&self, at: usize) -> Limits {
        let width = self.camera.state().mode.width;
        Limits {
            max_width: (at > 0 && width > 0).then_some(width >> at),
            quality: None,
            tiles: false,
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Message(message) if message.sid == DEMAND => self.hear_demand(&message),
            // It is said each second anyway: whoever asks without end takes no memory, and no room from frames.
            Heard::Message(_) if !self.link.is_clear() => {}
            Heard::Message(Message { reply, .. }) => match reply {
                // Nobody has this program say it in a place where it means something else.
                Some(reply) if reply.starts_with("pistreamer.") => {}
                Some(reply) => self.link.publish(&reply, None, self.state(false)),
                None => self.say(false),
            },
            Heard::Echo(number) => {
                self.credit.acknowledged(number, Instant::now());
                let before = self.under_way.len();
                self.under_way.retain(|sent| *sent > number);
                self.push
                    .count_delivered((before - self.under_way.len()) as u64);
            }
            Heard::Clear => {}
            Heard::Refused(error) => {
                let reason = format!("the broker refuses: {error}");
                if let Some(times) = self.refusals.again() {
                    tracing::warn!(reason, times, "not published");
                }
                self.push.failed(&reason);
            }
        }
    }

    fn hear_demand(&mut self, message: &Message) {
        let now = Instant::now();
        let demand = match Demand::read(&message.payload) {
            Ok(demand) => demand,
            Err(error) => {
                if let Some(times) = self.bad.again() {
                    tracing::warn!(%error, times, "the broker brings a demand that is none");
                }
                return;
            }
        };
        if demand.via.contains(&self.own) {
            if let Some(times) = self.bad.again() {
                tracing::warn!(
                    times,
                    "an edge wants this camera for this server itself: it is not sent in a circle"
                );
            }
            return;
        }
        if self.audience.hear(&demand, now) == audience::Heard::More {
            // An edge waits for a picture: it gets the one that there is.
            let wanted = demand.want.iter().map(|want| want.rendition.halvings());
            for at in wanted {
                if let Some(view) = &mut self.views[at] {
                    view.begin_anew();
                    self.paces[at] = Pace::default();
                }
            }
        }
    }

    fn send(&mut self, at: usize, frame: &Frame) {
        let now = Instant::now();
        if !self.paces[at].passes(self.wanted[at].unwrap_or(f64::INFINITY), now) {
            return;
        }
        let jpeg = frame.jpeg();
        let is_too_large = jpeg.len() > self.link.info().max_payload;
        if is_too_large != self.too_large.is_some() {
            self.too_large = is_too_large.then_some(jpeg.len());
            self.tell();
            self.say(false);
        }
        if is_too_large {
            self.push.count_skipped(1);
            return;
        }
        self.sent += 1;
        self.last = at;
        let subject = Subject::Frames(self.id.into(), Rendition::ALL[at]);
        let publisher = self.own.to_string();
        self.credit.sent(self.sent, jpeg.len(), now);
        self.under_way.push_back(self.sent);
        self.link
            .publish_frame(&subject.to_string(), &publisher, jpeg.clone(), self.sent);
        self.sending.sent(frame);
    }

    /// Notes in the status of this push what is wrong, or that nothing is.
    fn tell(&self) {
        if let Some(cause) = self.problem() {
            let reason = cause.to_string();
            tracing::warn!(reason, "not published");
            self.push.failed(&reason);
        } else if self.is_contested {
            let reason = format!(
                "another camera is published as {} there, and edges show that one: give one of them another id, or add \
                 ?camera=NAME to the URL here",
                self.id
            );
            tracing::warn!(reason, "not published");
            self.push.failed(&reason);
        } else {
            self.push.connected();
        }
    }

    fn problem(&self) -> Option<Cause> {
        let bytes = self.too_large? as u64;
        Some(Cause::FrameTooLarge {
            bytes,
            limit: self.link.info().max_payload as u64,
            // With room for a livelier scene.
            needed: (bytes * 2).next_power_of_two(),
        })
    }

    fn state(&self, left: bool) -> bytes::Bytes {
        let state = self.camera.state();
        let source = state.source.clone();
        let mut status = state.message();
        status.controls = None;
        status.recording = None;
        if let Some(cause) = self.problem() {
            (status.state, status.reason) = (Phase::NoSignal, cause.into());
        }
        let state = State {
            camera: self.id.into(),
            publisher: self.own,
            left,
            source,
            status,
        };
        state.written().into()
    }

    /// Says the camera's state.
    fn say(&mut self, left: bool) {
        self.said = Instant::now();
        let subject = Subject::State(self.id.into()).to_string();
        let state = self.state(left);
        self.link.publish(&subject, None, state);
        for at in 0..RENDITIONS {
            let limits = self.limits(at);
            if let Some(view) = &mut self.views[at] {
                view.limit(limits);
            }
        }
    }
}

/// The newest frame of the next rendition that has one, beginning behind the last one that was sent. Cancel-safe.
async fn newest(views: &mut [Option<View>; RENDITIONS], last: usize) -> (usize, Arc<Frame>) {
    let (before, behind) = views.split_at_mut(last + 1);
    let behind = behind
        .iter_mut()
        .enumerate()
        .map(|(at, view)| (last + 1 + at, view));
    let all = behind.chain(before.iter_mut().enumerate());
    let frames: Vec<_> = all
        .filter_map(|(at, view)| {
            let view = view.as_mut()?;
            Some(Box::pin(async move { (at, view.newest().await) }))
        })
        .collect();
    if frames.is_empty() {
        return std::future::pending().await;
    }
    select_all(frames).await.0
}
