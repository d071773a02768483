//! The list of settings: the example has all of them, and so has the command line.

use super::*;

#[test]
fn the_example_equals_the_defaults_as_it_stands_and_without_its_comment_signs() {
    let defaults = format!("{:?}", Config::from_toml("").unwrap());
    let example = example();
    let as_it_stands = Config::from_toml(&example).unwrap();
    assert_eq!(format!("{as_it_stands:?}"), defaults);
    // What has no default is only an example.
    let mut unset = false;
    let lines = example
        .lines()
        .filter_map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => (!unset).then_some(setting),
            _ => {
                unset = line == "# Not set. For example:";
                Some(line)
            }
        });
    let uncommented = lines.collect::<Vec<_>>().join("\n");
    assert!(uncommented.contains("\nfps = 30"), "{uncommented}");
    let uncommented = Config::from_toml(&uncommented).unwrap();
    assert_eq!(format!("{uncommented:?}"), defaults);
    let every = example.replace("\n#", "\n").replace("\n ", "\n# ");
    let (_, problems) = file::parse(&every, Path::new("every.toml"));
    assert_eq!(problems, []);
}

#[test]
fn every_setting_has_a_flag_that_the_program_takes_or_is_for_one_camera_alone() {
    use clap::CommandFactory;
    let command = cli::Cli::command();
    let flags: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| arg.get_long())
        .collect();
    let settings: Vec<_> = setting::ALL
        .iter()
        .filter_map(|setting| setting.flag)
        .collect();
    for flag in &settings {
        assert!(flags.contains(flag), "no flag {flag}");
    }
    for flag in flags {
        let known = settings.contains(&flag) || ["config", "help", "version"].contains(&flag);
        assert!(known, "--{flag} cannot be given in a file");
    }
}

#[test]
fn every_default_is_the_same_in_the_help_as_in_the_list() {
    use clap::CommandFactory;
    let command = cli::Cli::command();
    let mut compared = 0;
    for setting in setting::ALL {
        let Some(arg) = command
            .get_arguments()
            .find(|arg| setting.flag.is_some() && arg.get_long() == setting.flag)
        else {
            continue;
        };
        let help = arg.get_help().unwrap().to_string();
        let (Some((_, said)), Some(default)) = (help.split_once("[default: "), setting.default)
        else {
            continue;
        };
        let said = said.split([';', ']']).next().unwrap();
        let default = default.trim_matches(['[', ']', '"']);
        assert_eq!(said, default, "--{}", arg.get_long().unwrap());
        compared += 1;
    }
    assert!(compared > 8, "{compared}");
}

#[test]
fn every_kind_of_source_is_in_the_example() {
    let example = example();
    let (_, source) = example.split_once("Where pictures come from: ").unwrap();
    let listed = source.lines().take(4).collect::<Vec<_>>().join(" ");
    // What is written in words is a URL.
    let words = ["a", "the", "URL"];
    let usages = crate::source::kinds::usages();
    for usage in usages.split(", ").filter(|usage| !usage.contains("//")) {
        let first = usage.trim_start_matches("or ");
        let first = first.split([':', ' ']).next().unwrap();
        let is_listed = listed.contains(first) || words.contains(&first);
        assert!(is_listed, "{usage} is not in: {listed}");
    }
    assert!(listed.contains("the URL"), "{listed}");
}
