//! What is said when the program can't start, or can't go on: for each error of what it is made of. What the system itself
//! gives as a reason is in the system's words.

use std::io;

use papo_runtime_mio::{Fatal, data_dir::DataDirError};
use papo_tracker::{
    OpenError,
    settings::{SECRET_BYTES_MAX, SettingsError},
    store::DatabaseError,
};

use super::{Language, input::bad_address, say};
use crate::{
    args::UsageError,
    store::{FORMAT, StoreError},
};

/// What broke.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Its data directory.
    DataDir(DataDirError),
    /// What is kept there.
    Store(StoreError),
    /// The tracker that it hosts.
    Tracker(OpenError),
    /// What drives it.
    Reactor(Fatal),
    /// The system.
    System(io::Error),
}

macro_rules! broken {
    ($($variant:ident($error:ty)),+ $(,)?) => {
        $(impl From<$error> for Broken {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })+
    };
}

broken!(DataDir(DataDirError), Store(StoreError), Tracker(OpenError), Reactor(Fatal), System(io::Error));

/// What broke, and what to do about it.
pub(crate) fn broken(language: Language, broken: &Broken) -> String {
    match broken {
        Broken::DataDir(error) => data_dir(language, error),
        Broken::Store(error) => store(language, error),
        Broken::Tracker(OpenError::DataDir(error)) => data_dir(language, error),
        Broken::Tracker(OpenError::Database(error)) => database(language, error),
        Broken::Tracker(OpenError::Passwords(error)) => {
            say!(language, "passwords cannot be checked here: {error}", "Senhas não podem ser conferidas aqui: {error}")
        }
        Broken::Reactor(Fatal::Commit(error)) => {
            let of_peer = error.downcast_ref().map(|error| store(language, error));
            let of_tracker = || error.downcast_ref().map(|error| database(language, error));
            let why = of_peer.or_else(of_tracker).unwrap_or_else(|| error.to_string());
            say!(language, "what happened could not be stored: {why}", "O que aconteceu não pôde ser guardado: {why}")
        }
        Broken::Reactor(Fatal::Record { path, error }) if error.kind() == io::ErrorKind::StorageFull => say!(
            language,
            "the recording {} has filled its disk: make room there, or record elsewhere",
            "A gravação {} encheu o disco: abra espaço lá, ou grave em outro lugar.",
            path.display()
        ),
        Broken::Reactor(Fatal::Record { path, error }) => say!(
            language,
            "the recording {} cannot be written: {error}",
            "A gravação {} não pode ser escrita: {error}",
            path.display()
        ),
        Broken::Reactor(Fatal::System(error)) | Broken::System(error) => {
            say!(language, "the system fails: {error}", "O sistema falha: {error}")
        }
    }
}

fn data_dir(language: Language, error: &DataDirError) -> String {
    match error {
        DataDirError::Unusable { path, error } => say!(
            language,
            "the data directory {} cannot be used: {error}",
            "O diretório de dados {} não pode ser usado: {error}",
            path.display()
        ),
        DataDirError::Locked { path } => say!(
            language,
            "another papo uses {}: give this one its own with --data",
            "Outro papo usa {}: dê a este o seu próprio com --data",
            path.display()
        ),
        DataDirError::BadSecret { path } => say!(
            language,
            "{} does not hold a secret of 32 bytes: restore it from a copy, or remove it to begin with a new one",
            "{} não contém um segredo de 32 bytes: restaure-o de uma cópia, ou remova-o para começar com um novo.",
            path.display()
        ),
        DataDirError::OpenSecret { path } => say!(
            language,
            "{} can be read by others: make it private (chmod 600) before it is used",
            "{} pode ser lido por outros: torne-o privado (chmod 600) antes de usá-lo.",
            path.display()
        ),
    }
}

fn store(language: Language, error: &StoreError) -> String {
    match error {
        StoreError::Newer { path, found } => say!(
            language,
            "{} was written by a newer papo (format {found}; this one knows {FORMAT}): start that one, or give this one \
             another directory with --data",
            "{} foi escrito por um papo mais novo (formato {found}; este conhece {FORMAT}): inicie aquele, ou dê a este \
             outro diretório com --data",
            path.display()
        ),
        StoreError::Foreign(path) => say!(
            language,
            "{} is not a database of papo: give papo another directory with --data",
            "{} não é um banco de dados do papo: dê ao papo outro diretório com --data",
            path.display()
        ),
        StoreError::Corrupt { path, reason } => say!(
            language,
            "{} is damaged ({reason}): put back a copy of it, or give another directory with --data",
            "{} está danificado ({reason}): reponha uma cópia dele, ou dê outro diretório com --data",
            path.display()
        ),
        StoreError::Full(path) => full(language, path),
        StoreError::Unusable { path, reason } => {
            say!(language, "{} can't be used: {reason}", "{} não pode ser usado: {reason}", path.display())
        }
    }
}

fn full(language: Language, path: &std::path::Path) -> String {
    say!(
        language,
        "the disk of {} is full: make room there, and start again; what was confirmed is kept",
        "O disco de {} está cheio: abra espaço lá, e inicie de novo; o que foi confirmado está guardado.",
        path.display()
    )
}

fn database(language: Language, error: &DatabaseError) -> String {
    match error {
        DatabaseError::Unusable { path, error } => say!(
            language,
            "the database {} cannot be used: {error}",
            "O banco de dados {} não pode ser usado: {error}",
            path.display()
        ),
        DatabaseError::Full { path } => full(language, path),
        DatabaseError::Newer { path, version } => say!(
            language,
            "the database {} is of version {version}, and this papo does not know that: use a newer one",
            "O banco de dados {} é da versão {version}, que este papo não conhece: use um mais novo.",
            path.display()
        ),
        DatabaseError::Corrupt { path, what } => say!(
            language,
            "the database {} is damaged ({what}): it was left as it is; restore it from a copy, or give another --data",
            "O banco de dados {} está danificado ({what}): foi deixado como está; restaure-o de uma cópia, ou dê outro \
             --data",
            path.display()
        ),
        DatabaseError::NotOurs { path } => say!(
            language,
            "{} is not a database of papo-tracker: it was left as it is; give another --data",
            "{} não é um banco de dados do papo-tracker: foi deixado como está; dê outro --data",
            path.display()
        ),
    }
}

/// What is wrong with how the program was started.
pub(crate) fn usage_error(language: Language, error: &UsageError) -> String {
    match error {
        UsageError::Settings(error) => settings(language, error),
        UsageError::Tracker { path, why } => say!(
            language,
            "the configuration {} can't be read: {}",
            "A configuração {} não pode ser lida: {}",
            path.display(),
            bad_address(language, *why)
        ),
        UsageError::EmptyPassword => language.either("the password is empty", "A senha está vazia.").to_owned(),
        UsageError::BadToken { max } => say!(
            language,
            "the registration token must have 1 to {max} bytes on one line",
            "O token de registro deve ter de 1 a {max} bytes em uma linha."
        ),
        UsageError::TwoTrackers => language
            .either(
                "--host runs a tracker of its own, so --tracker makes no sense beside it",
                "--host roda um tracker próprio, então --tracker não faz sentido junto com ele.",
            )
            .to_owned(),
        UsageError::NothingToRegisterAt => language
            .either(
                "an account is made on a tracker: give one with --tracker, or run one with --host",
                "Uma conta é criada em um tracker: dê um com --tracker, ou rode um com --host",
            )
            .to_owned(),
    }
}

fn settings(language: Language, error: &SettingsError) -> String {
    match error {
        SettingsError::Config { path, why } => say!(
            language,
            "the configuration {} can't be read: {why}",
            "A configuração {} não pode ser lida: {why}",
            path.display()
        ),
        SettingsError::NoHome => language
            .either(
                "there is no home directory to keep data in: name a directory with --data",
                "Não há um diretório pessoal onde guardar dados: nomeie um diretório com --data",
            )
            .to_owned(),
        SettingsError::Secret { path, error } => {
            say!(language, "{} can't be read: {error}", "{} não pode ser lido: {error}", path.display())
        }
        SettingsError::SecretLines { path } => say!(
            language,
            "{} holds more than one line: a password or token stands alone in its file",
            "{} contém mais de uma linha: uma senha ou um token fica sozinho no seu arquivo.",
            path.display()
        ),
        SettingsError::SecretTooLong { path } => say!(
            language,
            "{} holds more than {SECRET_BYTES_MAX} bytes: that is no password or token",
            "{} contém mais de {SECRET_BYTES_MAX} bytes: isso não é uma senha nem um token.",
            path.display()
        ),
    }
}
