//! Recordings that are shared by a link: a key for one camera and one span of time, and for nothing else.
//!
//! That it opens nothing else is decided by the routes ([`crate::front`]), of which few take it.

use super::changes::{KeyError, found};
use super::key::{Clip, Entry, Key, Name, Secret};
use super::role::Role;
use super::store::{MOST_CLIPS, Store, StoreError};
use crate::util::clock;
use std::time::Duration;

/// Most links of a key.
const MOST_OF_A_KEY: usize = 50;

/// What is to be shared.
#[derive(Debug)]
pub struct Sharing {
    /// The camera's id.
    pub camera: String,
    /// What of its recordings, and by whom.
    pub clip: Clip,
    /// What tells the secret of who shares from those before and after: one that was rotated meanwhile shares no more.
    pub generation: String,
    /// How long the link is to be good; it is not for longer than the key of who shares.
    pub lifetime: Duration,
}

impl Store {
    /// Makes a key for a link, under a name of its own. Those that have expired are removed.
    ///
    /// # Errors
    /// Where it is not to be had. Then nothing has changed.
    pub fn share(&self, sharing: Sharing) -> Result<Entry, KeyError> {
        let unwritable = |error| StoreError::Unwritable(self.directory().into(), error);
        let key = Key::random().map_err(unwritable)?;
        let id = Key::random().map_err(unwritable)?;
        let name = format!("link-{}", &id.as_str()[..8]);
        let now_us = clock::now_us();
        let end_us = now_us.saturating_add(sharing.lifetime.as_micros() as u64);
        let mut entry = Entry {
            cameras: Some(vec![sharing.camera]),
            expires_us: Some(end_us),
            made_us: Some(now_us),
            clip: Some(sharing.clip.clone()),
            ..Entry::new(
                name.parse().map_err(|_| KeyError::Full)?,
                Role::View,
                Secret::Key(key),
            )
        };
        let by = sharing.clip.by;
        self.try_change(|keys| {
            let maker = found(keys, &by)?;
            let is_rotated = maker.generation() != sharing.generation;
            if maker.clip.is_some() || maker.has_expired(now_us) || is_rotated {
                return Err(KeyError::Expired(by.clone()));
            }
            entry.expires_us = entry.expires_us.min(maker.expires_us.or(Some(end_us)));
            keys.keys
                .retain(|entry| entry.clip.is_none() || !entry.has_expired(now_us));
            let clips = || keys.keys.iter().filter_map(|entry| entry.clip.as_ref());
            let own = clips().filter(|clip| clip.by == by).count();
            if own >= MOST_OF_A_KEY || clips().count() >= MOST_CLIPS {
                return Err(KeyError::LinksFull(own.max(1)));
            }
            keys.keys.push(entry.clone());
            Ok(())
        })?;
        Ok(entry)
    }

    /// Ends a link; one that a key has made, where `by` names that.
    ///
    /// # Errors
    /// Where there is none of that name. Then nothing has changed.
    pub fn end_link(&self, name: &Name, by: Option<&Name>) -> Result<(), KeyError> {
        self.try_change(|keys| {
            let is_own = |clip: &Clip| by.is_none_or(|by| clip.by == *by);
            let is_it =
                |entry: &Entry| entry.name == *name && entry.clip.as_ref().is_some_and(is_own);
            if !keys.keys.iter().any(is_it) {
                return Err(KeyError::NoLink(name.clone()));
            }
            keys.keys.retain(|entry| !is_it(entry));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sharing(store: &Store, by: &str) -> Sharing {
        let (from_us, to_us) = (1_000, 2_000);
        let keys = store.read().unwrap().keys;
        let maker = keys.iter().find(|entry| entry.name.as_str() == by);
        Sharing {
            generation: maker.unwrap().generation(),
            camera: "door".into(),
            clip: Clip {
                from_us,
                to_us,
                by: by.parse().unwrap(),
            },
            lifetime: Duration::from_secs(3600),
        }
    }

    #[test]
    fn a_link_ends_with_the_key_that_shared_it_and_counts_as_no_way_in() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().into());
        store.open().unwrap();
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let links = || -> Vec<Entry> {
            let keys = store.read().unwrap().keys;
            keys.into_iter()
                .filter(|entry| entry.clip.is_some())
                .collect()
        };
        let first = store.share(sharing(&store, "owner")).unwrap();
        assert_eq!(links(), std::slice::from_ref(&first));
        assert!(first.expires_us.is_some() && first.role == Role::View);
        // It is no key by which the last one could be replaced, nor one that shares.
        let last = store.remove(&name("owner"));
        assert!(matches!(last, Err(KeyError::Last(_))), "{last:?}");
        let again = store.share(sharing(&store, first.name.as_str()));
        assert!(matches!(again, Err(KeyError::Expired(_))), "{again:?}");
        let other = store.end_link(&first.name, Some(&name("somebody")));
        assert!(matches!(other, Err(KeyError::NoLink(_))), "{other:?}");
        let no_link = store.end_link(&name("owner"), None);
        assert!(matches!(no_link, Err(KeyError::NoLink(_))), "{no_link:?}");
        store.end_link(&first.name, Some(&name("owner"))).unwrap();
        assert_eq!(links(), []);
        // With a key that expires sooner, it does so too; and it ends when that is replaced, or removed.
        for rotates in [false, true] {
            let wanted = super::super::Wanted {
                name: name("anna"),
                role: Role::Operate,
                cameras: Vec::new(),
                lifetime: Some(Duration::from_secs(60)),
                secret: None,
            };
            let anna = store.add(wanted).unwrap();
            store.share(sharing(&store, "anna")).unwrap();
            let kept = store.share(sharing(&store, "owner")).unwrap();
            assert_eq!(links()[0].expires_us, anna.expires_us);
            if rotates {
                // What was asked for by the secret of before comes too late.
                let late = sharing(&store, "anna");
                store.rotate(&name("anna")).unwrap();
                let late = store.share(late);
                assert!(matches!(late, Err(KeyError::Expired(_))), "{late:?}");
            } else {
                store.remove(&name("anna")).unwrap();
            }
            assert_eq!(links(), std::slice::from_ref(&kept));
            store.end_link(&kept.name, None).unwrap();
            let _ = store.remove(&name("anna"));
        }
        for _ in 0..MOST_OF_A_KEY {
            store.share(sharing(&store, "owner")).unwrap();
        }
        let full = store.share(sharing(&store, "owner"));
        assert!(matches!(full, Err(KeyError::LinksFull(50))), "{full:?}");
    }
}
