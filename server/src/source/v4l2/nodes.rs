//! Which video devices there are, what each is, and how one is found again that was plugged in elsewhere.
//!
//! A node's number proves nothing: it changes with what is plugged in first. What does is in sysfs, which needs no udev.

use super::sys::{About, Device};
use pistreamer_protocol::message::Cause;
use pistreamer_protocol::text;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Drivers whose devices capture, but are parts of a camera that libcamera puts together, or no camera.
const PARTS: [&str; 7] = [
    "bcm2835-codec",
    "bcm2835-isp",
    "pispbe",
    "rp1-cfe",
    "rpi-hevc-dec",
    "rpivid",
    "unicam",
];

/// Where the kernel tells of video devices, and where they are opened.
#[derive(Clone, Debug)]
pub(super) struct System {
    class: PathBuf,
    dev: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self {
            class: "/sys/class/video4linux".into(),
            dev: "/dev".into(),
        }
    }
}

/// A video device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// As in `/dev`.
    pub name: String,
    /// What it is, wherever it is plugged in; where it is plugged in, if nothing else tells it from others.
    pub key: String,
    /// What it is to those who keep something for it: a port alone may have another model next time. `None` where nothing but its
    /// number tells it from others.
    pub lasting: Option<String>,
    /// Whatever its key was or will be with other cameras plugged in, and its serial number.
    names: Vec<String>,
}

impl Node {
    /// Whether that is its key or its serial number.
    fn is_called(&self, key: &str) -> bool {
        self.key == key || self.names.iter().any(|name| name == key)
    }
}

/// A camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Camera {
    pub node: Node,
    /// For people.
    pub name: String,
}

impl System {
    /// Every video device, by its number.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let entries = fs::read_dir(&self.class).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let number: u32 = name.strip_prefix("video")?.parse().ok()?;
                Some((number, Place::of(&entry.path()), name))
            })
            .collect();
        found.sort_by_key(|(number, ..)| *number);
        // Cheap cameras all have the same serial number.
        let mut with_serial: HashMap<_, BTreeSet<_>> = HashMap::new();
        // Two cameras may be one device, as one for colours and one for infrared: each has an interface of its own.
        let mut first_interface = HashMap::new();
        for (_, place, _) in &found {
            let devices = with_serial.entry(place.by_serial()).or_default();
            devices.insert(place.parent.clone());
            let first = first_interface.entry(place.parent.clone());
            let first: &mut u32 = first.or_insert(place.interface);
            *first = place.interface.min(*first);
        }
        let node = |(_, place, name): (u32, Place, String)| {
            let is_first = first_interface.get(&place.parent) == Some(&place.interface);
            let numbered = |mut key: String| {
                if !is_first {
                    key += &format!("+{}", place.interface);
                }
                match place.index {
                    0 => key,
                    index => format!("{key}#{index}"),
                }
            };
            let is_unique = with_serial[&place.by_serial()].len() == 1;
            let by_serial = place.by_serial().map(numbered);
            let by_port = numbered(place.by_port());
            let key = by_serial.clone().filter(|_| is_unique);
            let by_model = match place.is_usb {
                true => format!("{by_port} {}:{}", place.vendor, place.product),
                false => by_port.clone(),
            };
            Node {
                name,
                lasting: Some(key.clone().unwrap_or(by_model)),
                key: key.unwrap_or_else(|| by_port.clone()),
                names: [Some(by_port), by_serial, place.serial]
                    .into_iter()
                    .flatten()
                    .collect(),
            }
        };
        let mut nodes: Vec<_> = found.into_iter().map(node).collect();
        // Where nothing else tells two of them apart, what they are called now has to.
        let keys: Vec<_> = nodes.iter().map(|node| node.key.clone()).collect();
        for node in &mut nodes {
            if keys.iter().filter(|key| **key == node.key).count() > 1 {
                node.key = format!("{}@{}", node.key, node.name);
                node.lasting = None;
            }
        }
        nodes
    }

    /// Opens one.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn open(&self, node: &Node) -> io::Result<Device> {
        Device::open(&self.dev.join(&node.name))
    }

    /// Every camera among them. Each device is opened for that.
    pub(super) fn cameras(&self) -> Vec<Camera> {
        let camera = |node: Node| {
            let about = self.open(&node).and_then(|device| device.about()).ok()?;
            is_camera(&about).then(|| Camera {
                node,
                name: name(&about),
            })
        };
        self.nodes().into_iter().filter_map(camera).collect()
    }

    /// The first camera that is meant by that, or why it is none that can be used; `None` where none is plugged in.
    pub(super) fn find(&self, which: &Which) -> Option<Result<Camera, Cause>> {
        let is_meant = |node: &Node| match which {
            Which::Any => true,
            Which::Node(path) => self.node_at(path).is_some_and(|name| name == node.name),
            Which::Key(key) => node.is_called(key),
        };
        let (mut refused, mut no_camera) = (None, None);
        for node in self.nodes().into_iter().filter(is_meant) {
            let about = self.open(&node).and_then(|device| device.about());
            match about {
                Ok(about) if is_camera(&about) => {
                    return Some(Ok(Camera {
                        node,
                        name: name(&about),
                    }));
                }
                Ok(about) => {
                    no_camera.get_or_insert(Cause::DeviceNoCamera {
                        device: format!("/dev/{}", node.name),
                        driver: about.driver,
                    });
                }
                Err(error) => {
                    refused = Some(self.why_not(&node, &error));
                }
            }
        }
        // Of any that is no camera nothing has to be told.
        let no_camera = no_camera.filter(|_| !matches!(which, Which::Any));
        refused.or(no_camera).map(Err)
    }

    /// Why a camera cannot be opened, and what to do.
    pub(super) fn why_not(&self, node: &Node, error: &io::Error) -> Cause {
        let path = self.dev.join(&node.name);
        let device = path.display().to_string();
        match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => Cause::DeviceNotAllowed { device },
            Some(libc::EBUSY) => match holder(&path) {
                Some(Holder::Other(by)) => Cause::DeviceBusy { device, by },
                Some(Holder::Own) => Cause::DeviceBusyHere { device },
                None => Cause::DeviceBusyByAnother { device },
            },
            Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) => Cause::DeviceUnplugged { device },
            _ => Cause::DeviceNotOpened {
                device,
                error: error.to_string(),
            },
        }
    }

    /// What is said where [`Self::find`] finds none, with the cameras that there are.
    pub(super) fn missing(&self, which: &Which) -> Cause {
        let cameras = self.cameras();
        let keys: Vec<_> = cameras
            .iter()
            .map(|camera| format!("{} ({})", camera.node.key, camera.name))
            .collect();
        let cameras = (!keys.is_empty()).then(|| keys.join(", "));
        match which {
            // One that is there now was not a moment ago, and is found at the next look.
            Which::Any => Cause::NoneOfV4l2,
            Which::Node(path) => {
                let device = path.display().to_string();
                match cameras {
                    Some(cameras) => Cause::OthersThanDevice { device, cameras },
                    None => Cause::NoneAtDevice { device },
                }
            }
            Which::Key(key) => {
                let camera = key.clone();
                match cameras {
                    Some(cameras) => Cause::OthersPluggedIn { camera, cameras },
                    None => Cause::NotPluggedIn { camera },
                }
            }
        }
    }

    /// The node that a path leads to, as `/dev/v4l/by-id/…` does.
    fn node_at(&self, path: &Path) -> Option<String> {
        let path = fs::canonicalize(path).ok()?;
        Some(path.file_name()?.to_str()?.to_owned())
    }
}

/// Which camera is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Any,
    /// What is there now.
    Node(PathBuf),
    /// A [`Node::key`] or a serial number.
    Key(String),
}

impl Which {
    /// As it is typed: a path, or what `pistreamer cameras` lists.
    pub(super) fn typed(text: Option<&str>) -> Self {
        match text {
            None | Some("") => Self::Any,
            Some(path) if path.starts_with('/') => Self::Node(path.into()),
            Some(key) => Self::Key(key.into()),
        }
    }
}

/// Whether a device captures pictures of the world, by itself.
fn is_camera(about: &About) -> bool {
    about.captures && !PARTS.contains(&about.driver.as_str())
}

/// Many say their name twice: `C920: C920`.
fn name(about: &About) -> String {
    let (first, rest) = about.card.split_once(':').unwrap_or((&about.card, ""));
    let twice = rest.trim().is_empty() || first.trim().starts_with(rest.trim());
    let name = if twice { first } else { &about.card };
    let name = text::plain(name.trim());
    if name.is_empty() {
        "camera".into()
    } else {
        name
    }
}

/// Where a device is in sysfs.
struct Place {
    /// The port of a USB device, or what the driver calls another.
    parent: String,
    is_usb: bool,
    vendor: String,
    product: String,
    serial: Option<String>,
    /// The number of a USB device's interface.
    interface: u32,
    /// Which of the devices of the same parent.
    index: u32,
}

impl Place {
    fn of(entry: &Path) -> Self {
        let read = |path: PathBuf| {
            let text = fs::read_to_string(path).ok()?;
            // A device says of itself what it likes.
            let text = text::plain(text.trim());
            (!text.is_empty()).then_some(text)
        };
        // What it links to is the interface of a USB device, whose folder lies in that of the device.
        let device = fs::canonicalize(entry.join("device")).unwrap_or_default();
        let usb = device.parent().filter(|usb| usb.join("idVendor").exists());
        let port = usb.and_then(Path::file_name);
        let port = port.map(|port| port.to_string_lossy().into_owned());
        let of_usb = |file: &str| usb.and_then(|usb| read(usb.join(file)));
        let index = read(entry.join("index"));
        // 2 in 1-1.4:1.2, where 1 is the configuration.
        let interface = device.file_name().and_then(|name| name.to_str());
        let interface = interface.and_then(|name| name.rsplit_once(':')?.1.split_once('.'));
        let interface = interface.and_then(|(_, number)| number.parse().ok());
        Self {
            parent: port
                .or_else(|| read(entry.join("name")))
                .unwrap_or_default(),
            is_usb: usb.is_some(),
            vendor: of_usb("idVendor").unwrap_or_default(),
            product: of_usb("idProduct").unwrap_or_default(),
            serial: of_usb("serial"),
            interface: interface.filter(|_| usb.is_some()).unwrap_or(0),
            index: index.and_then(|index| index.parse().ok()).unwrap_or(0),
        }
    }

    fn by_serial(&self) -> Option<String> {
        let serial = self.serial.as_ref()?;
        Some(format!("usb:{}:{}:{serial}", self.vendor, self.product))
    }

    fn by_port(&self) -> String {
        let kind = if self.is_usb { "usb-port" } else { "device" };
        format!("{kind}:{}", self.parent)
    }
}

/// What has a node open.
enum Holder {
    /// This program.
    Own,
    /// The name and number of another one.
    Other(String),
}

/// What has the node open, as far as this user may see that.
fn holder(path: &Path) -> Option<Holder> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let own = std::process::id().to_string();
    for process in processes {
        let number = process.file_name().into_string().ok()?;
        let descriptors = fs::read_dir(process.path().join("fd"));
        let mut descriptors = descriptors.into_iter().flatten().flatten();
        let has_it = |fd: fs::DirEntry| fs::read_link(fd.path()).is_ok_and(|to| to == path);
        if !descriptors.any(has_it) {
            continue;
        }
        if number == own {
            return Some(Holder::Own);
        }
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        return Some(Holder::Other(format!("{} (process {number})", name.trim())));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// A sysfs as kernels have it.
    struct Sys(TempDir);

    impl Sys {
        fn new() -> Self {
            let sys = Self(tempfile::tempdir().unwrap());
            fs::create_dir(sys.0.path().join("class")).unwrap();
            sys
        }

        fn system(&self) -> System {
            System {
                class: self.0.path().join("class"),
                dev: "/nowhere".into(),
            }
        }

        fn node(&self, number: u32, index: u32, device: &Path) {
            let node = self.0.path().join("class").join(format!("video{number}"));
            fs::create_dir(&node).unwrap();
            fs::write(node.join("index"), format!("{index}\n")).unwrap();
            symlink(device, node.join("device")).unwrap();
        }

        fn usb(&self, port: &str, serial: Option<&str>) -> PathBuf {
            let device = self.0.path().join(port);
            let interface = device.join(format!("{port}:1.0"));
            fs::create_dir_all(&interface).unwrap();
            fs::write(device.join("idVendor"), "046d\n").unwrap();
            fs::write(device.join("idProduct"), "0825\n").unwrap();
            if let Some(serial) = serial {
                fs::write(device.join("serial"), serial).unwrap();
            }
            interface
        }

        fn interface(&self, port: &str, number: u32) -> PathBuf {
            let interface = self.0.path().join(port).join(format!("{port}:1.{number}"));
            fs::create_dir_all(&interface).unwrap();
            interface
        }

        fn keys(&self) -> Vec<String> {
            let nodes = self.system().nodes();
            let line = |node: Node| format!("{} {}", node.name, node.key);
            nodes.into_iter().map(line).collect()
        }
    }

    #[test]
    fn a_camera_is_known_by_its_serial_number_wherever_it_is_plugged_in() {
        for (number, port) in [(0, "1-1.4"), (11, "3-2")] {
            let sys = Sys::new();
            let device = sys.usb(port, Some("AB12\n"));
            sys.node(number, 0, &device);
            sys.node(number + 1, 1, &device);
            assert_eq!(
                sys.keys(),
                [
                    format!("video{number} usb:046d:0825:AB12"),
                    format!("video{} usb:046d:0825:AB12#1", number + 1)
                ]
            );
        }
    }

    #[test]
    fn cameras_without_a_serial_number_of_their_own_are_known_by_their_port() {
        let sys = Sys::new();
        sys.node(10, 0, &sys.usb("1-1.1", Some("200901010001")));
        sys.node(2, 0, &sys.usb("1-1.2", Some("200901010001")));
        sys.node(3, 0, &sys.usb("1-1.3", None));
        sys.node(4, 0, &sys.usb("1-1.4", Some("AB12")));
        let platform = sys.0.path().join("vivid.0");
        fs::create_dir(&platform).unwrap();
        for (number, name) in [(5, "vivid-000-vid-cap"), (6, "grabber"), (7, "grabber")] {
            sys.node(number, 0, &platform);
            let node = sys.0.path().join(format!("class/video{number}"));
            fs::write(node.join("name"), name).unwrap();
        }
        assert_eq!(
            sys.keys(),
            [
                "video2 usb-port:1-1.2",
                "video3 usb-port:1-1.3",
                "video4 usb:046d:0825:AB12",
                "video5 device:vivid-000-vid-cap",
                "video6 device:grabber@video6",
                "video7 device:grabber@video7",
                "video10 usb-port:1-1.1",
            ]
        );
    }

    #[test]
    fn two_cameras_in_one_device_are_known_by_their_interfaces() {
        for (port, serial, key) in [
            ("1-1.4", Some("AB12"), "usb:046d:0825:AB12"),
            ("3-2", None, "usb-port:3-2"),
        ] {
            for numbers in [[0, 1, 2], [7, 8, 3]] {
                let sys = Sys::new();
                let colours = sys.usb(port, serial);
                sys.node(numbers[0], 0, &colours);
                sys.node(numbers[1], 1, &colours);
                sys.node(numbers[2], 0, &sys.interface(port, 2));
                let mut expected = [
                    (numbers[0], key.to_owned()),
                    (numbers[1], format!("{key}#1")),
                    (numbers[2], format!("{key}+2")),
                ];
                expected.sort();
                assert_eq!(
                    sys.keys(),
                    expected.map(|(number, key)| format!("video{number} {key}"))
                );
            }
        }
    }

    #[test]
    fn a_key_holds_whatever_else_is_plugged_in() {
        let (alone, beside) = (Sys::new(), Sys::new());
        for sys in [&alone, &beside] {
            sys.node(0, 0, &sys.usb("1-1.1", Some("200901010001")));
        }
        beside.node(1, 0, &beside.usb("1-1.2", Some("200901010001")));
        let [alone, beside] = [alone, beside].map(|sys| sys.system().nodes().remove(0));
        assert_ne!(alone.key, beside.key);
        for (one, other) in [(&alone, &beside), (&beside, &alone)] {
            assert!(one.is_called(&other.key) && one.is_called("200901010001"));
        }
        assert!(!alone.is_called("usb-port:1-1.2"));
        // In the same port may be another model next time.
        assert_eq!(alone.lasting.as_deref(), Some("usb:046d:0825:200901010001"));
        assert_eq!(beside.lasting.as_deref(), Some("usb-port:1-1.1 046d:0825"));
    }

    #[test]
    fn a_sysfs_that_is_not_there_or_odd_has_no_nodes() {
        let sys = Sys::new();
        for name in ["videox", "vbi0", "video"] {
            fs::create_dir(sys.0.path().join("class").join(name)).unwrap();
        }
        assert!(sys.keys().is_empty());
        assert_eq!(sys.system().find(&Which::Any), None);
        let missing = sys.system().missing(&Which::Any);
        assert_eq!(missing, Cause::NoneOfV4l2);
        let nowhere = System {
            class: "/nowhere".into(),
            ..System::default()
        };
        assert!(nowhere.nodes().is_empty());
    }

    #[test]
    fn parts_of_a_pipeline_are_no_cameras() {
        let about = |driver: &str, captures| About {
            driver: driver.into(),
            card: String::new(),
            bus: String::new(),
            captures,
        };
        assert!(is_camera(&about("uvcvideo", true)));
        assert!(is_camera(&about("bm2835 mmal", true)));
        assert!(!is_camera(&about("uvcvideo", false)));
        for driver in PARTS {
            assert!(!is_camera(&about(driver, true)), "{driver}");
        }
    }

    #[test]
    fn names_are_said_once() {
        let named = |card: &str| {
            name(&About {
                driver: String::new(),
                card: card.into(),
                bus: String::new(),
                captures: true,
            })
        };
        assert_eq!(named("HD Webcam C525"), "HD Webcam C525");
        assert_eq!(
            named("HD Pro Webcam C920: HD Pro Webcam"),
            "HD Pro Webcam C920"
        );
        assert_eq!(named("Cam: infrared"), "Cam: infrared");
        assert_eq!(named(" "), "camera");
        assert_eq!(named("\u{1b}[2Jcam\n"), "[2Jcam");
    }
}
