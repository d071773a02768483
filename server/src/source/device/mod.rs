//! What every capture device of this machine needs, whatever interface it is reached through: how its pictures lie in memory,
//! copies of them, whether it is alive, and how it is kept to its rate.

pub(in crate::source) mod copy;
pub(in crate::source) mod format;
pub(in crate::source) mod health;
pub(in crate::source) mod rate;
