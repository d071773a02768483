//! Manual pages and completions, as the packages have them.

use crate::process::pistreamer;
use std::process::{Command, Stdio};

fn printed(shell: &str) -> String {
    let output = pistreamer(&["generate", shell]).output().unwrap();
    assert!(output.status.success(), "{shell}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_command_has_a_manual_page_and_what_is_hidden_has_none() {
    let directory = tempfile::tempdir().unwrap();
    let typed = ["generate", "man", directory.path().to_str().unwrap()];
    assert!(pistreamer(&typed).status().unwrap().success());
    let mut pages: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    for wanted in [
        "pistreamer.1",
        "pistreamer-key.1",
        "pistreamer-key-rotate.1",
        "pistreamer-grab.1",
    ] {
        assert!(
            pages.iter().any(|page| page == wanted),
            "{wanted}: {pages:?}"
        );
    }
    let odd = |page: &&String| page.contains("help") || page.contains("generate");
    assert_eq!(pages.iter().find(odd), None);
    let page = std::fs::read_to_string(directory.path().join("pistreamer.1")).unwrap();
    assert!(
        page.contains(r"\-\-max\-viewers") && !page.contains("retry"),
        "{page}"
    );
}

#[test]
fn bash_completes_commands_and_flags_and_takes_the_script_as_do_zsh_and_fish_where_they_are() {
    let script = printed("bash");
    let asked = r#"COMP_WORDS=(pistreamer key rot); COMP_CWORD=2; _pistreamer pistreamer rot key; echo "${COMPREPLY[@]}""#;
    let bash = Command::new("bash")
        .args(["-c", &format!("{script}\n{asked}")])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(bash.stdout).unwrap(), "rotate\n");
    assert!(printed("zsh").starts_with("#compdef pistreamer"));
    assert!(printed("fish").contains("complete -c pistreamer"));
}
