//! Roles: what a key is good for, and which role includes which.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a key is good for.
///
/// Every role includes `View`, and `Admin` includes every role. `Operate` and `Publish` are apart: a program that pushes pictures
/// in has no business with the camera's commands, and a driver none with the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// See the cameras.
    View,
    /// See the cameras and send them commands.
    Operate,
    /// See the cameras and push pictures in.
    #[serde(alias = "control")]
    Publish,
    /// Everything, such as to see who else is connected, and to sign devices out.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::View, Self::Operate, Self::Publish, Self::Admin];

    /// Returns true if this role allows what `needed` allows.
    pub fn includes(self, needed: Self) -> bool {
        self == needed || self == Self::Admin || needed == Self::View
    }

    /// The role's name, as in the key file.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
            Self::Publish => "publish",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A role as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypedRole {
    /// The role that is meant.
    pub role: Role,
    /// Whether it was typed by the name that it had before: `control` for `publish`.
    pub by_old_name: bool,
}

/// Not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role: choose view, operate, publish or admin")]
pub struct BadRole(String);

impl FromStr for TypedRole {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        let by_old_name = text == "control";
        let name = if by_old_name { "publish" } else { text };
        let role = Role::ALL.into_iter().find(|role| role.name() == name);
        let role = role.ok_or_else(|| BadRole(text.into()))?;
        Ok(Self { role, by_old_name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_may_view_admin_may_all_and_neither_of_the_others_includes_the_other() {
        let included = |role: Role| Role::ALL.map(|needed| role.includes(needed));
        assert_eq!(included(Role::View), [true, false, false, false]);
        assert_eq!(included(Role::Operate), [true, true, false, false]);
        assert_eq!(included(Role::Publish), [true, false, true, false]);
        assert_eq!(included(Role::Admin), [true; 4]);
    }

    #[test]
    fn a_role_is_read_by_its_name_and_control_is_publish() {
        for role in Role::ALL {
            let typed = TypedRole {
                role,
                by_old_name: false,
            };
            assert_eq!(role.name().parse(), Ok(typed));
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(json, format!("{:?}", role.name()));
        }
        let old: TypedRole = "control".parse().unwrap();
        assert_eq!((old.role, old.by_old_name), (Role::Publish, true));
        let read: Role = serde_json::from_str("\"control\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"publish\"");
        let error = "god".parse::<TypedRole>().unwrap_err().to_string();
        assert!(error.contains("view, operate, publish or admin"), "{error}");
    }
}
