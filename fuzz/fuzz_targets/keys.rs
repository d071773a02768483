//! Reads arbitrary text as the file of access keys: what is accepted is written and read as the same, no name is there
//! twice, and each key opens and no other text does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::access::{Keys, Password, Role, Secret};
use std::collections::HashSet;

fuzz_target!(|text: &str| {
    let Ok(keys) = Keys::parse(text) else {
        return;
    };
    let written = serde_json::to_string(&keys).expect("keys can be written");
    assert_eq!(Keys::parse(&written).as_ref(), Ok(&keys));
    let mut names = HashSet::new();
    for entry in &keys.keys {
        assert!(names.insert(entry.name.as_str()));
        assert_eq!(keys.get(&entry.name), Some(entry));
        let shown = format!("{entry:?}");
        if let Secret::Key(key) = &entry.secret {
            let key = key.as_str();
            assert!(key.len() == 26 && !key.bytes().any(|letter| letter.is_ascii_uppercase()));
            assert!(!shown.contains(key));
            let opens = |typed: &str| entry.secret.is_key(&Password::new(typed));
            assert!(opens(key) && opens(&key.to_ascii_uppercase()));
            assert!(!opens(&key[1..]) && !opens(&format!("{key}a")) && !opens(""));
        }
    }
    if let Some(owners) = keys.owners() {
        assert!(keys.keys.iter().any(|entry| {
            entry.role == Role::Admin && matches!(&entry.secret, Secret::Key(key) if key == owners)
        }));
    }
});
