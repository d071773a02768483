//! Which strips of a camera's picture have changed by more than noise: samples in, numbers of strips out.
//!
//! A map, not a place for code. [`Scene`] is all that a caller needs: it remembers each strip as it was last encoded, and is shown
//! every picture. What it names is to be encoded and sent; everything else shows what was sent before, but for noise. [`Grid`] says
//! which strips a picture has, `blocks` compares them with what is remembered, `noise` learns how far blocks are apart where
//! nothing has changed, and `means` has the averages of what stands still, which are sharper than any single picture of it. No
//! JPEGs, no clock, no threads; nothing is allocated for a picture that shows nothing new.

mod blocks;
mod grid;
mod means;
mod noise;
mod scene;

pub use grid::{Grid, Plane, Sampling};
pub use scene::{Config, Look, Scene};
