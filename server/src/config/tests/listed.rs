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
