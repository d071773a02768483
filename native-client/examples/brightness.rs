//! Prints how bright each frame is: `cargo run -p pistreamer-client --example brightness --
//! http://camera:KEY@raspberrypi.local:8000`

use jpeg_decoder::{Decoder, PixelFormat};
use pistreamer_client::{Config, Event, Subscription};
use std::io::Write as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), String> {
    let url = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "http://localhost:8000".into());
    let config = Config::new(&url).map_err(|error| error.to_string())?;
    // No picture has to be large to be bright.
    let mut camera = Subscription::start(config.max_width(160));
    while let Some(event) = camera.event().await {
        match event.map_err(|error| error.to_string())? {
            Event::Frame(frame) => {
                let seq = frame.stamp.seq;
                // A frame that cannot be decoded is left out; the next one comes.
                match mean_brightness(&frame.jpeg) {
                    Ok(percent) => {
                        writeln!(std::io::stdout(), "frame {seq}: {percent:.1} % bright")
                            .map_err(|error| error.to_string())?
                    }
                    Err(error) => eprintln!("frame {seq}: {error}"),
                }
            }
            Event::Status(status) => {
                eprintln!("the camera is {:?} {}", status.state, status.reason)
            }
            Event::Lost { error, retry_in } => eprintln!("{error}; trying again in {retry_in:.1?}"),
            _ => {}
        }
    }
    Ok(())
}

/// Mean of all samples, from 0 for black to 100 for white.
fn mean_brightness(jpeg: &[u8]) -> Result<f64, Box<dyn std::error::Error>> {
    let mut decoder = Decoder::new(jpeg);
    // A picture an eighth as wide and high has the same mean, and is decoded in a fraction of the time.
    decoder.read_info()?;
    let info = decoder.info().ok_or("a JPEG without a header")?;
    decoder.scale(info.width.div_ceil(8), info.height.div_ceil(8))?;
    let samples = decoder.decode()?;
    if info.pixel_format == PixelFormat::CMYK32 {
        return Err("CMYK is not a camera's format".into());
    }
    let sum: u64 = samples.iter().map(|sample| u64::from(*sample)).sum();
    Ok(sum as f64 / samples.len() as f64 / 2.55)
}
