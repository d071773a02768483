//! What Home Assistant finds a server and its cameras by (home-assistant.io/integrations/mqtt, discovery): a retained message for
//! each entity.

use super::topics::{self, Topics, word};
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

/// The messages, retained, by which entities appear: topics and contents. `page` is the server's page, where its URL is known.
pub fn discovery(topics: &Topics, cameras: &[Camera], page: Option<&str>) -> Vec<(String, String)> {
    let node = topics.node();
    let mut found = Vec::new();
    let mut add = |component: &str, object: &str, name: &str, more: Value| {
        let mut entity = json!({
            "name": name,
            "unique_id": format!("pistreamer_{node}_{object}"),
            "default_entity_id": format!("{component}.{node}_{object}").to_ascii_lowercase(),
            "availability_topic": topics.online(),
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
    for camera in cameras {
        let object = |name: &str| format!("{}_{name}", word(&camera.id));
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
        let found = discovery(&Topics::of("pi"), &[camera], Some("https://home.example/"));
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
            r#"{"availability_topic":"pistreamer/pi/online","default_entity_id":"binary_sensor.pi_door_motion","device":{"configuration_url":"https://home.example/","identifiers":["pistreamer_pi"],"manufacturer":"pistreamer","name":"pistreamer pi","sw_version":"0.1.0"},"device_class":"motion","name":"Front door motion","state_topic":"pistreamer/pi/door/motion","unique_id":"pistreamer_pi_door_motion"}"#
                .replace("0.1.0", env!("CARGO_PKG_VERSION"))
        );
    }
}
