//! Which way a server is announced, and what is said of it.

use super::avahi::Avahi;
use super::bus::CallError;
use super::offer::Offer;
use super::responder;
use std::io;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often is looked whether avahi-daemon has come.
const LOOK: Duration = Duration::from_secs(10);

/// What an avahi-daemon that ends needs to leave its port.
const MOMENT: Duration = Duration::from_secs(1);

/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(60);

/// Announces a server until cancelled. Where that fails it is said once, and tried again.
pub(crate) async fn announce(offer: Offer, until: CancellationToken) {
    let mut is_said = false;
    loop {
        let failed = match until.run_until_cancelled(Avahi::find()).await {
            None => return,
            Some(Ok(mut avahi)) => {
                let Some(error) = until.run_until_cancelled(avahi.announce(&offer)).await else {
                    return;
                };
                tracing::debug!(%error, "avahi-daemon does not announce this server any more");
                // Where it has gone, this server does it itself.
                match error {
                    // What was this server's once is refused to it where another avahi-daemon gave it to another program.
                    CallError::Refused(error) if !is_gone(&error) && !avahi.is_others(&error) => {
                        format!("avahi-daemon refuses: {error}")
                    }
                    _ => {
                        if until.run_until_cancelled(sleep(MOMENT)).await.is_none() {
                            return;
                        }
                        continue;
                    }
                }
            }
            Some(Err(no_avahi)) => {
                let comes = until.child_token();
                let (announced, ()) = tokio::join!(
                    async {
                        let announced = responder::announce(&offer, &comes).await;
                        comes.cancel();
                        announced
                    },
                    async {
                        comes.run_until_cancelled(avahi_comes()).await;
                        comes.cancel();
                    },
                );
                match announced {
                    Ok(()) if until.is_cancelled() => return,
                    Ok(()) => continue,
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                        format!(
                            "another program has port 5353, and avahi-daemon cannot be asked: {no_avahi}"
                        )
                    }
                    Err(error) => error.to_string(),
                }
            }
        };
        if !is_said {
            is_said = true;
            tracing::warn!("not announced on the local network: {failed}. All else works");
        }
        if until.run_until_cancelled(sleep(PAUSE)).await.is_none() {
            return;
        }
    }
}

async fn avahi_comes() {
    loop {
        sleep(LOOK).await;
        if Avahi::find().await.is_ok() {
            return;
        }
    }
}

/// Whether an error says that the one that was called is not there any more.
fn is_gone(error: &str) -> bool {
    [
        ".ServiceUnknown",
        ".NameHasNoOwner",
        ".NoReply",
        ".UnknownObject",
        ".UnknownMethod",
    ]
    .iter()
    .any(|name| error.ends_with(name))
}
