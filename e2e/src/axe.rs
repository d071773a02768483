//! axe-core, other people's rules of what everyone can use: run in a page, as of the version that `./dev` installs.

use crate::browser::Page;
use crate::server::artifacts;
use anyhow::{Context as _, Result, ensure};

/// What it finds that keeps people out, of all its rules: none, one text each.
const FINDINGS: &str = "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations
    .filter(({impact}) => impact === 'serious' || impact === 'critical')
    .flatMap(({id, nodes}) => nodes.map(({target, failureSummary}) => `${id} of ${target.flat().join(' ')}: ${failureSummary}`)))";

/// Its script.
#[derive(Debug)]
pub struct Axe(String);

impl Axe {
    /// Reads it from where `./dev` has put it.
    ///
    /// # Errors
    /// Where it is not installed.
    pub fn installed() -> Result<Self> {
        let target = artifacts()?;
        let libraries = target
            .parent()
            .context("in no folder")?
            .join("tools/python/lib");
        let mut pythons = std::fs::read_dir(&libraries)
            .with_context(|| format!("{}: ./dev test installs it", libraries.display()))?;
        let found = pythons.find_map(|python| {
            let packages = python.ok()?.path().join("site-packages");
            std::fs::read_to_string(packages.join("axe_playwright_python/axe.min.js")).ok()
        });
        Ok(Self(
            found.context("axe-core is missing: ./dev test installs it")?,
        ))
    }

    /// Looks at a page as it is now.
    ///
    /// # Errors
    /// With what would keep people out.
    pub async fn judge(&self, page: &Page<'_>, what: &str) -> Result<()> {
        page.eval(&format!("void (() => {{ {} }})()", self.0))
            .await?;
        let findings = page.eval(FINDINGS).await?;
        let none = findings.as_array().is_some_and(Vec::is_empty);
        ensure!(none, "{what}: {findings:#}");
        Ok(())
    }
}
