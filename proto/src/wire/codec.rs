//! How each field is written (PROTOCOL.md, "Notation").
//!
//! Integers are big-endian. Text, byte strings and lists have a `u16` length in front, in bytes and
//! elements. An option is a byte 0,
//! or a byte 1 and the value. A message is its kind (`u8`) and its fields in order, and nothing after them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{
    identity::Key,
    names::{NAME_BYTES_MAX, Name},
    time::Wall,
};

/// Why bytes are not the message that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends too early.
    #[error("the message ends too early")]
    Short,
    /// Something follows its end.
    #[error("bytes follow the end of the message")]
    Trailing,
    /// A kind or a choice has no such number.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// A name is none.
    #[error("a name is not valid")]
    Name,
    /// Something is longer or larger than it may be.
    #[error("a field is larger than it may be")]
    TooLarge,
    /// What must be sorted or distinct is not.
    #[error("a list is out of order")]
    Order,
}

/// Takes fields from the front of a message.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The message ends here.
    ///
    /// # Errors
    /// When it does not.
    pub const fn finish(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }
}

/// A value with one way to be written.
pub trait Wire: Sized {
    /// Appends it.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes it from the front.
    ///
    /// # Errors
    /// When what is there is no such value.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// A whole message: nothing may follow it.
    ///
    /// # Errors
    /// When `bytes` are not exactly one.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    /// It alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Wire for $integer {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                let mut bytes = [0; size_of::<$integer>()];
                bytes.copy_from_slice(reader.take(size_of::<$integer>())?);
                Ok(Self::from_be_bytes(bytes))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64);

impl Wire for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match u8::decode(reader)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Malformed::Kind(other)),
        }
    }
}

impl<const N: usize> Wire for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(reader.take(N)?);
        Ok(bytes)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        bool::decode(reader)?.then(|| T::decode(reader)).transpose()
    }
}

impl Wire for Key {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Wire::decode(reader).map(Self)
    }
}

impl Wire for Wall {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Wire::decode(reader).map(Self)
    }
}

/// A text of at most `MAX` bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Checks its length.
    ///
    /// # Errors
    /// When it is longer than `MAX` bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        if text.len() > MAX { Err(Malformed::TooLarge) } else { Ok(Self(text)) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de, const MAX: usize> serde::Deserialize<'de> for Text<MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<const MAX: usize> Wire for Text<MAX> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_length(self.0.len(), out);
        out.extend_from_slice(self.0.as_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = usize::from(u16::decode(reader)?);
        if length > MAX {
            return Err(Malformed::TooLarge);
        }
        let text = std::str::from_utf8(reader.take(length)?).map_err(|_| Malformed::Utf8)?;
        Ok(Self(text.to_owned()))
    }
}

impl Wire for Name {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_length(self.as_str().len(), out);
        out.extend_from_slice(self.as_str().as_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let text = Text::<NAME_BYTES_MAX>::decode(reader)?;
        let name = Self::new(text.as_str()).map_err(|_| Malformed::Name)?;
        // Only the normal form travels: one name, one encoding.
        if name.as_str() == text.as_str() { Ok(name) } else { Err(Malformed::Name) }
    }
}

/// At most `MAX` bytes that are no text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Bytes<MAX> {
    /// Checks their number.
    ///
    /// # Errors
    /// When they are more than `MAX`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, Malformed> {
        let bytes = bytes.into();
        if bytes.len() > MAX { Err(Malformed::TooLarge) } else { Ok(Self(bytes)) }
    }

    /// Writes what a [`Bytes`] of these would write.
    ///
    /// # Panics
    /// When they are more than `MAX`.
    pub fn encode_slice(bytes: &[u8], out: &mut Vec<u8>) {
        assert!(bytes.len() <= MAX, "the caller cuts what it writes");
        encode_length(bytes.len(), out);
        out.extend_from_slice(bytes);
    }

    /// Takes what a [`Bytes`] would take, and leaves it where it is.
    ///
    /// # Errors
    /// When they are more than `MAX`, or not all there.
    pub fn decode_slice<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
        let length = usize::from(u16::decode(reader)?);
        if length > MAX { Err(Malformed::TooLarge) } else { reader.take(length) }
    }
}

impl<const MAX: usize> std::ops::Deref for Bytes<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// They are long, and no one's business.
impl<const MAX: usize> std::fmt::Debug for Bytes<MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.0.len())
    }
}

impl<const MAX: usize> Wire for Bytes<MAX> {
    fn encode(&self, out: &mut Vec<u8>) {
        Self::encode_slice(&self.0, out);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::decode_slice(reader).map(|bytes| Self(bytes.to_vec()))
    }
}

/// A list of at most `MAX` elements.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// Keeps the first `MAX` elements.
    #[must_use]
    pub fn truncated(mut elements: Vec<T>) -> Self {
        elements.truncate(MAX);
        Self(elements)
    }

    /// The elements.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> std::ops::Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Wire, const MAX: usize> Wire for List<T, MAX> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_length(self.0.len(), out);
        for element in &self.0 {
            element.encode(out);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = usize::from(u16::decode(reader)?);
        if length > MAX {
            return Err(Malformed::TooLarge);
        }
        (0..length).map(|_| T::decode(reader)).collect::<Result<_, _>>().map(Self)
    }
}

/// 4 or 6, the address, the port. IPv4 addresses mapped into IPv6 are written as IPv4.
impl Wire for SocketAddr {
    fn encode(&self, out: &mut Vec<u8>) {
        match self.ip().to_canonical() {
            IpAddr::V4(ip) => {
                out.push(4);
                ip.octets().encode(out);
            }
            IpAddr::V6(ip) => {
                out.push(6);
                ip.octets().encode(out);
            }
        }
        self.port().encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let ip = match u8::decode(reader)? {
            4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::decode(reader)?)),
            6 => {
                let ip = Ipv6Addr::from(<[u8; 16]>::decode(reader)?);
                // Those are written as IPv4: one address, one encoding.
                if ip.to_ipv4_mapped().is_some() {
                    return Err(Malformed::Kind(6));
                }
                IpAddr::V6(ip)
            }
            other => return Err(Malformed::Kind(other)),
        };
        Ok(Self::new(ip, u16::decode(reader)?))
    }
}

fn encode_length(length: usize, out: &mut Vec<u8>) {
    u16::try_from(length).expect("texts and lists are bounded below 65,536").encode(out);
}

/// Defines structs that are written field by field, in order.
macro_rules! wire_struct {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        impl $crate::wire::codec::Wire for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$field.encode(out);)*
            }

            fn decode(reader: &mut $crate::wire::codec::Reader<'_>) -> Result<Self, $crate::wire::codec::Malformed> {
                Ok(Self { $($field: $crate::wire::codec::Wire::decode(reader)?,)* })
            }
        }
    )*};
}

/// Defines an enum of messages: each variant has a kind and fields that are written in order.
macro_rules! wire_enum {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $kind:literal = $variant:ident
            $({ $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })?,)*
    }) => {
        $(#[$meta])*
        pub enum $name {
            $($(#[$variant_meta])* $variant $({ $($(#[$field_meta])* $field: $type,)* })?,)*
        }

        impl $crate::wire::codec::Wire for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $({ $($field,)* })? => {
                        out.push($kind);
                        $($($field.encode(out);)*)?
                    })*
                }
            }

            fn decode(reader: &mut $crate::wire::codec::Reader<'_>) -> Result<Self, $crate::wire::codec::Malformed> {
                match <u8 as $crate::wire::codec::Wire>::decode(reader)? {
                    $($kind => Ok(Self::$variant $({ $($field: $crate::wire::codec::Wire::decode(reader)?,)* })?),)*
                    other => Err($crate::wire::codec::Malformed::Kind(other)),
                }
            }
        }
    };
}

/// Defines bytes of a fixed length that are shown, and kept, as hexadecimal.
macro_rules! hexadecimal {
    ($(#[$doc:meta])* $name:ident([u8; $bytes:literal])) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(with = "crate::hex::array")] pub [u8; $bytes]);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&$crate::hex::encode(&self.0))
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}({})", stringify!($name), $crate::hex::encode(&self.0[..4]))
            }
        }

        impl $crate::wire::codec::Wire for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn decode(reader: &mut $crate::wire::codec::Reader<'_>) -> Result<Self, $crate::wire::codec::Malformed> {
                $crate::wire::codec::Wire::decode(reader).map(Self)
            }
        }
    };
}

/// Defines an enum whose values are one byte each.
macro_rules! wire_choice {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $number:literal = $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }

        impl $name {
            /// Every choice.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }

        impl $crate::wire::codec::Wire for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                out.push(match self { $(Self::$variant => $number,)* });
            }

            fn decode(reader: &mut $crate::wire::codec::Reader<'_>) -> Result<Self, $crate::wire::codec::Malformed> {
                match <u8 as $crate::wire::codec::Wire>::decode(reader)? {
                    $($number => Ok(Self::$variant),)*
                    other => Err($crate::wire::codec::Malformed::Kind(other)),
                }
            }
        }
    };
}

pub(crate) use {hexadecimal, wire_choice, wire_enum, wire_struct};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors::check;

    #[test]
    fn every_field_has_one_encoding() {
        check(&0x0102_0304_u32, "01020304");
        check(&true, "01");
        check(&Some(7u8), "0107");
        check(&None::<u8>, "00");
        check(&Text::<8>::new("olá").expect("short"), "00046f6cc3a1");
        check(&Name::new("Ana").expect("valid"), "0003416e61");
        check(&List::<u8, 2>::truncated(vec![1, 2, 3]), "00020102");
        check(&Bytes::<2>::new([0xff, 0]).expect("the bound"), "0002ff00");
        check(&"127.0.0.1:6060".parse::<SocketAddr>().expect("valid"), "047f00000117ac");
        check(&"[::1]:1".parse::<SocketAddr>().expect("valid"), "06000000000000000000000000000000010001");
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_at_the_bound() {
        assert!(Text::<3>::new("abc").is_ok());
        assert_eq!(Text::<3>::new("abcd"), Err(Malformed::TooLarge));
        assert_eq!(Text::<3>::from_bytes(b"\0\x04abcd"), Err(Malformed::TooLarge));
        assert_eq!(Text::<3>::from_bytes(b"\0\x01\xff"), Err(Malformed::Utf8));
        assert_eq!(List::<u8, 1>::from_bytes(b"\0\x02ab"), Err(Malformed::TooLarge));
        assert_eq!(Bytes::<1>::from_bytes(b"\0\x02ab"), Err(Malformed::TooLarge));
        assert_eq!(Bytes::<1>::new(*b"ab"), Err(Malformed::TooLarge));
        assert_eq!(bool::from_bytes(&[2]), Err(Malformed::Kind(2)));
        let mapped = [&[6][..], &[0; 10], &[0xff, 0xff, 127, 0, 0, 1], &[0, 1]].concat();
        assert_eq!(SocketAddr::from_bytes(&mapped), Err(Malformed::Kind(6)));
        assert_eq!(Name::from_bytes(b"\0\x03a b"), Err(Malformed::Name));
        assert_eq!(Name::from_bytes("\0\u{3}a\u{303}".as_bytes()), Err(Malformed::Name), "not in normal form");
    }
}
