//! Packets (MQTT 3.1.1, OASIS 2014): those that a client writes, and those that it reads.

/// Ends a connection in order: the will is not published.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

/// Largest packet that is read. Commands are words.
const LARGEST: usize = 64 << 10;

/// The beginning of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    /// What the broker knows this client by.
    pub client: &'a str,
    /// User and password.
    pub login: Option<(&'a str, &'a str)>,
    /// Longest silence in seconds; [`ping`] breaks it.
    pub keep_alive: u16,
    /// Topic and content of what the broker publishes, retained, when the connection breaks.
    pub will: Option<(&'a str, &'a str)>,
}

/// A message under a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The content.
    pub payload: &'a [u8],
    /// Whether the broker keeps it for those who come later.
    pub retain: bool,
}

/// A packet of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Whether the connection is taken: 0 if so.
    Connected(u8),
    /// A message, with the number that is to be acknowledged where there is one.
    Published(Publish<'a>, Option<u16>),
    /// The broker has the message of that number.
    Acknowledged(u16),
    /// What it makes of each subscription; 0x80 is that it refuses one.
    Subscribed(&'a [u8]),
    /// The answer to a ping.
    Pong,
}

/// The bytes are not what a broker sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what answers there is no MQTT broker of version 3.1.1")]
pub struct BadPacket;

/// Writes a packet.
fn packet(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = vec![kind];
    loop {
        let more = if length > 0x7f { 0x80 } else { 0 };
        bytes.push((length & 0x7f) as u8 | more);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    bytes.extend(parts.concat());
    bytes
}

/// A text with its length before it. One that is too long is cut.
fn text(text: &str) -> Vec<u8> {
    let mut end = text.len().min(u16::MAX.into());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    [&(end as u16).to_be_bytes()[..], &text.as_bytes()[..end]].concat()
}

/// Begins a connection, without what an earlier one left.
pub fn connect(it: &Connect<'_>) -> Vec<u8> {
    const CLEAN: u8 = 0x02;
    const WILL: u8 = 0x04 | 0x08 | 0x20;
    const LOGIN: u8 = 0x80 | 0x40;
    let flags = CLEAN | it.will.map_or(0, |_| WILL) | it.login.map_or(0, |_| LOGIN);
    let mut body = text("MQTT");
    body.extend([4, flags]);
    body.extend(it.keep_alive.to_be_bytes());
    body.extend(text(it.client));
    if let Some((topic, content)) = it.will {
        body.extend([text(topic), text(content)].concat());
    }
    if let Some((user, password)) = it.login {
        body.extend([text(user), text(password)].concat());
    }
    packet(0x10, &[&body])
}

/// Publishes a message that is acknowledged with that number, which is not 0.
pub fn publish(it: &Publish<'_>, number: u16) -> Vec<u8> {
    let kind = 0x30 | 0x02 | u8::from(it.retain);
    packet(kind, &[&text(it.topic), &number.to_be_bytes(), it.payload])
}

/// Subscribes to topics; messages are delivered at most once.
pub fn subscribe(topics: &[&str], number: u16) -> Vec<u8> {
    let mut body = number.to_be_bytes().to_vec();
    for topic in topics {
        body.extend(text(topic));
        body.push(0);
    }
    packet(0x82, &[&body])
}

/// Breaks the silence.
pub fn ping() -> Vec<u8> {
    packet(0xc0, &[])
}

/// What acknowledges a message of the broker's.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged(pub u16);

impl Acknowledged {
    /// As bytes.
    pub fn bytes(self) -> Vec<u8> {
        packet(0x40, &[&self.0.to_be_bytes()])
    }
}

/// Reads the first packet of some bytes, and says how many it takes. `None` where it is not all there yet.
///
/// # Errors
/// Where it is none that a broker sends to such a client.
pub fn read(bytes: &[u8]) -> Result<Option<(Packet<'_>, usize)>, BadPacket> {
    // What else answers there may never send as much as its second byte says.
    if !matches!(
        bytes.first(),
        None | Some(0x20 | 0x30..=0x3f | 0x40 | 0x90 | 0xd0)
    ) {
        return Err(BadPacket);
    }
    let mut length = 0;
    let mut at = 1;
    loop {
        let Some(byte) = bytes.get(at) else {
            return Ok(None);
        };
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if at > 4 {
            return Err(BadPacket);
        }
    }
    if length > LARGEST {
        return Err(BadPacket);
    }
    let Some(body) = bytes.get(at..at + length) else {
        return Ok(None);
    };
    let packet = match (bytes[0], body) {
        (0x20, [_, code]) => Packet::Connected(*code),
        (0x40, [high, low]) => Packet::Acknowledged(u16::from_be_bytes([*high, *low])),
        (0x90, [_, _, codes @ ..]) => Packet::Subscribed(codes),
        (0xd0, []) => Packet::Pong,
        (kind @ 0x30..=0x3f, body) => published(kind, body).ok_or(BadPacket)?,
        _ => return Err(BadPacket),
    };
    Ok(Some((packet, at + length)))
}

fn published(kind: u8, body: &[u8]) -> Option<Packet<'_>> {
    let (length, body) = body.split_first_chunk::<2>()?;
    let (topic, body) = body.split_at_checked(u16::from_be_bytes(*length).into())?;
    let (number, payload) = match kind >> 1 & 3 {
        0 => (None, body),
        1 => {
            let (number, body) = body.split_first_chunk::<2>()?;
            (Some(u16::from_be_bytes(*number)), body)
        }
        _ => return None,
    };
    let publish = Publish {
        topic: std::str::from_utf8(topic).ok()?,
        payload,
        retain: kind & 1 != 0,
    };
    Some(Packet::Published(publish, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_are_written_as_the_standard_has_them() {
        let it = Connect {
            client: "pi",
            login: None,
            keep_alive: 60,
            will: Some(("a/b", "off")),
        };
        assert_eq!(
            connect(&it),
            b"\x10\x18\x00\x04MQTT\x04\x2e\x00\x3c\x00\x02pi\x00\x03a/b\x00\x03off"
        );
        let it = Connect {
            login: Some(("me", "pw")),
            ..it
        };
        assert_eq!(
            connect(&it),
            b"\x10\x20\x00\x04MQTT\x04\xee\x00\x3c\x00\x02pi\x00\x03a/b\x00\x03off\x00\x02me\x00\x02pw"
        );
        let it = Connect {
            login: None,
            will: None,
            ..it
        };
        assert_eq!(
            connect(&it),
            b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02pi"
        );
        let message = Publish {
            topic: "a/b",
            payload: b"ON",
            retain: true,
        };
        assert_eq!(publish(&message, 7), b"\x33\x09\x00\x03a/b\x00\x07ON");
        let large = publish(
            &Publish {
                payload: &[0; 200],
                retain: false,
                ..message
            },
            1,
        );
        assert_eq!(&large[..3], [0x32, 0xcf, 0x01]);
        assert_eq!(
            subscribe(&["a/+", "b"], 2),
            b"\x82\x0c\x00\x02\x00\x03a/+\x00\x00\x01b\x00"
        );
        assert_eq!(
            (ping(), Acknowledged(258).bytes()),
            (vec![0xc0, 0], vec![0x40, 2, 1, 2])
        );
    }

    #[test]
    fn packets_of_a_broker_are_read() {
        assert_eq!(
            read(b"\x20\x02\x00\x05more"),
            Ok(Some((Packet::Connected(5), 4)))
        );
        assert_eq!(
            read(b"\x40\x02\x00\x07"),
            Ok(Some((Packet::Acknowledged(7), 4)))
        );
        assert_eq!(
            read(b"\x90\x04\x00\x02\x00\x01"),
            Ok(Some((Packet::Subscribed(&[0, 1]), 6)))
        );
        assert_eq!(
            read(b"\x90\x04\x00\x02\x00\x80"),
            Ok(Some((Packet::Subscribed(&[0, 0x80]), 6)))
        );
        assert_eq!(read(b"\xd0\x00"), Ok(Some((Packet::Pong, 2))));
        let told = Publish {
            topic: "a",
            payload: b"ON",
            retain: true,
        };
        assert_eq!(
            read(b"\x31\x05\x00\x01aON"),
            Ok(Some((Packet::Published(told, None), 7)))
        );
        let told = Publish {
            retain: false,
            ..told
        };
        assert_eq!(
            read(b"\x32\x07\x00\x01a\x00\x09ON"),
            Ok(Some((Packet::Published(told, Some(9)), 9)))
        );
        for wrong in [
            &b"HTTP/1.1 400"[..],
            b"\x20\x01\x00",
            b"\x30\x02\x00\x05",
            b"\x34\x05\x00\x01a\x00\x01",
            b"\x31\x03\x00\x01\xff",
            b"\x30\xff\xff\xff\xff\x01",
            b"\x30\xff\xff\x7f",
        ] {
            assert_eq!(read(wrong), Err(BadPacket), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_anywhere_waits_for_the_rest(topic in "[a-z/]{0,40}", payload in prop::collection::vec(any::<u8>(), 0..400)) {
            let message = Publish { topic: &topic, payload: &payload, retain: false };
            let bytes = publish(&message, 3);
            for end in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..end]), Ok(None));
            }
            prop_assert_eq!(read(&bytes), Ok(Some((Packet::Published(message, Some(3)), bytes.len()))));
        }

        #[test]
        fn garbage_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes);
        }
    }
}
