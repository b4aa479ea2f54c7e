//! What is said when something happened that a person should know, and how things stand.

use std::net::SocketAddr;

use papo_proto::{
    error::Counters,
    escape::quoted,
    peer::{Note, interface::Target},
    wire::transfer::Reason,
};
use papo_runtime_mio::Stats;

use super::{
    Language, files, help,
    people::status,
    reasons::{fault, refusal},
    relay, say, target,
};
use crate::frontend::event::Info;

/// Something that the person should know.
pub(crate) fn note(language: Language, note: &Note) -> String {
    match note {
        Note::TrackerLost { tracker, retry_ms } => say!(
            language,
            "no connection to {tracker}; trying again in {} s",
            "Sem conexão com {tracker}; nova tentativa em {} s.",
            retry_ms.div_ceil(1000)
        ),
        Note::Replaced => say!(
            language,
            "your account logged in elsewhere, so this session ended; /login takes it back",
            "Sua conta entrou em outro lugar, então esta sessão terminou; /login a retoma"
        ),
        Note::TrackerQuit => say!(
            language,
            "the tracker was shut down; papo comes back by itself when it does",
            "O tracker foi desligado; o papo volta sozinho quando ele voltar."
        ),
        Note::TrackerPinned { tracker, key } => say!(
            language,
            "the tracker at {tracker} is known from now on by its fingerprint {key}",
            "De agora em diante o tracker em {tracker} é reconhecido pela impressão digital {key}"
        ),
        Note::KeyChanged { user, old, new } => say!(
            language,
            "THE KEY OF {user} CHANGED, from {old} to {new}: nothing is exchanged until you accept it. It may be a new \
             device, or somebody else. Ask {user} by another way, then /trust {user}",
            "A CHAVE DE {user} MUDOU, de {old} para {new}: nada é trocado até você aceitá-la. Pode ser um aparelho \
             novo, ou outra pessoa. Pergunte a {user} por outro meio, depois /trust {user}",
            old = old.short(),
            new = new.short()
        ),
        Note::Waiting { user, count: 1 } => {
            say!(language, "one message waits for {user}", "Uma mensagem espera por {user}.")
        }
        Note::Waiting { user, count } => {
            say!(language, "{count} messages wait for {user}", "{count} mensagens esperam por {user}.")
        }
        Note::Dropped { user, count: 1 } => {
            say!(language, "one message will not reach {user}", "Uma mensagem não chegará a {user}.")
        }
        Note::Dropped { user, count } => {
            say!(language, "{count} messages will not reach {user}", "{count} mensagens não chegarão a {user}.")
        }
        Note::LinkFault { user, fault: why, .. } => say!(
            language,
            "the link to {user} was cut: {}",
            "A conexão com {user} foi cortada: {}.",
            fault(language, *why)
        ),
        Note::Refused { user } => say!(
            language,
            "{user} wants no link at present; what you say to {user} is kept until there is one",
            "{user} não quer conexão no momento; o que você diz a {user} fica guardado até haver uma."
        ),
        Note::Strangers { count: 1, fault: why, address } => say!(
            language,
            "a connection from {address} was refused: {}",
            "Uma conexão vinda de {address} foi recusada: {}.",
            fault(language, *why)
        ),
        Note::Strangers { count, fault: why, address } => say!(
            language,
            "{count} connections of strangers were refused, the last one from {address}: {}",
            "{count} conexões de estranhos foram recusadas, a última vinda de {address}: {}.",
            fault(language, *why)
        ),
        Note::LanRefused { port, reason } => say!(
            language,
            "others on this network are not found, because UDP port {port} can't be used: {}; /connect IP:PORT works, \
             and so does another port that all of you give as --lan-port",
            "Outros nesta rede não são encontrados, porque a porta UDP {port} não pode ser usada: {}; /connect \
             IP:PORTA funciona, e também outra porta que todos vocês deem com --lan-port",
            refusal(language, *reason)
        ),
        Note::TrackerOffered { address } => say!(
            language,
            "{address} hosts a tracker; nothing is sent to it unless you say /tracker {address} and then /register or \
             /login",
            "{address} oferece um tracker; nada é enviado a ele, a não ser que você diga /tracker {address} e depois \
             /register ou /login"
        ),
        Note::OtherPort { wanted } => say!(
            language,
            "port {wanted} is taken, so papo listens on another one",
            "A porta {wanted} já está em uso, então o papo escuta em outra."
        ),
        Note::Trusted { user, key } => {
            say!(language, "the key {} of {user} is accepted", "A chave {} de {user} foi aceita.", key.short())
        }
        Note::Blocked { user, blocked: true } => say!(
            language,
            "{user} is blocked; /unblock {user} takes it back",
            "{user} está bloqueado; /unblock {user} desfaz isso"
        ),
        Note::Blocked { user, blocked: false } => {
            say!(language, "{user} is no longer blocked", "{user} não está mais bloqueado.")
        }
        Note::Skipped { name, skipped } => files::skipped(language, name, skipped),
        Note::TransferPaused { transfer, user, paused: true } => {
            say!(language, "{user} holds transfer {transfer}", "{user} pausou a transferência {transfer}.")
        }
        Note::TransferPaused { transfer, user, paused: false } => {
            say!(language, "{user} lets transfer {transfer} go on", "{user} retomou a transferência {transfer}.")
        }
        Note::PlaintextRoom { room } => say!(
            language,
            "in #{room} some speak plain text; they neither hear you nor are heard, unless you start papo with \
             --allow-plaintext",
            "Em #{room} há quem fale sem criptografia; essas pessoas não ouvem você nem são ouvidas, a não ser que \
             você inicie o papo com --allow-plaintext."
        ),
        Note::PlaintextLost { user } => say!(
            language,
            "what you said in plain text did not reach {user}",
            "O que você disse sem criptografia não chegou a {user}."
        ),
        Note::PlaintextNotice { address, text } => {
            say!(language, "{address} tells: {}", "{address} avisa: {}", quoted(text))
        }
        Note::PlaintextFile { address } => say!(
            language,
            "{address} would send files in the older programs' way, which can't be read safely; it was refused. papo \
             sends and receives them: /send",
            "{address} quis enviar arquivos à maneira dos programas antigos, que não pode ser lida com segurança; foi \
             recusado. O papo os envia e recebe: /send"
        ),
        Note::OffersRefused { user, reason: Reason::Busy } => say!(
            language,
            "{user} offers too much at once; some of it was refused",
            "{user} oferece coisas demais de uma vez; parte foi recusada."
        ),
        Note::OffersRefused { user, .. } => say!(
            language,
            "{user} offers what is not allowed; it was refused",
            "{user} oferece o que não é permitido; foi recusado."
        ),
    }
}

/// What is worth knowing, in lines.
pub(crate) fn info(language: Language, info: &Info) -> Vec<String> {
    let line = match info {
        Info::Talking(Target::All) => {
            say!(language, "you talk to everyone now", "Agora você fala com todos.")
        }
        Info::Talking(to) => {
            say!(language, "you talk to {} now", "Agora você fala com {}", target(language, to))
        }
        Info::RoomGone(room) => say!(
            language,
            "#{room} is not there for you any more; you talk to everyone now",
            "A sala '{room}' não existe mais para você; agora você fala com todos."
        ),
        Info::LateDelivery { to, text } => say!(language, "{to} has now: {text}", "{to} já recebeu: {text}"),
        Info::FirstSteps { tracker: true } => say!(
            language,
            "/help lists the commands, /rooms the rooms; /join ROOM goes into one",
            "/help lista os comandos, /rooms as salas; /join SALA entra em uma"
        ),
        Info::FirstSteps { tracker: false } => say!(
            language,
            "/help lists the commands; who runs papo on this network is found by itself. Rooms need --tracker or --host",
            "/help lista os comandos; quem roda o papo nesta rede é encontrado sozinho. Salas precisam de --tracker \
             ou --host"
        ),
        Info::StatusSet { status: set, text } if text.is_empty() => {
            say!(language, "you are {} to others now", "Agora você está {} para os outros.", status(language, *set))
        }
        Info::StatusSet { status: set, text } => say!(
            language,
            "you are {} to others now: {}",
            "Agora você está {} para os outros: {}",
            status(language, *set),
            quoted(text)
        ),
        Info::ProfileSet { empty: true } => {
            say!(language, "your profile is empty now", "Agora seu perfil está vazio.")
        }
        Info::ProfileSet { empty: false } => say!(
            language,
            "your profile stands; others see it with /whois",
            "Seu perfil está guardado; os outros o veem com /whois"
        ),
        Info::Registered => say!(language, "your account is made", "Usuário registrado com sucesso."),
        Info::PlaintextSet { open: true } => say!(
            language,
            "your account is open to old clients now, which log in without encryption",
            "Agora sua conta está aberta a clientes antigos, que entram sem criptografia."
        ),
        Info::PlaintextSet { open: false } => say!(
            language,
            "your account is closed to old clients without encryption now",
            "Agora sua conta está fechada a clientes antigos sem criptografia."
        ),
        Info::Sending { to, seconds } => say!(
            language,
            "looking for {to}, for {seconds} s at most; Ctrl-C ends it",
            "Procurando {to}, por {seconds} s no máximo; Ctrl-C encerra."
        ),
        Info::Receiving { from: Some(user) } => say!(
            language,
            "waiting for what {user} sends; Ctrl-C ends it",
            "Esperando o que {user} enviar; Ctrl-C encerra."
        ),
        Info::Receiving { from: None } => say!(
            language,
            "waiting for what others send; Ctrl-C ends it",
            "Esperando o que os outros enviarem; Ctrl-C encerra."
        ),
        Info::NotForThis { from, name } => say!(
            language,
            "what {from} offers, {}, is left for papo or another papo receive",
            "O que {from} oferece, {}, fica para o papo ou para outro papo receive",
            quoted(name)
        ),
        Info::GoesOn => say!(
            language,
            "what has not arrived yet goes on when the same is started again",
            "O que ainda não chegou continua quando o mesmo for iniciado de novo."
        ),
        Info::Accepted(transfer) => say!(
            language,
            "transfer {transfer} is accepted; /transfers tells how far it is",
            "A transferência {transfer} foi aceita; /transfers diz até onde chegou"
        ),
        Info::Held { transfer, held: true } => say!(
            language,
            "transfer {transfer} is held: /resume {transfer}",
            "A transferência {transfer} está pausada: /resume {transfer}"
        ),
        Info::Held { transfer, held: false } => {
            say!(language, "transfer {transfer} goes on", "A transferência {transfer} continua.")
        }
        Info::KeepsTrying => say!(
            language,
            "papo keeps trying; what you can do without the tracker goes on",
            "O papo continua tentando; o que se pode fazer sem o tracker segue funcionando."
        ),
        Info::HowToQuit => say!(
            language,
            "Ctrl-C again, Ctrl-D or /quit ends papo",
            "Ctrl-C outra vez, Ctrl-D ou /quit encerra o papo"
        ),
        Info::RelayHelp => return relay::help(language),
        Info::Help(topic) => return help::lines(language, *topic),
        Info::ConfirmTracker { tracker, key } => {
            let what = say!(
                language,
                "the tracker at {tracker} is not known here yet. Its fingerprint is",
                "O tracker em {tracker} ainda não é conhecido aqui. A impressão digital dele é"
            );
            let question = say!(
                language,
                "Is that what its owner told you? Your name and password go there only after a yes.",
                "É essa que o dono dele lhe disse? Seu nome e sua senha só vão para lá depois de um sim."
            );
            return vec![what, key.to_string(), question];
        }
        Info::PasswordWanted { register: true, .. } => say!(
            language,
            "choose a password; it is not shown while you type",
            "Escolha uma senha; ela não aparece enquanto você digita."
        ),
        Info::PasswordWanted { user, register: false } => say!(
            language,
            "this device is not tied to the account {user} yet. Its password, please (not shown while you type); \
             without an account, press Enter and type /register",
            "Este aparelho ainda não está ligado à conta {user}. A senha dela, por favor (não aparece enquanto você \
             digita); sem uma conta, tecle Enter e digite /register"
        ),
        Info::PasswordSkipped => say!(
            language,
            "no password: /login or /register when you like",
            "Sem senha: /login ou /register quando quiser"
        ),
        Info::Hosting { addresses, key } => {
            let head = say!(
                language,
                "a tracker runs in this papo; others reach it with",
                "Um tracker roda neste papo; os outros chegam a ele com"
            );
            let reached = addresses.iter().map(|address| format!("papo --tracker {address}#{key}"));
            return std::iter::once(head).chain(reached).collect();
        }
        Info::Recording(path) => say!(
            language,
            "everything is written down in {}, keys, texts and files among it: keep that file to yourself",
            "Tudo é anotado em {}, inclusive chaves, textos e arquivos: guarde esse arquivo só para você.",
            path.display()
        ),
    };
    vec![line]
}

/// Why it stopped, in what waits.
pub(crate) fn stopped(language: Language, unacknowledged: usize) -> Option<String> {
    match unacknowledged {
        0 => None,
        1 => Some(say!(
            language,
            "one message is not delivered yet; it goes out at the next start",
            "Uma mensagem ainda não foi entregue; ela sai na próxima vez."
        )),
        many => Some(say!(
            language,
            "{many} messages are not delivered yet; they go out at the next start",
            "{many} mensagens ainda não foram entregues; elas saem na próxima vez."
        )),
    }
}

/// How things stand.
pub(crate) fn counters(
    language: Language,
    counters: &Counters,
    links: usize,
    unacknowledged: usize,
    stats: Stats,
) -> Vec<String> {
    let times = |count: u64, what: &str| say!(language, "{count} times: {what}", "{count} vezes: {what}");
    let faults = counters.iter().map(|(why, count)| times(count, fault(language, why)));
    let turned_away = language.either("turned away for want of room", "mandado embora por falta de lugar");
    let crowded_out =
        language.either("cut off as the one to which most was queued", "cortado por ser quem tinha a fila mais longa");
    let mishaps = [(stats.turned_away, turned_away), (stats.crowded_out, crowded_out)];
    let mishaps = mishaps.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| times(count, what));
    let faults = faults.chain(mishaps).collect::<Vec<_>>();
    let head = say!(
        language,
        "links: {links}; messages that wait for someone: {unacknowledged}; refused or cut:",
        "conexões: {links}; mensagens que esperam por alguém: {unacknowledged}; recusado ou cortado:"
    );
    if faults.is_empty() {
        vec![format!("{head} {}", language.either("nothing", "nada"))]
    } else {
        [vec![head], faults].concat()
    }
}

/// Which tracker is used, and which are offered.
pub(crate) fn trackers(language: Language, taken: Option<&str>, offered: &[SocketAddr]) -> Vec<String> {
    let used = match taken {
        Some(tracker) => {
            say!(language, "the tracker at {tracker} is used", "O tracker em uso é o de {tracker}")
        }
        None => say!(
            language,
            "no tracker is used: /tracker HOST:PORT takes one",
            "Nenhum tracker está em uso: /tracker HOST:PORTA escolhe um"
        ),
    };
    let offers = offered.iter().map(|address| say!(language, "{address} offers one", "{address} oferece um"));
    std::iter::once(used).chain(offers).collect()
}
