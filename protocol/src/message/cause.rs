//! Every reason that a server gives, with its code: what is said in English here, a viewer may say in other languages.
//!
//! A code, once released, keeps its meaning and the names of its values. `PROTOCOL.md` has the same table, by a test.

use super::{Reason, Values};
use crate::text;
use std::fmt;

/// A cause's code and words, for what is said in other languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// As in [`Cause::code`].
    pub code: &'static str,
    /// In English, with its values' names in braces.
    pub text: &'static str,
}

macro_rules! causes {
    ($($variant:ident $({ $($value:ident: $kind:ty),+ })? $code:literal $text:literal;)+) => {
        /// Why there is no picture, or why a viewer is refused.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Cause {
            $(
                #[doc = concat!("`` ", $text, " ``")]
                $variant $({
                    $(
                        #[doc = concat!("`", stringify!($value), "` in the text.")]
                        $value: $kind
                    ),+
                })?
            ),+
        }

        impl Cause {
            /// All causes.
            pub const ALL: &[Words] = &[$(Words { code: $code, text: $text }),+];

            /// The code, which stays the same whatever the words.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code),+
                }
            }

            /// The values by their names.
            pub fn values(&self) -> Values {
                let mut values = Values::default();
                match self {
                    $(Self::$variant $({ $($value),+ })? => {
                        $($(values.add(stringify!($value), $value.clone());)+)?
                    })+
                }
                values
            }
        }

        impl fmt::Display for Cause {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $({ $($value),+ })? => write!(f, $text)),+
                }
            }
        }
    };
}

causes! {
    // Any camera.
    SourceEnded "source-ended" "the source ended";
    SourceBug { panic: String } "source-bug" "a bug in this source ended it: {panic}";
    EncoderBug { panic: String } "encoder-bug" "a bug in the encoder: {panic}";
    DriverHangs "driver-hangs" "the camera's driver hangs: restart pistreamer, or the machine where that does not help";
    SecretMissing { problem: String } "secret-missing" "a secret of this camera is missing: {problem}";
    SourceUnknown "source-unknown" "it is not known what this source is";
    RateImpossible { fps: f64, most: f64 } "rate-impossible" "{fps} frames per second cannot be kept; give more than 0 and at most {most}";
    PatternTooSmall { size: String, smallest: String } "pattern-too-small"
        "the test pattern cannot be read at {size}; its smallest size is {smallest}";
    PatternTooLarge { size: String, largest: String } "pattern-too-large"
        "the test pattern is not made at {size}; its largest size is {largest}";
    NoRuntime { error: String } "no-runtime" "cannot start a runtime: {error}";

    // Cameras of this machine.
    Unplugged "unplugged" "the camera was unplugged";
    Silent { seconds: u64 } "silent" "the camera has delivered nothing for {seconds} s";
    TakingStill "taking-still" "the camera is taking a photo in its full resolution";
    DeviceUnplugged { device: String } "device-unplugged" "{device} was unplugged";
    DeviceNotAllowed { device: String } "device-not-allowed" "this user may not open {device}: add it to the group video";
    DeviceBusy { device: String, by: String } "device-busy" "{device} is in use by {by}: end that first";
    DeviceBusyByAnother { device: String } "device-busy-by-another"
        "{device} is in use by another program: `sudo fuser -v {device}` says which one";
    DeviceBusyHere { device: String } "device-busy-here" "{device} is in use by another camera of this server";
    DeviceNotOpened { device: String, error: String } "device-not-opened" "{device} cannot be opened: {error}";
    DeviceNoCamera { device: String, driver: String } "device-no-camera"
        "{device} is no camera, but a part of one or something else (driver {driver})";
    BuffersUnreadable { error: String } "buffers-unreadable" "the camera's buffers cannot be read: {error}";

    // Through V4L2.
    NoneOfV4l2 "none-of-v4l2" "no camera that V4L2 knows is plugged in: check its cable";
    NoneAtDevice { device: String } "none-at-device" "there is no camera at {device}: check its cable";
    OthersThanDevice { device: String, cameras: String } "others-than-device" "there is no camera at {device}; there are {cameras}";
    NotPluggedIn { camera: String } "not-plugged-in" "no camera {camera} is plugged in: check its cable";
    OthersPluggedIn { camera: String, cameras: String } "others-plugged-in" "no camera {camera} is plugged in; there are {cameras}";
    NoRoomOnBus "no-room-on-bus"
        "there is no room for any of the camera's modes on its USB bus: plug it in elsewhere, not beside another camera on one \
        hub, or give a smaller --size or --fps";
    NoFormat { formats: String } "no-format"
        "the camera offers no format that can be used, which are MJPG, NV12, YU12, YUYV, UYVY and GREY; it has {formats}";
    OtherFormat { offered: String, given: String } "other-format" "the camera offers {offered} and gives {given}";
    FormatFailed { error: String } "format-failed" "setting the camera's format failed: {error}";
    AllocatingFailed { error: String } "allocating-failed" "allocating the camera's buffers failed: {error}";
    MappingFailed { error: String } "mapping-failed" "mapping the camera's buffers failed: {error}";
    QueuingFailed { error: String } "queuing-failed" "giving the camera a buffer failed: {error}";
    StartingFailed { error: String } "starting-failed" "starting the camera failed: {error}";
    WaitingFailed { error: String } "waiting-failed" "waiting for the camera failed: {error}";
    StreamEnded { error: String } "stream-ended" "the camera's stream has ended: {error}";

    // Through libcamera.
    NoneOfLibcamera "none-of-libcamera"
        "libcamera finds no camera: check the cable at both ends; this user must be in the group video to open /dev/media*";
    NoneOfLibcameraAllowed { device: String } "none-of-libcamera-allowed"
        "libcamera finds no camera: this user may not open {device}; add it to the group video";
    OthersOfLibcamera { camera: String, cameras: String } "others-of-libcamera" "libcamera has no camera {camera}; it has {cameras}";
    LibcameraNotStarted { error: String } "libcamera-not-started" "libcamera does not start: {error}";
    CameraGone { camera: String } "camera-gone" "camera {camera} is gone";
    CameraTaken { camera: String, error: String } "camera-taken" "camera {camera} cannot be had, perhaps another program uses it: {error}";
    NoVideo { camera: String } "no-video" "camera {camera} gives no video";
    NoConfiguration { camera: String, format: String } "no-configuration" "camera {camera} accepts no configuration with {format}";
    NoUsableFormat { camera: String, formats: String } "no-usable-format"
        "camera {camera} offers {formats}, none of which can be made a JPEG of: YUV420, NV12, MJPEG, YUYV or UYVY is needed";
    CameraNotConfigured { camera: String, error: String } "camera-not-configured" "camera {camera}: configuring it failed: {error}";
    CameraNotAllocated { camera: String, error: String } "camera-not-allocated" "camera {camera}: allocating its buffers failed: {error}";
    CameraNotPrepared { camera: String, error: String } "camera-not-prepared" "camera {camera}: preparing its buffers failed: {error}";
    CameraNotStarted { camera: String, error: String } "camera-not-started" "camera {camera}: starting it failed: {error}";
    RequestsCancelled "requests-cancelled" "the camera cancels every request";
    RequestsRefused { error: String } "requests-refused" "the camera takes no requests any more: {error}";
    BuffersNotHandedOver { error: String } "buffers-not-handed-over" "cannot hand its buffers over: {error}";
    DriverHangsLooking { seconds: u64 } "driver-hangs-looking"
        "the camera's driver has not come back for {seconds} s while it looks for cameras: its process was ended";
    DriverHangsOpening { seconds: u64 } "driver-hangs-opening"
        "the camera's driver has not come back for {seconds} s while its camera was opened: its process was ended";
    DriverHangsRunning { seconds: u64 } "driver-hangs-running"
        "the camera's driver has not come back for {seconds} s while its camera ran: its process was ended";
    DriverHangsForGood "driver-hangs-for-good"
        "the camera's driver hangs, and the process that is in it cannot be ended: unplug the camera, or restart the machine";
    ProcessEnded { status: String } "process-ended" "libcamera's process has ended ({status}); the log says more";
    ProcessNotUnderstood { error: String } "process-not-understood" "libcamera's process cannot be understood: {error}";
    ProcessFailed { error: String } "process-failed" "libcamera's process: {error}";
    PartOfAnother { program: String, version: String, own: String } "part-of-another"
        "{program} is {version}'s, and this pistreamer is {own}: install it again";
    PartSilent { program: String } "part-silent" "{program} does not answer";
    PartFailed { program: String, problem: String } "part-failed" "{program} cannot be started: {problem}";
    PartMissing "part-missing" "this pistreamer's part for libcamera is missing: install it again";
    NoLibcamera { oldest: String, newest: String } "no-libcamera"
        "no libcamera is installed; this pistreamer knows {oldest} to {newest}: install libcamera-ipa, which brings it on \
        Raspberry Pi OS and Debian 13";
    LibcameraTooNew { version: String, oldest: String, newest: String } "libcamera-too-new"
        "libcamera {version} is installed; this pistreamer knows {oldest} to {newest}: update it";
    LibcameraTooOld { version: String, oldest: String, newest: String } "libcamera-too-old"
        "libcamera {version} is installed; this pistreamer knows {oldest} to {newest}: to show a camera of this machine, upgrade the \
        system by `sudo apt full-upgrade`, or install a newer one, such as Debian 13";
    LibcameraUnusable { version: String } "libcamera-unusable" "libcamera {version} is installed, but cannot be used";
    LibcameraBroken { version: String, problem: String } "libcamera-broken"
        "libcamera {version} is installed, but cannot be used: {problem}";
    BuiltWithout { least: String } "built-without"
        "this pistreamer was built without libcamera: install libcamera {least} or newer with its headers, as Raspberry Pi OS and \
        Debian 13 have it in libcamera-dev, and build it again with ./dev build";
    BuiltWithoutInstallable { version: String } "built-without-installable"
        "this pistreamer was built without libcamera: install libcamera-dev, of which this system has {version}, and build it \
        again with ./dev build";
    BuiltWithoutTooOld { least: String, version: String } "built-without-too-old"
        "this pistreamer was built without libcamera, which has to be {least} or newer, and this system has {version}: a camera of \
        this machine needs Raspberry Pi OS or Debian 13, and ./dev build there";
    RpicamNotStarted { error: String } "rpicam-not-started" "rpicam-vid cannot be started: {error}";
    RpicamListsNothing { seconds: u64 } "rpicam-lists-nothing" "rpicam-vid has not told its cameras for {seconds} s";
    RpicamSilent { seconds: u64 } "rpicam-silent" "rpicam-vid has sent no picture for {seconds} s";
    RpicamEnded { status: String } "rpicam-ended" "rpicam-vid has ended ({status}); the log says more";
    RpicamFailed { error: String } "rpicam-failed" "rpicam-vid: {error}";

    // Files.
    FilesMissing { path: String, error: String } "files-missing"
        "cannot read {path}: {error}; give a directory of .jpg files, or one file of JPEGs such as `cat *.jpg > all.mjpeg` makes";
    FilesNotAllowed { path: String, error: String } "files-not-allowed"
        "cannot read {path}: {error}; let the user that pistreamer runs as read it";
    FilesUnreadable { path: String, error: String } "files-unreadable" "cannot read {path}: {error}; check the path and the disk";
    FilesOfNoKind { path: String } "files-of-no-kind"
        "{path} is neither a directory nor a file; give a directory of .jpg files, or one file of JPEGs such as `cat *.jpg > \
        all.mjpeg` makes";
    FilesBroken { path: String, problem: String } "files-broken"
        "nothing at {path} can be shown: {problem}; give a directory of .jpg files, or one file of JPEGs such as `cat *.jpg > \
        all.mjpeg` makes";
    FilesWithoutJpeg { path: String } "files-without-jpeg"
        "no JPEG is at {path}; give a directory of .jpg files, or one file of JPEGs such as `cat *.jpg > all.mjpeg` makes";
    DirectoryWithoutJpeg { path: String } "directory-without-jpeg"
        "no .jpg file is in {path}; give a directory of .jpg files, or one file of JPEGs such as `cat *.jpg > all.mjpeg` makes";

    // Network cameras.
    NotFetched { address: String, error: String } "not-fetched" "cannot fetch pictures from {address}: {error}";
    RedirectsInCircle "redirects-in-circle" "the camera redirects in a circle";
    RedirectsWrongly { error: String } "redirects-wrongly" "the camera redirects wrongly: {error}";
    PasswordWithheld { address: String } "password-withheld" "the camera redirects to {address}, which was not given the password";
    CameraStatus { status: String } "camera-status" "the camera answers with status {status}";
    PasswordMissing { status: String } "password-missing"
        "the camera answers with status {status}; give user and password as in http://USER:PASSWORD@HOST/PATH";
    PasswordWrong { status: String } "password-wrong" "the camera answers with status {status}; the user or the password is not right";
    UserNotAllowed { status: String } "user-not-allowed" "the camera answers with status {status}; this user may not see it";
    PathWrong { status: String } "path-wrong" "the camera answers with status {status}; check the path of the URL";
    PasswordUnsafe { status: String } "password-unsafe"
        "the camera answers with status {status}; it asks for the password itself, although it has asked for a proof (Digest) \
        before: something may be in between that wants to read it; restart pistreamer if the camera was set up so";
    AuthenticationUnknown { status: String } "authentication-unknown"
        "the camera answers with status {status}; it asks for neither Basic nor Digest authentication";
    ContentEncoded { encoding: String } "content-encoded"
        "the response has the Content-Encoding {encoding}, and pictures are only taken as they are";
    ContentUnknown "content-unknown" "the response has no Content-Type and does not begin as a JPEG does";
    ContentOther { kind: String } "content-other" "the response is {kind}, which is neither an MJPEG stream nor a JPEG";
    CameraEndedStream "camera-ended-stream" "the camera ended its stream";
    ConnectionBroke { error: String } "connection-broke" "the camera's connection broke: {error}";
    PictureTooLarge { most: u64 } "picture-too-large" "the camera's picture has more than {most} bytes";
    NoWholePicture { seconds: u64 } "no-whole-picture" "the camera has sent no whole picture for {seconds} s";
    PicturesBroken { seconds: u64, problem: String } "pictures-broken" "the camera has sent no whole picture for {seconds} s: {problem}";

    // Cameras that push over TCP.
    NotListening { address: String, error: String, host: String } "not-listening"
        "cannot listen on {address} for pictures: {error}; choose another port with tcp-listen:{host}:PORT";
    ListeningFailed { error: String } "listening-failed" "cannot listen for pictures: {error}";
    NothingPushedTo { address: String } "nothing-pushed-to" "no camera pushes pictures to {address} yet";
    TcpEnded "tcp-ended" "the camera ended its stream; waiting for the next camera";
    TcpLeft "tcp-left" "the camera's connection ended; waiting for the next camera";
    TcpCutOff "tcp-cut-off" "the camera's connection ended in the middle of a picture; waiting for the next camera";
    TcpSilent { seconds: u64 } "tcp-silent" "the camera has been silent for {seconds} s; waiting for the next camera";
    TcpSlow { seconds: u64 } "tcp-slow" "the camera has sent no whole picture for {seconds} s; waiting for the next camera";
    TcpBroke { error: String } "tcp-broke" "the camera's connection broke: {error}; waiting for the next camera";
    TcpPictureBroken { number: u64, problem: String } "tcp-picture-broken"
        "picture {number} of the camera is broken: {problem}; waiting for the next camera";

    // Cameras that push to /ingest.
    NothingPushed "nothing-pushed" "no client pushes pictures to /ingest yet";
    PusherLeft "pusher-left" "the client that pushed pictures disconnected; waiting for the next one";
    PusherStarting "pusher-starting" "the pusher's camera is being opened";
    PusherSentNone "pusher-sent-none" "the pusher's camera has sent no picture yet";
    PusherSendsNoWhole { problem: String } "pusher-sends-no-whole" "the pusher's camera sends no whole picture: {problem}";

    // Cameras of another pistreamer.
    OriginStarting "origin-starting" "the origin's camera is being opened";
    OriginSentNone "origin-sent-none" "the origin's camera has sent no picture yet";
    OriginSendsNoWhole { problem: String } "origin-sends-no-whole" "the origin's camera sends no whole picture: {problem}";
    OriginUnreachable { address: String, error: String } "origin-unreachable" "cannot reach {address}: {error}";
    OriginRefused { address: String, status: u64, answer: String } "origin-refused" "{address} refused with status {status}: {answer}";
    OriginRefusedCode { address: String, status: u64, answer: String } "origin-refused-code"
        "{address} does not take the code of this link (status {status}): {answer}; a program that is to connect again after a \
        restart needs a key, as in http://camera:KEY@{address}";
    OriginElsewhere { address: String, location: String } "origin-elsewhere"
        "{address} is not where it is: it sends on to {location}; give that address";
    OriginEncrypts { address: String } "origin-encrypts" "{address} encrypts: use https:// or wss:// rather than http:// or ws://";
    OriginNoWebSocket { address: String } "origin-no-websocket"
        "{address} answers, but not with a WebSocket: give the address at which the viewer is seen, such as \
        http://raspberrypi.local:8000";
    OriginClosed { address: String, why: String } "origin-closed" "{address} closed the connection: {why}";
    OriginSilent { address: String, seconds: f64 } "origin-silent" "{address} has been silent for {seconds} s";
    OriginBroke { address: String, error: String } "origin-broke" "the connection to {address} broke: {error}";
    OriginEnded "origin-ended" "the subscription ended";

    // Cameras of other machines, over a broker.
    BrokerLost { broker: String, problem: String } "broker-lost" "the broker {broker} is lost: {problem}";
    BrokerRefuses { broker: String, problem: String } "broker-refuses" "the broker {broker} refuses: {problem}";
    BrokerNoCameras { broker: String } "broker-no-cameras" "no camera is published at the broker {broker} yet";
    PublisherLost "publisher-lost"
        "the machine that sends this camera's pictures is silent: check its power and its network";
    PublisherLeft "publisher-left" "the program that sends this camera's pictures was stopped";
    FrameTooLarge { bytes: u64, limit: u64, needed: u64 } "frame-too-large"
        "the camera's pictures have {bytes} bytes, and the broker takes {limit}: set max_payload: {needed} in its configuration";

    // What a viewer is refused, as the answer to its request or as an `error`.
    NeedsKey { command: String } "needs-key"
        "this camera needs an access key: open the server's page and show the key there, or send it as password of the user \
        camera; `{command}` shows it";
    KeyWrong { command: String } "key-wrong"
        "this access key is wrong: open the server's page and show the key there, or send it as password of the user camera; \
        `{command}` shows it";
    SessionOver { command: String } "session-over"
        "this session is over: open the server's page and show the key there, or send it as password of the user camera; \
        `{command}` shows it";
    TooManyWrong { seconds: u64 } "too-many-wrong" "too many wrong keys came from this address or for this name: try again in {seconds} s";
    CodeUsedUp { minutes: u64, command: String } "code-used-up"
        "this link was used already or is older than {minutes} minutes: run `{command}` for a new one";
    RoleTooLow { has: String, needs: String, command: String } "role-too-low"
        "the key that you showed has the role {has}, and this needs a key with the role {needs}: `{command}` makes one";
    TicketOnlyShows { needs: String, command: String } "ticket-only-shows"
        "a ticket only shows pictures, and this needs a key with the role {needs}: `{command}` makes one";
    TicketOfOtherPage { page: String, asks: String } "ticket-of-other-page"
        "this ticket is for pages of {page}, and not for those of {asks}";
    TicketOfUnknownPage { page: String } "ticket-of-unknown-page"
        "this ticket is for pages of {page}, and the request does not say which page it is of: use <pi-camera>, /embed in an \
        iframe, or <img crossorigin=\"anonymous\">";
    PageNotAllowed { page: String } "page-not-allowed"
        "pages of {page} may not use this camera: start pistreamer with --allow-origin {page} to let them";
    PageWithoutAddress "page-without-address"
        "a page that was opened from a file, or in a sandboxed frame without allow-same-origin, may not use this camera: serve it \
        from an address that --allow-origin can name";
    HostUnknown { name: String } "host-unknown"
        "this server does not go by the name \"{name}\": start pistreamer with --host {name} if it should";
    CameraNotForYou { camera: String } "camera-not-for-you" "this key or ticket is not for the camera \"{camera}\"";
    NoCameraForYou "no-camera-for-you" "this server has none of the cameras that you may see";
    NoSuchCamera { camera: String, cameras: String } "no-such-camera"
        "there is no camera \"{camera}\" on this server; its cameras: {cameras}";
    AllConnections { most: u64, address: u64 } "all-connections"
        "all {most} connections that this server takes are in use, {address} of them from your address: close some, or start it \
        with more --max-connections";
    AllConnectionsOfKey { most: u64, credential: u64, address: u64 } "all-connections-of-key"
        "all {most} connections that this server takes are in use, {credential} of them with the same key or ticket as you, and \
        {address} of those from your address: close some, or start it with more --max-connections";
    AllViewers { most: u64, address: u64 } "all-viewers"
        "all {most} viewers that this server takes are looking, {address} of them from your address: close one, or start it with \
        more --max-viewers";
    AllViewersOfKey { most: u64, credential: u64, address: u64 } "all-viewers-of-key"
        "all {most} viewers that this server takes are looking, {credential} of them with the same key or ticket as you, and \
        {address} of those from your address: close one, or start it with more --max-viewers";
    AllOfAddress { most: u64 } "all-of-address"
        "all {most} connections that one address may have are in use: close some, or start it with more --max-per-address";
    Evicted "evicted" "this connection's place went to another one";
    Circle "circle"
        "a camera would show itself: its source names the server that it belongs to, or one that gets its pictures from there; \
        give it the address of another server";
    BadMessage { problem: String } "bad-message" "the message is not understood: {problem}";
    CameraRemoved "camera-removed" "the camera was removed";

    // What is not done, as the answer of the API to who arranges or sets something.
    KeyNameUnusable { name: String } "key-name-unusable"
        "{name} is not a name for a key: use up to 32 of a-z, 0-9, - and _";
    KeyThere { name: String } "key-there" "there is a key {name} already: choose another name, or remove it first";
    KeyUnknown { name: String, keys: String } "key-unknown" "there is no key {name}: there are {keys}";
    KeyExpired { name: String } "key-expired"
        "the key {name} has expired, and lets nobody in: remove it, and make another one";
    KeyForAll "key-for-all" "an admin key is for every camera: name none, or choose the role view";
    KeyLast { name: String } "key-last"
        "{name} is the only key, and without one there is no way in: add another first, or rotate it";
    KeyLastOfAdmins { name: String } "key-last-of-admins"
        "{name} is the only admin key that is good for so long: make another one first, or rotate it";
    KeysFull { most: u64 } "keys-full" "there are {most} keys, which is the most: remove one first";
    KeyOwn "key-own"
        "this is the key by which you are here: end it from a device that came in by another admin's key, or with \
        pistreamer key remove";
    NoKeys "no-keys" "this server lets everybody in, and has no keys: start it without --no-auth or no_auth";
    NotWritten { problem: String } "not-written" "nothing was changed, because it cannot be kept: {problem}";
    NoSettings "no-settings" "this server follows no configuration: the program that runs it decides its cameras' settings";
    ConfigurationBusy "configuration-busy"
        "the configuration is being read, and a file of it does not answer: look again later what holds";
    PresetUnknown { name: String, presets: String } "preset-unknown" "this camera has no preset {name}; it has {presets}";
    PresetNameUnusable { name: String, most: u64 } "preset-name-unusable"
        "{name} is not a valid preset name: use 1 to {most} letters, digits, spaces and - _ . only, beginning with a \
        letter or digit";
    PresetWithoutValues "preset-without-values"
        "there are no values to keep: the camera has to be live, or values have to be given, and not only of what is \
        done once";
    PresetOfButton { control: String } "preset-of-button" "{control} is done once, so that a preset cannot have it";
    PresetsFull { most: u64 } "presets-full" "this camera has {most} presets already: remove one first";
    PresetNotWritten { problem: String } "preset-not-written"
        "the preset is there until the server stops, because it cannot be written down: {problem}";
    WallTooOften { seconds: u64 } "wall-too-often" "the wall is arranged too often: try again in {seconds} s";
    WallUnreadable { problem: String } "wall-unreadable" "the wall's arrangement cannot be read: {problem}";
    WallNotWritten { problem: String } "wall-not-written" "the wall's arrangement cannot be written down: {problem}";
    RecordsNothing "records-nothing"
        "nothing is recorded here: start pistreamer with --record DIR, or set recording.directory";
    SpanReversed "span-reversed" "this span ends before it begins: to_us= is before from_us=";
    SpanEmpty "span-empty" "nothing was recorded in this span of time";
    ClipTooLong { hours: u64 } "clip-too-long"
        "a clip of this kind has at most {hours} h: choose a shorter span, or a time-lapse of it with every_s=";
    TimelapseTooLong { most: u64 } "timelapse-too-long"
        "a time-lapse has at most {most} pictures: choose a shorter span, or more seconds between them with every_s=";
    ClipsBusy "clips-busy" "other clips are being sent: try again when they are through";
    LinkShowsClip "link-shows-clip" "this link shows one recording, and nothing else: ask who shared it";
    SpanNotShared "span-not-shared" "this link is for another span of time: open it as it was sent";
    LinkUnknown { name: String } "link-unknown" "there is no link {name} that you have made, or it has ended";
    LinksFull { most: u64 } "links-full" "there are {most} links to recordings, which is the most: end one first";
    LifetimeImpossible { days: u64 } "lifetime-impossible" "a link is good for 60 seconds to {days} days";
    FfmpegMissing { program: String } "ffmpeg-missing"
        "MP4 needs ffmpeg, and there is no {program} on the server: sudo apt install ffmpeg";
    FfmpegOff "ffmpeg-off" "this server makes no MP4: its setting ffmpeg is off";
    ViewerGone "viewer-gone" "this viewer is not connected any more";
    DeviceGone "device-gone" "this device is not signed in any more";
    DeviceOutUntilRestart { problem: String } "device-out-until-restart"
        "the device is signed out until the server starts again, because that cannot be written down: {problem}; \
        rotate its key to be sure";
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        Self {
            text: text::without_error_numbers(&cause.to_string()),
            cause: cause.code().into(),
            values: cause.values(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The names in braces.
    fn names(text: &str) -> BTreeSet<&str> {
        let pieces = text.split('{').skip(1);
        pieces
            .map(|piece| piece.split_once('}').unwrap().0)
            .collect()
    }

    #[test]
    fn codes_are_words_with_hyphens_and_each_stands_for_one_cause() {
        let mut codes = BTreeSet::new();
        for Words { code, text } in Cause::ALL {
            assert!(codes.insert(code), "{code} is there twice");
            let is_part = |part: &str| {
                let mut letters = part.bytes();
                !part.is_empty() && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            };
            assert!(code.split('-').all(is_part), "{code}");
            assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
        }
        assert!(codes.len() > 100);
    }

    #[test]
    fn every_value_stands_in_the_words() {
        let busy = Cause::DeviceBusy {
            device: "/dev/video0".into(),
            by: "motion".into(),
        };
        let words = Cause::ALL.iter().find(|words| words.code == busy.code());
        assert_eq!(names(words.unwrap().text), ["by", "device"].into());
        assert_eq!(
            busy.to_string(),
            "/dev/video0 is in use by motion: end that first"
        );
        assert_eq!(busy.values().get("by"), Some(&"motion".into()));
        assert!(Cause::Unplugged.values().is_empty());
    }

    #[test]
    fn a_reason_with_a_code_says_its_values_and_one_without_says_its_words_alone() {
        let busy = Reason::from(Cause::DeviceBusy {
            device: "/dev/video0".into(),
            by: "motion (process 7)".into(),
        });
        let json = concat!(
            r#"{"reason":"/dev/video0 is in use by motion (process 7): end that first","#,
            r#""cause":"device-busy","values":{"by":"motion (process 7)","device":"/dev/video0"}}"#
        );
        assert_eq!(serde_json::to_string(&busy).unwrap(), json);
        assert_eq!(serde_json::from_str::<Reason>(json).unwrap(), busy);
        let words = Reason::from("unplugged");
        assert_eq!(
            serde_json::to_string(&words).unwrap(),
            r#"{"reason":"unplugged"}"#
        );
        assert_eq!(serde_json::from_str::<Reason>("{}").unwrap(), "".into());
    }
}
