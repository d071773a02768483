//! What makes the viewer pleasant to use whatever a person's browser has, lacks, or is set to.

use anyhow::{Result, ensure};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::{PATTERN, Server};
use serde_json::json;

/// Short for what is in the element.
const PART: &str = "window.part = selector => document.querySelector('pi-camera').shadowRoot.querySelector(selector)";

async fn open_live<'a>(browser: &'a Browser, server: &Server) -> Result<Page<'a>> {
    let page = browser.open(&server.url()).await?;
    page.eval(PART).await?;
    page.wait_state("live").await?;
    page.wait_drawn(3).await?;
    Ok(page)
}

#[tokio::test]
async fn text_is_as_large_as_the_browser_is_set_to() -> Result<()> {
    const SIZES: &str = "['#label', '#o-fps', '#menu button', '.choices button']
        .map(selector => parseFloat(getComputedStyle(part(selector)).fontSize)).join()";
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open_live(&browser, &server).await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#menu')?.hidden === false").await?;
    let usual = page.eval(SIZES).await?;
    let sizes = json!({"fontSizes": {"standard": 32}});
    page.call("Page.setFontSizes", sizes).await?;
    let larger = page.eval(SIZES).await?;
    page.screenshot("large_text").await?;
    let fits = "part('#menu').scrollWidth <= part('#menu').clientWidth";
    ensure!(page.eval(fits).await? == true, "the menu is too narrow");
    let numbers = |sizes: &serde_json::Value| -> Vec<f64> {
        let sizes = sizes.as_str().unwrap_or_default().split(',');
        sizes.filter_map(|size| size.parse().ok()).collect()
    };
    let (usual, larger) = (numbers(&usual), numbers(&larger));
    ensure!(usual.len() == 4 && larger.len() == 4);
    let doubled = usual
        .iter()
        .zip(&larger)
        .all(|(a, b)| (b / a - 2.0).abs() < 0.01);
    ensure!(doubled, "{usual:?} became {larger:?}");
    Ok(())
}

#[tokio::test]
async fn the_badge_says_how_old_the_picture_is_quietly_and_keeps_its_width() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open_live(&browser, &server).await?;
    page.wait_for("/^\\d+ ms$/.test(part('#age').textContent)")
        .await?;
    // Screen readers do not announce it each second.
    ensure!(page.eval("part('#age').ariaHidden").await? == "true");
    ensure!(page.eval("part('#say').textContent").await? == "Live");
    let width = "(text => {
        part('#age').textContent = text;
        return part('#badge').offsetWidth;
    })";
    let widths = format!("new Set(['7 ms', '42 ms', '888 ms', '1.2 s'].map({width})).size");
    ensure!(
        page.eval(&widths).await? == 1,
        "the badge changes its width"
    );
    page.eval_clicked("part('#b-pause').click()").await?;
    page.wait_state("paused").await?;
    ensure!(page.eval("part('#age').textContent").await? == "");
    Ok(())
}

#[tokio::test]
async fn on_a_phone_on_its_side_the_menu_leaves_the_badge_in_sight() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open_live(&browser, &server).await?;
    page.emulate(844, 390, true, "dark").await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#menu')?.hidden === false").await?;
    // Its size follows a style sheet that is loaded with it.
    page.wait_for(
        "part('#menu').offsetWidth > 600 &&
            part('#menu').getBoundingClientRect().top > part('#badge').getBoundingClientRect().bottom",
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn around_the_picture_it_is_dark_in_every_scheme() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open_live(&browser, &server).await?;
    for scheme in ["light", "dark"] {
        page.emulate(390, 844, true, scheme).await?;
        for element in ["body", "pi-camera"] {
            let colour =
                format!("getComputedStyle(document.querySelector('{element}')).backgroundColor");
            let colour = page.eval(&colour).await?;
            ensure!(colour == "rgb(11, 13, 16)", "{element}, {scheme}: {colour}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn where_full_screen_is_refused_the_picture_fills_the_window() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open_live(&browser, &server).await?;
    page.eval("void (Element.prototype.requestFullscreen = () => Promise.reject(new TypeError('denied')))")
        .await?;
    page.eval_clicked("part('#b-full').click()").await?;
    page.wait_for("document.querySelector('pi-camera').hasAttribute('data-filled')")
        .await?;
    page.eval_clicked("part('#b-full').click()").await?;
    page.wait_for("!document.querySelector('pi-camera').hasAttribute('data-filled')")
        .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn what_is_told_covers_nothing_of_the_open_menu() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open_live(&browser, &server).await?;
    page.emulate(390, 844, true, "light").await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#menu')?.hidden === false").await?;
    page.eval_clicked("part('#toolbar [data-do=snapshot]').click()")
        .await?;
    page.wait_for("part('#toast').checkVisibility()").await?;
    page.screenshot("toast_and_menu").await?;
    let covered = "[...part('#menu').querySelectorAll('button')].filter(button => {
        if (!button.checkVisibility()) return false;
        const {left, top, width, height} = button.getBoundingClientRect();
        return [...Array(9).keys()].some(at => {
            const [x, y] = [left + width * (at + 1) / 10, top + height / 2];
            return document.querySelector('pi-camera').shadowRoot.elementsFromPoint(x, y)
                .find(element => element.matches('#toast, #menu *')).matches('#toast');
        });
    }).map(button => button.textContent).join()";
    // It lets taps through, and so is under no point unless it takes them.
    page.eval("void (part('#toast').style.pointerEvents = 'auto')")
        .await?;
    let covered = page.eval(covered).await?;
    ensure!(covered == "", "covered: {covered}");
    Ok(())
}

#[tokio::test]
async fn the_list_of_keys_names_none_for_what_the_browser_cannot_do() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open_live(&browser, &server).await?;
    page.eval(
        "delete HTMLVideoElement.prototype.requestPictureInPicture;
         window.camera = document.querySelector('pi-camera'); camera.remove(); document.body.prepend(camera)",
    )
    .await?;
    page.wait_state("live").await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#menu')?.hidden === false").await?;
    page.eval_clicked("part('#menu [data-do=help]').click()")
        .await?;
    page.wait_for("part('#help').open").await?;
    let text = page.visible_text().await?;
    ensure!(text.contains("Record a clip"), "{text}");
    ensure!(!text.contains("Picture in picture"), "{text}");
    Ok(())
}
