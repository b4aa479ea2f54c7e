//! What passes the door and what does not, for every character there is and for any text.

use proptest::prelude::*;

use super::*;

/// Every character.
fn all() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

/// The characters of a class, by a table of general categories that nothing else here is made from.
fn class(class: &str) -> impl Iterator<Item = char> {
    let parsed = regex_syntax::parse(class).expect("a class of characters");
    let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(ranges)) = parsed.into_kind() else {
        panic!("{class} is no class");
    };
    ranges.ranges().to_vec().into_iter().flat_map(|range| range.start()..=range.end())
}

/// Signs before Arabic, Syriac and Kaithi numbers: formatting by category, and visible.
const fn is_prefix_sign(character: char) -> bool {
    matches!(character,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{110bd}' | '\u{110cd}')
}

#[test]
fn what_is_ignorable_by_default_is_the_property_itself() {
    for character in all() {
        // A skeleton drops what is ignorable, and nothing else leaves it empty.
        let dropped = unicode_security::skeleton(&character.to_string()).next().is_none();
        assert_eq!(is_ignorable(character), dropped, "U+{:04X}", u32::from(character));
    }
}

#[test]
fn no_control_format_separator_or_private_character_passes_but_joiners_and_prefix_signs() {
    let holes = class(r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]").filter(|&character| {
        let known = is_joiner(character) || is_prefix_sign(character);
        is_hostile(character) == known
    });
    let holes = holes.take(20).map(|character| format!("{:04X}", u32::from(character))).collect::<Vec<_>>();
    assert_eq!(holes, [""; 0]);
}

#[test]
fn what_is_no_character_does_not_pass_and_a_letter_number_sign_or_symbol_does() {
    for character in class(r"\p{Cn}").filter(|&character| !is_public_assigned(character)) {
        assert!(is_hostile(character), "U+{:04X}", u32::from(character));
    }
    for character in class(r"[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]") {
        let passes = !is_hostile(character) || is_ignorable(character);
        assert!(passes, "U+{:04X}", u32::from(character));
    }
}

#[test]
fn every_kind_of_what_is_hostile_is() {
    let kinds = [
        ("a control", "\u{0}\u{7}\u{8}\t\n\r\u{b}\u{1b}\u{7f}\u{80}\u{85}\u{90}\u{9b}\u{9d}\u{9f}"),
        ("a separator", "\u{2028}\u{2029}"),
        (
            "of direction",
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}",
        ),
        ("of no width", "\u{ad}\u{34f}\u{180e}\u{200b}\u{2060}\u{2064}\u{206a}\u{feff}\u{1d173}\u{1bca0}"),
        ("a filler", "\u{115f}\u{1160}\u{3164}\u{ffa0}\u{17b4}"),
        ("a tag", "\u{e0001}\u{e0020}\u{e007f}\u{e0100}\u{e01ef}"),
        ("an annotation", "\u{fff9}\u{fffa}\u{fffb}\u{13430}"),
        ("private", "\u{e000}\u{f8ff}\u{f0000}\u{10fffd}"),
        ("no character", "\u{378}\u{fdd0}\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}\u{e0fff}"),
    ];
    for (kind, characters) in kinds {
        for character in characters.chars() {
            assert!(is_hostile(character), "U+{:04X} is {kind}", u32::from(character));
        }
    }
}

#[test]
fn plain_text_of_any_script_passes_as_it_is() {
    for plain in [
        "",
        "olá, C:\\new \\u{1b} \\n",
        "日本語 ok",
        "👩\u{200d}💻 👩🏽\u{200d}💻 ❤\u{fe0f}\u{200d}🔥 1\u{fe0f}\u{20e3} 🇧🇷",
        "שָׁלוֹם עוֹלָם",
        "می\u{200c}خواهم",
        "क्\u{200d}ष र\u{200d}्य",
        "ภาษาไทย",
        "Tiếng Việt",
        "བཀྲ་ཤིས",
        "e\u{301}\u{323}",
        "a\u{a0}b\u{3000}c",
    ] {
        assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain), "{plain}: {}", line(plain));
    }
}

#[test]
fn what_could_steer_a_terminal_becomes_visible() {
    assert_eq!(line("\u{1b}[31mred"), "\\u{1b}[31mred");
    assert_eq!(line("a\rb\u{202e}c\u{2028}d\u{9b}e"), "a\\u{d}b\\u{202e}c\\u{2028}d\\u{9b}e");
    assert_eq!(line("a\tb\nc"), "a b\\nc");
    assert_eq!(lines("a\r\nb\n").map(|line| line.to_string()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(lines("").map(|line| line.to_string()).collect::<Vec<_>>(), [""]);
}

#[test]
fn what_joins_selects_or_marks_passes_only_where_it_does_so() {
    for (text, shown) in [
        ("ad\u{200d}min", "ad\\u{200d}min"),
        ("é\u{200d}", "é\\u{200d}"),
        ("\u{200d}é", "\\u{200d}é"),
        ("é\u{200d}\u{200d}é", "é\\u{200d}\\u{200d}é"),
        ("é \u{200c}é", "é \\u{200c}é"),
        ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}\\u{fe0f}"),
        ("\u{fe0f}x", "\\u{fe0f}x"),
        ("\u{301}x", "\\u{301}x"),
        (" \u{338}x", " \\u{338}x"),
        ("a\u{e0100}b", "a\\u{e0100}b"),
    ] {
        assert_eq!(line(text), shown);
    }
}

#[test]
fn marks_pass_up_to_the_bound_and_one_past_it_is_escaped() {
    let marked = |count: usize| format!("z{}y", "\u{301}".repeat(count));
    assert_eq!(line(&marked(MARKS_MAX)), marked(MARKS_MAX));
    assert_eq!(line(&marked(MARKS_MAX + 2)), format!("z{}\\u{{301}}\\u{{301}}y", "\u{301}".repeat(MARKS_MAX)));
    // Nor does a joiner or a selector begin a new heap, nor do the vowels of Hangul make one.
    let joined = format!("é{0}\u{200d}{0}", "\u{301}".repeat(MARKS_MAX));
    assert_eq!(line(&joined).matches("\\u{301}").count(), MARKS_MAX);
    let vowels = format!("\u{1100}{}", "\u{1161}".repeat(MARKS_MAX + 1));
    assert_eq!(line(&vowels).matches("\\u{1161}").count(), 1);
}

#[test]
fn a_quotation_ends_where_it_ends() {
    assert_eq!(quoted("x”; bia online"), "“x\\u{201d}; bia online”");
}

/// Any text, and such as is made to deceive.
fn text() -> impl Strategy<Value = String> {
    let nasty = proptest::sample::select(
        "\u{1b}\u{9b}\r\n\t\u{7}\u{202e}\u{2066}\u{2028}\u{200b}\u{200c}\u{200d}\u{fe0f}\u{301}\u{20dd}\u{1161}\u{e0041}\u{ad}\u{3164}\u{2800}\u{feff}\u{e000}\u{378}\u{10ffff}aé日👩❤ ן”\\"
            .chars()
            .collect::<Vec<_>>(),
    );
    let nasty = proptest::collection::vec(nasty, 0..40).prop_map(|characters| characters.into_iter().collect());
    prop_oneof![any::<String>(), nasty]
}

/// Whether a line holds anything that it must not.
fn is_clean(line: &str) -> bool {
    let mut marks = 0;
    line.chars().all(|character| {
        marks = if is_mark(character) || is_joiner(character) || is_selector(character) { marks + 1 } else { 0 };
        !is_hostile(character) && marks <= 3 * MARKS_MAX
    }) && !line.starts_with(|first| is_mark(first) || is_joiner(first) || is_selector(first))
}

proptest! {
    #[test]
    fn nothing_hostile_ever_comes_out(text in text()) {
        prop_assert!(is_clean(&line(&text)));
        prop_assert!(lines(&text).all(|one| is_clean(&one)));
        let quotation = quoted(&text);
        prop_assert!(is_clean(&quotation));
        prop_assert_eq!(quotation.matches('”').count(), 1);
        prop_assert!(Line::from(text.clone()).chars().all(|character| character != '\n'));
    }

    #[test]
    fn what_has_passed_once_passes_as_it_is(text in text()) {
        let once = line(&text).into_owned();
        prop_assert!(matches!(line(&once), Cow::Borrowed(_)), "{:?}", once);
    }

    #[test]
    fn what_can_be_shown_is_left_in_its_place(text in text()) {
        let mut rest = text.as_str();
        for piece in pieces(&text) {
            let length = match piece {
                Piece::Plain(plain) => {
                    prop_assert!(rest.starts_with(plain) && is_clean(plain));
                    plain.len()
                }
                Piece::Hostile(hostile) => hostile.len_utf8(),
            };
            rest = &rest[length..];
        }
        prop_assert_eq!(rest, "");
    }
}
