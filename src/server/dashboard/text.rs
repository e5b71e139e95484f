//! Somebody else's text on a page: shown as what it is, and never as markup.
//!
//! Every `{{ … }}` of every template goes through [`Harmless`] (`askama.toml` says so), so that no page
//! can forget it. Beside it: how times, counts and the words of documents read on a page.

use std::fmt;

use askama::filters::Escaper;
use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::documents::{RejectionCategory, Role, Status, time};
use crate::domain::hidden::is_hidden;
use crate::domain::review::Confidence;
use crate::insight::CaseStatus;

/// Escapes markup, and shows characters that hide or turn others around as what they are.
#[derive(Debug, Clone, Copy)]
pub struct Harmless;

impl Escaper for Harmless {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| means_something(*c)) {
            let (plain, tail) = rest.split_at(at);
            dest.write_str(plain)?;
            match c {
                '<' => dest.write_str("&lt;")?,
                '>' => dest.write_str("&gt;")?,
                '&' => dest.write_str("&amp;")?,
                '"' => dest.write_str("&quot;")?,
                '\'' => dest.write_str("&#39;")?,
                hidden => write!(dest, "{}", hidden.escape_unicode())?,
            }
            rest = tail.split_at(c.len_utf8()).1;
        }
        dest.write_str(rest)
    }
}

fn means_something(c: char) -> bool {
    matches!(c, '<' | '>' | '&' | '"' | '\'') || (is_hidden(c) && !matches!(c, '\n' | '\t'))
}

/// A moment, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// As documents write it.
    pub exact: String,
    /// As people read it, in UTC.
    pub text: String,
}

impl Moment {
    pub fn of(at: DateTime<Utc>) -> Self {
        Self {
            exact: time::text(&at),
            text: at.format("%Y-%m-%d %H:%M").to_string(),
        }
    }
}

/// `3 hours`: roughly how long something took or takes.
pub fn duration(time: TimeDelta) -> String {
    let minutes = time.num_minutes().max(0);
    let (count, unit) = match minutes {
        0 => return "less than a minute".to_owned(),
        1..60 => (minutes, "minute"),
        60..2_880 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    counted(count, unit)
}

/// `1 case`, `2 cases`.
pub fn counted(count: i64, unit: &str) -> String {
    if count == 1 {
        format!("1 {unit}")
    } else {
        format!("{} {unit}s", thousands(count.unsigned_abs()))
    }
}

/// `100,000`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A sentence of ours without the marks that set names apart where there is nothing but plain text.
pub fn unquoted(sentence: &str) -> String {
    sentence.replace('`', "")
}

/// Where a case stands, in words.
pub const fn standing(standing: CaseStatus) -> &'static str {
    match standing {
        CaseStatus::Pending => "pending",
        CaseStatus::Decided(status) => status_word(status),
    }
}

/// How a case ended, in words.
pub const fn status_word(status: Status) -> &'static str {
    match status {
        Status::AutoApproved => "auto-approved",
        Status::Granted => "granted",
        Status::Approved => "approved",
        Status::Rejected => "rejected",
        Status::Refused => "refused",
        Status::Withdrawn => "withdrawn",
        Status::Expired => "expired",
    }
}

/// The main concern of a rejection, as the framework's dialog words it.
pub const fn category(category: RejectionCategory) -> &'static str {
    match category {
        RejectionCategory::TooRisky => "Too risky",
        RejectionCategory::UnclearBenefit => "Unclear benefit",
        RejectionCategory::BadTiming => "Timing not right",
        RejectionCategory::NeedMoreInformation => "Need more information",
        RejectionCategory::Other => "Other",
    }
}

/// How sure somebody is, in words.
pub const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::VeryConfident => "very confident",
        Confidence::Confident => "confident",
        Confidence::Uncertain => "uncertain",
    }
}

/// `a reviewer`, `2 admins`.
pub fn people(role: Role, count: u32) -> String {
    match (role, count) {
        (Role::None, _) => "nobody".to_owned(),
        (Role::Reviewer, 1) => "a reviewer".to_owned(),
        (Role::Admin, 1) => "an admin".to_owned(),
        (Role::Reviewer, count) => format!("{count} different reviewers"),
        (Role::Admin, count) => format!("{count} different admins"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut page = String::new();
        Harmless.write_escaped_str(&mut page, text).unwrap();
        page
    }

    #[test]
    fn nothing_of_a_text_becomes_markup_or_hides() {
        assert_eq!(
            shown("<script>alert('x' && \"y\")</script>"),
            "&lt;script&gt;alert(&#39;x&#39; &amp;&amp; &quot;y&quot;)&lt;/script&gt;"
        );
        assert_eq!(
            shown("a\u{202e}b\u{0}c\rd\u{200b}e"),
            "a\\u{202e}b\\u{0}c\\u{d}d\\u{200b}e"
        );
        assert_eq!(shown("größer → 5 %\n\tüber"), "größer → 5 %\n\tüber");
    }

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
        assert_eq!(counted(1, "case"), "1 case");
        assert_eq!(duration(TimeDelta::minutes(61)), "1 hour");
        assert_eq!(duration(TimeDelta::days(3)), "3 days");
        assert_eq!(duration(TimeDelta::seconds(-5)), "less than a minute");
    }
}
