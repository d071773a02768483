//! What adjusts the camera: shown in one viewer, seen in the other.

use crate::keyboard::{press, tab_to, type_text};
use anyhow::{Result, ensure};
use pistreamer_e2e::axe::Axe;
use pistreamer_e2e::browser::{Browser, Page};
use pistreamer_e2e::server::{PATTERN, Server};
use serde_json::json;

const LOOK: &str = "
    window.camera = document.querySelector('pi-camera');
    window.part = selector => camera.shadowRoot.querySelector(selector);
    window.slider = name => part(`[data-control=${name}] input[type=range]`);
    window.number = name => part(`[data-control=${name}] input[type=number]`);
    window.drag = (name, place) => {
        slider(name).value = Math.round(place * slider(name).max);
        slider(name).dispatchEvent(new Event('input'));
    };
    window.letGo = name => slider(name).dispatchEvent(new Event('change'));
    0";

/// A live viewer whose sheet is open.
async fn adjusting<'a>(browser: &'a Browser, server: &Server) -> Result<Page<'a>> {
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(LOOK).await?;
    page.eval_clicked("part('#b-more').click()").await?;
    page.wait_for("part('#menu [data-do=adjust]')?.checkVisibility()")
        .await?;
    page.eval_clicked("part('#menu [data-do=adjust]').click()")
        .await?;
    page.wait_for("part('#adjust')?.checkVisibility() && Boolean(slider('Speed'))")
        .await?;
    Ok(page)
}

#[tokio::test]
async fn what_is_dragged_in_one_viewer_moves_in_the_other_and_ends_exactly() -> Result<()> {
    let state = tempfile::tempdir()?;
    let kept = state.path().to_string_lossy().into_owned();
    let server = Server::start(&[&PATTERN[..], &["--no-auth", "--state-dir", &kept]].concat())?;
    let (one, other) = (Browser::start().await?, Browser::start().await?);
    let (page, seen) = (
        adjusting(&one, &server).await?,
        adjusting(&other, &server).await?,
    );
    page.screenshot("adjust").await?;
    page.eval("for (let i = 0; i <= 100; i++) drag('Speed', i / 100 * 0.75); 0")
        .await?;
    // Before it is let go.
    seen.wait_for("number('Speed').value === '3' && slider('Speed').value === '12'")
        .await?;
    page.eval("drag('Speed', 0.5), letGo('Speed')").await?;
    seen.wait_for("number('Speed').value === '2'").await?;
    page.wait_for("number('Speed').value === '2'").await?;
    // What is taken is the nearest step, and that is what is shown.
    page.eval("number('Speed').value = '3.3'; number('Speed').dispatchEvent(new Event('change'))")
        .await?;
    for page in [&page, &seen] {
        page.wait_for("number('Speed').value === '3.25'").await?;
    }
    // What another viewer sets moves nothing that is in hand.
    page.eval("drag('Speed', 0.25)").await?;
    seen.wait_for("number('Speed').value === '1'").await?;
    seen.eval("drag('Speed', 1), letGo('Speed')").await?;
    seen.wait_for("number('Speed').value === '4'").await?;
    ensure!(page.eval("number('Speed').value").await? == "1");
    page.eval("letGo('Speed')").await?;
    page.wait_for("number('Speed').value === '4'").await?;
    // Presets, and everything as it was.
    page.eval("part('#keep input').value = 'fast'; part('#keep form').requestSubmit()")
        .await?;
    page.wait_for("part('.chip')?.textContent === 'fast'")
        .await?;
    page.eval("part('[part~=reset]').click()").await?;
    seen.wait_for("number('Speed').value === '1'").await?;
    page.eval("part('.chip [part~=preset]').click()").await?;
    seen.wait_for("number('Speed').value === '4'").await?;
    // What is typed there is no key of the viewer's.
    page.eval("part('#keep input').focus()").await?;
    for kind in ["keyDown", "keyUp"] {
        let key = json!({"type": kind, "key": "m", "text": "m"});
        page.call("Input.dispatchKeyEvent", key).await?;
    }
    ensure!(
        page.eval("part('#keep input').value === 'm' && !camera.mirror")
            .await?
            == true
    );
    let escape = json!({"type": "keyDown", "key": "Escape"});
    page.call("Input.dispatchKeyEvent", escape).await?;
    page.wait_for("part('#adjust').hidden").await?;
    page.expect_no_complaints(&[])
}

/// The sheet of a camera that the test pattern is not, in a viewer of it. What it would send is in `sent`.
const CAMERA: &str = "(async () => {
    const {default: Adjust} = await import('./adjust.js');
    const put = (node, attribute, text) => attribute ? node.setAttribute(attribute, text) : (node.textContent = text);
    part('#adjust')?.remove();
    window.sent = [];
    window.sheet = new Adjust(camera.shadowRoot, put, () => {}, (...told) => sent.push(told));
    window.list = [
        {name: 'AeEnable', kind: 'bool', group: 'exposure', min: 0, max: 1, value: 1},
        {name: 'ExposureTime', group: 'exposure', min: 10, max: 100000, scale: 'log', unit: 'µs', value: 1000, slows_above: 33333},
        {name: 'AnalogueGain', group: 'exposure', place: 'more', min: 1, max: 16, value: 2, inactive: true, owner: 'AeEnable'},
        {name: 'ExposureValue', group: 'exposure', min: -8, max: 8, usual_max: 4, value: 0},
        {name: 'AfWindow', kind: 'rect', group: 'focus', min: 0, max: 1, value: 0},
        {name: 'Lux', group: 'exposure', min: 0, max: 1e6, value: 312.4, unit: 'lx', readonly: true}];
    sheet.controls(list, null);
    sheet.open(true);
})()";

#[tokio::test]
async fn each_kind_of_control_is_shown_as_what_it_is_and_30_values_a_second_are_sent() -> Result<()>
{
    let server = Server::start(&PATTERN)?;
    let browser = Browser::start().await?;
    let page = adjusting(&browser, &server).await?;
    page.eval(CAMERA).await?;
    let axe = Axe::installed()?;
    axe.judge_looks(&page, "adjust_camera", "part('#adjust')")
        .await?;
    // Half way on a logarithm's scale, and a number that says more than the slider.
    ensure!(page.eval("slider('ExposureTime').value").await? == "500");
    page.eval("drag('ExposureTime', 0.75), letGo('ExposureTime')")
        .await?;
    page.wait_for("sent.length === 1").await?;
    ensure!(page.eval("sent.pop()").await? == json!(["ExposureTime", 10_000]));
    page.eval("drag('ExposureTime', 1)").await?;
    page.wait_for(
        "part('[data-control=ExposureTime] .hint').textContent === 'This makes the camera slower'",
    )
    .await?;
    // What something else decides is not set, and says what does; what is measured is a text.
    ensure!(
        page.eval("[slider('AnalogueGain').disabled, part('[data-control=AnalogueGain] .hint').textContent]")
            .await?
            == json!([true, "Automatic exposure decides this"])
    );
    page.eval("sheet.readings({Lux: 99.123})").await?;
    ensure!(
        page.eval("part('[data-control=Lux] output').textContent")
            .await?
            == "99.12 lx"
    );
    // A second of dragging, with a value each 2 ms.
    page.eval("sent.length = 0").await?;
    let took = page
        .eval(
            "(async () => {
            const began = performance.now();
            for (let i = 0; performance.now() - began < 1000; i++) {
                drag('ExposureValue', i % 500 / 500);
                await new Promise(done => setTimeout(done, 2));
            }
            drag('ExposureValue', 1);
            letGo('ExposureValue');
            return performance.now() - began;
        })()",
        )
        .await?;
    page.wait_for("sent.at(-1)[1] === 4").await?;
    let sent = page.eval("sent.length").await?;
    let most = took.as_f64().unwrap_or_default() * 0.03 + 2.0;
    ensure!(
        sent.as_f64().is_some_and(|sent| sent > 5.0 && sent <= most),
        "{sent} in {took} ms"
    );
    // The camera never answers: what holds is shown.
    page.wait_for("number('ExposureValue').value === '0'")
        .await?;
    // A tap on the middle of a picture that is mirrored.
    page.eval("camera.toggleAttribute('mirror', true)").await?;
    page.wait_for("new DOMMatrix(getComputedStyle(part('#picture')).transform).a < 0")
        .await?;
    page.eval(
        "sent.length = 0; (() => {
        const {left, top, width, height} = part('#picture').getBoundingClientRect();
        const at = {clientX: left + width * 0.2, clientY: top + height * 0.5, bubbles: true};
        part('#stage').dispatchEvent(new MouseEvent('click', at));
    })()",
    )
    .await?;
    page.wait_for("sent.length === 1").await?;
    let [left, top] = [0, 1].map(|at| format!("Math.round(sent[0][1][{at}] * 100)"));
    ensure!(
        page.eval(&format!("[sent[0][0], {left}, {top}]")).await? == json!(["AfWindow", 70, 40])
    );
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn it_is_all_done_by_keys_alone() -> Result<()> {
    let state = tempfile::tempdir()?;
    let kept = state.path().to_string_lossy().into_owned();
    let server = Server::start(&[&PATTERN[..], &["--no-auth", "--state-dir", &kept]].concat())?;
    let browser = Browser::start().await?;
    let page = browser.open(&server.url()).await?;
    page.wait_state("live").await?;
    page.eval(LOOK).await?;
    let focused = |part: &str| format!("part('{part}') === camera.shadowRoot.activeElement");
    press(&page, "Tab").await?;
    press(&page, "a").await?;
    page.wait_for(&focused("#adjust [data-do]")).await?;
    page.wait_for("slider('Speed')").await?;
    // The number takes what is typed, and the slider goes on from there.
    tab_to(&page, &focused("#c-Speed")).await?;
    type_text(&page, "2").await?;
    press(&page, "Enter").await?;
    page.wait_for("slider('Speed').value === '8'").await?;
    tab_to(&page, &focused("#c-Speed-slider")).await?;
    press(&page, "ArrowRight").await?;
    page.wait_for("number('Speed').value === '2.25'").await?;
    // A preset is kept, used and deleted, and the focus is never lost.
    page.wait_for("part('#keep input')").await?;
    tab_to(&page, &focused("#keep input")).await?;
    type_text(&page, "fast").await?;
    press(&page, "Enter").await?;
    page.wait_for("part('.chip')?.textContent === 'fast'")
        .await?;
    page.wait_for(&focused("#keep input")).await?;
    tab_to(&page, &focused("#keep [part~=reset]")).await?;
    press(&page, "Enter").await?;
    page.wait_for("number('Speed').value === '1'").await?;
    tab_to(&page, &focused(".chip [part~=preset]")).await?;
    press(&page, "Enter").await?;
    page.wait_for("number('Speed').value === '2.25'").await?;
    press(&page, "Tab").await?;
    press(&page, "Enter").await?;
    page.wait_for("!part('.chip')").await?;
    page.wait_for(&focused("#keep input")).await?;
    press(&page, "Escape").await?;
    page.wait_for("part('#adjust').hidden").await?;
    page.wait_for(&focused("#b-more")).await?;
    page.expect_no_complaints(&[])
}
