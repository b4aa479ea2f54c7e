//! Every bound of papo, in one place.
//!
//! A machine is handed a [`Limits`] and has no other bound; a simulator draws its own. What both ends of a wire must
//! agree on is a constant of [`crate::wire`] instead. Durations are written out in milliseconds so that a recording
//! shows them plainly.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    disk::BLOCK_BYTES_MAX,
    machine::WRITABLE_BYTES_MAX,
    names::NAME_BYTES_MAX,
    wire::{
        room::TEXT_BYTES_MAX,
        tracker::{ROOM_CAPACITY_MAX, ROOMS_PER_USER_MAX},
        transfer::AHEAD_BYTES_MAX,
    },
};

/// The largest frame after the length, once a session stands: a full room whose members have the longest names.
pub const FRAME_BYTES_MAX: usize = 40 * 1024;
/// The largest plaintext of a frame: 16 bytes are the authentication tag.
pub const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX - 16;

/// No limit is larger, so that sums and products of them are numbers.
pub const LIMIT_MAX: u64 = u32::MAX as u64;
/// Nothing that is counted one by one comes so far, so that one more is always a number.
pub const COUNT_MAX: u64 = 1 << 62;

/// Serde for a limit: a recording is a stranger's text.
fn limit<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    up_to(LIMIT_MAX, deserializer)
}

/// Serde for what is counted one by one: `#[serde(deserialize_with = "crate::limits::count")]`.
///
/// # Errors
/// When it is past [`COUNT_MAX`].
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    up_to(COUNT_MAX, deserializer)
}

fn up_to<'de, D: Deserializer<'de>, T: TryFrom<u64>>(max: u64, deserializer: D) -> Result<T, D::Error> {
    let number = u64::deserialize(deserializer)?;
    let bounded = T::try_from(number).ok().filter(|_| number <= max);
    bounded.ok_or_else(|| D::Error::custom(format!("{number}, where {max} is the most")))
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// The bounds of a machine. Units stand last in the names.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Limits { $($(#[$doc])* #[serde(deserialize_with = "limit")] pub $name: $type,)* }

        impl Limits {
            /// The defaults.
            pub const DEFAULT: Self = Self { $($name: $default,)* };
        }
    };
}

limits! {
    /// From the opening of a connection to the end of its handshake.
    handshake_ms_max: u64 = 8_000;
    /// From the end of the handshake to login, checks of passwords aside.
    login_ms_max: u64 = 8_000;
    /// From the first byte of a session's frame to its last.
    frame_ms_max: u64 = 8_000;
    /// The largest frame before login.
    frame_before_login_bytes_max: usize = 1_024;
    /// The largest frame after it.
    frame_bytes_max: usize = FRAME_BYTES_MAX;
    /// All unfinished frames of a machine together; past it, the connections that hold them longest are closed.
    unfinished_bytes_max: usize = 64 * 1024 * 1024;
    /// What may wait to be written to one connection; past it, it is closed.
    out_bytes_max: usize = 4 * 1024 * 1024;
    /// What a session may have been told that the network has not taken; past it, it is not read.
    untaken_bytes_max: usize = 2 * WRITABLE_BYTES_MAX;
    /// Silence after which a ping is sent (jittered downwards).
    ping_after_ms: u64 = 15_000;
    /// Silence after which a connection is given up.
    silence_ms_max: u64 = 35_000;

    /// Connections of a tracker.
    connections_max: usize = 16_384;
    /// Connections of a tracker from one address (an IPv6 network of 64 bits counts as one).
    connections_per_address_max: usize = 4_096;
    /// Connections of a tracker from one address that have not logged in.
    anonymous_per_address_max: usize = 256;
    /// Accounts.
    users_max: usize = 1_000_000;
    /// Rooms.
    rooms_max: usize = 100_000;
    /// Rooms of one user.
    rooms_per_user_max: usize = ROOMS_PER_USER_MAX;
    /// The largest capacity of a room.
    room_capacity_max: usize = ROOM_CAPACITY_MAX;
    /// The capacity of a room whose creator names none.
    room_capacity_default: usize = 32;
    /// Requests of one session that wait for a commit; past it, it is not read.
    requests_waiting_max: usize = 32;
    /// What one session may say, or make a tracker say, at once; past it, it is not read for a while.
    pushes_burst_max: u64 = 16_384;
    /// What one session may say, or make a tracker say, each second, in the long run.
    pushes_per_s_max: u64 = 4_096;
    /// Password checks under way at once.
    password_checks_max: usize = 2;
    /// Password checks that wait, altogether.
    password_queue_max: usize = 1_024;
    /// Password checks that wait, of one address (an IPv6 network of 64 bits counts as one).
    password_queue_per_address_max: usize = 256;
    /// The first delay after a wrong password; doubles with each further one, for the account and for the network.
    password_delay_ms_min: u64 = 250;
    /// The longest such delay.
    password_delay_ms_max: u64 = 4_000;
    /// Accounts and networks whose wrong passwords are remembered; the oldest are forgotten first.
    password_delays_kept_max: usize = 10_000;

    /// Links of a peer, whoever dialled; those who called and whom it has no reason to talk to take half at most.
    links_max: usize = 512;
    /// Links of a peer whose other end is not known yet; past it, the address with the most gives way to others.
    links_unknown_max: usize = 64;
    /// Dials under way at once.
    dials_max: usize = 32;
    /// A dial that takes longer is given up.
    dial_ms_max: u64 = 5_000;
    /// Silence of a link after which a ping is sent (jittered downwards).
    link_ping_after_ms: u64 = 10_000;
    /// Silence after which a link is given up.
    link_silence_ms_max: u64 = 25_000;
    /// Connections of a peer in plain text, those among them that have said nothing yet; past it, the oldest silent one of
    /// the address with the most gives way.
    plaintext_links_max: usize = 128;
    /// What may wait to be written to one of them, in bytes; past it, what is said does not reach it.
    plaintext_waiting_bytes_max: usize = 256 * 1024;
    /// The longest object or line that one of them may send, in bytes.
    plaintext_object_bytes_max: usize = 16 * 1024;
    /// How often a peer calls out on each of its networks (jittered downwards).
    lan_beacon_ms: u64 = 5_000;
    /// A beacon that was not repeated for so long counts no more.
    lan_heard_ms_max: u64 = 20_000;
    /// Neighbours, by address and port, that are remembered; past it, one that was dialled in vain gives way.
    lan_heard_max: usize = 2_048;
    /// Neighbours at one address.
    lan_heard_per_address_max: usize = 16;
    /// Dials to neighbours under way at once, and one to each address.
    lan_dials_max: usize = 32;
    /// A dial to a neighbour that takes longer is given up: whoever is on the same network answers soon.
    lan_dial_ms_max: u64 = 2_000;
    /// Trackers that neighbours host, of which the person is told.
    lan_trackers_max: usize = 8;
    /// The first wait before dialling again.
    redial_ms_min: u64 = 1_000;
    /// The longest wait before dialling again.
    redial_ms_max: u64 = 30_000;
    /// A request to the tracker that takes longer has failed.
    request_ms_max: u64 = 15_000;
    /// Requests of the person that are under way.
    asks_max: usize = 1_024;
    /// Messages that wait for the acknowledgement of one receiver; past it, nothing more is accepted for it.
    unacknowledged_max: usize = 10_000;
    /// Outputs of a peer that wait for its disk; past it, links are not read.
    outputs_waiting_max: usize = 4_096;
    /// How often a peer tells of strangers whose connections were cut short; those between are counted.
    strangers_told_ms: u64 = 10_000;
    /// Entries of one room that wait for what they follow.
    entries_waiting_max: usize = 1_024;
    /// Bytes of these entries, roughly; past it, the one that has waited longest is shown with its gap.
    entries_waiting_bytes_max: usize = 256 * 1024;
    /// An entry that waits longer for what it follows is shown without it.
    entry_wait_ms_max: u64 = 3_000;
    /// Entries of one room that are remembered as seen.
    entries_known_max: usize = 4_096;
    /// Names in a list of rooms that a tracker may give; it is cut behind the page that goes past it.
    listed_names_max: usize = 262_144;
    /// People whose names, keys and addresses are remembered.
    contacts_max: usize = 20_000;
    /// At the end of input, and on leaving a room: the wait for acknowledgements; of a monitor: for its mails.
    drain_ms_max: u64 = 10_000;
    /// Transfers of a peer that have not ended, both ways.
    transfers_max: usize = 4_096;
    /// Transfers that run at once, each way; others wait for them.
    transfers_running_max: usize = 8;
    /// A transfer of which nothing moves for so long gives its place up to one that waits.
    transfer_stalled_ms: u64 = 10_000;
    /// Offers to a peer that are undecided.
    offers_max: usize = 1_024;
    /// Offers to a peer that are undecided, from one person.
    offers_per_person_max: usize = 16;
    /// Transfers to a peer that have ended and are remembered, should the sender ask again.
    transfers_ended_max: usize = 1_024;
    /// Entries of one directory that is transferred.
    entries_max: usize = 65_536;
    /// The longest manifest of a directory that is transferred.
    manifest_bytes_max: usize = 4 * 1024 * 1024;
    /// Manifests of all transfers that run, each way; a transfer with a longer one runs alone.
    manifests_bytes_max: usize = 8 * 1024 * 1024;
    /// Between two syncs of what is received, so the most that a loss of power costs.
    unsynced_bytes_max: usize = 64 * 1024 * 1024;
    /// With so much of a file read ahead of what was sent, no further block of it is read.
    read_ahead_bytes_max: usize = 2 * BLOCK_BYTES_MAX;
    /// Between two notices of a transfer's progress.
    progress_told_ms: u64 = 100;
    /// Mails of a monitor that wait to be sent; past it, the oldest is dropped.
    mails_waiting_max: usize = 1_000;
    /// Connections that say nothing, or are not logged in, where plain text is allowed; past it, the oldest gives way.
    plaintext_idle_max: usize = 1_024;
    /// The longest request in plain text.
    plaintext_request_bytes_max: usize = 4_096;
    /// Pushes to one plaintext client that wait for their pauses; past it, an older one of the same room is left out.
    plaintext_pushes_max: usize = 64;
    /// Plaintext clients that are dialled at once, to see whether they are there.
    plaintext_dials_max: usize = 64;
    /// Those who registered by a line; past it, whoever was seen longest ago gives way.
    plaintext_rows_max: usize = 1_024;
    /// The same, from one address (an IPv6 network of 64 bits counts as one).
    plaintext_rows_per_source_max: usize = 64;
    /// How long whoever was dialled may take to answer.
    plaintext_answer_ms_max: u64 = 3_000;
    /// Clients of a relay.
    relay_clients_max: usize = 512;
    /// Clients of a relay from one address (an IPv6 network of 64 bits counts as one).
    relay_clients_per_source_max: usize = 128;
    /// What one client may say to a relay at once, in bytes.
    relay_burst_bytes_max: u64 = 128 * 1024;
    /// What one client may say to a relay each second, in the long run, in bytes.
    relay_bytes_per_s_max: u64 = 64 * 1024;
    /// What a member of the relay for UDP is sent at once, in bytes: joining may be somebody else's doing.
    relay_outflow_burst_bytes_max: u64 = 1024 * 1024;
    /// What a member of the relay for UDP is sent each second, in the long run, in bytes.
    relay_outflow_per_s_max: u64 = 512 * 1024;
    /// What may wait for the pauses of one client of the relay for TCP; past it, nobody is read.
    relay_waiting_bytes_max: usize = 64 * 1024;
    /// What a client of the relay for TCP may have been sent that the network has not taken; past it, nobody is read.
    relay_untaken_bytes_max: usize = 1024 * 1024;
    /// A client of the relay for TCP for whom nobody is read is given up after so long.
    relay_slow_ms_max: u64 = 1_000;
    /// Silence after which a client of the relay for TCP is given up: a day.
    relay_tcp_idle_ms_max: u64 = 24 * 3_600_000;
    /// Silence after which a member of the relay for UDP is given up.
    relay_udp_idle_ms_max: u64 = 3_600_000;
    /// What a client of a relay has been told to say and has not said yet, in bytes; what is past it is refused.
    chat_waiting_bytes_max: usize = 64 * 1024;
    /// A relay for UDP that answers later is not there.
    chat_answer_ms_max: u64 = 3_000;
    /// A client of a relay for UDP asks every so often whether it is there.
    chat_ping_ms: u64 = 20_000;
    /// The longest text that can be said.
    text_bytes_max: usize = TEXT_BYTES_MAX;
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Milliseconds as a duration.
#[must_use]
pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const DEFAULT: Limits = Limits::DEFAULT;
const _: () = {
    assert!(DEFAULT.handshake_ms_max < 10_000 && DEFAULT.login_ms_max < 10_000, "intruders are gone within 10 s");
    assert!(DEFAULT.frame_ms_max < 10_000, "and so is who dawdles");
    assert!(DEFAULT.untaken_bytes_max > WRITABLE_BYTES_MAX, "what a login brings does not silence who logged in");
    assert!(DEFAULT.untaken_bytes_max + 2 * DEFAULT.frame_bytes_max < DEFAULT.out_bytes_max, "reading ends before");
    assert!(DEFAULT.silence_ms_max > 2 * DEFAULT.ping_after_ms, "a lost ping is forgiven");
    assert!(DEFAULT.silence_ms_max + DEFAULT.ping_after_ms / 2 <= 45_000, "a half-open connection is found in 45 s");
    assert!(DEFAULT.frame_before_login_bytes_max <= DEFAULT.frame_bytes_max, "login only widens the bound");
    assert!(DEFAULT.out_bytes_max >= 16 * DEFAULT.frame_bytes_max, "a burst of messages is no slow reader");
    assert!(DEFAULT.room_capacity_default <= DEFAULT.room_capacity_max, "the default is allowed");
    assert!(
        DEFAULT.password_queue_per_address_max >= DEFAULT.anonymous_per_address_max,
        "whoever is let in to log in may wait for it"
    );
    assert!(DEFAULT.pushes_per_s_max > 0, "whoever was held back is read again");
    assert!(DEFAULT.redial_ms_min <= DEFAULT.redial_ms_max, "waits grow");
    assert!(
        DEFAULT.links_max
            + DEFAULT.links_unknown_max
            + DEFAULT.dials_max
            + DEFAULT.lan_dials_max
            + DEFAULT.plaintext_links_max
            <= 800,
        "a terminal selects below 1024"
    );
    assert!(DEFAULT.link_silence_ms_max > 2 * DEFAULT.link_ping_after_ms, "a lost ping of a link is forgiven");
    assert!(DEFAULT.link_silence_ms_max <= 30_000, "whoever vanishes is noticed within 30 s");
    assert!(DEFAULT.lan_heard_ms_max >= 3 * DEFAULT.lan_beacon_ms, "lost beacons are forgiven");
    assert!(DEFAULT.lan_heard_ms_max <= 30_000, "and whoever vanishes is forgotten");
    assert!(DEFAULT.entries_waiting_bytes_max >= 16 * TEXT_BYTES_MAX, "what comes at once may come in another order");
    assert!(AHEAD_BYTES_MAX >= 2 * BLOCK_BYTES_MAX as u64, "a block is on its way while another is written");
    assert!(DEFAULT.read_ahead_bytes_max >= BLOCK_BYTES_MAX, "a block can be read");
    assert!(DEFAULT.manifest_bytes_max <= DEFAULT.manifests_bytes_max, "no manifest is longer than all");
    assert!(DEFAULT.offers_per_person_max <= DEFAULT.offers_max && DEFAULT.offers_max <= DEFAULT.transfers_max);
    assert!(TEXT_BYTES_MAX + 1024 <= MESSAGE_BYTES_MAX, "a text with all around it fits a frame");
    assert!(
        ROOM_CAPACITY_MAX * (2 + NAME_BYTES_MAX) + 1024 <= MESSAGE_BYTES_MAX,
        "a room with its roster fits a frame"
    );
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_up_to_the_largest_and_no_further() {
        let limits = |links_max: u64| serde_json::from_str::<Limits>(&format!(r#"{{"links_max":{links_max}}}"#));
        assert_eq!(limits(7).ok(), Some(Limits { links_max: 7, ..Limits::DEFAULT }));
        assert!(limits(LIMIT_MAX).is_ok());
        assert!(limits(LIMIT_MAX + 1).is_err());
    }

    #[test]
    fn a_count_is_read_up_to_the_largest_and_no_further() {
        let counted = |number: u64| count(serde::de::value::U64Deserializer::<serde::de::value::Error>::new(number));
        assert_eq!(counted(COUNT_MAX), Ok(COUNT_MAX));
        assert!(counted(COUNT_MAX + 1).is_err());
    }
}
