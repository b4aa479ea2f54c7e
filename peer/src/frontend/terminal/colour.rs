//! Colours: one for each name, by a hash of it; few others.

use papo_proto::names::Name;

/// For which background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    /// Light letters on a dark ground.
    #[default]
    Dark,
    /// Dark letters on a light ground.
    Light,
    /// No colour at all.
    None,
}

/// Colours of names that can be read on a dark ground (of the 256 of xterm).
const ON_DARK: [u8; 12] = [203, 215, 221, 114, 79, 81, 111, 141, 176, 211, 150, 180];
/// Colours of names that can be read on a light ground.
const ON_LIGHT: [u8; 12] = [160, 166, 136, 28, 30, 25, 61, 90, 126, 94, 64, 24];

impl Theme {
    /// What the environment allows of the chosen theme: `NO_COLOR` with any content means none.
    pub(crate) fn allowed(self, no_color: Option<&str>) -> Self {
        if no_color.is_some_and(|value| !value.is_empty()) { Self::None } else { self }
    }

    /// A name in its colour, or an address.
    pub(crate) fn name(self, name: &str) -> String {
        let palette = match self {
            Self::Dark => &ON_DARK,
            Self::Light => &ON_LIGHT,
            Self::None => return name.to_owned(),
        };
        // FNV-1a: the same name has the same colour on every machine.
        let folded = Name::new(name).map_or_else(|_| name.to_owned(), |name| name.folded().to_owned());
        let hash = folded
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let at = usize::try_from(hash % palette.len() as u64).unwrap_or(0);
        format!("\x1b[38;5;{}m{name}\x1b[0m", palette[at])
    }

    /// Text of little importance.
    pub(crate) fn faint(self, text: &str) -> String {
        self.painted("2", text)
    }

    /// Text about something that failed.
    pub(crate) fn error(self, text: &str) -> String {
        self.painted("31", text)
    }

    /// The prompt.
    pub(crate) fn prompt(self, text: &str) -> String {
        self.painted("1", text)
    }

    fn painted(self, code: &str, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Dark | Self::Light => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_colour_in_whatever_case_and_none_where_none_is_wanted() {
        let colour = |text: &str| Theme::Dark.name(text).split_once('m').map(|(colour, _)| colour.to_owned());
        assert_eq!(colour("Bia"), colour("bia"));
        let many = (0..50).map(|number| colour(&format!("n{number}"))).collect::<std::collections::BTreeSet<_>>();
        assert!(many.len() > 6, "{many:?}");
        assert_eq!(Theme::None.name("Bia"), "Bia");
        assert_eq!(Theme::Dark.allowed(Some("1")), Theme::None);
        assert_eq!(Theme::Light.allowed(Some("")), Theme::Light);
    }
}
