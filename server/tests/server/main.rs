//! The whole server over real TCP on port 0: viewers, plain HTTP, and the program itself.
//!
//! Stages alone are tested beside their code; the browser belongs to `e2e/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abuse;
mod access;
mod announced;
mod beside;
mod cameras;
mod clock;
mod codes;
mod configured;
mod controls;
mod cost;
mod crashed;
mod devices;
mod doctor;
mod encoders;
mod encrypted;
mod ended;
mod examples;
mod faults;
mod forwarded;
mod generated;
mod grab;
mod http;
mod ingested;
mod key_command;
mod languages;
mod lifecycle;
mod logged;
mod login;
mod passwords;
mod peers;
mod places;
mod players;
mod process;
mod proxy;
mod pulled;
mod pushed;
mod pushes;
mod python;
mod relayed;
mod reloaded;
mod renditions;
mod roles;
mod scarce;
mod service;
mod sessions;
mod shown;
mod sign_in;
mod silent;
mod software;
mod stuck;
mod stuck_pushers;
mod support;
mod terminal;
mod texts;
mod tickets;
mod tls;
mod undecodable;
mod unusable;
mod vanished;
mod viewers;
mod violations;
mod words;
