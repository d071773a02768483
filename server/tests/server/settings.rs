//! What an administrator sets of a camera while the server runs: what its viewers see, what is kept, and what is refused.

use crate::access::Locked;
use crate::process::{pistreamer, said};
use crate::reloaded::{Server, all_see};
use crate::support::TestServer;
use pistreamer::access::Role;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const HEAD: &str =
    "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n[access]\nno_auth = true\n";

fn door(rest: &str) -> String {
    format!("{HEAD}[[camera]]\nid = \"door\"\nsource = \"pattern\"\n{rest}\n")
}

fn file(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("pistreamer.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn start(text: &str) -> Server {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), text);
    Server::start_in(directory, &path)
}

impl Server {
    fn kept(&self) -> PathBuf {
        self.directory.path().join("state/settings.json")
    }

    /// The same server again, on what it has kept.
    fn again(self) -> Self {
        let Self {
            directory, child, ..
        } = self;
        drop(child);
        let path = directory.path().join("pistreamer.toml");
        Self::start_in(directory, &path)
    }

    /// What `curl` is answered, and with which status.
    async fn change(&self, body: &Value) -> (u16, String) {
        let url = format!("http://{}/api/v1/cameras/door/settings", self.address);
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-X", "PATCH", "-w", "\n%{http_code}", "-d"])
            .args([body.to_string(), url]);
        let output = tokio::task::spawn_blocking(move || said(curl)).await;
        let (_, text) = output.unwrap();
        let (text, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), text.into())
    }

    /// A setting as it is told.
    async fn setting(&self, name: &str) -> Value {
        let told = self.get("/api/v1/cameras/door/settings").await;
        let mut settings = told["settings"].as_array().unwrap().iter();
        settings.find(|told| told["name"] == name).unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_size_change_while_eight_viewers_look_and_are_kept() {
    let mut server = start(&door("fps = 20"));
    let viewers = server.viewers("door", 8).await;
    let mut viewers: Vec<_> = viewers.into_iter().map(|viewer| (viewer, 0)).collect();
    all_see(&mut viewers, 1280, None).await;
    let (status, told) = server
        .change(&json!({"name": "Front door", "size": "320x240", "rotate": 90}))
        .await;
    assert_eq!(status, 200, "{told}");
    all_see(&mut viewers, 240, Some("Front door")).await;
    let status = server.get("/api/v1/status").await;
    assert_eq!(status["viewers"].as_array().unwrap().len(), 8, "{status}");
    assert_eq!(status["viewers_total"], 8, "{status}");
    let line = server.log("an administrator set a camera's settings");
    assert!(line.contains("name, rotate, size"), "{line}");
    let size = server.setting("size").await;
    assert_eq!(
        (&size["value"], &size["otherwise"]),
        (&json!("320x240"), &json!("1280x720"))
    );
    assert_eq!(
        (&size["is_set"], &size["fixed"]),
        (&json!(true), &Value::Null)
    );
    // A reload of the file leaves it, and so does a new start.
    server.hang_up();
    server.log("configuration reloaded");
    assert_eq!(server.setting("size").await, size);
    let config = server.path();
    let server = server.again();
    assert_eq!(server.setting("size").await, size);
    assert_eq!(
        server.get("/api/v1/cameras").await["cameras"][0]["name"],
        "Front door"
    );
    let (done, shown) = said(pistreamer(&[
        "config",
        "show",
        "--config",
        config.to_str().unwrap(),
    ]));
    let line = shown.lines().find(|line| line.starts_with("size = "));
    let line = line.unwrap_or_else(|| panic!("{shown}"));
    assert!(
        done && line.starts_with("size = \"320x240\"  # set by an administrator, in ")
            && line.ends_with("state/settings.json"),
        "{line}"
    );
    // What was set is taken back.
    let (status, told) = server
        .change(&json!({"name": null, "size": null, "rotate": null}))
        .await;
    assert_eq!(status, 200, "{told}");
    let size = server.setting("size").await;
    assert_eq!(
        (&size["value"], &size["is_set"]),
        (&json!("1280x720"), &json!(false))
    );
    let kept: Value = serde_json::from_slice(&std::fs::read(server.kept()).unwrap()).unwrap();
    assert_eq!(kept, json!({"cameras": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_file_variable_or_flag_says_is_fixed_and_named_and_a_wrong_value_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), &door("size = \"320x240\""));
    let mut command = pistreamer(&["--quality", "70", "--config", path.to_str().unwrap()]);
    command.env("PISTREAMER_FPS", "12");
    let server = Server::run(directory, command);
    for (name, value, by) in [
        ("size", json!("640x480"), "pistreamer.toml:9:8"),
        ("fps", json!(5), "the variable PISTREAMER_FPS"),
        ("quality", json!(5), "the flag --quality"),
    ] {
        // All or nothing.
        let (status, told) = server.change(&json!({"name": "Shed", name: value})).await;
        assert!(
            status == 409 && told.contains(by),
            "{name}: {status} {told}"
        );
        let setting = server.setting(name).await;
        assert!(setting["fixed"].as_str().unwrap().contains(by), "{setting}");
    }
    for (body, why) in [
        (json!({"rotate": 45}), "choose 0, 90, 180 or 270"),
        (json!({"name": ""}), "1 to 100 characters"),
        (json!({"name": "a\nb"}), "1 to 100 characters"),
        (json!({"hflip": 3}), "hflip takes true or false, and not 3"),
        (json!({"source": "pattern"}), "there are name, size, fps"),
    ] {
        let (status, told) = server.change(&body).await;
        assert!(
            status == 422 && told.contains(why),
            "{body}: {status} {told}"
        );
    }
    let (status, told) = server.change(&json!([1])).await;
    assert!(status == 400 && told.contains("JSON such as"), "{told}");
    assert!(server.setting("name").await["value"].is_null());
    assert!(!server.kept().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_set_aside_and_a_value_that_cannot_be_is_left_out() {
    let server = start(&door(""));
    let (status, told) = server.change(&json!({"quality": 50})).await;
    assert_eq!(status, 200, "{told}");
    std::fs::write(server.kept(), "{\"cameras\": {\"door\"").unwrap();
    let mut server = server.again();
    server.log("the file is moved aside");
    assert_eq!(server.setting("quality").await["value"], 80);
    assert!(
        server
            .kept()
            .with_file_name("settings-unreadable.json")
            .exists()
    );
    let (status, told) = server.change(&json!({"quality": 40})).await;
    assert_eq!(status, 200, "{told}");

    // As an older version could have left it.
    std::fs::write(
        server.kept(),
        r#"{"cameras": {"door": {"size": "1x1", "later": 1}, "shed": {"quality": 3}}}"#,
    )
    .unwrap();
    let mut server = server.again();
    server.log("it has what the configuration says");
    assert_eq!(
        server.get("/api/v1/cameras").await["cameras"][0]["id"],
        "door"
    );
    let (status, told) = server.change(&json!({"size": "640x480"})).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(server.setting("size").await["is_set"], true);
    // Another server's camera is none of this one's business.
    let kept: Value = serde_json::from_slice(&std::fs::read(server.kept()).unwrap()).unwrap();
    assert_eq!(kept["cameras"]["shed"], json!({"quality": 3}));
    assert_eq!(
        kept["cameras"]["door"],
        json!({"size": "640x480", "later": 1})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_value_that_cannot_be_is_not_told_as_what_holds_and_takes_no_other_with_it() {
    let server = start(&door(""));
    let kept = server.kept();
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(
        &kept,
        r#"{"cameras": {"door": {"size": "1x1", "quality": 55}}}"#,
    )
    .unwrap();
    let mut server = server.again();
    server.log("1x1");
    let told = async |name: &str| {
        let setting = server.setting(name).await;
        (setting["value"].clone(), setting["is_set"].clone())
    };
    assert_eq!(told("size").await, (json!("1280x720"), json!(false)));
    assert_eq!(told("quality").await, (json!(55), json!(true)));
    let (status, said) = server.change(&json!({"name": "Shed"})).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(told("name").await, (json!("Shed"), json!(true)));
    assert_eq!(told("size").await, (json!("1280x720"), json!(false)));
    // Only its own value is judged.
    let (status, said) = server.change(&json!({"rotate": 45})).await;
    assert!(status == 422 && !said.contains("1x1"), "{status} {said}");
    let (status, said) = server.change(&json!({"size": null})).await;
    assert_eq!(status, 200, "{said}");
    let kept: Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(
        kept["cameras"]["door"],
        json!({"quality": 55, "name": "Shed"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_has_set_meanwhile_is_not_lost() {
    let server = start(&door(""));
    let (status, said) = server.change(&json!({"quality": 50, "name": "Shed"})).await;
    assert_eq!(status, 200, "{said}");
    let other = r#"{"cameras": {"door": {"quality": 50, "hflip": true}, "yard": {"fps": 5.0}}}"#;
    std::fs::write(server.kept(), other).unwrap();
    let (status, said) = server
        .change(&json!({"rotate": 180, "quality": null}))
        .await;
    assert_eq!(status, 200, "{said}");
    let kept: Value = serde_json::from_slice(&std::fs::read(server.kept()).unwrap()).unwrap();
    let all = json!({"door": {"hflip": true, "rotate": 180}, "yard": {"fps": 5.0}});
    assert_eq!(kept["cameras"], all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_damaged_while_the_server_runs_is_moved_aside_and_written_anew() {
    let mut server = start(&door(""));
    let (status, said) = server.change(&json!({"quality": 50})).await;
    assert_eq!(status, 200, "{said}");
    for (round, aside) in ["settings-unreadable.json", "settings-unreadable-2.json"]
        .into_iter()
        .enumerate()
    {
        std::fs::write(server.kept(), format!("{{ {round}")).unwrap();
        let (status, said) = server.change(&json!({"hflip": round == 0})).await;
        assert_eq!(status, 200, "{said}");
        let line = server.log("the file is moved aside");
        assert!(line.contains("state/settings.json: "), "{line}");
        // Each stays as it was.
        let aside = std::fs::read_to_string(server.kept().with_file_name(aside)).unwrap();
        assert_eq!(aside, format!("{{ {round}"));
    }
    let kept: Value = serde_json::from_slice(&std::fs::read(server.kept()).unwrap()).unwrap();
    let all = json!({"door": {"hflip": false, "quality": 50}});
    assert_eq!(kept["cameras"], all);
    // Where it cannot be read at all, it is said of which file that is.
    std::fs::remove_file(server.kept()).unwrap();
    std::fs::create_dir(server.kept()).unwrap();
    let (status, said) = server.change(&json!({"quality": 60})).await;
    assert!(
        status == 507 && said.contains("state/settings.json: "),
        "{status} {said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_set_and_that_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), &door(""));
    let program = pistreamer(&[]);
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' XFSZ && ulimit -f 0 && exec \"$0\" --config \"$1\"",
        ])
        .arg(program.get_program())
        .arg(path)
        .env_remove("STATE_DIRECTORY")
        .stdout(std::process::Stdio::piped());
    let server = Server::run(directory, command);
    let (status, told) = server.change(&json!({"quality": 50})).await;
    assert!(
        status == 507 && told.contains("nothing was changed, because it cannot be kept"),
        "{status} {told}"
    );
    assert_eq!(server.setting("quality").await["value"], 80);
}

/// What `pistreamer set` prints with these arguments, and whether it succeeds.
async fn set(url: &str, arguments: &[&str]) -> (bool, String) {
    let command = pistreamer(&[&["set", "--server", url], arguments].concat());
    let output = tokio::task::spawn_blocking(move || said(command));
    output.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_lists_sets_and_takes_back() {
    let server = start(&door("size = \"320x240\""));
    let url = format!("http://{}", server.address);
    let (done, listed) = set(&url, &[]).await;
    assert!(
        done && listed.contains("\nquality = 80  # default\n"),
        "{listed}"
    );
    assert!(
        listed.contains("\nsize = 320x240  # size is fixed by "),
        "{listed}"
    );
    let (done, told) = set(&url, &["name=Front door", "hflip=on", "quality=60"]).await;
    assert!(
        done && told.starts_with("name = Front door  # set by an administrator, in "),
        "{told}"
    );
    assert!(
        told.contains("\nhflip = true") && told.contains("\nquality = 60"),
        "{told}"
    );
    let (done, told) = set(&url, &["--restart"]).await;
    assert!(done && told.is_empty(), "{told}");
    let (done, told) = set(&url, &["--json", "quality="]).await;
    let json: Value = serde_json::from_str(&told).unwrap();
    assert!(done && json["settings"][3]["value"] == 80, "{told}");
    for (arguments, why) in [
        (&["size=640x480"][..], "size is fixed by"),
        (&["quality=0"], "choose one from 1 to 100"),
        (&["quality"], "write it like size=640x480"),
        (&["--camera", "shed"], "there is no camera \"shed\""),
    ] {
        let (done, told) = set(&url, arguments).await;
        assert!(
            !done && told.starts_with("pistreamer: ") && told.contains(why),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_sets_them_and_a_page_elsewhere_never_does() {
    let dashboard = "http://dash.example";
    let locked = Locked::start_with(|flags| flags.allow_origin = vec![dashboard.into()]);
    let cameras = format!("Authorization: Bearer {}\r\n", locked.key());
    let cameras: Value =
        serde_json::from_str(&locked.get("/api/v1/cameras", &cameras).await.body).unwrap();
    let path = format!(
        "/api/v1/cameras/{}/settings",
        cameras["cameras"][0]["id"].as_str().unwrap()
    );
    let cookie = locked.session(&locked.key()).await;
    let asked = async |headers: String| locked.ask("PATCH", &path, &headers).await.status;
    assert_eq!(
        asked(format!("Cookie: {cookie}\r\nOrigin: {dashboard}\r\n")).await,
        403
    );
    let own = format!("http://{}", locked.server.address);
    // It is let in, and sends nothing.
    assert_eq!(
        asked(format!("Cookie: {cookie}\r\nOrigin: {own}\r\n")).await,
        400
    );
    let operator = locked.add("car", Role::Operate);
    let operator = format!("Authorization: Bearer {operator}\r\n");
    locked.until("/api/v1/cameras", &operator, 200).await;
    assert_eq!(asked(operator).await, 403);
    locked.server.stop().await;

    // Where a program decides the settings, it is said.
    let server = TestServer::start(|_| ());
    let id = server.camera().await["id"].as_str().unwrap().to_owned();
    let told = server.get(&format!("/api/v1/cameras/{id}/settings")).await;
    assert!(
        told.contains(" 409 ") && told.contains("follows no configuration"),
        "{told}"
    );
    server.stop().await;
}
