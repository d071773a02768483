//! MQTT 3.1.1 as far as a publisher needs it, and what Home Assistant finds devices by.
//!
//! Connections belong to the caller.

pub mod home_assistant;
mod packet;
pub mod topics;

pub use packet::{
    Acknowledged, BadPacket, Connect, DISCONNECT, Packet, Publish, connect, ping, publish, read,
    subscribe,
};
