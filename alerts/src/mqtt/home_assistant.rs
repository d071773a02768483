//! What Home Assistant finds a server and its cameras by (home-assistant.io/integrations/mqtt, discovery): a retained message for
//! each entity.

use super::topics::{self, Topics, object};
use serde_json::{Value, json};

/// Where Home Assistant says that it has started, and wants to be told again.
pub const STATUS: &str = "homeassistant/status";

/// A camera, as far as entities need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Camera {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether motion is looked for.
    pub motion: bool,
    /// Whether it is recorded.
    pub recorded: bool,
}

/// What a server is known by in what it publishes here. Home Assistant passes it over.
const SERVER: &str = "server_id";

/// The messages, retained, by which entities appear: topics and contents. `page` is the server's page, where its URL is known.
/// There is no switch where the server does not hear commands.
pub fn discovery(
    topics: &Topics,
    cameras: &[Camera],
    page: Option<&str>,
    hears: bool,
) -> Vec<(String, String)> {
    let node = topics.node();
    let mut found = Vec::new();
    let mut add = |component: &str, object: &str, name: &str, more: Value| {
        let mut entity = json!({
            "name": name,
            "unique_id": format!("pistreamer_{node}_{object}"),
            "default_entity_id": format!("{component}.{node}_{object}").to_ascii_lowercase(),
            "availability_topic": topics.online(),
            SERVER: topics.id(),
            "device": {
                "identifiers": [format!("pistreamer_{node}")],
                "name": format!("pistreamer {node}"),
                "manufacturer": "pistreamer",
                "sw_version": env!("CARGO_PKG_VERSION"),
            },
        });
        if let Some(page) = page {
            entity["device"]["configuration_url"] = page.into();
        }
        if let (Some(entity), Value::Object(more)) = (entity.as_object_mut(), more) {
            entity.extend(more);
        }
        let topic = format!("homeassistant/{component}/pistreamer_{node}/{object}/config");
        found.push((topic, entity.to_string()));
    };
    if hears {
        add(
            "switch",
            "armed",
            "Alerts",
            json!({
                "state_topic": topics.armed(),
                "command_topic": topics.armed_set(),
                "icon": "mdi:shield-home",
            }),
        );
    }
    for camera in cameras {
        let object = |name: &str| format!("{}_{name}", object(&camera.id));
        let name = |what: &str| format!("{} {what}", camera.name);
        let state = |name| topics.camera(&camera.id, name);
        add(
            "binary_sensor",
            &object("signal"),
            &name("signal"),
            json!({
                "state_topic": state(topics::SIGNAL),
                "device_class": "connectivity",
            }),
        );
        if camera.motion {
            add(
                "binary_sensor",
                &object("motion"),
                &name("motion"),
                json!({
                    "state_topic": state(topics::MOTION),
                    "device_class": "motion",
                }),
            );
        }
        if camera.recorded {
            add(
                "binary_sensor",
                &object("recording"),
                &name("recording"),
                json!({
                    "state_topic": state(topics::RECORDING),
                    "icon": "mdi:record-rec",
                }),
            );
        }
        add(
            "image",
            &object("picture"),
            &name("last event"),
            json!({
                "image_topic": state(topics::PICTURE),
                "content_type": "image/jpeg",
            }),
        );
    }
    found
}

/// Under which topics the machine's entities are found.
pub fn configs(topics: &Topics) -> String {
    format!("homeassistant/+/pistreamer_{}/+/config", topics.node())
}

/// The topics of a camera that an entity's configuration names. `None` where this server has not published that: another machine
/// may have the same name.
pub fn states(topics: &Topics, config: &[u8]) -> Option<Vec<String>> {
    let config: Value = serde_json::from_slice(config).ok()?;
    if config[SERVER] != topics.id() {
        return None;
    }
    let named = ["state_topic", "image_topic"].map(|name| config[name].as_str());
    let of_camera = |topic: &&str| {
        let rest = topic.strip_prefix("pistreamer/");
        let rest = rest.and_then(|rest| rest.strip_prefix(topics.node())?.strip_prefix('/'));
        rest.is_some_and(|rest| rest.contains('/') && !rest.contains(['+', '#']))
    };
    let topics = named.into_iter().flatten().filter(of_camera);
    Some(topics.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_has_what_it_delivers_and_the_machine_a_switch() {
        let camera = Camera {
            id: "door".into(),
            name: "Front door".into(),
            motion: true,
            recorded: false,
        };
        let of = Topics::of("pi", "7");
        let page = Some("https://home.example/");
        let cameras = [camera];
        let found = discovery(&of, &cameras, page, true);
        let topics: Vec<_> = found.iter().map(|(topic, _)| topic.as_str()).collect();
        assert_eq!(
            topics,
            [
                "homeassistant/switch/pistreamer_pi/armed/config",
                "homeassistant/binary_sensor/pistreamer_pi/door_signal/config",
                "homeassistant/binary_sensor/pistreamer_pi/door_motion/config",
                "homeassistant/image/pistreamer_pi/door_picture/config",
            ]
        );
        assert_eq!(
            found[2].1,
            r#"{"availability_topic":"pistreamer/pi/online","default_entity_id":"binary_sensor.pi_door_motion","device":{"configuration_url":"https://home.example/","identifiers":["pistreamer_pi"],"manufacturer":"pistreamer","name":"pistreamer pi","sw_version":"0.1.0"},"device_class":"motion","name":"Front door motion","server_id":"7","state_topic":"pistreamer/pi/door/motion","unique_id":"pistreamer_pi_door_motion"}"#
                .replace("0.1.0", env!("CARGO_PKG_VERSION"))
        );
        let unheard = discovery(&of, &cameras, page, false);
        assert_eq!(unheard[..], found[1..]);
    }

    #[test]
    fn a_server_knows_what_it_published_itself() {
        let of = Topics::of("pi", "7");
        let camera = Camera {
            id: "door".into(),
            name: "Front door".into(),
            motion: true,
            recorded: true,
        };
        let found = discovery(&of, &[camera], None, true);
        let states: Vec<_> = found
            .iter()
            .flat_map(|(_, config)| states(&of, config.as_bytes()).unwrap())
            .collect();
        let expected = ["signal", "motion", "recording", "picture"];
        assert_eq!(states, expected.map(|name| of.camera("door", name)));
        let config = found[1].1.as_bytes();
        assert_eq!(self::states(&Topics::of("pi", "8"), config), None);
        assert_eq!(self::states(&of, b""), None);
        // Another program's retained message clears nothing of ours.
        for topic in [
            "pistreamer/pi/armed",
            "pistreamer/pie/a/b",
            "x",
            "pistreamer/pi/#/a",
        ] {
            let config = json!({ SERVER: "7", "state_topic": topic }).to_string();
            assert_eq!(
                self::states(&of, config.as_bytes()),
                Some(vec![]),
                "{topic}"
            );
        }
    }
}
