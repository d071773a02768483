//! The messages: what a server is told by, and what is understood of those of others, who may send anything.

use pistreamer_protocol::text;
use serde::Serialize;
use simple_dns::rdata::{A, AAAA, NSEC, NsecTypeBitMap, PTR, RData, SRV, TXT};
use simple_dns::{
    CLASS, CharacterString, Label, Name, Packet, PacketFlag, QCLASS, QTYPE, Question,
    ResourceRecord, TYPE,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where all of mDNS is sent, over IPv4.
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
pub(super) const PORT: u16 = 5353;

/// Largest message that is read: none on Ethernet is larger (RFC 6762 §17).
pub(super) const LARGEST: usize = 9000;

const PISTREAMER: &str = "_pistreamer._tcp.local";
const HTTP: &str = "_http._tcp.local";
/// What kinds of servers there are (RFC 6763 §9).
const KINDS: &str = "_services._dns-sd._udp.local";

/// How long others may remember what they were told, in seconds.
const REMEMBERED: u32 = 120;

/// The same for those who asked without being a part of mDNS (RFC 6762 §6.7).
const REMEMBERED_SHORTLY: u32 = 10;

/// A server as it is told of on one link.
#[derive(Debug)]
pub(super) struct Told<'a> {
    /// The name for people, at most 63 bytes.
    pub(super) name: &'a str,
    /// The machine's name in `.local`.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// Whether each browser understands it as it is, so that it is a web server as well.
    pub(super) plain: bool,
    pub(super) texts: &'a [String],
    pub(super) addresses: &'a [IpAddr],
}

/// A name whose first label may have any characters.
fn under<'a>(first: &'a str, rest: &'a str) -> Name<'a> {
    let labels = std::iter::once(first).chain(rest.split('.'));
    let labels: Vec<_> = labels
        .map(|label| Label::new_unchecked(label.as_bytes()))
        .collect();
    Name::new_with_labels(&labels)
}

fn written(packet: &Packet<'_>) -> Vec<u8> {
    packet
        .build_bytes_vec_compressed()
        .expect("every label and text fits")
}

impl<'a> Told<'a> {
    /// Each record; the mark is on those that no other machine has.
    fn records(&self) -> Vec<ResourceRecord<'a>> {
        let record = |name, data, own| {
            ResourceRecord::new(name, CLASS::IN, REMEMBERED, data).with_cache_flush(own)
        };
        let kinds: &[&'static str] = if self.plain {
            &[PISTREAMER, HTTP]
        } else {
            &[PISTREAMER]
        };
        let mut records = Vec::new();
        for kind in kinds {
            let (name, kind) = (under(self.name, kind), Name::new_unchecked(kind));
            let texts =
                self.texts.iter().fold(TXT::new(), |texts, text| {
                    match CharacterString::new(text.as_bytes()) {
                        Ok(text) => texts.with_char_string(text),
                        Err(_) => texts,
                    }
                });
            let server = SRV {
                priority: 0,
                weight: 0,
                port: self.port,
                target: under(self.host, "local"),
            };
            let all = Name::new_unchecked(KINDS);
            records.extend([
                record(kind.clone(), RData::PTR(PTR(name.clone())), false),
                record(all, RData::PTR(PTR(kind)), false),
                record(name.clone(), RData::SRV(server), true),
                record(name, RData::TXT(texts), true),
            ]);
        }
        records.extend(self.addresses.iter().map(|address| {
            let data = match address {
                IpAddr::V4(address) => RData::A(A::from(*address)),
                IpAddr::V6(address) => RData::AAAA(AAAA::from(*address)),
            };
            record(under(self.host, "local"), data, true)
        }));
        // Without these, some systems that ask for an IPv6 address wait until their time is over where there is none.
        let only = own_names(&records);
        let only = only.into_iter().map(|(name, types)| {
            record(name.clone(), RData::NSEC(nothing_but(name, &types)), true)
        });
        let only: Vec<_> = only.collect();
        records.extend(only);
        records
    }

    /// Tells everybody on the link: that it is there, or that it goes.
    pub(super) fn to_all(&self, goes: bool) -> Vec<u8> {
        let mut packet = Packet::new_reply(0);
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        packet.answers = self.records();
        if goes {
            packet.answers.iter_mut().for_each(|record| record.ttl = 0);
        }
        written(&packet)
    }

    /// Tells one that asked from a port of its own.
    pub(super) fn to_one(&self, query: &Packet<'a>) -> Vec<u8> {
        let mut packet = Packet::new_reply(query.id());
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        // Those who ask look for their own question, wherever it stood.
        let questions = query.questions.iter().take(MOST_RECORDS);
        packet.questions = questions.cloned().collect();
        packet.answers = self.records();
        for record in &mut packet.answers {
            record.ttl = REMEMBERED_SHORTLY;
            record.cache_flush = false;
        }
        written(&packet)
    }

    /// Whether a query asks for this server, and does not know the answer.
    pub(super) fn is_asked_for(&self, query: &Packet<'_>) -> bool {
        let records = self.records();
        let knows = |record: &ResourceRecord<'_>| {
            let mut known = query.answers.iter().take(MOST_RECORDS);
            known.any(|it| {
                it.name == record.name && it.rdata == record.rdata && it.ttl >= REMEMBERED / 2
            })
        };
        let fits = |record: &ResourceRecord<'_>, question: &Question<'_>| {
            question.qname == record.name
                && record.match_qclass(question.qclass)
                && record.match_qtype(question.qtype)
        };
        let mut asked = records.iter().filter(|record| {
            query.questions.iter().take(MOST_RECORDS).any(|question| {
                // That there is nothing but the others is an answer to each question that none of them answers.
                let of_name = question.qname == record.name && record.match_qclass(question.qclass);
                fits(record, question)
                    || (matches!(record.rdata, RData::NSEC(_))
                        && of_name
                        && !records.iter().any(|other| fits(other, question)))
            })
        });
        asked.any(|record| !knows(record))
    }
}

/// The names that no other machine has, each with the types of its records.
fn own_names<'a>(records: &[ResourceRecord<'a>]) -> Vec<(Name<'a>, Vec<u16>)> {
    let mut names: Vec<(Name<'a>, Vec<u16>)> = Vec::new();
    for record in records.iter().filter(|record| record.cache_flush) {
        let kind = u16::from(record.rdata.type_code());
        match names.iter_mut().find(|(name, _)| *name == record.name) {
            Some((_, types)) => types.push(kind),
            None => names.push((record.name.clone(), vec![kind])),
        }
    }
    names
}

/// That a name has records of these types only, all of which are below 256 (RFC 6762 §6.1).
fn nothing_but<'a>(name: Name<'a>, types: &[u16]) -> NSEC<'a> {
    let largest = types.iter().copied().max().unwrap_or_default();
    let mut bitmap = vec![0; usize::from(largest / 8) + 1];
    for kind in types {
        bitmap[usize::from(kind / 8)] |= 0x80 >> (kind % 8);
    }
    NSEC {
        next_name: name,
        type_bit_maps: vec![NsecTypeBitMap {
            window_block: 0,
            bitmap: bitmap.into(),
        }],
    }
}

/// Most questions, and answers that are known already, that one query has.
const MOST_RECORDS: usize = 128;

/// A message that may be one. What it says of its own size is not believed.
fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let counts = bytes.get(4..12)?.chunks_exact(2);
    let counts = counts.map(|count| usize::from(u16::from_be_bytes([count[0], count[1]])));
    // None is shorter than five bytes.
    if counts.sum::<usize>() > bytes.len() / 5 {
        return None;
    }
    Packet::parse(bytes).ok()
}

/// Whether a message may be a query for one of these labels, without reading it: most of what is said on a network is not.
pub(super) fn may_ask(bytes: &[u8], labels: &[&str]) -> bool {
    let is_query = bytes.get(2).is_some_and(|flags| flags & 0x80 == 0);
    let asks = bytes.get(4..6).is_some_and(|count| count != [0, 0]);
    let mut labels = labels.iter().map(|label| label.as_bytes());
    let has = |label: &[u8]| {
        let mut places = bytes.windows(label.len());
        places.any(|place| place.eq_ignore_ascii_case(label))
    };
    is_query && asks && labels.any(has)
}

/// Labels that are in each query for any server.
pub(super) const LABELS: [&str; 3] = ["_pistreamer", "_http", "_services"];

/// A query.
pub(super) fn query(bytes: &[u8]) -> Option<Packet<'_>> {
    parse(bytes).filter(|packet| !packet.has_flags(PacketFlag::RESPONSE))
}

/// Asks which servers there are.
pub(super) fn search() -> Vec<u8> {
    let mut packet = Packet::new_query(0);
    packet.questions.push(Question::new(
        Name::new_unchecked(PISTREAMER),
        QTYPE::TYPE(TYPE::PTR),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    written(&packet)
}

/// A server that says it is there. Each text of it is short, and without characters that a terminal would act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its address for a browser.
    pub url: String,
    /// What it goes by.
    pub server: String,
    /// What its cameras go by.
    pub name: String,
    /// Their ids, where it says them.
    pub cameras: Vec<String>,
    /// Whether it encrypts.
    pub tls: bool,
    /// Its version; may be empty.
    pub version: String,
}

/// Longest text of another server's, in characters.
const LONGEST: usize = 100;

/// Most cameras that one is believed to have.
const MOST_CAMERAS: usize = 64;

/// Most servers that one answer tells of.
const MOST_SERVERS: usize = 16;

/// The servers that an answer from that address tells of.
pub fn heard(bytes: &[u8], from: Ipv4Addr) -> Vec<Found> {
    let Some(packet) = parse(bytes).filter(|packet| packet.has_flags(PacketFlag::RESPONSE)) else {
        return Vec::new();
    };
    let records = || packet.answers.iter().chain(&packet.additional_records);
    let service = Name::new_unchecked(PISTREAMER);
    let found = records().filter_map(|record| {
        let RData::SRV(server) = &record.rdata else {
            return None;
        };
        let name = record.name.without(&service)?;
        let label = name.get_labels().first()?.as_ref();
        if record.ttl == 0 || server.port == 0 {
            return None;
        }
        let texts = records().find_map(|other| match &other.rdata {
            RData::TXT(texts) if other.name == record.name => Some(texts),
            _ => None,
        });
        let addresses = records().filter_map(|other| match &other.rdata {
            RData::A(it) if other.name == server.target => Some(IpAddr::V4(it.address.into())),
            RData::AAAA(it) if other.name == server.target => Some(IpAddr::V6(it.address.into())),
            _ => None,
        });
        let text = |key: &str| {
            let mut texts = texts.into_iter().flat_map(TXT::iter_raw);
            let found = texts.find(|(found, _)| found.eq_ignore_ascii_case(key.as_bytes()));
            text::plain(&String::from_utf8_lossy(
                found.and_then(|(_, value)| value).unwrap_or_default(),
            ))
        };
        // The one that answered is there. What it says may be of a network that is not reached from here.
        let mut addresses: Vec<_> = addresses.collect();
        addresses.sort_by_key(|address| (*address != from, address.is_ipv6()));
        let address = SocketAddr::new(*addresses.first().unwrap_or(&from.into()), server.port);
        let tls = text("tls") == "1";
        let scheme = if tls { "https" } else { "http" };
        let ids = text("id");
        let ids = ids.split(',').filter(|id| !id.is_empty());
        Some(Found {
            url: format!("{scheme}://{address}{}", path(cut(&text("path")))),
            server: cut(&text::plain(&String::from_utf8_lossy(label))),
            name: cut(&text("name")),
            cameras: ids.take(MOST_CAMERAS).map(str::to_owned).collect(),
            tls,
            version: cut(&text("version")),
        })
    });
    found.take(MOST_SERVERS).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The path, where it is one that can stand in a URL.
fn path(told: String) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if told.starts_with('/') && told.bytes().all(fits) {
        told
    } else {
        "/".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

    fn told(texts: &[String]) -> Told<'_> {
        Told {
            name: "pistreamer on pi.4",
            host: "pistreamer-1",
            port: 8000,
            plain: true,
            texts,
            addresses: &[IpAddr::V4(HERE), IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)],
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_told_is_heard() {
        let texts = texts(&[
            "id=door,yard",
            "name=Door, Yard",
            "path=/",
            "tls=0",
            "version=1.2",
        ]);
        let found = Found {
            url: "http://192.0.2.7:8000/".into(),
            server: "pistreamer on pi.4".into(),
            name: "Door, Yard".into(),
            cameras: vec!["door".into(), "yard".into()],
            tls: false,
            version: "1.2".into(),
        };
        assert_eq!(
            heard(&told(&texts).to_all(false), HERE),
            std::slice::from_ref(&found)
        );
        let (search, told) = (search(), told(&texts));
        let query = query(&search).unwrap();
        assert!(told.is_asked_for(&query));
        assert_eq!(heard(&told.to_one(&query), HERE), [found]);
        assert_eq!(heard(&told.to_all(true), HERE), [], "it goes");
        let told = Told {
            addresses: &[IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)],
            ..told
        };
        assert_eq!(
            heard(&told.to_all(false), HERE)[0].url,
            "http://[::1]:8000/"
        );
        assert_eq!(heard(&search, HERE), []);
    }

    #[test]
    fn one_that_knows_the_answer_or_asks_for_something_else_gets_none() {
        let texts = texts(&["id=door"]);
        let (search, told) = (search(), told(&texts));
        let mut query = query(&search).unwrap();
        query.answers = told.records();
        assert!(!told.is_asked_for(&query));
        query.answers[0].ttl = 1;
        assert!(told.is_asked_for(&query));
        query.questions[0].qname = Name::new_unchecked("_ipp._tcp.local");
        assert!(!told.is_asked_for(&query));
    }

    #[test]
    fn one_that_asks_for_an_address_of_a_kind_that_there_is_none_of_is_told_so_at_once() {
        let (texts, bytes) = (texts(&["id=door"]), search());
        let told = Told {
            addresses: &[IpAddr::V4(HERE)],
            ..told(&texts)
        };
        let mut query = query(&bytes).unwrap();
        query.questions[0].qname = under("pistreamer-1", "local");
        query.questions[0].qtype = QTYPE::TYPE(TYPE::AAAA);
        assert!(told.is_asked_for(&query));
        let answer = told.to_one(&query);
        let answer = Packet::parse(&answer).unwrap();
        let types = answer
            .answers
            .iter()
            .filter_map(|record| match &record.rdata {
                RData::NSEC(only) => Some((record.name.to_string(), only.type_bit_maps.clone())),
                _ => None,
            });
        let types: Vec<_> = types
            .map(|(name, maps)| {
                let bits = maps[0].bitmap.iter().enumerate();
                let bits = bits.flat_map(|(at, byte)| {
                    (0..8)
                        .filter_map(move |bit| (byte & (0x80 >> bit) != 0).then_some(8 * at + bit))
                });
                (name, bits.collect::<Vec<_>>())
            })
            .collect();
        let (a, txt, srv) = (1, 16, 33);
        assert_eq!(
            types.last().unwrap(),
            &("pistreamer-1.local".into(), vec![a])
        );
        assert!(
            types[..types.len() - 1]
                .iter()
                .all(|(_, types)| *types == [txt, srv])
        );
        query.answers = told.records();
        assert!(!told.is_asked_for(&query), "it knows that already");
        query.questions[0].qname = under("pistreamer-2", "local");
        assert!(!told.is_asked_for(&query), "another machine's");
    }

    #[test]
    fn one_that_asks_several_things_finds_its_questions_in_the_answer() {
        let (texts, bytes) = (texts(&["id=door"]), search());
        let mut packet = query(&bytes).unwrap();
        let mut other = packet.questions[0].clone();
        other.qname = Name::new_unchecked("_ipp._tcp.local");
        packet.questions.insert(0, other);
        let asked = written(&packet);
        let answer = told(&texts).to_one(&query(&asked).unwrap());
        let answer = Packet::parse(&answer).unwrap();
        let names = answer.questions.iter().map(|it| it.qname.to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["_ipp._tcp.local", PISTREAMER]);
    }

    #[test]
    fn what_cannot_be_a_question_for_a_server_is_known_without_being_read() {
        let (texts, search) = (texts(&["id=door"]), search());
        assert!(may_ask(&search, &LABELS));
        assert!(may_ask(&search.to_ascii_uppercase(), &LABELS));
        assert!(!may_ask(&search, &["_ipp"]));
        assert!(!may_ask(&told(&texts).to_all(false), &LABELS));
        assert!((0..12).all(|length| !may_ask(&search[..length], &LABELS)));
    }

    #[test]
    fn what_others_say_of_themselves_is_short_and_plain() {
        let long = format!("name=\u{1b}]0;owned\u{7}{}", "x".repeat(230));
        let texts = texts(&[
            &long,
            "id=\u{202e}a,b\n",
            "path=//evil\u{1b}[2J",
            "tls=yes",
            "version=\r1",
        ]);
        let mut told = told(&texts);
        told.name = "\u{1b}[31mserver\u{9b}";
        let found = heard(&told.to_all(false), HERE).remove(0);
        let all = format!("{found:?}") + &serde_json::to_string(&found).unwrap();
        assert!(
            !all.chars().any(char::is_control) && !all.contains("\\u") && !all.contains('\u{202e}')
        );
        assert_eq!(found.name.chars().count(), LONGEST);
        assert_eq!(
            (found.url.as_str(), found.tls),
            ("http://192.0.2.7:8000/", false)
        );
        // One answer tells of few servers, whatever it says of their number.
        let mut packet = Packet::new_reply(0);
        for _ in 0..100 {
            packet.answers.push(told.records().remove(2));
        }
        assert_eq!(heard(&written(&packet), HERE).len(), MOST_SERVERS);
        let mut lies = search();
        lies[4..12].fill(0xff);
        assert!(query(&lies).is_none());
    }
}
