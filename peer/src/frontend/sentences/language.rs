//! Which language a person is spoken to in, and how a sentence is written in each.

use serde::Deserialize;

/// A language that papo speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// English.
    #[default]
    En,
    /// Portuguese, as it is spoken in Brazil.
    Pt,
}

/// The variables that name a locale for messages: the first that is set counts.
const LOCALES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

impl Language {
    /// Every language.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::Pt];

    /// What the environment asks for, whose variables `variable` gives: English, unless it is Portuguese.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = LOCALES.iter().find_map(|name| variable(name).filter(|locale| !locale.is_empty()));
        // `pt_BR.UTF-8@euro`: the language ends at the first sign.
        let language = locale.as_deref().and_then(|locale| locale.split(['_', '-', '.', '@']).next());
        if language.is_some_and(|language| language.eq_ignore_ascii_case("pt")) { Self::Pt } else { Self::En }
    }

    /// Of words that say the same in each language, those of this one.
    pub(crate) const fn either<T: Copy>(self, en: T, pt: T) -> T {
        match self {
            Self::En => en,
            Self::Pt => pt,
        }
    }
}

/// A sentence in the language that is asked for: both stand side by side, as format strings for the same arguments.
macro_rules! say {
    ($language:expr, $en:literal, $pt:literal $(, $($arguments:tt)*)?) => {
        match $language {
            $crate::frontend::sentences::Language::En => format!($en $(, $($arguments)*)?),
            $crate::frontend::sentences::Language::Pt => format!($pt $(, $($arguments)*)?),
        }
    };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], language: Language) {
        let value = |name: &str| variables.iter().find(|(variable, _)| *variable == name);
        let found = Language::of_environment(|name| value(name).map(|(_, value)| (*value).to_owned()));
        assert_eq!(found, language, "{variables:?}");
    }

    #[test]
    fn the_locale_s_first_variable_decides_and_everything_unknown_is_english() {
        for locale in ["pt_BR.UTF-8", "pt", "pt_PT", "PT-br", "pt.UTF-8", "pt@latin"] {
            check(&[("LANG", locale)], Language::Pt);
        }
        for locale in ["", "C", "C.UTF-8", "POSIX", "en_US.UTF-8", "de_DE", "ptx_BR", "p", "_pt"] {
            check(&[("LANG", locale)], Language::En);
        }
        check(&[], Language::En);
        check(&[("LC_ALL", "C"), ("LANG", "pt_BR.UTF-8")], Language::En);
        check(&[("LC_ALL", ""), ("LC_MESSAGES", "pt_BR"), ("LANG", "en_US")], Language::Pt);
        check(&[("LC_MESSAGES", "en_US"), ("LANG", "pt_BR")], Language::En);
        check(&[("LC_CTYPE", "pt_BR"), ("LANGUAGE", "pt")], Language::En);
    }
}
