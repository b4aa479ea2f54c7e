//! The sentences of that system, to the letter: its people and its programs know them.
//!
//! Names of rooms and users that a client sent stand in them as they came, cut where no name would be as long.

use std::fmt;

use crate::names::NAME_BYTES_MAX;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success<'a> {
    /// An account was made.
    Registered,
    /// Someone logged in.
    LoggedIn,
    /// A room was made.
    Created {
        /// Its name.
        room: &'a str,
    },
    /// Someone came in, or was in.
    Joined {
        /// Who.
        user: &'a str,
        /// The room.
        room: &'a str,
    },
    /// Someone left.
    Left {
        /// Who.
        user: &'a str,
        /// The room.
        room: &'a str,
    },
    /// A room is no more.
    Deleted {
        /// Its name.
        room: &'a str,
    },
    /// A room changed.
    Updated {
        /// Its name.
        room: &'a str,
    },
}

impl fmt::Display for Success<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Registered => f.write_str("Usuário registrado com sucesso."),
            Self::LoggedIn => f.write_str("Login realizado com sucesso."),
            Self::Created { room } => write!(f, "Sala '{}' criada com sucesso.", Quoted(room)),
            Self::Joined { user, room } => write!(f, "Usuário '{}' entrou na sala '{}'.", Quoted(user), Quoted(room)),
            Self::Left { user, room } => write!(f, "Usuário '{}' saiu da sala '{}'.", Quoted(user), Quoted(room)),
            Self::Deleted { room } => write!(f, "Sala '{}' deletada com sucesso.", Quoted(room)),
            Self::Updated { room } => write!(f, "A configuração da sala '{}' foi atualizada.", Quoted(room)),
        }
    }
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem<'a> {
    /// The name, or one that looks like it, is taken.
    UserExists,
    /// Name or password are not right, or the account is closed to this dialect; which, is not said.
    BadCredentials,
    /// A field is missing.
    MissingFields,
    /// The room is missing.
    MissingRoom,
    /// Whoever asks is not who is logged in.
    UnknownPeer,
    /// The same, where the name is said.
    UnknownUser {
        /// The name.
        user: &'a str,
    },
    /// A room has the name, or one that looks like it.
    RoomExists {
        /// Its name.
        room: &'a str,
    },
    /// No such room for clients of this dialect.
    UnknownRoom {
        /// The name.
        room: &'a str,
    },
    /// There is no place left in the room.
    RoomFull {
        /// Its name.
        room: &'a str,
    },
    /// The user is not in that room.
    NotInRoom {
        /// Who.
        user: &'a str,
        /// The room.
        room: &'a str,
    },
    /// No such room, or not one's own.
    NotDeletable {
        /// The name.
        room: &'a str,
    },
    /// Only after login.
    NotLoggedIn,
    /// No such request.
    Unsupported,

    // What that system does not know.
    /// This dialect is not spoken here.
    Closed,
    /// Nobody may make an account.
    RegistrationClosed,
    /// Registration needs a token, and this is not it.
    BadToken,
    /// This cannot be a name.
    BadName,
    /// The password is not hexadecimal of 32 bytes.
    BadPassword,
    /// This connection is logged in already.
    AlreadyLoggedIn,
    /// The user is in as many rooms as one can be in.
    TooManyRooms,
    /// The tracker has as many users or rooms as it takes.
    Full,
    /// Too many attempts wait already.
    Busy,
}

impl fmt::Display for Problem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UserExists => f.write_str("Usuário já existe."),
            Self::BadCredentials => f.write_str("Credenciais inválidas."),
            Self::MissingFields => f.write_str("Parâmetros ausentes."),
            Self::MissingRoom => f.write_str("Parâmetro 'room' ausente."),
            Self::UnknownPeer => f.write_str("Peer não encontrado."),
            Self::UnknownUser { user } => write!(f, "Peer '{}' não encontrado.", Quoted(user)),
            Self::RoomExists { room } => write!(f, "A sala '{}' já existe.", Quoted(room)),
            Self::UnknownRoom { room } => write!(f, "A sala '{}' não existe.", Quoted(room)),
            Self::RoomFull { room } => write!(f, "A sala '{}' não existe ou está cheia.", Quoted(room)),
            Self::NotInRoom { user, room } => {
                write!(f, "Usuário '{}' não está na sala '{}'.", Quoted(user), Quoted(room))
            }
            Self::NotDeletable { room } => write!(f, "A sala '{}' não existe ou não pode ser deletada.", Quoted(room)),
            Self::NotLoggedIn => f.write_str("Comando inválido. Faça login ou registre-se primeiro."),
            Self::Unsupported => f.write_str("Comando não suportado."),
            Self::Closed => f.write_str(
                "Este tracker só fala o protocolo cifrado do papo. Quem o executa pode abri-lo com --allow-plaintext.",
            ),
            Self::RegistrationClosed => f.write_str("O registro de usuários está fechado neste tracker."),
            Self::BadToken => f.write_str("O registro de usuários pede um token válido neste tracker."),
            Self::BadName => f.write_str("Nome inválido."),
            Self::BadPassword => f.write_str("Senha inválida: espera-se o SHA-256 em hexadecimal."),
            Self::AlreadyLoggedIn => f.write_str("Login já realizado nesta conexão."),
            Self::TooManyRooms => f.write_str("Não é possível entrar em mais salas."),
            Self::Full => f.write_str("Este tracker está cheio."),
            Self::Busy => f.write_str("Este tracker está ocupado. Tente de novo mais tarde."),
        }
    }
}

/// A name that a client sent, as far as names go.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0[..self.0.floor_char_boundary(NAME_BYTES_MAX)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_that_system_s_words() {
        let (user, room) = ("ana", "sala");
        for (success, sentence) in [
            (Success::Registered, "Usuário registrado com sucesso."),
            (Success::LoggedIn, "Login realizado com sucesso."),
            (Success::Created { room }, "Sala 'sala' criada com sucesso."),
            (Success::Joined { user, room }, "Usuário 'ana' entrou na sala 'sala'."),
            (Success::Left { user, room }, "Usuário 'ana' saiu da sala 'sala'."),
            (Success::Deleted { room }, "Sala 'sala' deletada com sucesso."),
            (Success::Updated { room }, "A configuração da sala 'sala' foi atualizada."),
        ] {
            assert_eq!(success.to_string(), sentence);
        }
    }

    #[test]
    fn what_failed_is_said_in_that_system_s_words() {
        let (user, room) = ("ana", "sala");
        for (problem, sentence) in [
            (Problem::UserExists, "Usuário já existe."),
            (Problem::BadCredentials, "Credenciais inválidas."),
            (Problem::MissingFields, "Parâmetros ausentes."),
            (Problem::MissingRoom, "Parâmetro 'room' ausente."),
            (Problem::UnknownPeer, "Peer não encontrado."),
            (Problem::UnknownUser { user }, "Peer 'ana' não encontrado."),
            (Problem::RoomExists { room }, "A sala 'sala' já existe."),
            (Problem::UnknownRoom { room }, "A sala 'sala' não existe."),
            (Problem::RoomFull { room }, "A sala 'sala' não existe ou está cheia."),
            (Problem::NotInRoom { user, room }, "Usuário 'ana' não está na sala 'sala'."),
            (Problem::NotDeletable { room }, "A sala 'sala' não existe ou não pode ser deletada."),
            (Problem::NotLoggedIn, "Comando inválido. Faça login ou registre-se primeiro."),
            (Problem::Unsupported, "Comando não suportado."),
        ] {
            assert_eq!(problem.to_string(), sentence);
        }
    }

    #[test]
    fn a_name_in_a_sentence_is_no_longer_than_names_are() {
        let said = |room: &str| Problem::UnknownRoom { room }.to_string();
        let longest = "日".repeat(NAME_BYTES_MAX / 3);
        assert_eq!(said(&longest), format!("A sala '{longest}' não existe."));
        assert_eq!(said(&"日".repeat(1_000)), said(&longest));
    }
}
