//! What the other tests rely on: that a complaint of the browser does not go unseen.

use anyhow::Result;
use pistreamer_e2e::browser::{Browser, poll};

#[tokio::test]
async fn errors_of_the_page_and_of_its_workers_are_complaints() -> Result<()> {
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    page.eval("console.error('said', 'on the page'); setTimeout(() => { throw Error('thrown on the page'); })")
        .await?;
    let worker = "console.error('said in a worker'); throw Error('thrown in a worker');";
    page.eval(&format!(
        "void new Worker(URL.createObjectURL(new Blob([`{worker}`], {{type: 'text/javascript'}})))"
    ))
    .await?;
    for expected in [
        "on the page",
        "thrown on the page",
        "said in a worker",
        "thrown in a worker",
    ] {
        poll(expected, async || {
            let complaints = page.complaints();
            Ok(complaints
                .iter()
                .any(|text| text.contains(expected))
                .then_some(()))
        })
        .await?;
    }
    assert!(page.expect_no_complaints(&["on the page"]).is_err());
    Ok(())
}

#[tokio::test]
async fn a_worker_counts_while_it_runs() -> Result<()> {
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    page.eval(
        "window.worker = new Worker(URL.createObjectURL(new Blob([''], {type: 'text/javascript'}))); 0",
    )
    .await?;
    poll("the worker runs", async || {
        Ok((page.workers().len() == 1).then_some(()))
    })
    .await?;
    page.eval("worker.terminate()").await?;
    poll("the worker is gone", async || {
        Ok(page.workers().is_empty().then_some(()))
    })
    .await?;
    page.expect_no_complaints(&[])
}
