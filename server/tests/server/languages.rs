//! The sign-in page in the languages that browsers ask for.

use crate::access::Locked;

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_page_speaks_the_browsers_language_and_else_english() {
    let locked = Locked::start();
    let used = [
        ("en", "This link was used already"),
        ("de", "Dieser Link wurde schon verwendet"),
        ("es", "Este enlace ya se ha usado"),
        ("fr", "Ce lien a déjà été utilisé"),
    ];
    let wait = [
        ("en", "Too many wrong keys"),
        ("de", "Von dieser Adresse"),
        ("es", "Han llegado demasiadas claves"),
        ("fr", "Trop de clés incorrectes"),
    ];
    for (accepted, name, says) in [
        ("de-DE,de;q=0.9,en;q=0.8", "de", "Kamera anzeigen"),
        ("es-419", "es", "Ver la cámara"),
        ("ja, fr;q=0.5", "fr", "Afficher la caméra"),
        ("ja", "en", "Show the camera"),
        ("en, de;q=0.9", "en", "Show the camera"),
    ] {
        let headers = format!("Accept-Language: {accepted}\r\n");
        for path in ["/", "/login.html"] {
            let page = locked.get(path, &headers).await;
            assert_eq!(page.header("vary"), "Accept-Language");
            let has = |text: &str| assert!(page.body.contains(text), "{accepted}: {}", page.body);
            has(&format!("<html lang=\"{name}\">"));
            has(says);
            // What is likeliest to be refused, for the page's script.
            for (attribute, of) in [("data-used", &used), ("data-wait", &wait)] {
                let told = of.iter().find(|(language, _)| *language == name);
                has(&format!("{attribute}=\"{}", told.unwrap().1));
            }
            // A command means the same in each language.
            has("pistreamer key</code>");
            assert!(!page.body.contains("{{"), "{}", page.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_key_in_an_address_is_said_in_the_browsers_language() {
    let locked = Locked::start();
    let path = format!("/?key={}", locked.key());
    let english = locked.get(&path, "").await;
    assert!(english.body.contains("no admin key"), "{}", english.body);
    let german = locked.get(&path, "Accept-Language: de\r\n").await;
    assert!(
        german.body.contains("keinen Administratorschlüssel"),
        "{}",
        german.body
    );
}
