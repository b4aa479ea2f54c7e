//! Accounts, keys and trust.

use crate::support::{
    papo::{Options, PASSWORD, Papo, is, row, text, texts},
    tracker::Tracker,
};

/// Starts someone who can't log in; the exit code and the error's code and text.
#[track_caller]
fn refused(options: Options) -> (i32, String, String) {
    let mut papo = options.start();
    let code = papo.process.wait_code();
    let events = papo.events();
    let error = events.iter().find(|event| is(event, "error"));
    let error = error.unwrap_or_else(|| panic!("it says no error\n{}", papo.process.story()));
    (code, text(error, "code").to_owned(), text(error, "text").to_owned())
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_told_apart_by_nothing() {
    let tracker = Tracker::start();
    assert_eq!(Papo::registered("ana", &tracker).quit(), 0);
    let wrong = refused(Options::new("ana").tracker(&tracker.spec()).password("wrong"));
    let unknown = refused(Options::new("eva").tracker(&tracker.spec()).password("wrong"));
    assert_eq!((wrong.0, wrong.1.as_str()), (3, "bad_credentials"));
    assert_eq!(wrong.2.replace("ana", "eva"), unknown.2);
    assert_eq!((wrong.0, wrong.1), (unknown.0, unknown.1));

    let wrong = refused(Options::new("ana").tracker(&tracker.spec()));
    let unknown = refused(Options::new("eva").tracker(&tracker.spec()));
    assert_eq!(wrong.0, 3);
    assert_eq!((wrong.0, wrong.1, wrong.2.replace("ana", "eva")), unknown, "nor without a password");
}

#[test]
fn a_name_is_taken_also_by_case_and_by_look_alike() {
    let tracker = Tracker::start();
    let _ana = Papo::registered("ana", &tracker);
    for taken in ["ana", "ANA", "ａｎａ", "аnа"] {
        let (exit, code, sentence) = refused(Options::registering(taken, &tracker));
        assert_eq!((exit, code.as_str()), (3, "name_taken"), "{taken}: {sentence}");
    }
    Papo::registered("anabela", &tracker);
}

#[test]
fn after_the_first_login_the_key_is_enough() {
    let tracker = Tracker::start();
    let mut ana = Papo::registered("ana", &tracker);
    assert_eq!(ana.quit(), 0);
    let mut again = ana.options().by_key().log_in();
    let login = again.wait_for("logged_in", |_| true);
    assert_eq!(text(&login, "user"), "ana");
    assert_eq!(again.quit(), 0);
}

#[test]
fn registration_can_be_closed() {
    let tracker = Tracker::start_with(&[&"--registration", &"closed"]);
    let (exit, code, _) = refused(Options::registering("ana", &tracker));
    assert_eq!((exit, code.as_str()), (3, "registration_closed"));
}

#[test]
fn a_login_from_another_device_ends_the_first_and_shows_a_changed_key_that_blocks_until_it_is_trusted() {
    let tracker = Tracker::start();
    let mut ana = Papo::registered("ana", &tracker);
    let mut bia = Papo::registered("bia", &tracker);
    ana.create("sala");
    bia.join("sala");
    ana.wait_linked("bia");
    bia.line("/msg ana antes");
    ana.wait_message("antes");
    let before = digits(&mut ana, "bia");
    assert_eq!(before.chars().filter(char::is_ascii_digit).count(), 60, "{before}");
    assert_eq!(before, digits(&mut bia, "ana"));

    // The same account, its password, another key.
    let mut phone = Options::new("ana").tracker(&tracker.spec()).password(PASSWORD).log_in();
    ana.wait_for("notice", |event| text(event, "text").contains("logged in elsewhere"));
    ana.line("/rooms");
    ana.wait_error("not_logged_in");
    assert_eq!(ana.quit(), 0);

    bia.wait_for("notice", |event| text(event, "code") == "key_changed" && text(event, "text").contains("ana"));
    bia.line("/msg ana quem és tu");
    bia.wait_error("key_changed");
    phone.line("/msg bia sou eu");
    phone.wait_for("said", |_| true);
    let rooms = bia.ask("/rooms", "rooms");
    assert_eq!(texts(row(&rooms, "rooms", "room", "sala").expect("the room stands"), "members"), ["ana", "bia"]);
    assert!(!bia.events().iter().any(|event| is(event, "message")), "nothing passes a key that changed");

    bia.line("/trust ana");
    bia.wait_message("sou eu");
    bia.line("/msg ana bem-vinda");
    phone.wait_message("bem-vinda");
    let after = digits(&mut phone, "bia");
    assert_eq!(after, digits(&mut bia, "ana"));
    assert_ne!(after, before, "another key, other digits");

    // The first device's key is tied to the account no longer.
    let (exit, code, _) = refused(ana.options().by_key());
    assert_eq!((exit, code.as_str()), (3, "password_missing"));
}

/// The digits that someone is to compare with someone.
#[track_caller]
fn digits(one: &mut Papo, other: &str) -> String {
    let verify = one.ask(&format!("/verify {other}"), "verify");
    assert_eq!(text(&verify, "user"), other);
    text(&verify, "digits").to_owned()
}

#[test]
fn an_unknown_tracker_gets_no_credentials_from_a_pipe_unless_it_is_named_or_trusted() {
    let tracker = Tracker::start();
    let bare = tracker.address.to_string();
    let (exit, code, _) = refused(Options::registering("ana", &tracker).tracker(&bare));
    assert_eq!((exit, code.as_str()), (3, "tracker_not_trusted"));
    let mut ana = Options::registering("ana", &tracker).tracker(&bare).with(&["--trust-new"]).log_in();
    assert_eq!(ana.quit(), 0);
    // Pinned now: neither is needed any more.
    let mut again = ana.options().by_key();
    again = again.tracker(&bare);
    assert_eq!(again.log_in().quit(), 0);
}

#[test]
fn a_tracker_with_another_key_than_the_named_or_pinned_one_is_refused() {
    let tracker = Tracker::start();
    let wrong = format!("{}#{}", tracker.address, "00".repeat(32));
    let (exit, code, _) = refused(Options::registering("ana", &tracker).tracker(&wrong));
    assert_eq!((exit, code.as_str()), (3, "tracker_key_changed"));

    let mut bia = Papo::registered("bia", &tracker);
    assert_eq!(bia.quit(), 0);
    let other = Tracker::start();
    let mixed = format!("{}#{}", tracker.address, other.fingerprint);
    let (exit, code, _) = refused(bia.options().by_key().tracker(&mixed));
    assert_eq!((exit, code.as_str()), (3, "tracker_key_changed"));
}
