//! axe-core, other people's rules of what everyone can use: run in a page, as of the version that `./dev` installs.

use crate::browser::Page;
use crate::server::artifacts;
use anyhow::{Context as _, Result, ensure};

/// What it finds that keeps people out, of all its rules: none, one text each.
const FINDINGS: &str = "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations
    .filter(({impact}) => impact === 'serious' || impact === 'critical')
    .flatMap(({id, nodes}) => nodes.map(({target, failureSummary}) => `${id} of ${target.flat().join(' ')}: ${failureSummary}`)))";

/// Ends what fades or slides, wherever it is: half faded, a text has too little contrast.
const SETTLED: &str = "(() => {
    const all = root => [root, ...[...root.querySelectorAll('*')].flatMap(({shadowRoot}) => shadowRoot ? all(shadowRoot) : [])];
    for (const animation of all(document).flatMap(root => root.getAnimations()))
        if (animation.effect?.getComputedTiming().endTime !== Infinity) animation.finish();
})()";

/// A desk, and a phone upright and on its side.
const LOOKS: [(u32, u32, bool); 3] = [(1280, 720, false), (390, 844, true), (844, 390, true)];

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
        page.eval(SETTLED).await?;
        let findings = page.eval(FINDINGS).await?;
        let none = findings.as_array().is_some_and(Vec::is_empty);
        ensure!(none, "{what}: {findings:#}");
        Ok(())
    }

    /// Looks at a page in every size and colour scheme, with a picture of each for eyes, and whether all of the part that an
    /// expression gives fits the width. Leaves the page dark, on a desk.
    ///
    /// # Errors
    /// With what would keep people out, or does not fit.
    pub async fn judge_looks(&self, page: &Page<'_>, what: &str, part: &str) -> Result<()> {
        for (width, height, phone) in LOOKS {
            for scheme in ["light", "dark"] {
                page.emulate(width, height, phone, scheme).await?;
                page.screenshot(&format!("{what}_{width}_{scheme}")).await?;
                self.judge(page, &format!("{what}, {width}, {scheme}"))
                    .await?;
                let fits = format!("(part => part.scrollWidth <= part.clientWidth)({part})");
                ensure!(
                    page.eval(&fits).await? == true,
                    "{what} is too wide at {width}"
                );
            }
        }
        page.emulate(1280, 720, false, "dark").await
    }
}
