//! Notes for how long a source's thread has been in a call of its device's driver, which may never come back.

use crate::util::clock::Moment;
use std::sync::Arc;
use std::time::Duration;

/// One camera's record, also over several runs of its source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Driver(Arc<Moment>);

/// A call that has not come back.
#[derive(Debug)]
pub(crate) struct Call<'a>(&'a Driver);

impl Driver {
    /// A call begins.
    pub(crate) fn calls(&self) -> Call<'_> {
        self.0.mark();
        Call(self)
    }

    /// How long ago the call began that has not come back, if there is one.
    pub(crate) fn in_call_for(&self) -> Option<Duration> {
        self.0.age()
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.0.clear();
    }
}
