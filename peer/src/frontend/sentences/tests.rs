//! Every sentence is one for people, in both languages, and they say the same.

use papo_proto::{
    error::{Counters, Fault},
    identity::Key,
    machine::{Closed, Refusal},
    monitor::{Measurement, status::Thresholds},
    peer::{
        Problem,
        interface::{PeerEvent, PeerSeen, Phase, RoomSeen, TransferSeen},
    },
    time::Wall,
    wire::{
        tracker::{Failure, RoomEvent, Status, StatusText},
        transfer::Reason,
    },
};
use papo_runtime_mio::{Fatal, Stats, data_dir::DataDirError};
use papo_tracker::{settings::SettingsError, store::DatabaseError};

use super::{
    every::{HOSTILE, REFUSALS, every_info, every_mistake, every_note, every_problem, every_trouble, name},
    latency::NoMails,
    *,
};
use crate::{
    args::{BadAddress, Transfer, UsageError},
    frontend::{
        commands::{Mistake, Verb},
        event::{Info, Trouble},
        progress::{Label, Moving, Summary},
    },
    monitor::statistics::Statistics,
    store::StoreError,
};

/// Every sentence that there is, with what it is about.
fn everything(language: Language) -> Vec<(String, String)> {
    let about = |thing: &dyn std::fmt::Debug, sentence: String| (format!("{thing:?}"), sentence);
    let mut all = Vec::new();
    all.extend(every_note().iter().map(|one| about(one, note(language, one))));
    all.extend(every_problem().iter().map(|one| about(one, problem(language, one))));
    all.extend(every_mistake().iter().map(|one| about(one, mistake(language, one))));
    all.extend(every_trouble().iter().map(|one| about(one, trouble(language, one))));
    all.extend(every_info().iter().flat_map(|one| info(language, one).into_iter().map(move |line| about(one, line))));
    let others = [
        people_and_rooms(language),
        of_relays(language),
        of_latency(language),
        starting_and_standing(language),
        of_what_broke(language),
        of_files(language),
    ];
    let others = others.concat();
    all.extend(others.into_iter().enumerate().map(|(number, sentence)| (number.to_string(), sentence)));
    all
}

fn bia() -> PeerSeen {
    PeerSeen {
        user: name("bia"),
        address: Some(([10, 0, 0, 2], 6061).into()),
        status: Status::Away,
        status_text: StatusText::new(HOSTILE).expect("short"),
        room: Some(name("xadrez")),
        last_seen: Wall(0),
        linked: true,
        blocked: true,
        plaintext: false,
    }
}

fn people_and_rooms(language: Language) -> Vec<String> {
    let (me, user, key) = (name("ana"), name("bia"), Key([1; 32]));
    let mut all = Vec::new();
    for &what in RoomEvent::ALL {
        for user in [&me, &user] {
            for members in [&[name("ana")][..], &[name("ana"), name("bia")]] {
                all.push(room_event(language, &name("xadrez"), what, user, members, &me));
            }
        }
    }
    for what in [PeerEvent::Found, PeerEvent::Linked, PeerEvent::Lost] {
        all.extend([None, Some("10.0.0.2:6061")].map(|address| peer_event(language, what, &user, address)));
    }
    let many = (0..20).map(|number| name(&format!("n{number}"))).collect::<Vec<_>>();
    all.push(waiting(language, &many));
    all.push(delivered(language, "ab", &user));
    all.extend(digits(language, &user, "123"));
    for (key, pinned, verified, plaintext) in
        [(Some(&key), Some(&key), false, true), (Some(&key), None, true, false), (None, None, false, true)]
    {
        all.extend(whois(language, &bia(), &me, (key, pinned, verified), "casas", plaintext));
        all.extend(whois(language, &bia(), &user, (key, pinned, verified), "", plaintext));
    }
    let seen = RoomSeen {
        room: name("xadrez"),
        owner: user.clone(),
        members: many,
        capacity: 32,
        plaintext: false,
        joined: true,
    };
    all.extend(room_row(language, &seen));
    all.extend(Status::ALL.iter().map(|&one| people::status(language, one).to_owned()));
    all.extend([peer_columns(language), room_columns(language)].concat().iter().map(|&head| head.to_owned()));
    all.extend([no_peers(language), no_rooms(language)].map(str::to_owned));
    all
}

fn of_relays(language: Language) -> Vec<String> {
    use papo_proto::relay::chat::{Notice, Trouble};
    let closed = [Closed::End, Closed::Reset, Closed::SlowReader, Closed::Lost].map(Trouble::Closed);
    let troubles = closed.into_iter().chain([Trouble::UnknownHost, Trouble::Silent, Trouble::Refused(Refusal::Other)]);
    let mut notices = vec![
        Notice::Joined { address: ([10, 0, 0, 1], 12345).into() },
        Notice::TooMuch,
        Notice::Missed(3),
        Notice::Stopped { unsaid: 3 },
    ];
    notices.extend(troubles.map(Notice::Lost));
    notices.iter().filter_map(|notice| relay::of_notice(language, notice)).collect()
}

fn of_latency(language: Language) -> Vec<String> {
    let user = name("bia");
    let mut all = vec![latency::inactive(language, &user), latency::bad_thresholds(language, 301, 300)];
    all.push(latency::not_written(language).to_owned());
    let mut statistics = Statistics::default();
    all.push(latency::summary(language, &statistics.summary()));
    let path = std::path::Path::new("/home/ana");
    for why in [
        NoMails::Certificate(path, "os 13".to_owned()),
        NoMails::NotPem(path),
        NoMails::NoTls("os 13".to_owned()),
        NoMails::NoPassword { variable: "PAPO_SMTP_PASSWORD" },
    ] {
        all.push(latency::no_mails(language, &why));
    }
    all.extend([latency::mails_dropped(language, 3), latency::mails_unsent(language, 3)]);
    all.push(latency::mail_failed(language, "os 13"));
    for us in [Some(1_250), Some(150_000), Some(2_000_000), None] {
        all.extend(us.map(|us| latency::answered(language, &user, us)));
        let measurement = Measurement { number: 1, status: Thresholds::DEFAULT.status_of(us), latency_us: us };
        statistics.add(&measurement);
        all.push(latency::measured(language, &measurement));
        all.push(latency::mail_sent(language, measurement.status));
        let (subject, body) = latency::mail(language, "10.0.0.9:12345", &measurement);
        all.extend([subject, body]);
        all.push(latency::live(language, &measurement, &statistics.summary()));
    }
    all
}

fn starting_and_standing(language: Language) -> Vec<String> {
    let (user, key, path) = (name("bia"), Key([1; 32]), std::path::Path::new("/home/ana"));
    let error = std::io::Error::other("os 13");
    let mut all = vec![
        ready(language, &user, "0.0.0.0:6061", &key),
        register_needs_password(language).to_owned(),
        frontend_failed(language).to_owned(),
        terminal_refused(language, "os 13"),
        record_secrets(language, path),
        record_refused(language, path, &error),
        host_refused(language, "os 13"),
        logged_in(language, &user, "10.0.0.2:6060"),
        logged_out(language).to_owned(),
        yes_or_no_prompt(language).to_owned(),
        target(language, &Target::All),
    ];
    all.extend(REFUSALS.map(|reason| listen_refused(language, "0.0.0.0:6060", reason, "--host")));
    for (register, again) in [(true, false), (true, true), (false, false)] {
        all.push(password_prompt(language, &user, register, again));
    }
    all.extend((0..3).filter_map(|count| stopped(language, count)));
    let mut faults = Counters::default();
    for &fault in Fault::ALL {
        faults.count(fault);
    }
    let stats = Stats { turned_away: 3, crowded_out: 4, ..Stats::default() };
    all.extend(counters(language, &faults, 5, 6, stats));
    all.extend(counters(language, &Counters::default(), 5, 6, Stats::default()));
    let offered = [([10, 0, 0, 2], 6060).into()];
    all.extend([None, Some("10.0.0.9:6060")].iter().flat_map(|taken| trackers(language, *taken, &offered)));
    all.extend(help::lines(language, None));
    all
}

fn of_what_broke(language: Language) -> Vec<String> {
    let path = || std::path::PathBuf::from("/home/ana");
    let system = || std::io::Error::other("os 13");
    let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    let (why, found) = (|| "os 13".to_owned(), 9);
    let of_store = || {
        [
            StoreError::Newer { path: path(), found },
            StoreError::Foreign(path()),
            StoreError::Corrupt { path: path(), reason: why() },
            StoreError::Full(path()),
            StoreError::Unusable { path: path(), reason: why() },
        ]
    };
    let of_tracker = [
        DatabaseError::Unusable { path: path(), error: "os 13".into() },
        DatabaseError::Full { path: path() },
        DatabaseError::Newer { path: path(), version: 9 },
        DatabaseError::Corrupt { path: path(), what: why() },
        DatabaseError::NotOurs { path: path() },
    ];
    let of_data = || {
        [
            DataDirError::Unusable { path: path(), error: system() },
            DataDirError::Locked { path: path() },
            DataDirError::BadSecret { path: path() },
            DataDirError::OpenSecret { path: path() },
        ]
    };
    let mut things = vec![Broken::System(system())];
    things.extend(of_store().map(Broken::Store));
    things.extend(of_store().map(|error| Broken::Reactor(Fatal::Commit(error.into()))));
    things.extend(of_tracker.map(|error| Broken::Tracker(error.into())));
    things.extend(of_data().map(|error| Broken::Tracker(error.into())));
    things.extend(of_data().map(Broken::DataDir));
    let rest = [
        Fatal::Commit(DatabaseError::Full { path: path() }.into()),
        Fatal::Commit("os 13".into()),
        Fatal::Record { path: path(), error: full() },
        Fatal::Record { path: path(), error: system() },
        Fatal::System(system()),
    ];
    things.extend(rest.map(Broken::Reactor));
    let usage = [
        UsageError::Tracker { path: path(), why: BadAddress::Port },
        UsageError::EmptyPassword,
        UsageError::BadToken { max: 9 },
        UsageError::TwoTrackers,
        UsageError::NothingToRegisterAt,
        UsageError::Settings(SettingsError::Config { path: path(), why: why() }),
        UsageError::Settings(SettingsError::NoHome),
        UsageError::Settings(SettingsError::Secret { path: path(), error: system() }),
        UsageError::Settings(SettingsError::SecretLines { path: path() }),
        UsageError::Settings(SettingsError::SecretTooLong { path: path() }),
    ];
    let things = things.iter().map(|thing| broken(language, thing));
    things.chain(usage.iter().map(|error| usage_error(language, error))).collect()
}

fn of_files(language: Language) -> Vec<String> {
    let (user, path) = (name("bia"), std::path::Path::new("/home/ana"));
    let moved = Some((4_000_000, std::time::Duration::from_secs(2)));
    let summary = Summary { bytes: 5_000_000, moved };
    let mut all = Vec::new();
    for (tree, count) in [(false, 1), (true, 1), (true, 7)] {
        for flag in [false, true] {
            all.push(files::offer(language, 3, &user, ("casas", tree, 1_500, count), flag));
            all.push(files::offered(language, 3, &user, ("casas", tree, 1_500, count), flag));
        }
    }
    for count in 0..3 {
        all.push(files::received(language, &user, "/casas", count, &summary));
        all.push(files::sent(language, &user, "casas", count, &summary));
    }
    for &reason in Reason::ALL {
        for (incoming, by_us) in [(true, true), (true, false), (false, true), (false, false)] {
            all.push(files::ended(language, 3, incoming, &user, "casas", reason, by_us));
        }
    }
    let phases = [
        Phase::Offered,
        Phase::Waiting,
        Phase::Running,
        Phase::Paused { here: true, there: false },
        Phase::Paused { here: false, there: true },
        Phase::Checking,
    ];
    for phase in phases {
        for incoming in [false, true] {
            let (user, name) = (user.clone(), "casas".to_owned());
            let seen = TransferSeen { transfer: 3, incoming, user, name, tree: false, total: 9, done: 1, phase };
            all.extend(files::row(language, &seen));
        }
    }
    for label in [None, Some(Label { incoming: true, user: user.clone(), name: "casas".to_owned() })] {
        let moving = Moving { transfer: 3, label, done: 2_500_000, total: 5_000_000, rate: 500_000 };
        all.push(files::progress(language, &moving));
        all.extend(files::progress_of_all(language, &[moving.clone(), moving]));
    }
    all.extend(files::columns(language).map(str::to_owned));
    all.push(files::none(language).to_owned());
    for task in
        [Transfer::Send { paths: vec![], to: user.clone(), wait: 1 }, Transfer::Receive { once: false, from: None }]
    {
        all.push(files::busy(language, path, &task));
    }
    all
}

/// What a sentence must have in either language: names, numbers, commands, options, what is quoted.
fn facts(sentence: &str) -> Vec<String> {
    let names = ["ana", "bia", "xadrez", "casas", "Ctrl-C", "Ctrl-D", "UDP", "UTF-8", "papo-tracker", "/home/ana"];
    let mut facts = Vec::new();
    for word in sentence.split([' ', '|', '[', ']']) {
        // A comma is a sign before decimals.
        let word = word.replace(',', ".");
        let word = word.trim_matches(|character: char| ".;:()?'\"“”#*".contains(character));
        let option = word.starts_with("--") || word.starts_with("PAPO_");
        let command = word.strip_prefix('/').is_some_and(|word| Verb::named(word).is_some());
        if option || command || names.contains(&word) || word.contains(|character: char| character.is_ascii_digit()) {
            facts.push(word.strip_suffix(".00").unwrap_or(word).to_owned());
        }
    }
    facts.extend(sentence.contains(HOSTILE).then(|| HOSTILE.to_owned()));
    facts.sort();
    facts.dedup();
    facts
}

/// Whether it is the same in all languages: made of nothing but facts, units, and what is typed.
fn is_wordless(sentence: &str) -> bool {
    let rest = sentence.replace(HOSTILE, "");
    let neutral = |word: &str| {
        let word = word.trim_matches(|character: char| !character.is_alphanumeric());
        let same = ["", "papo", "byte", "bytes", "kB", "MB", "on", "off"].contains(&word);
        same || Verb::named(word).is_some() || word.chars().all(|character| character.is_ascii_digit())
    };
    let known = facts(&rest);
    rest.split([' ', '/', ':', '|']).all(|word| neutral(word) || known.iter().any(|fact| word.contains(fact.as_str())))
}

fn words(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split(|character: char| !character.is_alphanumeric())
}

#[test]
fn every_sentence_is_one_for_people() {
    for (about, sentence) in Language::ALL.into_iter().flat_map(everything) {
        // The columns of a list of commands, and of a line that is written anew.
        let aligned = sentence.starts_with('/') || sentence.contains("p99");
        assert!(!sentence.contains("  ") || aligned, "{about}: {sentence}");
        for raw in ["Some(", "None", "Key(", "{ ", "Refusal", "Fault", "::", "Err("] {
            assert!(!sentence.replace("[::1]", "").contains(raw), "{about}: {sentence}");
        }
    }
}

#[test]
fn both_languages_say_the_same_each_in_its_own_words() {
    let (english, portuguese) = (everything(Language::En), everything(Language::Pt));
    assert_eq!(english.len(), portuguese.len());
    assert!(english.len() > 400, "{}", english.len());
    for ((about, en), (about_too, pt)) in english.iter().zip(&portuguese) {
        assert_eq!(about, about_too);
        assert!(en.is_empty() == pt.is_empty(), "{about}: {en} / {pt}");
        assert!(en != pt || is_wordless(en), "{about} is the same in both: {en}");
        let said = facts(pt);
        for fact in facts(en) {
            assert!(said.contains(&fact), "{about}: {fact} is not in: {pt}");
        }
        // A part that was made in the other language.
        for word in ["the", "of", "is", "it", "was", "you", "and", "not", "with", "are", "your", "has", "there"] {
            assert!(words(pt).all(|other| other != word), "{about}: {word} in: {pt}");
        }
        let en = en.replace("/deletar_sala", "");
        for word in ["não", "você", "uma", "que", "com", "foi", "é", "já", "há", "está", "sala", "conexão"] {
            assert!(words(&en).all(|other| other != word), "{about}: {word} in: {en}");
        }
    }
}

#[test]
fn a_portuguese_sentence_begins_as_one() {
    let sentences = [
        every_note().iter().map(|one| note(Language::Pt, one)).collect::<Vec<_>>(),
        every_problem().iter().map(|one| problem(Language::Pt, one)).collect(),
        every_mistake().iter().map(|one| mistake(Language::Pt, one)).collect(),
        every_trouble().iter().map(|one| trouble(Language::Pt, one)).collect(),
    ];
    for sentence in sentences.concat() {
        let begins = ["bia", "#", "“", HOSTILE].iter().any(|start| sentence.starts_with(start));
        let capital = |first: char| first.is_uppercase() || first.is_ascii_digit();
        assert!(begins || sentence.chars().next().is_some_and(capital), "{sentence}");
    }
}

#[test]
fn the_older_systems_sentences_are_theirs_to_the_letter() {
    let (pt, room, me, bia) = (Language::Pt, name("R"), name("ana"), name("X"));
    let event = |what, user| room_event(pt, &room, what, user, &[], &me);
    let tracker = "10.0.0.2:5055".to_owned();
    let address = ([10, 0, 0, 2], 6061).into();
    let failed = |failure| problem(pt, &Problem::Tracker { failure });
    for (said, sentence) in [
        (event(RoomEvent::Created, &me), "Sala 'R' criada com sucesso."),
        (event(RoomEvent::Joined, &me), "Usuário 'ana' entrou na sala 'R'."),
        (event(RoomEvent::Left, &me), "Usuário 'ana' saiu da sala 'R'."),
        (event(RoomEvent::Deleted, &me), "Sala 'R' deletada com sucesso."),
        (event(RoomEvent::Joined, &bia), "*** X entrou na sala."),
        (event(RoomEvent::Left, &bia), "*** X saiu da sala."),
        (info(pt, &Info::Registered).concat(), "Usuário registrado com sucesso."),
        (logged_in(pt, &me, &tracker), "Login realizado com sucesso."),
        (failed(Failure::BadCredentials), "Credenciais inválidas."),
        (failed(Failure::NameTaken), "Usuário já existe."),
        (failed(Failure::UnknownUser), "Peer não encontrado."),
        (failed(Failure::NotLoggedIn), "Comando inválido. Faça login ou registre-se primeiro."),
        (problem(pt, &Problem::UnknownUser { user: bia.clone() }), "Peer 'X' não encontrado."),
        (problem(pt, &Problem::Oneself), "Não é possível conectar a si mesmo."),
        (problem(pt, &Problem::AlreadyLinked { user: bia.clone() }), "Já está conectado a esse peer."),
        (
            problem(pt, &Problem::Unreachable { address, reason: Refusal::Refused }),
            "Falha pra conectar em 10.0.0.2:6061",
        ),
        (
            problem(pt, &Problem::TrackerUnreachable { tracker, reason: Refusal::Refused }),
            "Falha ao conectar no Super Peer",
        ),
        (
            peer_event(pt, PeerEvent::Linked, &bia, Some("10.0.0.2:6061")),
            "Conectado com sucesso no endereço: 10.0.0.2:6061",
        ),
        (latency::answered(pt, &bia, 8_000), "Conexão Normal. Latência: 8.00 ms"),
        (latency::answered(pt, &bia, 150_000), "Conexão Lenta. Latência: 150.00 ms"),
        (latency::answered(pt, &bia, 300_000), "Conexão Muito Lenta. Latência: 300.00 ms"),
        (latency::inactive(pt, &bia), "Conexão Inativa."),
        (author(pt, (bia.as_str(), Some(&me)), false, str::to_owned), "[PRIVADO de X]"),
        (mistake(pt, &Mistake::UnknownCommand { typed: "x".to_owned(), nearest: None }), "Comando não suportado."),
    ] {
        assert!(said.contains(sentence), "{said}");
    }
}

#[test]
fn what_a_person_can_act_on_says_how() {
    let tracker = "10.0.0.9:6060".to_owned();
    assert_eq!(
        problem(Language::En, &Problem::TrackerUnreachable { tracker: tracker.clone(), reason: Refusal::Refused }),
        "nothing answers at 10.0.0.9:6060: is papo-tracker running there?"
    );
    let key = Key([0xab; 32]);
    let unknown = trouble(Language::En, &Trouble::UnknownTracker { tracker, key });
    assert!(unknown.contains(&format!("10.0.0.9:6060#{key}")) && unknown.contains("--trust-new"), "{unknown}");
}

#[test]
fn an_address_that_is_taken_names_the_option_that_gives_another() {
    let taken = |option| listen_refused(Language::En, "0.0.0.0:6060", Refusal::AddressInUse, option);
    assert_eq!(taken("--host"), "0.0.0.0:6060 is taken by another program: give another address with --host");
    assert!(taken("--listen").ends_with("--listen"));
}

#[test]
fn many_names_are_counted() {
    let many = (0..20).map(|number| name(&format!("n{number}"))).collect::<Vec<_>>();
    assert_eq!(names(Language::En, &many), "n0, n1, n2, n3, n4, n5, n6, n7 and 12 more");
    assert_eq!(names(Language::En, &many[..2]), "n0, n1");
}

#[test]
fn both_answers_are_understood_and_nothing_else() {
    assert_eq!(
        (yes_or_no(" Yes "), yes_or_no("sim"), yes_or_no("no"), yes_or_no("não")),
        (Some(true), Some(true), Some(false), Some(false))
    );
    assert_eq!((yes_or_no(""), yes_or_no("yess")), (None, None));
}
