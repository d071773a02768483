//! The newest frame of each camera.
