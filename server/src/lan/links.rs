//! The networks that this machine is on, and the sockets for them.

use super::message::{GROUP, PORT};
use if_addrs::{IfAddr, Interface};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// A network at one of this machine's interfaces.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    /// The interface's number.
    pub(super) index: u32,
    /// An address of this machine and the netmask, for each network there: multicast goes over IPv4 here.
    nets: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// All addresses that this machine has there.
    pub(super) addresses: Vec<IpAddr>,
}

impl Link {
    /// Whether an address is on it.
    pub(super) fn has(&self, address: Ipv4Addr) -> bool {
        let mut nets = self.nets.iter();
        nets.any(|(own, netmask)| (own.to_bits() ^ address.to_bits()) & netmask.to_bits() == 0)
    }
}

/// Those of this machine, but for its own and tunnels, whose other end is not local.
pub(super) async fn links() -> Vec<Link> {
    let interfaces = spawn_blocking(|| if_addrs::get_if_addrs().unwrap_or_default());
    of(&interfaces.await.unwrap_or_default())
}

fn of(interfaces: &[Interface]) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for interface in interfaces {
        if interface.is_loopback() || interface.is_p2p() {
            continue;
        }
        let (IfAddr::V4(address), Some(index)) = (&interface.addr, interface.index) else {
            continue;
        };
        let net = (address.ip, address.netmask);
        match links.iter_mut().find(|link| link.index == index) {
            // Another address of the same network is heard by the same machines.
            Some(link) if link.has(address.ip) => {}
            Some(link) => link.nets.push(net),
            None => {
                let on_it = interfaces.iter().filter(|other| other.index == Some(index));
                links.push(Link {
                    index,
                    nets: vec![net],
                    addresses: on_it.map(Interface::ip).collect(),
                });
            }
        }
    }
    links
}

/// A socket that sends to the group. Port 0 takes any.
pub(super) fn socket(port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // Beside a program that comes later, such as avahi-daemon, whose start must not fail.
    socket.set_reuse_address(port != 0)?;
    socket.set_nonblocking(true)?;
    // RFC 6762 §11.
    socket.set_multicast_ttl_v4(255)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    UdpSocket::from_std(socket.into())
}

/// Has the group's datagrams on that link come to the socket.
pub(super) fn join(socket: &UdpSocket, link: &Link) -> io::Result<()> {
    let interface = InterfaceIndexOrAddress::Index(link.index);
    SockRef::from(socket).join_multicast_v4_n(&GROUP, &interface)
}

/// Has them come no more. The system keeps that up, and few of those, also where the interface is gone.
pub(super) fn leave(socket: &UdpSocket, index: u32) -> io::Result<()> {
    let interface = InterfaceIndexOrAddress::Index(index);
    SockRef::from(socket).leave_multicast_v4_n(&GROUP, &interface)
}

/// Longest wait for room in the socket's buffer.
const SENT: Duration = Duration::from_millis(200);

/// Sends to the group on that link, from an address of each network there: others take what comes from their own (RFC 6762
/// §11). The first error, where there is one.
pub(super) async fn send(socket: &UdpSocket, link: &Link, message: &[u8]) -> io::Result<()> {
    let mut sent = Ok(());
    for (from, _) in &link.nets {
        let this = send_from(socket, *from, message).await;
        sent = sent.and(this);
    }
    sent
}

async fn send_from(socket: &UdpSocket, from: Ipv4Addr, message: &[u8]) -> io::Result<()> {
    SockRef::from(socket).set_multicast_if_v4(&from)?;
    timeout(SENT, socket.send_to(message, (GROUP, PORT))).await??;
    Ok(())
}
