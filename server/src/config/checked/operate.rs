//! The machine below a camera: the way to it, the limits, and the names of its axes and buttons.

use super::Check;
use crate::camera::Settings;
use crate::config::layer::Values;
use crate::config::setting;
use pistreamer_operate::sink::Spec;
use pistreamer_operate::{Limits, Plan, plan};
use std::path::Path;
use std::time::Duration;

impl Check {
    /// `None` follows a problem; without a sink there is no machine.
    pub(super) fn operate(&mut self, camera: &Values) -> Option<Option<Plan>> {
        let names = |value: setting::Value| -> Result<_, String> {
            let names = value.into_texts();
            plan::check(&names).map_err(|error| error.to_string())?;
            Ok(names)
        };
        let axes = self.read(camera, &setting::OPERATE_AXES, |value| {
            let axes = names(value)?;
            if axes.is_empty() {
                return Err(plan::BadNames::None.to_string());
            }
            Ok(axes)
        });
        let buttons = self.read(camera, &setting::OPERATE_BUTTONS, names);
        let mut seconds = |setting, least: f64| {
            self.read(camera, setting, |value| {
                let seconds = value.into_number();
                let is_usable = (least..=5.0).contains(&seconds);
                is_usable
                    .then(|| Duration::from_secs_f64(seconds))
                    .ok_or_else(|| format!("{seconds} s are not possible: choose {least} to 5"))
            })
        };
        let command = seconds(&setting::OPERATE_COMMAND, 0.05);
        let picture = seconds(&setting::OPERATE_PICTURE, 0.1);
        if camera.get(&setting::OPERATE_SINK).is_none() {
            return axes.and(buttons).and(command).and(picture).map(|_| None);
        }
        let sink = self.read(camera, &setting::OPERATE_SINK, |value| {
            sink(&value.into_text())
        });
        Some(Some(Plan {
            sink: sink?,
            limits: Limits {
                command: command?,
                picture: picture?,
            },
            axes: axes?,
            buttons: buttons?,
        }))
    }

    /// Each machine is driven below one camera.
    pub(super) fn distinct_machines(&mut self, cameras: &[Values], settings: &[Option<Settings>]) {
        let sink =
            |camera: &Option<Settings>| Some(camera.as_ref()?.operate.as_ref()?.sink.clone());
        for (number, camera) in settings.iter().enumerate() {
            let Some(own) = sink(camera) else { continue };
            let is_taken = settings[..number]
                .iter()
                .any(|other| sink(other).as_ref() == Some(&own));
            if is_taken && let Some(given) = cameras[number].get(&setting::OPERATE_SINK) {
                let text = format!(
                    "another camera has the machine {own} already: give it to one camera, in a file, where operate.sink stands \
                     in its [[camera]]"
                );
                self.problem(&given.origin, text);
            }
        }
    }
}

fn sink(text: &str) -> Result<Spec, String> {
    let spec = Spec::parse(text).map_err(|error| error.to_string())?;
    let path = match &spec {
        Spec::Exec(words) => Path::new(&words[0]),
        Spec::Unix(path) => path,
        Spec::Udp(_) => return Ok(spec),
    };
    // One without a slash is looked for where programs are.
    let is_name = matches!(spec, Spec::Exec(_)) && path.components().count() == 1;
    if path.is_absolute() || is_name {
        Ok(spec)
    } else {
        let path = path.display();
        Err(format!(
            "{path} depends on where the server is started: write the whole path, from / on"
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn problem(text: &str) -> String {
        let text = format!("[[camera]]\nsource = \"pattern\"\n{text}");
        Config::from_toml(&text).unwrap_err().to_string()
    }

    #[test]
    fn a_machine_is_read_with_its_limits_and_what_is_wrong_says_what_to_write() {
        let text = "[[camera]]\nsource = \"pattern\"\n[camera.operate]\nsink = \"exec:/home/pi/car.py\"\n\
                    command_timeout = 0.5\nbuttons = [\"horn\"]";
        let config = Config::from_toml(text).unwrap();
        let plan = config.cameras[0].operate.clone().unwrap();
        assert_eq!(plan.sink.to_string(), "exec:/home/pi/car.py");
        assert_eq!(plan.limits.command.as_millis(), 500);
        assert_eq!(plan.limits.picture.as_millis(), 400);
        assert_eq!(
            (plan.axes, plan.buttons),
            (
                vec!["steer".into(), "throttle".into()],
                vec!["horn".to_owned()]
            )
        );
        for (wrong, says) in [
            ("operate.sink = \"car.py\"", "exec:/path/to/program"),
            ("operate.sink = \"exec:./car.py\"", "the whole path"),
            ("operate.picture_limit = 9", "choose 0.1 to 5"),
            ("operate.axes = []", "at least one axis"),
            ("operate.axes = [\"a\", \"a\"]", "twice"),
            ("operate.buttons = [\"a b\"]", "no name"),
        ] {
            let problem = problem(wrong);
            assert!(problem.contains(says), "{problem}");
        }
        let two = "operate.sink = \"exec:a\"\n[[camera]]\nid = \"b\"\nsource = \"pattern\"\noperate.sink = \"exec:a\"";
        assert!(problem(two).contains("to one camera"));
    }
}
