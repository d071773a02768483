//! The viewer's element `<pi-camera>` in a page: what it says of itself, and what stands on its canvas.
//!
//! Pages as such belong to [`crate::browser`].

use crate::browser::Page;
use crate::devtools::text;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pistreamer_pattern::{Painted, read_back};
use serde_json::Value;

/// The luminance of what is on the canvas.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Pixels in a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// A byte for each pixel.
    pub luma: Vec<u8>,
}

/// Copies the canvas onto one that can be read, wherever the first one is drawn.
pub(crate) const READ_CANVAS: &str = "(() => {
    const shown = document.querySelector('pi-camera').shadowRoot.querySelector('canvas');
    const {width, height} = shown;
    const copy = Object.assign(document.createElement('canvas'), {width, height}).getContext('2d');
    copy.drawImage(shown, 0, 0);
    const rgba = copy.getImageData(0, 0, width, height).data;
    let luma = '';
    for (let at = 0; at < rgba.length; at += 4)
        luma += String.fromCharCode(0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]);
    return JSON.stringify({width, height, luma: btoa(luma)});
})()";

impl Page<'_> {
    /// An attribute of the element, such as `data-state`; empty where it is absent.
    ///
    /// # Errors
    /// Where there is no element.
    pub async fn attribute(&self, name: &str) -> Result<String> {
        let value = format!("{CAMERA}.getAttribute('{name}')");
        Ok(text(&self.eval(&value).await?))
    }

    /// An attribute that counts; 0 where it is absent.
    ///
    /// # Errors
    /// Where there is no element, or the attribute is not a number.
    pub async fn count(&self, name: &str) -> Result<u64> {
        let value = self.attribute(name).await?;
        if value.is_empty() {
            return Ok(0);
        }
        value.parse().with_context(|| format!("{name}={value}"))
    }

    /// Waits until this many more frames are drawn.
    ///
    /// # Errors
    /// Where that takes too long.
    pub async fn wait_drawn(&self, more: u64) -> Result<()> {
        let wanted = self.count("data-drawn").await? + more;
        self.wait_at_least("data-drawn", wanted).await
    }

    /// Waits until an attribute that counts is that high, however long that takes as long as it rises.
    ///
    /// # Errors
    /// Where it stands still for too long.
    pub async fn wait_at_least(&self, name: &str, wanted: u64) -> Result<()> {
        let value = format!("Number({CAMERA}.getAttribute('{name}'))");
        let mut reached = 0;
        while reached < wanted {
            let more = format!("{value} > {reached} ? {value} : 0");
            reached = self.wait_for(&more).await?.as_u64().unwrap_or_default();
        }
        Ok(())
    }

    /// Waits until the element is in that state.
    ///
    /// # Errors
    /// Where that takes too long.
    pub async fn wait_state(&self, state: &str) -> Result<()> {
        let reached = format!("{CAMERA}?.getAttribute('data-state') === '{state}'");
        self.wait_for(&reached).await?;
        Ok(())
    }

    /// What is on the canvas now.
    ///
    /// # Errors
    /// Where there is no canvas.
    pub async fn picture(&self) -> Result<Picture> {
        Picture::parse(&self.eval(READ_CANVAS).await?)
    }

    /// The bytes that the element's `snapshot()` gives.
    ///
    /// # Errors
    /// Where it gives none.
    pub async fn snapshot(&self) -> Result<Vec<u8>> {
        let read = format!(
            "{CAMERA}.snapshot()
                .then(blob => blob.arrayBuffer())
                .then(buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))))"
        );
        Ok(BASE64_STANDARD.decode(text(&self.eval(&read).await?))?)
    }

    /// Every text that the element shows.
    ///
    /// # Errors
    /// Where there is no element.
    pub async fn visible_text(&self) -> Result<String> {
        let shown = format!(
            "[...{CAMERA}.shadowRoot.querySelectorAll('*')]
                .filter(element => element.checkVisibility({{opacityProperty: true, visibilityProperty: true}}))
                .flatMap(element => [...element.childNodes])
                .filter(node => node.nodeType === Node.TEXT_NODE && node.parentNode.localName !== 'style')
                .map(node => node.data.trim()).join(' ')"
        );
        Ok(text(&self.eval(&shown).await?))
    }
}

/// The element, in JavaScript.
const CAMERA: &str = "document.querySelector('pi-camera')";

impl Picture {
    /// What [`READ_CANVAS`] gives.
    pub(crate) fn parse(read: &Value) -> Result<Self> {
        let read: Value = serde_json::from_str(&text(read))?;
        let side = |value: &Value| value.as_u64().unwrap_or_default() as usize;
        let picture = Self {
            width: side(&read["width"]),
            height: side(&read["height"]),
            luma: BASE64_STANDARD.decode(text(&read["luma"]))?,
        };
        ensure!(picture.luma.len() == picture.width * picture.height);
        Ok(picture)
    }

    /// What the test pattern says about itself in this picture; `None` where it cannot be read.
    pub fn painted(&self) -> Option<Painted> {
        read_back(&self.luma, self.width, self.width, self.height)
    }

    /// Mean luminance.
    pub fn mean(&self) -> f64 {
        let sum: u64 = self.luma.iter().copied().map(u64::from).sum();
        sum as f64 / self.luma.len().max(1) as f64
    }
}
