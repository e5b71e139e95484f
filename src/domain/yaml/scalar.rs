//! What an unquoted word means. YAML 1.1 and 1.2 disagree about many of them, and other programs
//! read the same files, so a word whose meaning depends on the reader has no meaning here.

/// The meaning of an unquoted scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain<'a> {
    Null,
    Bool(bool),
    /// A whole number in decimal digits, of any size.
    Whole(&'a str),
    /// A number with a fraction or an exponent.
    Fraction(&'a str),
    /// Not a number or infinite.
    NonFinite,
    /// One thing to some readers of YAML, another to others; with what it may be taken for.
    Ambiguous(&'static str),
    Text,
}

/// Says what an unquoted scalar means.
pub(super) fn classify(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    if is_boolean_of_1_1(text) {
        return Plain::Ambiguous("a boolean");
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case(".inf") || unsigned.eq_ignore_ascii_case(".nan") {
        return Plain::NonFinite;
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Plain::Text;
    }
    number(text, unsigned)
}

/// Whether every reader of YAML, of 1.1 too, takes an unquoted word for text: not for a boolean, a number (also one to
/// the base of 60), a date or a moment.
pub(super) fn is_text_everywhere(text: &str) -> bool {
    let is_letter = matches!(text, "y" | "Y" | "n" | "N");
    classify(text) == Plain::Text && !is_letter && !is_date(text) && !is_base_60(text)
}

/// A date, alone or with a time behind it.
pub(super) fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let is_part = |part: Option<&str>, lengths: std::ops::RangeInclusive<usize>| {
        part.is_some_and(|part| {
            lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    if !is_part(parts.next(), 4..=4) || !is_part(parts.next(), 1..=2) {
        return false;
    }
    let (day, rest) = split_digits(parts.next().unwrap_or_default());
    (1..=2).contains(&day.len()) && (rest.is_empty() || rest.starts_with(['T', 't', ' ', '\t']))
}

/// `1:30`, `12:30:45.5`: numbers to the base of 60 to readers of YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    unsigned.contains(':')
        && unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | '_'))
}

fn is_boolean_of_1_1(text: &str) -> bool {
    text.len() <= 3
        && ["yes", "no", "on", "off"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

fn number<'a>(text: &'a str, unsigned: &str) -> Plain<'a> {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, power)) => (
            mantissa,
            Some(power.strip_prefix(['-', '+']).unwrap_or(power)),
        ),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if !is_digits(whole)
        || !fraction.is_none_or(is_digits)
        || !exponent.is_none_or(|power| is_digits(power) && !power.is_empty())
        || mantissa == "."
    {
        return other_notation(unsigned);
    }
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    let bare_dot = whole.is_empty() || fraction == Some("");
    if leading_zero || bare_dot || text.starts_with('+') {
        return Plain::Ambiguous("a number");
    }
    if fraction.is_none() && exponent.is_none() {
        return Plain::Whole(text);
    }
    Plain::Fraction(text)
}

/// Hexadecimal, octal and binary numbers, and digits grouped by underscores.
fn other_notation(unsigned: &str) -> Plain<'static> {
    let lower = unsigned.to_ascii_lowercase();
    let based = |prefix: &str, radix: u32| {
        lower
            .strip_prefix(prefix)
            .is_some_and(|digits| digits.chars().all(|c| c.is_digit(radix) || c == '_'))
    };
    let grouped = lower.contains('_')
        && lower.starts_with(|c: char| c.is_ascii_digit())
        && lower
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | 'e' | '-' | '+'));
    if based("0x", 16) || based("0o", 8) || based("0b", 2) || grouped {
        return Plain::Ambiguous("a number");
    }
    Plain::Text
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The number as a float, if the float's own shortest text is the same number.
pub(super) fn exact_float(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    // Fifteen digits always survive the way through a float and back.
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let has_exponent = text.contains(['e', 'E']);
    if digits <= 15 && !has_exponent {
        return Some(value);
    }
    (significant(text)? == significant(&format!("{value:e}"))?).then_some(value)
}

/// The digits without zeros at either end, and the power of ten of the last of them.
fn significant(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut power: i64 = exponent.parse().ok()?;
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    power = power.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    power = power.checked_add(i64::try_from(digits.len() - trimmed.len()).ok()?)?;
    let trimmed = trimmed.trim_start_matches('0');
    if trimmed.is_empty() {
        return Some((false, String::new(), 0));
    }
    Some((mantissa.starts_with('-'), trimmed.to_owned(), power))
}

/// How a number is written.
pub(crate) enum NumberText {
    /// Digits only, of any size.
    Whole,
    /// With a fraction or an exponent; the float, if nothing is lost by it.
    Fraction(Option<f64>),
}

/// Whether a document would take this unquoted word for a number.
pub(crate) fn number_of(text: &str) -> Option<NumberText> {
    match classify(text) {
        Plain::Whole(_) => Some(NumberText::Whole),
        Plain::Fraction(text) => Some(NumberText::Fraction(exact_float(text))),
        _ => None,
    }
}
