//! The local network: how this server is announced there, and how others are found (DNS-SD, RFC 6763, over mDNS, RFC 6762).
//!
//! Where avahi-daemon runs, it is asked to announce ([`avahi`]): two responders on one machine disturb each other. Elsewhere
//! the server answers by itself ([`responder`]). What is told stands in [`offer`], how it is written in [`message`].

mod announce;
mod avahi;
mod bus;
mod find;
mod links;
mod message;
mod offer;
mod responder;

pub(crate) use announce::announce;
pub(crate) use find::find;
pub use message::{Found, heard};
pub(crate) use offer::Offer;
