//! The viewer's texts in the language that the browser or the page asks for.

use anyhow::{Result, ensure};
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::fake::{FakeServer, frame};
use pistreamer_e2e::server::{Locked, PATTERN, Server};
use pistreamer_e2e::site::Site;
use pistreamer_protocol::message::Cause;
use serde_json::json;

/// What tests look at. `left` are texts that are shown as the table's keys, though the table says them otherwise.
const LOOK: &str = "
    window.camera = document.querySelector('pi-camera');
    window.part = id => camera.shadowRoot.getElementById(id);
    window.label = id => part(id)?.getAttribute('aria-label');
    window.left = async name => {
        const table = await (await fetch(`words/${name}.json`)).json();
        const shown = [...camera.shadowRoot.querySelectorAll('*')].flatMap(node => [
            node.firstElementChild || !node.translate ? '' : node.textContent,
            node.getAttribute('title'), node.getAttribute('aria-label')]);
        // What stands behind it in parentheses is its key.
        const texts = shown.filter(Boolean).map(text => text.replace(/ \\(.+\\)$/, ''));
        return texts.filter(text => (table[text] ?? text) !== text);
    };
    0";

/// Opens a page in a browser whose user prefers these languages.
async fn open<'a>(browser: &'a Browser, url: &str, languages: &str) -> Result<Page<'a>> {
    open_in("live", browser, url, languages).await
}

/// The same of a page that comes to be in that state.
async fn open_in<'a>(
    state: &str,
    browser: &'a Browser,
    url: &str,
    languages: &str,
) -> Result<Page<'a>> {
    let page = browser.open("").await?;
    let agent = page.eval("navigator.userAgent").await?;
    let asked = json!({"userAgent": agent, "acceptLanguage": languages});
    page.call("Network.setUserAgentOverride", asked).await?;
    page.call("Page.navigate", json!({"url": url})).await?;
    page.wait_state(state).await?;
    page.eval(LOOK).await?;
    Ok(page)
}

/// Waits until all of these are so.
async fn wait_all(page: &Page<'_>, conditions: &[&str]) -> Result<()> {
    page.wait_for(&conditions.join(" && ")).await?;
    Ok(())
}

/// Clicks a button of the element.
async fn click(page: &Page<'_>, selector: &str) -> Result<()> {
    page.eval_clicked(&format!(
        "camera.shadowRoot.querySelector('{selector}').click()"
    ))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_german_browser_gets_every_text_in_german_and_keeps_the_cameras_name() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url(), "de-DE,de").await?;
    wait_all(
        &page,
        &[
            "part('root').lang === 'de'",
            "label('b-full') === 'Vollbild'",
        ],
    )
    .await?;
    wait_all(
        &page,
        &[
            "part('test').textContent === 'Testbild'",
            "part('b-pause').title === 'Anhalten (Leertaste)'",
        ],
    )
    .await?;
    click(&page, "#b-more").await?;
    page.wait_for("label('menu') === 'Weitere Bedienelemente'")
        .await?;
    page.wait_for("part('menu').textContent.includes('Drehen')")
        .await?;
    click(&page, "#menu [data-do=overlay]").await?;
    // Numbers have the language's comma.
    page.wait_for("/^\\d+,\\d pro s$/.test(part('o-fps').textContent)")
        .await?;
    click(&page, "#menu [data-do=help]").await?;
    page.wait_for("part('help-title').textContent === 'Tastenkürzel'")
        .await?;
    page.screenshot("german").await?;
    page.eval("part('help').close(); camera.pause()").await?;
    page.wait_for(
        "part('label').textContent === 'Angehalten' && label('b-pause') === 'Fortsetzen'",
    )
    .await?;
    page.wait_for("/^seit .+ \\(\\d+ s\\)$/.test(part('detail').textContent)")
        .await?;
    assert_eq!(page.eval("left('de')").await?, json!([]));
    assert_eq!(page.eval("part('name').textContent").await?, "Test pattern");
    assert_eq!(
        page.eval("camera.shadowRoot.querySelector('canvas').ariaLabel")
            .await?,
        "Das Bild von Test pattern"
    );
    // The page around it and its scripts are told the same in each language.
    assert_eq!(
        page.eval("[document.documentElement.lang, camera.dataset.state]")
            .await?,
        json!(["en", "paused"])
    );
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn a_browser_with_another_language_gets_english_and_loads_nothing_for_it() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url(), "ja").await?;
    wait_all(
        &page,
        &[
            "part('root').lang === 'en'",
            "label('b-full') === 'Full screen'",
            "part('label').textContent === 'Live'",
        ],
    )
    .await?;
    let loaded =
        "performance.getEntriesByType('resource').some(({name}) => name.includes('words'))";
    assert_eq!(page.eval(loaded).await?, false);
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn without_its_table_the_viewer_is_live_in_english() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    let blocked = json!({"urls": ["*/words/*"]});
    page.call("Network.setBlockedURLs", blocked).await?;
    let agent = page.eval("navigator.userAgent").await?;
    let asked = json!({"userAgent": agent, "acceptLanguage": "fr"});
    page.call("Network.setUserAgentOverride", asked).await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    page.wait_state("live").await?;
    page.eval(LOOK).await?;
    wait_all(
        &page,
        &[
            "part('root').lang === 'en'",
            "label('b-full') === 'Full screen'",
        ],
    )
    .await?;
    page.expect_no_complaints(&["ERR_BLOCKED_BY_CLIENT"])
}

#[tokio::test]
async fn the_language_of_the_page_counts_more_than_the_browsers_and_may_change() -> Result<()> {
    let mut site = Site::reserve().await?;
    let origin = site.origin();
    let server = Server::start(&[&PATTERN[..], &["--allow-origin", &origin]].concat())?;
    let page = site.serve(&format!(
        "<!doctype html><html lang=fr-CA><script type=module src='{}embed.js'></script><pi-camera controls></pi-camera>",
        server.url()
    ));
    let browser = Browser::start().await?;
    let page = open(&browser, &page, "de-DE,de").await?;
    wait_all(
        &page,
        &[
            "label('b-full') === 'Plein écran'",
            "part('root').lang === 'fr'",
            "part('label').textContent === 'En direct'",
        ],
    )
    .await?;
    page.eval("camera.lang = 'es'").await?;
    page.wait_for(
        "label('b-full') === 'Pantalla completa' && part('label').textContent === 'En directo'",
    )
    .await?;
    page.eval("camera.lang = 'en'").await?;
    wait_all(
        &page,
        &[
            "label('b-full') === 'Full screen'",
            "part('root').lang === 'en'",
            "part('label').textContent === 'Live'",
        ],
    )
    .await?;
    // One that there is no table for says nothing against the browser's.
    page.eval("camera.lang = 'ja'").await?;
    wait_all(
        &page,
        &[
            "label('b-full') === 'Vollbild'",
            "part('root').lang === 'de'",
        ],
    )
    .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn why_there_is_no_picture_is_said_in_the_browsers_language() -> Result<()> {
    let server = Server::start(&["--source", "v4l2:/dev/no-such-camera"])?;
    let browser = Browser::start().await?;
    let page = open_in("no-signal", &browser, &server.url(), "de-DE,de").await?;
    let german = "unter /dev/no-such-camera ist keine Kamera";
    page.wait_for(&format!(
        "part('notice-text').textContent.startsWith('{german}')"
    ))
    .await?;
    page.wait_for(&format!(
        "part('say').textContent.startsWith('Kein Signal: {german}')"
    ))
    .await?;
    page.screenshot("german_no_signal").await?;
    let shown = page.eval("part('root').textContent").await?;
    let shown = shown.as_str().unwrap_or_default();
    ensure!(!shown.contains("there is no camera"), "{shown}");
    // Scripts of the page are told the same in each language.
    let told = page.eval("camera.reason").await?;
    ensure!(
        told.as_str()
            .is_some_and(|told| told.starts_with("there is no camera at /dev/no-such-camera")),
        "{told}"
    );
    page.eval("camera.lang = 'fr'").await?;
    page.wait_for("part('notice-text').textContent.startsWith('il n’y a pas de caméra')")
        .await?;
    page.eval("camera.lang = 'en'").await?;
    page.wait_for("part('notice-text').textContent.startsWith('there is no camera')")
        .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn what_a_server_says_in_odd_ways_is_shown_in_english_and_ends_nothing() -> Result<()> {
    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    let agent = page.eval("navigator.userAgent").await?;
    let asked = json!({"userAgent": agent, "acceptLanguage": "de"});
    page.call("Network.setUserAgentOverride", asked).await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    viewer.frame(&frame(1, 60)?).await?;
    page.wait_state("live").await?;
    page.eval(LOOK).await?;
    for (reason, cause, values) in [
        ("\u{e000}", json!("silent"), json!({})),
        ("none", json!("unplugged"), json!(null)),
        ("a list", json!(["unplugged"]), json!({})),
        ("no such code", json!("no-such-code"), json!({"a": 1})),
        ("no value", json!("part-silent"), json!({"other": {"a": 1}})),
        (
            "small",
            json!("part-silent"),
            json!({"program": 1.234_567_890_123_456_7e-100}),
        ),
        (
            "large",
            json!("part-silent"),
            json!({"program": "x".repeat(50_000)}),
        ),
    ] {
        let state = json!({"type": "state", "state": "no-signal", "since_us": 0, "reason": reason,
            "cause": cause, "values": values});
        viewer.text(&state.to_string()).await?;
        page.wait_for(&format!("camera.reason === {}", json!(reason)))
            .await?;
        // It is shown in some words, and the program goes on.
        page.wait_for("part('notice-text').textContent").await?;
    }
    let said = json!({"type": "state", "state": "live", "since_us": 0, "reason": "", "cause": "unplugged"});
    viewer.text(&said.to_string()).await?;
    viewer.frame(&frame(2, 60)?).await?;
    page.wait_state("live").await?;
    page.wait_for("part('root').lang === 'de'").await?;
    Ok(())
}

#[tokio::test]
async fn why_a_viewer_is_refused_is_said_in_the_browsers_language() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let url = format!("{}?camera=garden", server.url());
    let page = open_in("refused", &browser, &url, "es").await?;
    page.wait_for(
        "part('notice-text').textContent.startsWith('en este servidor no hay ninguna cámara «garden»; sus cámaras: pattern')",
    )
    .await?;
    let shown = page.eval("part('root').textContent").await?;
    ensure!(!shown.to_string().contains("there is no camera"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn what_is_read_before_the_program_is_there_is_in_the_browsers_language() -> Result<()> {
    const SEEN: &str = "[...document.querySelectorAll('.fallback p')]
        .filter(p => p.checkVisibility({visibilityProperty: true})).map(p => p.textContent)";
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    let blocked = json!({"urls": ["*/viewer.js"]});
    page.call("Network.setBlockedURLs", blocked).await?;
    let agent = page.eval("navigator.userAgent").await?;
    let asked = json!({"userAgent": agent, "acceptLanguage": "de-AT"});
    page.call("Network.setUserAgentOverride", asked).await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    page.wait_for("document.querySelector('.fallback img')?.naturalWidth > 0")
        .await?;
    let seen = page.eval(SEEN).await?;
    let failed = "Der Viewer läuft in diesem Browser nicht. Dies ist der einfache Stream.";
    ensure!(seen == json!([failed]), "{seen}");
    // Where not even the script runs, it is said in all of them.
    let blocked = json!({"urls": ["*/boot.js"]});
    page.call("Network.setBlockedURLs", blocked).await?;
    page.reload().await?;
    page.wait_for(&format!("{SEEN}.length === 5")).await?;
    let seen = page.eval(SEEN).await?;
    ensure!(seen[0] == "Loading the viewer …", "{seen}");
    page.screenshot("scriptless").await?;
    Ok(())
}

#[tokio::test]
async fn a_viewer_that_has_failed_says_so_in_the_browsers_language() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url(), "es-MX").await?;
    page.wait_for("label('b-full') === 'Pantalla completa'")
        .await?;
    page.eval("ShadowRoot.prototype.getElementById = () => null; camera.controls = false; 0")
        .await?;
    page.wait_state("failed").await?;
    page.wait_for(
        "camera.shadowRoot.querySelector('strong')?.textContent === 'El visor ha fallado'",
    )
    .await?;
    page.wait_for("camera.shadowRoot.querySelector('#notice-text').textContent.includes('transmisión simple')").await?;
    page.wait_for("camera.shadowRoot.querySelector('#plain').getAttribute('aria-label').startsWith('La imagen de')").await?;
    Ok(())
}

/// What words.js makes of each cause, with its values, without one, and with what no server has to say: what is wrong with it.
const SAY: &str = "
    (async all => {
        const { default: speaker } = await import('/words.js');
        const wrong = [];
        for (const language of ['de', 'es', 'fr']) {
            const table = await (await fetch(`/words/${language}.json`)).json();
            const reasons = await (await fetch(`/words/causes/${language}.json`)).json();
            const causes = new Map([['first', ['unplugged', {}]]]);
            const speaks = speaker(table, language, async () => reasons);
            const speak = (text, again) => speaks(text, again, causes);
            const isThere = new Promise(again => speak('first', again));
            await isThere;
            const check = (text, code, values, isRight, of) => {
                causes.set(text, [code, values]);
                const said = speak(text);
                if (typeof said !== 'string' || !isRight(said)) wrong.push([language, of, code, said]);
            };
            for (const [code, text] of all) {
                const names = [...new Set([...text.matchAll(/\\{(\\w+)\\}/g)].map(([, name]) => name))];
                const value = (name, at) => (at % 2 ? 1.5 : `«${name}»`);
                const shown = (name, at) => (at % 2 ? (1.5).toLocaleString(language) : value(name, at));
                const values = Object.fromEntries(names.map((name, at) => [name, value(name, at)]));
                const isWhole = said => said !== text && !said.includes('{') && names.map(shown).every(part => said.includes(part));
                check(text, code, values, isWhole, 'whole');
                check(text, `${code}-of-a-newer-server`, values, said => said === text || Object.hasOwn(table, text), 'unknown');
                for (const odd of [null, undefined, 7, 'x', [], { toString: 1 }, Object.fromEntries(names.map(name => [name, {}]))])
                    check(text, code, odd, said => said === text || !names.length, 'odd');
            }
            // What another server has said is said by its code, and in its own words where that is not known.
            const quoted = { address: 'pi', status: 401, answer: 'needs a key', 'answer.cause': 'needs-key', 'answer.command': 'pi key' };
            check('refused', 'origin-refused', quoted, said => said.includes('pi key') && !said.includes('needs a key'), 'quoted');
            for (const other of [{ 'answer.cause': 'no-such' }, { 'answer.cause': 'origin-refused' }, { 'answer.command': 7 }])
                check('refused', 'origin-refused', { ...quoted, ...other }, said => /needs a key|7/.test(said), 'quoted oddly');
            const silent = speaker(table, language, async () => Promise.reject());
            if (silent('refused', null, causes) !== 'refused' || silent('refused') !== 'refused') wrong.push([language, 'without a table']);
        }
        return wrong;
    })";

#[tokio::test]
async fn every_reason_is_said_in_each_language_and_in_english_where_it_cannot_be() -> Result<()> {
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = open(&browser, &server.url(), "de").await?;
    let all = Cause::ALL.iter().map(|words| (words.code, words.text));
    let all: Vec<_> = all.collect();
    let wrong = page.eval(&format!("{SAY}({})", json!(all))).await?;
    assert_eq!(wrong, json!([]), "{wrong:#}");
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn what_settings_presets_and_the_wall_refuse_is_said_in_the_browsers_language() -> Result<()>
{
    let locked = Locked::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    let agent = page.eval("navigator.userAgent").await?;
    let asked = json!({"userAgent": agent, "acceptLanguage": "de"});
    page.call("Network.setUserAgentOverride", asked).await?;
    page.call("Page.navigate", json!({"url": locked.link()?}))
        .await?;
    page.wait_for("document.querySelector('pi-camera')?.dataset.state === 'live'")
        .await?;
    page.eval(LOOK).await?;
    click(&page, "#b-more").await?;
    page.wait_for("part('b-settings')?.checkVisibility()")
        .await?;
    click(&page, "#b-settings").await?;
    page.wait_for("part('settings')?.open").await?;
    click(&page, "#tab-keys").await?;
    page.wait_for("part('k-name')").await?;
    page.eval("part('k-name').value = 'owner'; part('new-key').requestSubmit()")
        .await?;
    page.wait_for("part('settings-error').textContent.startsWith('Das wurde nicht ausgeführt: einen Schlüssel owner gibt es schon: ')")
        .await?;
    page.eval("part('settings').close()").await?;
    click(&page, "#b-more").await?;
    click(&page, "#menu [data-do=adjust]").await?;
    page.wait_for("camera.shadowRoot.querySelector('#keep input')")
        .await?;
    page.eval("camera.shadowRoot.querySelector('#keep input').value = '/'; camera.shadowRoot.querySelector('#keep form').requestSubmit()")
        .await?;
    page.wait_for("part('adjust-error').textContent.startsWith('Das wurde nicht ausgeführt: \"/\" ist kein Name für eine Voreinstellung')")
        .await?;
    page.expect_no_complaints(&["401", "409", "422"])
}
