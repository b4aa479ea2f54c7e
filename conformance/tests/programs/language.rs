//! papo in Portuguese: a life at a terminal with the older systems' sentences, a pipe whose locale asks for it, and
//! scripts, for which it changes nothing but texts.

use crate::support::{
    BOUND,
    papo::{Options, Papo, text},
    process::Process,
    programs,
    terminal::Terminal,
    tracker::Tracker,
};

/// Does something, and waits until the terminal has shown all of this since.
#[track_caller]
fn shows(ana: &mut Terminal, act: impl FnOnce(&mut Terminal), wanted: &[&str]) {
    let from = ana.printed();
    act(ana);
    // Long sentences are broken at spaces.
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    ana.wait_until(from, &wanted.join(" and "), |text| wanted.iter().all(|one| flat(text).contains(one)));
}

#[test]
fn a_life_in_portuguese_at_a_terminal() {
    let tracker = Tracker::start();
    let mut bia = Papo::registered("bia", &tracker);
    let mut ana = Terminal::start(Options::registering("ana", &tracker).plain().with(&["--lang", "pt"]));
    ana.wait_shown(0, "Usuário registrado com sucesso.");
    ana.wait_shown(0, "Login realizado com sucesso.");
    ana.wait_shown(0, "todos>");
    shows(&mut ana, |ana| ana.press("/create sala\r"), &["Sala 'sala' criada com sucesso.", "#sala>"]);
    shows(&mut ana, |ana| ana.press("/register bia\r"), &["Escolha uma senha", "nova senha para bia:"]);
    shows(&mut ana, |ana| ana.press("\r"), &["Sem senha", "#sala>"]);
    shows(&mut ana, |ana| ana.press("/nada\r"), &["Comando não suportado. Não há /nada"]);
    shows(&mut ana, |ana| ana.press("/create sala\r"), &["A sala já existe"]);
    shows(&mut ana, |ana| ana.press("/msg eva oi\r"), &["não encontrado."]);
    shows(&mut ana, |ana| ana.press("/help join\r"), &["/join SALA", "entra em uma sala e fala com ela"]);
    shows(
        &mut ana,
        |_| bia.join("sala"),
        &["#sala *** bia entrou na sala.", "Conectado com sucesso no endereço: 127.0.0.1:"],
    );
    shows(&mut ana, |_| bia.line("/msg ana psiu"), &["[PRIVADO de bia] psiu"]);
    ana.press("oi\r");
    bia.wait_message("oi");
    shows(&mut ana, |ana| ana.press("/ping bia\r"), &["Conexão Normal. Latência: "]);
    shows(&mut ana, |ana| ana.press("/users\r"), &["usuário", "estado", "on-line"]);
    shows(&mut ana, |ana| ana.press("/connect 127.0.0.1:1\r"), &["Falha pra conectar em 127.0.0.1:1"]);
    shows(&mut ana, |_| bia.line("/leave sala"), &["#sala *** bia saiu da sala."]);
    shows(&mut ana, |ana| ana.press("/sair\r"), &["Usuário 'ana' saiu da sala 'sala'.", "todos>"]);
    shows(&mut ana, |ana| ana.press("\u{3}"), &["Ctrl-C outra vez"]);
    ana.press("/sair\r");
    assert_eq!(ana.wait_code(), 0);
}

#[test]
fn the_locale_decides_where_nothing_else_does() {
    let tracker = Tracker::start();
    let start = |options: &Options, locale: &str| {
        let mut command = options.command();
        command.env("LANG", locale);
        Process::start(&mut command)
    };
    let ana = Options::registering("ana", &tracker).plain();
    let mut in_pipe = start(&ana, "pt_BR.UTF-8");
    in_pipe.wait_stdout("its login", |line| line.starts_with("* Login realizado com sucesso."));
    in_pipe.write_line("/join nenhuma");
    in_pipe.wait_stdout("why not", |line| line.starts_with("! A sala não existe"));
    in_pipe.write_line("/quit");
    assert_eq!(in_pipe.wait_code(), 0);

    let bia = Options::registering("bia", &tracker).plain().with(&["--lang", "en"]);
    let mut english = start(&bia, "pt_BR.UTF-8");
    english.wait_stdout("its login", |line| line.starts_with("* logged in at "));
    english.write_line("/quit");
    assert_eq!(english.wait_code(), 0);
}

#[test]
fn scripts_see_the_same_events_fields_and_codes() {
    let tracker = Tracker::start();
    let mut ana = Options::registering("ana", &tracker).with(&["--lang", "pt"]).log_in();
    ana.line("/join nenhuma");
    assert!(ana.wait_error("unknown_room").starts_with("A sala não existe"));
    ana.line("/status away almoço");
    ana.wait_for("notice", |event| text(event, "text") == "Agora você está ausente para os outros: “almoço”");
    let whois = ana.ask("/whois ana", "whois");
    assert_eq!((text(&whois, "status"), text(&whois, "status_text")), ("away", "almoço"));
    assert_eq!(ana.quit(), 0);
}

#[test]
fn what_hinders_the_start_is_told_in_portuguese_too() {
    let place = tempfile::tempdir().expect("a directory");
    let config = place.path().join("papo.toml");
    std::fs::write(&config, "lang = 'pt'\nregister = true\n").expect("writes");
    let mut command = programs::papo();
    command.args(["--no-lan", "--data"]).arg(place.path()).arg("--config").arg(&config);
    let mut papo = Process::start(&mut command);
    assert_eq!(papo.wait_code(), 2);
    let told = papo.stderr.wait(BOUND, |lines| lines.first().cloned());
    assert_eq!(
        told.as_deref(),
        Some("papo: Uma conta é criada em um tracker: dê um com --tracker, ou rode um com --host")
    );
}
