//! What a text says, in part or as a whole.

use std::sync::LazyLock;

use regex::Regex;

/// A text to be held as a whole, without what differs from run to run.
pub fn redact(text: &str) -> String {
    static FILTERS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let filters = [
            (r"\b(recommendations|governance)/[0-9/]+/", "$1/[date]/"),
            (r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b", "[id]"),
            (r"\b([0-9a-f]{40}|[0-9a-f]{7})\b", "[commit]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]"),
            (r"\bcli-\d{8}\b", "cli-[date]"),
        ];
        let filters = filters.into_iter();
        filters
            .map(|(pattern, placeholder)| (Regex::new(pattern).unwrap(), placeholder))
            .collect()
    });
    let mut text = text.to_owned();
    for (pattern, placeholder) in FILTERS.iter() {
        text = pattern.replace_all(&text, *placeholder).into_owned();
    }
    text
}

/// What a page of the dashboard shows in its main part, line by line.
pub fn shown(page: &str) -> String {
    static CUTS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let cuts = [
            (r"(?s)^.*?<main[^>]*>|</main>.*$", ""),
            (
                r"(?s)<!--.*?-->|<svg.*?</svg>|<script.*?</script>|<select.*?</select>|<input[^>]*>",
                "",
            ),
            (
                r"</(?:p|li|tr|h\d|div|dt|dd|section|article|summary|pre|label|button|legend|caption)>|<br>",
                "\n",
            ),
            (r"</t[hd]>", " | "),
            (r"</span>", " "),
            (r"<[^>]*>", ""),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d", "[minute]"),
            (r"\d+ policy tests pass", "[n] policy tests pass"),
            (r"\d{4}-\d\d-\d\d", "[day]"),
            (r"[ \t]+", " "),
            (r" *\n[\s]*", "\n"),
            (r"&lt;", "<"),
            (r"&gt;", ">"),
            (r"&quot;", "\""),
            (r"&#39;", "'"),
            (r"&amp;", "&"),
        ];
        let cuts = cuts.into_iter();
        cuts.map(|(pattern, by)| (Regex::new(pattern).unwrap(), by))
            .collect()
    });
    let mut text = page.to_owned();
    for (pattern, by) in CUTS.iter() {
        text = pattern.replace_all(&text, *by).into_owned();
    }
    redact(text.trim())
}

/// Fails the test unless the text holds this part.
#[track_caller]
pub fn has(text: &str, part: &str) {
    assert!(text.contains(part), "expected `{part}` in:\n{text}");
}

/// Fails the test if the text holds this part.
#[track_caller]
pub fn has_not(text: &str, part: &str) {
    assert!(!text.contains(part), "did not expect `{part}` in:\n{text}");
}
