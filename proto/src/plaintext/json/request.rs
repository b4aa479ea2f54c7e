//! What a client asks its tracker: one object a request, told apart by its `cmd`.

use super::Fields;

/// A request. Fields that it should have and has not are `None`; others are not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Make an account and log in.
    Register(Account),
    /// Log in.
    Login(Account),
    /// Who is connected?
    ListPeers,
    /// Which rooms are there?
    ListRooms,
    /// Make a room and be in it.
    CreateRoom(Place),
    /// Come into a room.
    JoinRoom(Place),
    /// Leave a room.
    LeaveRoom(Place),
    /// Delete a room that one owns.
    DeleteRoom(Place),
    /// End the session.
    Logout {
        /// Whose.
        username: Option<String>,
    },
    /// Nothing that is known.
    Unknown,
}

/// Who someone says to be.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The account.
    pub username: Option<String>,
    /// SHA-256 of its password, in hexadecimal.
    pub password: Option<String>,
    /// Where this client listens, as it says.
    pub address: Option<String>,
    /// The port there.
    pub port: Option<u16>,
    /// Where registration asks for one; no client of the old system has it.
    pub token: Option<String>,
}

/// A room, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The room.
    pub room: Option<String>,
    /// Who asks, as it says.
    pub username: Option<String>,
}

/// It shows neither password nor token.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { username, password: _, address, port, token: _ } = self;
        write!(f, "Account({username:?} at {address:?} {port:?})")
    }
}

impl Request {
    /// What an object asks.
    #[must_use]
    pub fn decode(object: &Fields) -> Self {
        let text = |name| object.text(name).map(str::to_owned);
        let account = || Account {
            username: text("username"),
            password: text("password"),
            address: text("address"),
            port: object.port("port"),
            token: text("token"),
        };
        let place = || Place { room: text("room"), username: text("username") };
        match object.text("cmd") {
            Some("REGISTER") => Self::Register(account()),
            Some("LOGIN") => Self::Login(account()),
            Some("LIST_PEERS") => Self::ListPeers,
            Some("LIST_ROOMS") => Self::ListRooms,
            Some("CREATE_ROOM") => Self::CreateRoom(place()),
            Some("JOIN_ROOM") => Self::JoinRoom(place()),
            Some("LEAVE_ROOM") => Self::LeaveRoom(place()),
            Some("DELETE_ROOM") => Self::DeleteRoom(place()),
            Some("LOGOUT") => Self::Logout { username: text("username") },
            Some(_) | None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::stream::ObjectStream, *};

    #[track_caller]
    fn check(text: &str, expected: &Request) {
        let mut stream = ObjectStream::default();
        stream.push(text.as_bytes());
        let object = stream.next_object(usize::MAX).expect("it is JSON").expect("it is whole");
        assert_eq!(Request::decode(&object), *expected, "{text}");
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_request_is_told_by_its_cmd() {
        let ana = Account {
            username: some("ana"),
            password: some("ab12"),
            address: some("127.0.0.1"),
            port: Some(5000),
            token: None,
        };
        let place = || Place { room: some("sala"), username: some("ana") };
        check(
            r#"{"cmd": "REGISTER", "username": "ana", "password": "ab12", "address": "127.0.0.1", "port": 5000}"#,
            &Request::Register(ana.clone()),
        );
        check(
            r#"{"port":"5000","password":"ab12","address":"127.0.0.1","username":"ana","cmd":"LOGIN","x":[1]}"#,
            &Request::Login(ana),
        );
        check(r#"{"cmd":"LIST_PEERS"}"#, &Request::ListPeers);
        check(r#"{"cmd":"LIST_ROOMS","username":"ana"}"#, &Request::ListRooms);
        check(r#"{"cmd":"CREATE_ROOM","room":"sala","username":"ana"}"#, &Request::CreateRoom(place()));
        check(r#"{"cmd":"JOIN_ROOM","room":"sala","username":"ana"}"#, &Request::JoinRoom(place()));
        check(r#"{"cmd":"LEAVE_ROOM","room":"sala","username":"ana"}"#, &Request::LeaveRoom(place()));
        check(r#"{"cmd":"DELETE_ROOM","room":"sala","username":"ana"}"#, &Request::DeleteRoom(place()));
        check(r#"{"cmd":"LOGOUT","username":"ana"}"#, &Request::Logout { username: some("ana") });
    }

    #[test]
    fn what_is_not_there_is_none_and_what_is_not_known_is_unknown() {
        for text in [r#"{}"#, r#"{"cmd":null}"#, r#"{"cmd":7}"#, r#"{"cmd":"login"}"#, r#"{"cmd":"PING"}"#] {
            check(text, &Request::Unknown);
        }
        let nothing = || Place { room: None, username: None };
        for text in [
            r#"{"cmd":"JOIN_ROOM"}"#,
            r#"{"cmd":"JOIN_ROOM","room":null,"username":""}"#,
            r#"{"cmd":"JOIN_ROOM","room":["sala"],"username":7}"#,
        ] {
            check(text, &Request::JoinRoom(nothing()));
        }
        let nobody = Account { username: None, password: None, address: None, port: None, token: some("t") };
        check(r#"{"cmd":"REGISTER","port":null,"address":null,"username":7,"token":"t"}"#, &Request::Register(nobody));
        check(r#"{"cmd":"LOGOUT"}"#, &Request::Logout { username: None });
    }

    #[test]
    fn a_password_never_shows() {
        let account = Account {
            username: some("ana"),
            password: some("segredo"),
            address: None,
            port: None,
            token: some("segredo"),
        };
        assert!(!format!("{:?}", Request::Login(account)).contains("segredo"));
    }
}
